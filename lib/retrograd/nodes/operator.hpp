// An operator, the voice of FM synthesis: wave * envelope * gain. Recorded as an oscillator, an ADSR and products,
// it runs in one pass over the tile, forwards and backwards: no factor goes through scratch, and the way back has
// the phase's sine and cosine at once. The values and gradients have the bits that they have node by node.
#pragma once

#include <retrograd/nodes/adsr.hpp>
#include <retrograd/nodes/oscillation.hpp>
#include <retrograd/nodes/product.hpp>

namespace retrograd {

/// `Oscillator` is any Oscillation<Waveform>. A tile is that of the node by itself; of the factors' outputs and
/// their adjoints nothing is read. The gain is constant over time.
template <class Oscillator>
struct Operator {
  const Oscillator& oscillator;
  const Adsr& adsr;
  NextTile next;
  enum ProductInput { gain = 2 };

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& wave_tile, typename Oscillator::State& wave_state,
                                const Tile<real_t<T>>& envelope_tile, Adsr::State& envelope_state,
                                const Tile<real_t<T>>& tile) const {
    using Real = real_t<T>;
    const Input<Real>& g = tile.x[gain];
    Real* y = tile.y;
    adsr.with_levels<T>(envelope_tile, envelope_state, [&](const auto& level) RETROGRAD_INLINE_LAMBDA {
      oscillator.template with_wave<T>(wave_tile, wave_state, Oscillator::is_modulated(wave_tile),
                                       [&](const auto& wave) RETROGRAD_INLINE_LAMBDA {
                                         for (int b = 0; b < tile.blocks(); ++b) {
                                           next.ask(b);
                                           RETROGRAD_INDEPENDENT_LANES
                                           for (int l = 0; l < math::block; ++l)
                                             y[b * math::block + l] = Real(product.forward(
                                                 wave.value(b, l), level(b, l), T(g.block(b)[l])));
                                         }
                                       });
    });
  }

  template <class T>
  using WaveCarry = typename Oscillator::template Carry<real_t<T>>;
  template <class T>
  using EnvelopeCarry = Adsr::Carry<real_t<T>>;

  template <class T>
  RETROGRAD_INLINE void adjoint(const Tile<real_t<T>>& wave_tile, typename Oscillator::State wave_state,
                                WaveCarry<T>& wave_carry, const Tile<real_t<T>>& envelope_tile,
                                const Adsr::State& envelope_state, EnvelopeCarry<T>& envelope_carry,
                                const Tile<real_t<T>>& tile) const {
    using Real = real_t<T>;
    const bool modulated = Oscillator::is_modulated(wave_tile) || wave_tile.gx[1].mode != AdjointMode::none;
    const auto with_wave = [&](const auto& run) RETROGRAD_INLINE_LAMBDA {
      oscillator.template with_wave<T>(wave_tile, wave_state, modulated, run);
    };
    adsr.adjoint_with_levels<T>(
        envelope_tile, envelope_state, envelope_carry,
        [&](const auto& level, const auto& terms, const auto& end_sum_tile) RETROGRAD_INLINE_LAMBDA {
          auto& lanes = envelope_carry.lanes;
          with_wave([&](const auto& wave) RETROGRAD_INLINE_LAMBDA {
            give_adjoints<T, 0b111>(
                wave_tile, tile, wave, level, std::array{lanes[0], lanes[1], lanes[2]},
                [&](Real g, int b) RETROGRAD_INLINE_LAMBDA { return terms.of(g, b); }, end_sum_tile,
                wave_carry);
          });
        },
        [&](const auto& level, Real* g_level) RETROGRAD_INLINE_LAMBDA {
          with_wave([&](const auto& wave) RETROGRAD_INLINE_LAMBDA {
            give_adjoints<T, 0b0>(
                wave_tile, tile, wave, level, std::array{g_level},
                [](Real g, int) RETROGRAD_INLINE_LAMBDA { return std::array{g}; },
                []() RETROGRAD_INLINE_LAMBDA {}, wave_carry);
          });
        });
  }

 private:
  static constexpr Product product{};

  // One pass over the tile. `envelope_terms(g, b)` is what the adjoint g of a sample's level gives the places
  // `envelope_to`; `EnvelopeSums` says which of those are sums.
  template <class T, unsigned EnvelopeSums, class Wave, class Level, std::size_t Places, class EnvelopeTerms,
            class EndSumTile>
  RETROGRAD_INLINE void give_adjoints(const Tile<real_t<T>>& wave_tile, const Tile<real_t<T>>& tile,
                                      const Wave& wave, const Level& level,
                                      const std::array<real_t<T>*, Places>& envelope_to,
                                      const EnvelopeTerms& envelope_terms,
                                      const EndSumTile& end_envelope_sums, WaveCarry<T>& wave_carry) const {
    using Real = real_t<T>;
    const Input<Real>& g = tile.x[gain];
    Unwanted<Real> unwanted;
    alignas(64) Real per_sample[Tile<Real>::max_samples];  // of the phase, or of a constant modulation
    const Target<Real>&g_frequency = wave_tile.gx[0], &g_modulation = wave_tile.gx[1],
          &g_gain = tile.gx[gain];

    std::array<Real*, 3 + Places> to;
    to[0] = place_of(g_gain, unwanted);
    std::copy(envelope_to.begin(), envelope_to.end(), to.begin() + 3);
    const auto end_sums = [&](std::int64_t start) RETROGRAD_INLINE_LAMBDA {
      end_sum_tile(g_gain, start);
      if (Wave::is_steady) end_sum_tile(g_frequency, start);
      end_envelope_sums();
    };
    // The adjoints of the gain, of the wave and of the envelope; what the wave's gives is `wave_terms(g, b, l)`.
    const auto terms = [&](const auto& wave_terms) RETROGRAD_INLINE_LAMBDA {
      return [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
        const T value = wave.value(b, l);
        const std::array<T, 3> adjoints =
            product.adjoint(T(tile.gy.block(b)[l]), T{}, value, level(b, l), T(g.block(b)[l]));
        const T &g_wave = adjoints[0], &g_level = adjoints[1], &g_gain_term = adjoints[gain];
        const std::array<Real, 2> of_wave = wave_terms(wave.adjoint(Real(g_wave), b, l), b, l);
        const std::array<Real, Places> of_envelope = envelope_terms(Real(g_level), b);
        return [&]<std::size_t... I>(std::index_sequence<I...>) RETROGRAD_INLINE_LAMBDA {
          return std::array<Real, 3 + Places>{Real(g_gain_term), of_wave[0], of_wave[1], of_envelope[I]...};
        }
        (std::make_index_sequence<Places>());
      };
    };
    constexpr unsigned gain_sum = 0b001, frequency_sum = 0b010, envelope_sums = EnvelopeSums << 3;
    if constexpr (Wave::is_steady) {
      const typename Oscillator::template SteadyTerms<Real> steady(oscillator, wave_tile);
      to[1] = place_of(g_frequency, unwanted);
      to[2] = g_modulation.mode == AdjointMode::sum ? per_sample : place_of(g_modulation, unwanted);
      give_to<T, gain_sum | frequency_sum | envelope_sums>(
          to, tile, terms([&](Real gp, int b, int l) RETROGRAD_INLINE_LAMBDA { return steady.of(gp, b, l); }),
          end_sums, next);
      if (g_modulation.mode == AdjointMode::sum)
        give<T>(g_modulation, tile,
                [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return per_sample[b * math::block + l]; });
    } else {
      to[1] = per_sample;
      to[2] = unwanted.data;
      give_to<T, gain_sum | envelope_sums>(to, tile, terms([&](Real gp, int, int) RETROGRAD_INLINE_LAMBDA {
                                             return std::array{gp, Real(0.0)};
                                           }),
                                           end_sums, next);
      oscillator.template give_varying<T>(wave_tile, per_sample, wave_carry);
    }
  }
};

}  // namespace retrograd
