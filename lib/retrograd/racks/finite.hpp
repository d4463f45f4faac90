// Whether what a patch's tape computed is finite, and where it is not, what is to blame.
#pragma once

#include <retrograd/racks/record.hpp>
#include <retrograd/tensor/not_finite_error.hpp>

#include <cstdint>
#include <optional>

namespace retrograd {

/// The first element of `values` that is NaN or infinite, counted through all rows.
std::optional<std::int64_t> first_not_finite(const TensorView& values);

/// After a play of `recorded.audio`: NotFiniteError where a sample is NaN or infinite, with its row and sample and the
/// parameter that is most likely to blame, the one with the largest value.
void check_sound(const Tape& tape, const RecordedRack& recorded);

/// After a play of `loss`, one value per row, against `target` where it has one: NotFiniteError where a value is NaN or
/// infinite. Says whether the sound itself is (which is then played again), or the target or the sound is too loud for
/// the loss.
void check_loss(Tape& tape, const RecordedRack& recorded, Var loss, std::optional<Var> target = std::nullopt);

/// After a rewind: NotFiniteError where a parameter's gradient is NaN or infinite, with the names of all that are.
void check_gradients(const Tape& tape, const RecordedRack& recorded);

}  // namespace retrograd
