// A patch on a tape: its parameters, each under its path, and the sound they make.
#pragma once

#include <retrograd/patches/patch.hpp>
#include <retrograd/tape/tape.hpp>

#include <functional>
#include <vector>

namespace retrograd {

/// Where a patch's values are on the tape.
struct RecordedPatch {
  Var audio;                    ///< (length), or (rows, length)
  std::vector<Var> parameters;  ///< in the order of parameters(patch), named by path
};

/// Options of a tape that fits the patch: its sample rate and length.
TapeOptions tape_options(const Patch& patch);

/// The domain a parameter is given on the tape; its kind's where there is none.
using DomainOf = std::function<Domain(const PatchParameter&)>;

/// Records the patch. With `rows` over 1 every parameter has one value per row, (rows, 1), at first the
/// patch's. Throws DomainError or RoutingError for a patch that validate() refuses.
RecordedPatch record(Tape& tape, const Patch& patch, std::int64_t rows = 1, const DomainOf& domain_of = {});

/// The same with another gate than the patch's, shared by all rows or one for each: (rows, length).
RecordedPatch record(Tape& tape, const Patch& patch, Var gate, std::int64_t rows = 1,
                     const DomainOf& domain_of = {});

/// Copies the parameters' values of one row back into the patch.
void read_parameters(const Tape& tape, const RecordedPatch& recorded, std::int64_t row, Patch& patch);

}  // namespace retrograd
