// Running sum over time: y[n] = x[0] + ... + x[n], added up in double.
#pragma once

#include <retrograd/math/running_sum.hpp>
#include <retrograd/nodes/node.hpp>
#include <retrograd/nodes/tile.hpp>

namespace retrograd {

struct CumulativeSum : Causal<1> {
  static constexpr const char* name = "cumulative_sum";
  static constexpr bool adjoint_reads_inputs = false;

  struct State {
    double sum = 0.0;
  };
  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, State& state) const {
    double sum = state.sum;
    for (int b = 0; b < tile.blocks(); ++b) {
      const real_t<T>* x = tile.x[0].block(b);
      for (int l = 0; l < math::block && b * math::block + l < tile.count; ++l) {
        sum += static_cast<double>(x[l]);
        tile.y[b * math::block + l] = static_cast<real_t<T>>(sum);
      }
    }
    state.sum = sum;
  }

  static constexpr unsigned advance_reads = 0b1;
  template <class T>
  RETROGRAD_INLINE void advance(const Tile<real_t<T>>& tile, State& state) const {
    for (int i = 0; i < tile.count; ++i) state.sum += static_cast<double>(tile.x[0].sample(i));
  }

  template <class Real>
  using Carry = math::RunningSumCarry<Real>;
  /// gx[n] = gy[n] + gy[n+1] + ...
  template <class T>
  RETROGRAD_INLINE void adjoint(const Tile<real_t<T>>& tile, const State&, Carry<real_t<T>>& carry) const {
    using Real = real_t<T>;
    alignas(64) Real sums[Tile<Real>::max_samples];
    for (int b = 0; b < tile.blocks(); ++b)
      for (int l = 0; l < math::block; ++l) sums[b * math::block + l] = tile.gy.block(b)[l];
    math::running_sum_backwards<false>(tile.start, tile.count, carry, sums, sums);
    give<T>(tile.gx[0], tile,
            [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return sums[b * math::block + l]; });
  }

  /// The same, sample by sample on any scalar.
  template <class T>
  void trace(const T* const* x, T* y, std::int64_t count) const {
    T sum = T(0.0);
    for (std::int64_t n = 0; n < count; ++n) y[n] = sum = sum + x[0][n];
  }

  static Check check();
};

/// Running sum along time. `length`: as in phase().
Var cumulative_sum(Var x, std::optional<std::int64_t> length = std::nullopt);

inline Check CumulativeSum::check() {
  return {.inputs = {anything}, .record = [](std::span<const Var> x) { return cumulative_sum(x[0]); }};
}

}  // namespace retrograd
