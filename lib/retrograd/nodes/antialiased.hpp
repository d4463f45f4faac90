// A curve f that bends a signal, without most of the aliases that it would make: instead of f at each sample, its mean over the straight
// line from the sample before to this one,
//
//     y[n] = (F(x[n]) - F(x[n-1])) / (x[n] - x[n-1])      F' = f;  f(x[n]) where both are the same;  x[-1] = 0
//
// Sources: J. Parker, V. Zavalishin, E. Le Bivic, "Reducing the aliasing of nonlinear waveshaping using continuous-time convolution", DAFx
// 2016; S. Bilbao, F. Esqueda, J. Parker, V. Valimaki, "Antiderivative antialiasing for memoryless nonlinearities", IEEE SPL 24 (2017). What is
// heard is late by half a sample, and is 4 dB weaker at half the sample rate, where f is a straight line.
//
// A difference of F cannot be divided by a small one of x. Every curve here has a form of its own that subtracts nothing of the kind, in the middle
// m = (a + b) / 2 and half the way h = (a - b) / 2 between a = x[n] and b = x[n-1], so that there is no threshold to jump at.
// The author writes one mean and its two slopes:
//
//     struct FoldShaper : Antialiased<FoldShaper> {
//       static constexpr const char* name = "fold_shaper";
//       template <class T> T mean(T a, T b) const;
//       template <class T> std::array<T, 2> slopes(T a, T b) const;   // in a and in b
//     };
#pragma once

#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/node.hpp>
#include <retrograd/nodes/tile.hpp>

#include <algorithm>

namespace retrograd {

template <class N>
struct Antialiased : Causal<1> {
  struct State {
    double before = 0.0;
  };
  template <class Real>
  struct Carry {
    Real later{};  ///< what the tile's last sample gains from the sample after it
  };

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, State& state) const {
    using Real = real_t<T>;
    Samples<Real> x(tile, state);
    for (int b = 0; b < tile.blocks(); ++b) {
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < math::block; ++l) {
        const int i = b * math::block + l;
        tile.y[i] = Real(node().mean(T(x.at(i)), T(x.at(i - 1))));
      }
    }
    state.before = static_cast<double>(x.at(tile.count - 1));
  }

  /// gx[n] = gy[n] dy[n]/dx[n] + gy[n+1] dy[n+1]/dx[n]
  template <class T>
  RETROGRAD_INLINE void adjoint(const Tile<real_t<T>>& tile, const State& state,
                                Carry<real_t<T>>& carry) const {
    using Real = real_t<T>;
    const Samples<Real> x(tile, state);
    alignas(64) Real own[Tile<Real>::max_samples], before[Tile<Real>::max_samples + 1];
    for (int b = 0; b < tile.blocks(); ++b) {
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < math::block; ++l) {
        const int i = b * math::block + l;
        const std::array<T, 2> slope = node().slopes(T(x.at(i)), T(x.at(i - 1)));
        const T gy = T(tile.gy.block(b)[l]);
        own[i] = Real(gy * slope[0]);
        before[i] = Real(gy * slope[1]);
      }
    }
    before[tile.count] = carry.later;
    carry.later = before[0];
    give<T>(tile.gx[0], tile, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
      const int i = b * math::block + l;
      return Real(T(own[i]) + T(before[i + 1]));
    });
  }

  /// The same, sample by sample on any scalar.
  template <class T>
  void trace(const T* const* x, T* y, std::int64_t count) const {
    for (std::int64_t n = 0; n < count; ++n) y[n] = node().mean(x[0][n], n == 0 ? T(0.0) : x[0][n - 1]);
  }

 private:
  RETROGRAD_INLINE const N& node() const { return static_cast<const N&>(*this); }

  // The tile's samples one after the other, behind the one before them.
  template <class Real>
  struct Samples {
    RETROGRAD_INLINE Samples(const Tile<Real>& tile, const State& state) {
      data[math::block - 1] = static_cast<Real>(state.before);
      for (int b = 0; b < tile.blocks(); ++b)
        std::copy_n(tile.x[0].block(b), math::block, data + (b + 1) * math::block);
    }
    RETROGRAD_INLINE Real at(int i) const { return data[math::block + i]; }
    alignas(64) Real data[Tile<Real>::max_samples + math::block];
  };
};

/// Half the way at which the slope of a mean in it is a series: its difference would have as few digits as the series has.
template <class T>
inline constexpr double series_below = math::is_single<T> ? 0.125 : 0.01;

/// The slope of a mean in half the way h, where h is small, from even derivatives of f in the middle, the second one first:
/// f'' h / 3 + f'''' h^3 / 30 + f'''''' h^5 / 840.
template <class T>
RETROGRAD_INLINE T slope_of_mean(T h, T f2, T f4, T f6) {
  using math::constant;
  const T square = h * h;
  return h * (f2 * constant<T>(1.0 / 3.0) +
              square * (f4 * constant<T>(1.0 / 30.0) + square * (f6 * constant<T>(1.0 / 840.0))));
}

}  // namespace retrograd
