// The FM synth as a loop written by hand: all of one sample stays in registers from the phase to the output,
// and on the way back recomputed from the phase to the gradients' sums. Its limit is the multiplier (products
// and fused multiply-adds), so work is moved from there to the adder wherever that changes nothing.
//
// Algebra that a hand knows to be allowed here, and a tape of general nodes does not:
//
//  - An operator that nobody modulates has the sine of a sum of two known angles: a product of tables over blocks
//    and over lanes in place of a polynomial. So do exponential envelopes, whose gains, and the 1/(2*pi) of a
//    modulation, are part of the tables.
//  - A gain's gradient follows from the sums that its envelope's parameters need; a modulator's output adjoint
//    is its carrier's phase adjoint, the factors 2*pi between them are left to the row's end.
//  - Terms that grow with time (n * gp, j * g * q) are sums of running sums: no product.
//  - A varying pitch is summed up once for all operators, in place of each operator's frequency; the gradient
//    of a ratio takes that sum as its weight (summation by parts), the pitch's is one running sum of all
//    operators' phase adjoints. In a block of 16 the sum is a float: at a frequency of a fifth of the sample rate
//    that costs 2e-6 of audio; rounding each frequency to a float, as a tape does, costs more.
//  - No modulation is near 2^22 turns, so that phases wrap without a check; there is one note per row.
#include "floor.hpp"

#include <retrograd/math/floating_point.hpp>
#include <retrograd/math/simd.hpp>

#include <utility>
#include <vector>

#include "floor_pitch.hpp"
#include "floor_row.hpp"

namespace retrograd::tool {

using namespace floor_detail;

namespace {

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
struct Rack {
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

// Sums over a row, per lane, in double: for each piece those that its parameters' gradients are made of, see
// Adsr::Carry.
struct RowSums {
  alignas(64) double g[pieces][lanes], gq[pieces][lanes],
      gqj[pieces][lanes];               // q: k in an attack, else the exponential
  alignas(64) double gp_before[lanes];  // gp * what the pitch summed up to before (constant: samples)
};

// Adds a run to the sums of the row, undoing the split into blocks and lanes.
template <class T, bool Varies>
RETROGRAD_INLINE void collect(const OperatorRow& op, const OperatorRun& run, std::int64_t n, bool has_edge,
                              const Sums& sums, RowSums& row) {
  using D = Double<T>;
  if (has_edge) {
    for (int l = 0; l < lanes; ++l) {
      const Piece piece = op.piece_at(n + l);
      const double g = static_cast<double>(sums.g[l]), step = op.step(piece, n + l);
      const double q = piece == Piece::attack    ? step
                       : piece == Piece::silence ? 0.0
                                                 : op.fall<D>(piece, step);
      row.g[static_cast<int>(piece)][l] += g;
      row.gq[static_cast<int>(piece)][l] += g * q;
      row.gqj[static_cast<int>(piece)][l] += g * q * step;
    }
  } else {
    const int piece = static_cast<int>(run.piece);
    double* __restrict row_g = row.g[piece];
    double* __restrict row_gq = row.gq[piece];
    double* __restrict row_gqj = row.gqj[piece];
    const double* __restrict weight = op.lane_weight[piece];
    if (run.piece == Piece::attack) {
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < lanes; ++l) {
        row_g[l] += static_cast<double>(sums.g[l]);
        row_gq[l] += (run.step + static_cast<double>(l)) * static_cast<double>(sums.g[l]) +
                     static_cast<double>(sums.gw[l]);
      }
    } else {
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < lanes; ++l) {
        const double q = run.fall * weight[l], gw = static_cast<double>(sums.gw[l]);
        row_g[l] += static_cast<double>(sums.g[l]);
        row_gq[l] += q * gw;
        row_gqj[l] += q * ((run.step + static_cast<double>(l - lanes)) * gw +
                           static_cast<double>(lanes) * static_cast<double>(sums.gw_later[l]));
      }
    }
  }
  RETROGRAD_INDEPENDENT_LANES
  for (int l = 0; l < lanes; ++l) {
    if constexpr (Varies)
      row.gp_before[l] += static_cast<double>(sums.gp_later[l]);
    else
      row.gp_before[l] +=
          (static_cast<double>(n) + static_cast<double>(l - lanes)) * static_cast<double>(sums.gp[l]) +
          static_cast<double>(lanes) * static_cast<double>(sums.gp_later[l]);
  }
}

inline double total(const double* values) {
  double sum = 0.0;
  for (int l = 0; l < lanes; ++l) sum += values[l];
  return sum;
}

}  // namespace

struct Floor::State {
  FloorParameters parameters;
  std::vector<OperatorRow> operators;  // [rows][operators]
  std::vector<double> pitch_before;    // [rows][tiles]: the sum of the pitch before each tile
  std::vector<std::int64_t> edges;     // [rows][...] sorted, the last one beyond all samples
  std::size_t edges_per_row = 0;
  PitchTile pitch{};
  alignas(64) float anchors[6][tile_blocks];  // of each operator

  std::int64_t tiles() const { return (parameters.length + tile - 1) / tile; }
  std::int64_t at(std::size_t row, std::int64_t sample) const {
    return static_cast<std::int64_t>(row) * parameters.length + sample;
  }
  double& sum_before(std::size_t row, std::int64_t start) {
    return pitch_before[row * static_cast<std::size_t>(tiles()) + static_cast<std::size_t>(start / tile)];
  }

  // visit(first block of the tile, blocks, has an edge inside) for the runs of a tile from its beginning.
  template <class Visit>
  RETROGRAD_INLINE void for_each_run(std::size_t row, std::int64_t start, int blocks,
                                     const Visit& visit) const {
    const std::int64_t* edge = edges.data() + row * edges_per_row;
    for (int b = 0; b < blocks;) {
      const std::int64_t n = start + b * lanes;
      while (*edge <= n) ++edge;
      const auto whole = static_cast<int>(std::min<std::int64_t>((*edge - n) / lanes, blocks - b));
      visit(b, std::max(whole, 1), whole == 0);
      b += std::max(whole, 1);
    }
  }

  // The sums of the pitch in the tile at sample `start`, and what they give each operator.
  RETROGRAD_INLINE void start_tile(std::size_t row, std::int64_t start, int count, double before) {
    pitch.start(parameters.values.pitch_signal.data() + at(row, start), count, before);
    const std::size_t operator_count = parameters.values.operators.size();
    for (std::size_t i = 0; i < operator_count; ++i)
      pitch.make_anchors(operators[row * operator_count + i].turns_per_pitch, anchors[i]);
  }

  template <class P>
  struct Forward {
    static constexpr int K = P::blocks_forward;
    template <class T>
    RETROGRAD_INLINE static void run(State& state, std::size_t row, float* audio) {
      const FloorParameters& p = state.parameters;
      OperatorRow* ops = state.operators.data() + row * P::operators;
      for (int i = 0; i < P::operators; ++i)
        prepare<T>(p, row, static_cast<std::size_t>(i), i % P::depth != 0, i % P::depth != P::depth - 1,
                   ops[i]);
      state.find_edges(row, P::operators);
      double pitch_before = 0.0;
      constexpr int step = P::pitch_varies ? tile : run_blocks * lanes;
      for (std::int64_t start = 0; start < p.length; start += step) {
        const int count = static_cast<int>(std::min<std::int64_t>(step, p.length - start));
        if constexpr (P::pitch_varies) {
          state.sum_before(row, start) = pitch_before;
          state.start_tile(row, start, count, pitch_before);
          pitch_before = state.pitch.after;
        }
        alignas(64) float last[step];
        float* out = count == step ? audio + start : last;
        state.for_each_run(row, start, (count + lanes - 1) / lanes,
                           [&](int first, int blocks, bool has_edge) RETROGRAD_INLINE_LAMBDA {
                             OperatorRun runs[P::operators];
                             start_runs<T, P>(state, ops, start, first, has_edge, runs);
                             const float* pitch_sums = state.pitch.within + first * lanes;
                             int b = 0;
                             for (; b + K <= blocks; b += K)
                               play_blocks<T, P, K>(runs, b, pitch_sums, out + first * lanes);
                             for (; b < blocks; ++b)
                               play_blocks<T, P, 1>(runs, b, pitch_sums, out + first * lanes);
                           });
        if (out == last) std::copy(last, last + count, audio + start);
      }
    }
  };

  template <class T, class P>
  RETROGRAD_INLINE static void start_runs(const State& state, const OperatorRow* ops, std::int64_t start,
                                          int first, bool has_edge, OperatorRun* runs) {
    repeat<P::operators>([&](auto i) RETROGRAD_INLINE_LAMBDA {
      start_run<T, i % P::depth != P::depth - 1, P::pitch_varies>(ops[i], start + first * lanes, has_edge,
                                                                  runs[i]);
      if constexpr (P::pitch_varies) runs[i].anchor = state.anchors[i] + first;
    });
  }

  template <class P>
  struct Backward {
    static constexpr int K = P::blocks_backward;
    template <class T>
    RETROGRAD_INLINE static void run(State& state, std::size_t row, const float* gy, FloorValues& gradients) {
      const FloorParameters& p = state.parameters;
      const OperatorRow* ops = state.operators.data() + row * P::operators;
      RowSums row_sums[P::operators] = {};
      double later_pitch = 0.0;
      // An operator's phase adjoint lacks 2*pi for each modulator on the way to it.
      float pitch_weight[P::operators];
      for (int i = 0; i < P::operators; ++i)
        pitch_weight[i] = static_cast<float>(p.values.operators[static_cast<std::size_t>(i)].ratio[row] *
                                             std::pow(radians_per_turn, i % P::depth));
      constexpr int step = P::pitch_varies ? tile : run_blocks * lanes;
      const std::int64_t steps = (p.length + step - 1) / step;
      for (std::int64_t visited = 0; visited < steps; ++visited) {
        const std::int64_t start = (P::pitch_varies ? steps - 1 - visited : visited) * step;
        const int count = static_cast<int>(std::min<std::int64_t>(step, p.length - start));
        const std::int64_t in_signal = state.at(row, start);
        if constexpr (P::pitch_varies) {
          // Towards lower addresses the processor does not run ahead by itself.
          if (start > 0)
            for (int j = 0; j < tile; j += lanes) {
              __builtin_prefetch(p.values.pitch_signal.data() + in_signal - tile + j);
              __builtin_prefetch(gy + start - tile + j);
              __builtin_prefetch(gradients.pitch_signal.data() + in_signal - tile + j, 1);
            }
          state.start_tile(row, start, count, state.sum_before(row, start));
        }
        alignas(64) float last[step];
        const float* g = gy + start;
        if (count < step) {
          std::copy(g, g + count, last);
          std::fill(last + count, last + step, 0.0f);
          g = last;
        }
        state.for_each_run(
            row, start, (count + lanes - 1) / lanes,
            [&](int first, int blocks, bool has_edge) RETROGRAD_INLINE_LAMBDA {
              OperatorRun runs[P::operators];
              start_runs<T, P>(state, ops, start, first, has_edge, runs);
              Sums sums[P::operators] = {};
              const auto rewind = [&]<int k>(std::integral_constant<int, k>, int b) RETROGRAD_INLINE_LAMBDA {
                rewind_blocks<T, P, k>(runs, b, state.pitch.within + first * lanes,
                                       state.pitch.before_single + first, pitch_weight, g + first * lanes,
                                       sums, state.pitch.adjoint + first * lanes);
              };
              int b = blocks;
              for (; b - K >= 0; b -= K) rewind(std::integral_constant<int, K>{}, b - K);
              for (; b > 0; --b) rewind(std::integral_constant<int, 1>{}, b - 1);
              for (int i = 0; i < P::operators; ++i)
                collect<T, P::pitch_varies>(ops[i], runs[i], start + first * lanes, has_edge, sums[i],
                                            row_sums[i]);
            });
        if constexpr (P::pitch_varies)
          state.pitch.template sum_adjoint<T>(radians_per_turn / p.sample_rate, later_pitch, count,
                                              gradients.pitch_signal.data() + in_signal);
      }
      finish<T, P>(state, row, row_sums, gradients);
    }
  };

  // The chain rule from the row's sums to the parameters.
  template <class T, class P>
  RETROGRAD_INLINE static void finish(const State& state, std::size_t row, const RowSums* row_sums,
                                      FloorValues& gradients) {
    using D = Double<T>;
    const FloorParameters& p = state.parameters;
    if constexpr (!P::pitch_varies) gradients.pitch[row] = 0.0;
    for (int i = 0; i < P::operators; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const OperatorRow& op = state.operators[row * P::operators + index];
      const RowSums& sums = row_sums[i];
      FloorOperator& gradient = gradients.operators[index];
      const int depth = i % P::depth;
      const double factor = std::pow(radians_per_turn, std::max(0, depth - 1));
      const auto sum_of = [&](const double(&values)[pieces][lanes], Piece piece) RETROGRAD_INLINE_LAMBDA {
        return factor * total(values[static_cast<int>(piece)]);
      };
      double attack_gk = sum_of(sums.gq, Piece::attack);
      double g = sum_of(sums.g, Piece::decay), gq = sum_of(sums.gq, Piece::decay),
             gqj = sum_of(sums.gqj, Piece::decay);
      const double release_gq = sum_of(sums.gq, Piece::release),
                   release_gqm = sum_of(sums.gqj, Piece::release);
      const double room = 1.0 - op.sustain;
      gradient.gain[row] = attack_gk / op.attack + op.sustain * g + room * gq + op.level * release_gq;
      // The level that the release begins from is the last sample of the piece before.
      const std::int64_t off = op.begin[static_cast<int>(Piece::release)];
      if (off > p.gate_on) {
        const Piece before = op.piece_at(off - 1);
        const double step = op.step(before, off - 1);
        if (before == Piece::attack) {
          attack_gk += release_gq * step;
        } else {
          const double q = op.fall<D>(before, step);
          g += release_gq;
          gq += release_gq * q;
          gqj += release_gq * q * step;
        }
      }
      const double per_second = op.gain * p.sample_rate;
      gradient.attack[row] =
          op.attack_follows ? per_second * (room / op.decay * gq - attack_gk / (op.attack * op.attack)) : 0.0;
      gradient.decay[row] = op.decay_follows ? per_second * room / (op.decay * op.decay) *
                                                   (gqj - (op.attack - std::floor(op.attack)) * gq)
                                             : 0.0;
      gradient.sustain[row] = op.gain * (g - gq);
      gradient.release[row] =
          op.release_follows ? per_second * op.level / (op.release * op.release) * release_gqm : 0.0;

      const double along_frequency =
          std::pow(radians_per_turn, depth + 1) / p.sample_rate * total(sums.gp_before);
      if constexpr (P::pitch_varies) {
        gradient.ratio[row] = along_frequency;
      } else {
        gradient.ratio[row] = along_frequency * p.values.pitch[row];
        gradients.pitch[row] += along_frequency * p.values.operators[index].ratio[row];
      }
    }
  }

  // Where an operator's envelope goes on to another piece: runs end there.
  void find_edges(std::size_t row, int count) {
    std::int64_t* edge = edges.data() + row * edges_per_row;
    std::int64_t* end = edge;
    for (int i = 0; i < count; ++i) {
      const OperatorRow& op = operators[row * static_cast<std::size_t>(count) + static_cast<std::size_t>(i)];
      end = std::copy(op.begin + 1, op.begin + pieces, end);
    }
    *end++ = parameters.length + 2 * tile;
    std::sort(edge, end);
  }
};

Floor::Floor(const FloorParameters& parameters) : state_(std::make_unique<State>()) {
  const auto rows = static_cast<std::size_t>(parameters.rows);
  const std::size_t operators = parameters.values.operators.size();
  state_->parameters = parameters;
  state_->operators.resize(rows * operators);
  state_->edges_per_row = (pieces - 1) * operators + 1;
  state_->edges.resize(rows * state_->edges_per_row);
  if (parameters.values.pitch.empty())
    state_->pitch_before.resize(rows * static_cast<std::size_t>(state_->tiles()));
}

Floor::~Floor() = default;

namespace {
template <class Call>
void with_patch(const FloorParameters& p, const Call& call) {
  const bool varies = p.values.pitch.empty();
  if (p.values.operators.size() == 2)
    varies ? call(Rack<1, 2, true>{}) : call(Rack<1, 2, false>{});
  else
    varies ? call(Rack<2, 3, true>{}) : call(Rack<2, 3, false>{});
}
}  // namespace

void Floor::forward(float* audio) {
  const math::DefaultFloatingPoint environment;
  with_patch(state_->parameters, [&]<class P>(P) {
    const auto play = math::Kernel<State::Forward<P>, float>::at(math::simd_level());
    for (std::int64_t row = 0; row < state_->parameters.rows; ++row)
      play(*state_, static_cast<std::size_t>(row), audio + row * state_->parameters.length);
  });
}

void Floor::backward(const float* gy, FloorValues& gradients) {
  const math::DefaultFloatingPoint environment;
  with_patch(state_->parameters, [&]<class P>(P) {
    const auto rewind = math::Kernel<State::Backward<P>, float>::at(math::simd_level());
    for (std::int64_t row = 0; row < state_->parameters.rows; ++row)
      rewind(*state_, static_cast<std::size_t>(row), gy + row * state_->parameters.length, gradients);
  });
}

}  // namespace retrograd::tool
