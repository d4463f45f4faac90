// Blocks of 16 samples in the loop of floor.cpp: from the phase to the output, and back to the sums of gradient terms.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "floor_row.hpp"

namespace retrograd::tool::floor_detail {

// f(0), f(1), ... with the number as a constant.
template <int count, class F>
RETROGRAD_INLINE void repeat(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) RETROGRAD_INLINE_LAMBDA {
    (f(std::integral_constant<int, i>{}), ...);
  }
  (std::make_integer_sequence<int, count>{});
}

// `depth` operators one into the next, `stacks` times: operator 0 of a stack is heard.
template <int stacks_, int depth_, bool varies_>
struct Patch {
  static constexpr int stacks = stacks_, depth = depth_, operators = stacks * depth;
  static constexpr bool pitch_varies = varies_;
  // How many blocks are computed at once, so that one's latencies hide behind another: measured.
  static constexpr int blocks_forward = operators == 2 ? 4 : 2;
  static constexpr int blocks_backward = operators == 2 && !varies_ ? 1 : 2;
};

// A fixed-point phase in units of 2^-32 turn as turns. It is odd, so never 0, and its exponent can be lowered
// by an integer subtraction: that leaves the multiplier, which limits this loop, alone.
template <class T>
RETROGRAD_INLINE T turns_of(std::uint32_t phase) {
  const float units = static_cast<float>(static_cast<std::int32_t>(phase));
  return T(std::bit_cast<float>(std::bit_cast<std::uint32_t>(units) - (32u << 23)));
}

// The polynomials of math::sin_turns and math::cos_turns; their zeros are made by a subtraction, which costs 5e-8
// of accuracy, in place of a fused multiply-add.
template <class T>
RETROGRAD_INLINE T sine_of(T turns, T square) {
  return turns * (T(0.25f) - square) *
         math::polynomial(square, 25.132742, -64.83591, 67.079056, -38.523426, 14.182575, -3.3897302);
}
template <class T>
RETROGRAD_INLINE T cosine_of(T square) {
  return (T(0.0625f) - square) *
         math::polynomial(square, 16.0, -59.8273163, 81.7905579, -58.5796852, 25.5961189, -6.57895899);
}

template <class T>
RETROGRAD_INLINE T wrap(T turns) {
  return turns - math::round_to_nearest(turns);
}

// The scalars of `K` blocks from block `b` of a run on.
template <class T, class P, int K>
struct Scalars {
  T weight[P::operators][K];
  T sine[P::operators][K], cosine[P::operators][K];  // the phase's, or its anchor in `sine`
  std::uint32_t phase[P::operators][K];

  RETROGRAD_INLINE Scalars(const OperatorRun* runs, int b) {
    repeat<P::operators>([&](auto i) RETROGRAD_INLINE_LAMBDA {
      repeat<K>([&](auto k) RETROGRAD_INLINE_LAMBDA {
        const OperatorRun& run = runs[i];
        weight[i][k] = run.weight[b + k];
        if constexpr (P::pitch_varies) {
          sine[i][k] = run.anchor[b + k];
        } else if constexpr (i % P::depth == P::depth - 1) {
          sine[i][k] = run.block_sine[b + k];
          cosine[i][k] = run.block_cosine[b + k];
        } else {
          phase[i][k] = run.block_phase[b + k];
        }
      });
    });
  }
};

// Lane l of operator `i` in block `k`: its sine, its cosine where asked for, its envelope times its amount.
// The modulator's come in `sine` and `level`.
template <class T, class P, bool needs_cosine, int i, int k, int K>
RETROGRAD_INLINE void play(const OperatorRun& run, const Scalars<T, P, K>& scalars, int l, T pitch_sum,
                           T modulator, T modulator_level, T& sine, T& cosine, T& level) {
  constexpr bool is_modulated = i % P::depth != P::depth - 1;
  level = math::fma(scalars.weight[i][k], T(run.scale[l]), T(run.shift[l]));
  if constexpr (!P::pitch_varies && !is_modulated) {
    const T s = run.sine[l], c = run.cosine[l], bs = scalars.sine[i][k], bc = scalars.cosine[i][k];
    sine = math::fma(s, bc, c * bs);
    if constexpr (needs_cosine) cosine = math::fma(c, bc, -(s * bs));
  } else {
    T turns;
    if constexpr (P::pitch_varies)
      turns = math::fma(pitch_sum, T(run.turns_per_pitch), scalars.sine[i][k]);
    else
      turns = turns_of<T>(run.phase[l] + scalars.phase[i][k]);
    if constexpr (is_modulated) turns = math::fma(modulator, modulator_level, turns);
    turns = wrap(turns);
    sine = sine_of(turns, turns * turns);
    if constexpr (needs_cosine) cosine = cosine_of(turns * turns);
  }
}

// K blocks of audio.
template <class T, class P, int K>
RETROGRAD_INLINE void play_blocks(const OperatorRun* __restrict runs, int b,
                                  const float* __restrict pitch_sums, float* __restrict audio) {
  const Scalars<T, P, K> scalars(runs, b);
  audio += b * lanes;
  pitch_sums += P::pitch_varies ? b * lanes : 0;
  RETROGRAD_INDEPENDENT_LANES
  for (int l = 0; l < lanes; ++l) {
    T sine[P::operators][K], level[P::operators][K];
    repeat<P::depth>([&](auto up) RETROGRAD_INLINE_LAMBDA {
      repeat<K>([&](auto k) RETROGRAD_INLINE_LAMBDA {
        repeat<P::stacks>([&](auto stack) RETROGRAD_INLINE_LAMBDA {
          constexpr int d = P::depth - 1 - up, i = stack * P::depth + d, from = d + 1 < P::depth ? i + 1 : i;
          T pitch_sum(0.0f), modulator(0.0f), modulator_level(0.0f), cosine;
          if constexpr (P::pitch_varies) pitch_sum = pitch_sums[k * lanes + l];
          if constexpr (from != i) {
            modulator = sine[from][k];
            modulator_level = level[from][k];
          }
          play<T, P, false, i, k>(runs[i], scalars, l, pitch_sum, modulator, modulator_level, sine[i][k],
                                  cosine, level[i][k]);
        });
      });
    });
    repeat<K>([&](auto k) RETROGRAD_INLINE_LAMBDA {
      T sum = sine[0][k] * level[0][k];
      if constexpr (P::stacks == 2) sum = math::fma(sine[P::depth][k], level[P::depth][k], sum);
      audio[k * lanes + l] = static_cast<float>(sum);
    });
  }
}

// Sums over the blocks of a run, per lane. Blocks are visited from last to first, so a sum of running sums
// counts block b of the run b + 1 times: two additions where a product with b would take the multiplier.
struct Sums {
  alignas(64) float g[lanes];         // g: adjoint of the output times the sine
  alignas(64) float gw[lanes];        // g * weight
  alignas(64) float gw_later[lanes];  // g * weight * (b + 1)
  alignas(64) float gp[lanes];        // gp: adjoint of the phase
  alignas(64) float gp_later[lanes];  // gp * (b + 1); of a varying pitch gp * the sum of the pitch so far
};

// The gradient terms of K blocks.
template <class T, class P, int K>
RETROGRAD_INLINE void rewind_blocks(const OperatorRun* __restrict runs, int b,
                                    const float* __restrict pitch_sums, const float* __restrict pitch_before,
                                    const float* __restrict pitch_weight, const float* __restrict gy,
                                    Sums* __restrict sums, float* __restrict pitch_adjoint) {
  const Scalars<T, P, K> scalars(runs, b);
  gy += b * lanes;
  T before[K], adjoint_weight[P::operators];
  if constexpr (P::pitch_varies) {
    pitch_sums += b * lanes;
    pitch_adjoint += b * lanes;
    repeat<K>([&](auto k) RETROGRAD_INLINE_LAMBDA { before[k] = pitch_before[b + k]; });
    repeat<P::operators>([&](auto i) RETROGRAD_INLINE_LAMBDA { adjoint_weight[i] = pitch_weight[i]; });
  }
  RETROGRAD_INDEPENDENT_LANES
  for (int l = 0; l < lanes; ++l) {
    T sine[P::operators][K], level[P::operators][K], slope[P::operators][K], adjoint[P::stacks][K];
    repeat<P::depth>([&](auto up) RETROGRAD_INLINE_LAMBDA {
      repeat<K>([&](auto k) RETROGRAD_INLINE_LAMBDA {
        repeat<P::stacks>([&](auto stack) RETROGRAD_INLINE_LAMBDA {
          constexpr int d = P::depth - 1 - up, i = stack * P::depth + d, from = d + 1 < P::depth ? i + 1 : i;
          T pitch_sum(0.0f), modulator(0.0f), modulator_level(0.0f), cosine(0.0f);
          if constexpr (P::pitch_varies) pitch_sum = pitch_sums[k * lanes + l];
          if constexpr (from != i) {
            modulator = sine[from][k];
            modulator_level = level[from][k];
          }
          play<T, P, true, i, k>(runs[i], scalars, l, pitch_sum, modulator, modulator_level, sine[i][k],
                                 cosine, level[i][k]);
          slope[i][k] = cosine * level[i][k];
        });
      });
    });
    repeat<K>([&](auto k) RETROGRAD_INLINE_LAMBDA {
      repeat<P::stacks>([&](auto stack) RETROGRAD_INLINE_LAMBDA { adjoint[stack][k] = gy[k * lanes + l]; });
    });
    T of_pitch[K];
    repeat<P::depth>([&](auto d) RETROGRAD_INLINE_LAMBDA {
      repeat<P::stacks>([&](auto stack) RETROGRAD_INLINE_LAMBDA {
        constexpr int i = stack * P::depth + d;
        T g(sums[i].g[l]), gw(sums[i].gw[l]), gw_later(sums[i].gw_later[l]), gp(sums[i].gp[l]),
            gp_later(sums[i].gp_later[l]);
        repeat<K>([&](auto from_last) RETROGRAD_INLINE_LAMBDA {
          constexpr int k = K - 1 - from_last;
          const T along_envelope = adjoint[stack][k] * sine[i][k];
          g = g + along_envelope;
          gw = math::fma(along_envelope, scalars.weight[i][k], gw);
          gw_later = gw_later + gw;
          const T along_phase = adjoint[stack][k] * slope[i][k];
          adjoint[stack][k] = along_phase;
          if constexpr (P::pitch_varies) {
            gp_later = math::fma(along_phase, before[k] + T(pitch_sums[k * lanes + l]), gp_later);
            if constexpr (i == 0)
              of_pitch[k] = along_phase * adjoint_weight[i];
            else
              of_pitch[k] = math::fma(along_phase, adjoint_weight[i], of_pitch[k]);
          } else {
            gp = gp + along_phase;
            gp_later = gp_later + gp;
          }
        });
        sums[i].g[l] = static_cast<float>(g);
        sums[i].gw[l] = static_cast<float>(gw);
        sums[i].gw_later[l] = static_cast<float>(gw_later);
        if constexpr (!P::pitch_varies) sums[i].gp[l] = static_cast<float>(gp);
        sums[i].gp_later[l] = static_cast<float>(gp_later);
      });
    });
    if constexpr (P::pitch_varies)
      repeat<K>([&](auto k) RETROGRAD_INLINE_LAMBDA {
        pitch_adjoint[k * lanes + l] = static_cast<float>(of_pitch[k]);
      });
  }
}

}  // namespace retrograd::tool::floor_detail
