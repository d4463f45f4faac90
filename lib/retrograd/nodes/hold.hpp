// A lower sample rate: the input is looked at `rate` times a second, and its value held until it is looked at again.
//
//     left' = left - rate / sample_rate;  where that is below 0:  y = x, left' + 1;  else y as it was
//
// From the sample rate on that is every sample. No derivative flows through it; a sound that shall be fitted goes through crushed(), whose
// gradient is that of the sound itself.
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Hold : Causal<2> {
  static constexpr const char* name = "hold";
  static constexpr unsigned differentiable = 0;
  static constexpr bool adjoint_reads_inputs = false;
  static constexpr InputDomain input_domains[] = {{1, "rate", positive}};

  double period = 1.0;  ///< of the rate that is every sample

  template <class T>
  struct State {
    T held{};
    T left{};  ///< of the time until it looks again, in times between two looks
  };

  template <class T>
  RETROGRAD_INLINE T forward(State<T>& s, T x, T rate) const {
    const T left = s.left - math::min(rate * math::constant<T>(1.0 / period), T(1.0));
    const bool looks = left < T(0.0);
    s.left = math::select(looks, left + T(1.0), left);
    return s.held = math::select(looks, x, s.held);
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 2> adjoint(State<T>&, const State<T>&, T, T, T) const {
    return {T(0.0), T(0.0)};
  }
  static Check check();
};

/// `x` looked at `rate` times a second (a sample, on a tape without a sample rate), above 0, and held between.
/// Of a constant rate that is not above 0 a DomainError.
Var hold(Var x, Var rate);

/// `x` with so many bits between -1 and 1, looked at `rate` times a second. Its gradient in x is that of x itself (a straight-through
/// estimate: the true one is 0 nearly everywhere), in bits and rate it is 0. Throws DomainError as quantize() and hold() do.
Var crushed(Var x, Var bits, Var rate);

inline Check Hold::check() {
  return {.inputs = {{.low = -2.0, .high = 2.0, .is_stopped = true},
                     {.low = 0.05, .high = 1.0, .is_stopped = true}}};
}

}  // namespace retrograd
