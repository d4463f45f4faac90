// How long the output of a causal node is: as long as its inputs, or, where all are constant over time, as
// asked.
#pragma once

#include <retrograd/tape/tape.hpp>

namespace retrograd {

/// `varies`: an input of the broadcast `shape` varies over time. Throws LengthMismatchError where a length is
/// missing or given twice.
std::int64_t signal_length(TapeState* tape, const Shape& shape, bool varies,
                           std::optional<std::int64_t> length, const char* operation);

}  // namespace retrograd
