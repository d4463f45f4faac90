// Gates: when a note is held, as pairs of times, and the signal an envelope follows.
#pragma once

#include <retrograd/tape/tape.hpp>

#include <initializer_list>
#include <span>

namespace retrograd {

/// The gate rises at `on` and falls at `off`, in seconds (in samples on a tape without a sample rate): 0 <=
/// on < off.
struct GatePair {
  double on = 0.0;   ///< when it rises
  double off = 0.0;  ///< when it falls
  bool operator==(const GatePair&) const = default;
};

/// A gate signal of `tape`'s length: 1 from each `on` up to its `off`, both rounded to the nearest sample, else
/// 0. No edge is lost in the rounding: each pair is high for one sample or more, and low for one or more before
/// the next, for which the earlier pair ends a sample sooner or, where it is one sample long, the later one
/// begins later. So a pair that begins where the one before it ends begins a second attack, there. Pairs beyond
/// the length are not played. Throws DomainError for pairs that run backwards or overlap, LengthMismatchError
/// where the tape has no length.
Tensor gate(std::span<const GatePair> pairs, const Tape& tape);
/// The same for pairs that are written out: `gate({{0.0, 0.5}}, tape)`.
Tensor gate(std::initializer_list<GatePair> pairs, const Tape& tape);

}  // namespace retrograd
