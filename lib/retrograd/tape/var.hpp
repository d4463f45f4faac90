// A handle to one value on a tape. Operators on Vars are in nodes/arithmetic.hpp.
#pragma once

#include <retrograd/tensor/shape.hpp>

namespace retrograd {

struct TapeState;

/// One value: an input, a parameter, or what an operation gave. Copying it copies the handle.
class Var {
 public:
  /// A Var of no tape; using it throws TapeError.
  Var() = default;

  /// (rows..., time); 1 in the last place where it is constant over time.
  const Shape& shape() const;
  /// True where the value varies over time (element type of the tape); false where it is constant (always
  /// f64).
  bool is_signal() const;

  /// The tape's own view of the handle.
  Var(TapeState* tape, int id) : tape_(tape), id_(id) {}
  TapeState* tape() const { return tape_; }  ///< the one it belongs to; null for none
  int id() const { return id_; }             ///< the number of its node

 private:
  TapeState* tape_ = nullptr;
  int id_ = -1;
};

}  // namespace retrograd
