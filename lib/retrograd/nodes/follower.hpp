// A level that follows its input, up with one time constant and down with another:
//
//     s' = s + c (x - s),  c = attack where x > s, release elsewhere;   y = s'
//
// attack and release are shares of the way with each sample (nodes/smoothing.hpp); a share of 1 gives x itself. Source: D. Giannoulis, M.
// Massberg, J. D. Reiss, "Digital dynamic range compressor design: a tutorial and analysis", JAES 60 (2012), the smooth branching detector. The
// adjoint, with g = gs' + gy:
//
//     gs = (1 - c) g,   gx = c g,   gc = (x - s) g, to the one that was taken
//
// Where x passes s the slope has a kink. A level under 2^-100 is 0, so that silence is.
#pragma once

#include <retrograd/nodes/history.hpp>
#include <retrograd/nodes/node.hpp>

namespace retrograd {

struct Follower : Causal<3> {
  static constexpr const char* name = "follower";

  template <class T>
  struct State {
    T level{};
  };

  template <class T>
  RETROGRAD_INLINE T forward(State<T>& s, T x, T attack, T release) const {
    const T c = math::select(x > s.level, attack, release), moved = math::fma(c, x - s.level, s.level);
    return s.level = without_dust(math::select(c < T(1.0), moved, x));
  }
  template <class T>
  RETROGRAD_INLINE std::array<T, 3> adjoint(State<T>& gs, const State<T>& s, T gy, T x, T attack,
                                            T release) const {
    State<T> after = s;
    const bool is_silent = forward(after, x, attack, release) == T(0.0), rises = x > s.level;
    const T c = math::select(rises, attack, release), g = math::select(is_silent, T(0.0), gs.level + gy);
    gs.level = without_dust(g - c * g);
    const T gc = (x - s.level) * g;
    return {c * g, math::select(rises, gc, T(0.0)), math::select(rises, T(0.0), gc)};
  }
  static Check check();
};

/// `x` followed up with the time constant `attack` and down with `release`, in seconds (samples, on a tape without a sample rate), 0 or
/// more; 63 % of a step's way after the time. It begins at 0. All broadcast and may vary at audio rate. Throws DomainError
/// as smoothing() does.
Var follow(Var x, Var attack, Var release);

enum class Detection {
  peak,  ///< of |x|
  rms    ///< of x^2, and the root of it; less than 1e-6 too low, so that its slope is finite in silence
};
/// The level of a sound, linear.
Var envelope_follower(Var x, Var attack, Var release, Detection detection = Detection::peak);

inline Check Follower::check() { return {.inputs = {anything, {0.05, 0.95}, {0.05, 0.95}}}; }

}  // namespace retrograd
