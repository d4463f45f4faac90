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

#include "floor_blocks.hpp"
#include "floor_pitch.hpp"
#include "floor_row.hpp"
#include "floor_sums.hpp"

namespace retrograd::tool {

using namespace floor_detail;

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
    varies ? call(Patch<1, 2, true>{}) : call(Patch<1, 2, false>{});
  else
    varies ? call(Patch<2, 3, true>{}) : call(Patch<2, 3, false>{});
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
