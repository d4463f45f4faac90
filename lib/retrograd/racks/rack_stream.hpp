// A rack that plays live: its gate is an input, its sound the outputs.
#pragma once

#include <retrograd/racks/rack.hpp>
#include <retrograd/stream/stream.hpp>

namespace retrograd {

/// A stream of the rack, as record() records it: the input "note.gate" (a row for each voice), the outputs its channels,
/// one after the other (of each, its rows). The rack's own gate, sample rate and duration are not played. DomainError for
/// a rack that is not valid.
Stream stream_of(const Rack& rack, std::int64_t rows = 1, const StreamOptions& options = {});

}  // namespace retrograd
