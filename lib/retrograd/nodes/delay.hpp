// A signal as it was some time ago: y[n] = x(n - d[n]), d in samples; x is zero before the row's start. Between samples
// x is interpolated, with t the fraction of d and k its whole part:
//
//     linear   (1 - t) x[n-k] + t x[n-k-1]                       slope in d: x[n-k-1] - x[n-k], which jumps at whole d
//     cubic    through x[n-k+1] .. x[n-k-2], Catmull and Rom's   slope in d: continuous; d is one sample or more
//
// J. O. Smith, "Physical Audio Signal Processing" (2010), "Delay-Line Interpolation"; E. Catmull, R. Rom, "A class of
// local interpolating splines" (1974).
//
// What comes out below 2^-100 is 0. A delay that varies is held between the least and the longest; its gradient is 0 where it is held. Bits do not depend
// on tiles: the adjoint of an earlier sample adds up its terms from the last sample to the first.
#pragma once

#include <retrograd/nodes/history.hpp>
#include <retrograd/nodes/node.hpp>

#include <cmath>

namespace retrograd {

/// x[n-k] and x[n-k-1].
struct LinearTaps {
  static constexpr int ahead = 0, count = 2;  ///< the first tap is x[n-k+ahead]
  template <class T>
  RETROGRAD_INLINE static std::array<T, 2> weights(T t) {
    return {T(1.0) - t, t};
  }
  template <class T>
  RETROGRAD_INLINE static std::array<T, 2> slopes(T) {
    return {T(-1.0), T(1.0)};
  }
};

/// x[n-k+1] to x[n-k-2].
struct CubicTaps {
  static constexpr int ahead = 1, count = 4;
  template <class T>
  RETROGRAD_INLINE static std::array<T, 4> weights(T t) {
    using math::constant;
    const T half = constant<T>(0.5) * t;
    return {half * ((constant<T>(2.0) - t) * t - constant<T>(1.0)),
            half * (t * (constant<T>(3.0) * t - constant<T>(5.0))) + constant<T>(1.0),
            half * ((constant<T>(4.0) - constant<T>(3.0) * t) * t + constant<T>(1.0)),
            half * (t * (t - constant<T>(1.0)))};
  }
  template <class T>
  RETROGRAD_INLINE static std::array<T, 4> slopes(T t) {
    using math::constant;
    return {(constant<T>(2.0) - constant<T>(1.5) * t) * t - constant<T>(0.5),
            (constant<T>(4.5) * t - constant<T>(5.0)) * t,
            (constant<T>(4.0) - constant<T>(4.5) * t) * t + constant<T>(0.5),
            (constant<T>(1.5) * t - constant<T>(1.0)) * t};
  }
};

template <class Taps>
struct DelayOf : Causal<2> {
  /// The least there can be, in samples.
  static constexpr double least_possible = Taps::ahead;
  static constexpr std::int64_t most_samples = std::int64_t{1} << 26;

  double samples_per_unit = 1.0;
  double least = least_possible, longest = 0.0;  ///< in samples
  InputDomain time{1, "time", real};             ///< in seconds: what a constant may be

  Reach reach() const {
    return {static_cast<std::int64_t>(least) - Taps::ahead,
            static_cast<std::int64_t>(longest) + Taps::count - 1 - Taps::ahead};
  }
  std::span<const InputDomain> own_domains() const { return {&time, 1}; }

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, const History<real_t<T>>& x) const {
    using Real = real_t<T>;
    if (tile.x[1].is_constant()) {
      const Constant d(*this, tile.x[1].constant);
      const std::array<T, Taps::count> w = Taps::weights(T(static_cast<Real>(d.fraction)));
      alignas(64) Real room[Tile<Real>::max_samples + 2 * math::block];
      const Real* taps = window_of(tile, x, d.whole, d.whole, room);
      for (int b = 0; b < tile.blocks(); ++b) {
        RETROGRAD_INDEPENDENT_LANES
        for (int l = 0; l < math::block; ++l)
          tile.y[b * math::block + l] = Real(interpolate<T>(w, taps, b * math::block + l));
      }
      return;
    }
    Places<Real> at;
    find_places<T>(tile, at);
    alignas(64) Real room[room_samples];
    if (!at.fits()) return forward_anywhere<T>(tile, x, at);
    const Real* taps = window_of(tile, x, at.least, at.most, room) + at.most;
    for (int b = 0; b < tile.blocks(); ++b) {
      const int first = b * math::block;
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < math::block; ++l)
        tile.y[first + l] = Real(
            interpolate<T>(Taps::weights(T(at.fraction[first + l])), taps, first + l - at.whole[first + l]));
    }
  }

  /// gx[n-k+j] += w_j gy[n], gd[n] = gy[n] sum_j w_j' x[n-k+j].
  template <class T>
  RETROGRAD_INLINE void adjoint(const Tile<real_t<T>>& tile, const History<real_t<T>>& x,
                                const History<real_t<T>>& gx) const {
    using Real = real_t<T>;
    const bool is_constant = tile.x[1].is_constant();
    if (is_constant && gx.data != nullptr) give_back_constant<T>(tile, gx);
    if (is_constant && tile.gx[1].mode == AdjointMode::none) return;
    Places<Real> at;
    find_places<T>(tile, at);
    if (!is_constant && gx.data != nullptr) give_back_varying<T>(tile, at, gx);
    if (tile.gx[1].mode == AdjointMode::none) return;
    const T unit = math::constant<T>(samples_per_unit);
    const auto slope = [&](int i, const Real* taps, int tap) RETROGRAD_INLINE_LAMBDA {
      const T gd = T(tile.gy.block(0)[i]) * interpolate<T>(Taps::slopes(T(at.fraction[i])), taps, tap) * unit;
      return at.is_held[i] != 0 ? Real(0.0) : Real(gd);
    };
    alignas(64) Real room[room_samples];
    if (at.fits()) {
      const Real* taps = window_of(tile, x, at.least, at.most, room) + at.most;
      give<T>(tile.gx[1], tile, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
        const int i = b * math::block + l;
        return slope(i, taps, i - at.whole[i]);
      });
    } else {
      Real* gd = room;
      for (int i = 0; i < tile.count; ++i) {
        Real taps[Taps::count];
        gd[i] = slope(i, taps_of(tile, x, at, i, taps), 0);
      }
      give<T>(tile.gx[1], tile,
              [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return gd[b * math::block + l]; });
    }
  }

  /// The same, sample by sample on any scalar.
  template <class T>
  void trace(const T* const* x, T* y, std::int64_t count) const {
    for (std::int64_t n = 0; n < count; ++n) {
      const T wished = x[1][n] * T(samples_per_unit);
      const T d = wished < T(least) ? T(least) : T(longest) < wished ? T(longest) : wished;
      std::int64_t k = 0;
      while (!(d < T(static_cast<double>(k + 1)))) ++k;
      const std::array<T, Taps::count> w = Taps::weights(d - T(static_cast<double>(k)));
      y[n] = T(0.0);
      for (int j = 0; j < Taps::count; ++j)
        if (const std::int64_t m = n - k + Taps::ahead - j; m >= 0)
          y[n] = y[n] + w[static_cast<std::size_t>(j)] * x[0][m];
    }
  }

 private:
  /// Samples of a window that a tile's taps are read from.
  static constexpr int room_samples = 3 * 1024;

  struct Constant {
    Constant(const DelayOf& delay, double units) {
      const double d = std::min(std::max(units * delay.samples_per_unit, delay.least), delay.longest);
      whole = static_cast<std::int64_t>(d);
      fraction = d - static_cast<double>(whole);
    }
    std::int64_t whole;
    double fraction;
  };

  /// Where a tile's samples are read.
  template <class Real>
  struct Places {
    alignas(64) std::int32_t whole[Tile<Real>::max_samples];
    alignas(64) Real fraction[Tile<Real>::max_samples];
    alignas(64) std::int32_t is_held[Tile<Real>::max_samples];
    std::int32_t least = 0, most = 0;
    bool fits() const {
      return most - least + Tile<Real>::max_samples + Taps::count + math::block <= room_samples;
    }
  };

  template <class T>
  RETROGRAD_INLINE void find_places(const Tile<real_t<T>>& tile, Places<real_t<T>>& at) const {
    using Real = real_t<T>;
    if (tile.x[1].is_constant()) {  // in double, as forwards
      const Constant d(*this, tile.x[1].constant);
      const double wished = tile.x[1].constant * samples_per_unit;
      at.least = at.most = static_cast<std::int32_t>(d.whole);
      const std::int32_t is_held = wished < least || wished > longest;
      for (int i = 0; i < tile.blocks() * math::block; ++i) {
        at.whole[i] = at.most;
        at.fraction[i] = static_cast<Real>(d.fraction);
        at.is_held[i] = is_held;
      }
      return;
    }
    const T unit = math::constant<T>(samples_per_unit), low = math::constant<T>(least),
            high = math::constant<T>(longest);
    at.whole[0] = 0;  // GCC does not know that no tile is empty
    for (int b = 0; b < tile.blocks(); ++b) {
      const Real* times = tile.x[1].block(b);
      std::int32_t *whole = at.whole + b * math::block, *is_held = at.is_held + b * math::block;
      Real* fraction = at.fraction + b * math::block;
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < math::block; ++l) {
        const T wished = T(times[l]) * unit, d = math::max(math::min(wished, high), low);
        const auto k = static_cast<std::int32_t>(Real(math::select(math::is_nan(d), low, d)));
        whole[l] = k;
        fraction[l] = Real(d - T(static_cast<Real>(k)));  // NaN stays there
        is_held[l] = wished != d ? 1 : 0;
      }
    }
    at.least = at.most = at.whole[0];
    for (int i = 1; i < tile.count; ++i) {
      at.least = std::min(at.least, at.whole[i]);
      at.most = std::max(at.most, at.whole[i]);
    }
    for (int i = tile.count; i < tile.blocks() * math::block; ++i) at.whole[i] = at.least;
  }

  /// `taps[i]` is the first tap.
  template <class T, class Weights>
  RETROGRAD_INLINE static T interpolate(const Weights& w, const real_t<T>* taps, int i) {
    T y = w[Taps::count - 1] * T(taps[i + 1 - Taps::count]);
    for (int j = Taps::count - 2; j >= 0; --j)
      y = math::fma(w[static_cast<std::size_t>(j)], T(taps[i - j]), y);
    return without_dust(y);
  }

  /// Where the first taps of the tile's samples are whose delays are from `least` to `most`: that of sample i and delay
  /// k at result[i - k + most].
  template <class Real>
  RETROGRAD_INLINE static const Real* window_of(const Tile<Real>& tile, const History<Real>& x,
                                                std::int64_t least, std::int64_t most, Real* room) {
    constexpr int before = Taps::count - 1 - Taps::ahead;
    const std::int64_t first = tile.start - most - before;
    const std::int64_t last = tile.start + tile.blocks() * math::block - least + Taps::ahead;
    return x.window(first, last, tile.start + tile.count, room) + before + Taps::ahead;
  }

  template <class Real>
  static const Real* taps_of(const Tile<Real>& tile, const History<Real>& x, const Places<Real>& at, int i,
                             Real (&taps)[Taps::count]) {
    for (int j = 0; j < Taps::count; ++j)
      taps[Taps::count - 1 - j] = x.sample(tile.start + i - at.whole[i] + Taps::ahead - j);
    return taps + Taps::count - 1;
  }

  // Delays that differ by more than there is room for.
  template <class T>
  RETROGRAD_INLINE static void forward_anywhere(const Tile<real_t<T>>& tile, const History<real_t<T>>& x,
                                                const Places<real_t<T>>& at) {
    using Real = real_t<T>;
    for (int i = 0; i < tile.count; ++i) {
      Real taps[Taps::count];
      tile.y[i] = Real(interpolate<T>(Taps::weights(T(at.fraction[i])), taps_of(tile, x, at, i, taps), 0));
    }
  }

  // All samples of a tile at once: those that two taps reach gain in the order of their samples, from the last.
  template <class T>
  RETROGRAD_INLINE void give_back_constant(const Tile<real_t<T>>& tile, const History<real_t<T>>& gx) const {
    using Real = real_t<T>;
    const Constant d(*this, tile.x[1].constant);
    const std::array<T, Taps::count> w = Taps::weights(T(static_cast<Real>(d.fraction)));
    // Sample i of `gy` is padded[margin + i], with zeros around it.
    constexpr int margin = math::block;
    alignas(64) Real padded[Tile<Real>::max_samples + 3 * math::block];
    std::fill_n(padded, margin, Real(0.0));
    std::copy_n(tile.gy.block(0), tile.count, padded + margin);
    std::fill_n(padded + margin + tile.count, 2 * math::block, Real(0.0));
    const std::int64_t reached = tile.start - d.whole + Taps::ahead - (Taps::count - 1);
    const std::int64_t first = std::max(gx.begin, reached),
                       last = tile.start + tile.count - d.whole + Taps::ahead;
    gx.for_each_piece(first, last,
                      [&](std::int64_t m, Real* sums, std::int64_t count) RETROGRAD_INLINE_LAMBDA {
                        // Of gx[m + i], the sample whose last tap it is.
                        const Real* gy = padded + margin + (m - reached);
                        RETROGRAD_INDEPENDENT_LANES
                        for (std::int64_t i = 0; i < count; ++i) {
                          T sum = T(sums[i]);
                          for (int j = Taps::count - 1; j >= 0; --j)
                            sum = sum + w[static_cast<std::size_t>(j)] * T(gy[i - (Taps::count - 1 - j)]);
                          sums[i] = Real(sum);
                        }
                      });
  }

  // The sums at hand are kept in registers while the taps go on by one sample.
  template <class T>
  RETROGRAD_INLINE static void give_back_varying(const Tile<real_t<T>>& tile, const Places<real_t<T>>& at,
                                                 const History<real_t<T>>& gx) {
    using Real = real_t<T>;
    alignas(64) Real terms[Tile<Real>::max_samples][Taps::count];
    for (int b = 0; b < tile.blocks(); ++b) {
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < math::block; ++l) {
        const int i = b * math::block + l;
        const std::array<T, Taps::count> w = Taps::weights(T(at.fraction[i]));
        for (int j = 0; j < Taps::count; ++j)
          terms[i][j] = Real(w[static_cast<std::size_t>(j)] * T(tile.gy.block(b)[l]));
      }
    }
    const std::int64_t highest = tile.start + tile.count - at.least + Taps::ahead,
                       lowest = tile.start - at.most + Taps::ahead - (Taps::count - 1);
    if (gx.is_one_piece(lowest, highest)) {
      Real* sums = gx.data + (lowest & gx.mask) - lowest;
      scatter<T>(
          tile, at, terms, [&](std::int64_t m) RETROGRAD_INLINE_LAMBDA { return T(sums[m]); },
          [&](std::int64_t m, T sum) RETROGRAD_INLINE_LAMBDA { sums[m] = Real(sum); });
    } else {
      scatter<T>(
          tile, at, terms, [&](std::int64_t m) RETROGRAD_INLINE_LAMBDA { return T(gx.sample(m)); },
          [&](std::int64_t m, T sum) RETROGRAD_INLINE_LAMBDA {
            if (m >= gx.begin) gx.data[m & gx.mask] = Real(sum);
          });
    }
  }

  template <class T, class Load, class Store>
  RETROGRAD_INLINE static void scatter(const Tile<real_t<T>>& tile, const Places<real_t<T>>& at,
                                       const real_t<T> (*terms)[Taps::count], const Load& load,
                                       const Store& store) {
    T sums[Taps::count];  // of samples top, top - 1 ...
    std::int64_t top = tile.start + tile.count - 1 - at.whole[tile.count - 1] + Taps::ahead;
    for (int j = 0; j < Taps::count; ++j) sums[j] = load(top - j);
    for (int i = tile.count; i-- > 0;) {
      const std::int64_t wanted = tile.start + i - at.whole[i] + Taps::ahead;
      if (wanted == top - 1) {
        store(top, sums[0]);
        for (int j = 0; j + 1 < Taps::count; ++j) sums[j] = sums[j + 1];
        sums[Taps::count - 1] = load(wanted - (Taps::count - 1));
      } else if (wanted != top) {
        for (int j = 0; j < Taps::count; ++j) store(top - j, sums[j]);
        for (int j = 0; j < Taps::count; ++j) sums[j] = load(wanted - j);
      }
      top = wanted;
      for (int j = 0; j < Taps::count; ++j) sums[j] = sums[j] + T(terms[i][j]);
    }
    for (int j = 0; j < Taps::count; ++j) store(top - j, sums[j]);
  }
};

struct Delay : DelayOf<LinearTaps> {
  static constexpr const char* name = "delay";
  static Check check();
};

struct CubicDelay : DelayOf<CubicTaps> {
  static constexpr const char* name = "cubic_delay";
  static Check check();
};

enum class Interpolation { linear, cubic };

struct DelayOptions {
  double longest;  ///< seconds: what a delay is at most
  Interpolation interpolation = Interpolation::linear;
  double shortest =
      0.0;  ///< seconds: what a delay is at least; a loop through it may go so many samples at a time
};

/// `x` as it was `time` seconds ago (samples, on a tape without a sample rate), zero before the row's start. `time` is
/// constant over time or a signal, and broadcasts with `x`; it has a gradient. A constant one below 0 (cubic: one
/// sample) or above the longest is a DomainError, a signal is held there. DomainError where the longest is
/// not finite, shorter than the least or more than 67108864 samples. A stream keeps `longest` of samples for each row.
Var delay(Var x, Var time, const DelayOptions& options);

namespace detail {
// Kept from where the slope of linear interpolation jumps.
template <Interpolation interpolation>
Check check_of_delay() {
  return {.inputs = {anything, {2.05, 11.95, {}, false, false, false, 1.0}},
          .record = [](std::span<const Var> x) {
            return delay(x[0], x[1], {.longest = 12.0, .interpolation = interpolation});
          }};
}
}  // namespace detail

inline Check Delay::check() { return detail::check_of_delay<Interpolation::linear>(); }
inline Check CubicDelay::check() { return detail::check_of_delay<Interpolation::cubic>(); }

}  // namespace retrograd
