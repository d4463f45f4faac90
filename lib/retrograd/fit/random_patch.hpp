// Where fits begin: a patch tuned to a recording, and random patches around it.
#pragma once

#include <retrograd/fit/target.hpp>
#include <retrograd/patches/patch.hpp>

#include <cstdint>

namespace retrograd {

/// `initial` at the target's frequency, gate, duration and rate, its gains scaled so that what is heard is as
/// loud as the recording.
Patch tuned_to(const FitTarget& target, const Patch& initial);

/// A random patch of the same routing, tuned to the target: small-integer ratios, gains and envelopes as
/// sounds have them; attacks up to the time that the recording takes to become loud, decays and releases up to its
/// duration. `index` numbers the draws of one seed; the same two give the same patch everywhere.
Patch random_patch(const FitTarget& target, const Patch& initial, std::uint64_t seed, int index);

}  // namespace retrograd
