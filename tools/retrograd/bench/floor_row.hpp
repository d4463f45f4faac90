// What the loop of floor.cpp keeps per row and operator, and the lanes it starts a run of blocks from.
//
// A run is a stretch of blocks of 16 samples in which every operator stays in one piece of its envelope. Inside
// a run sample 16*b + l of the run has
//
//     envelope * amount = weight[b] * scale[l] + shift[l]
//     phase             = block_phase[b] + phase[l]
//
// where the tables over blocks belong to the row (the exponential of a geometric run is the product of two
// exponentials, an attack is a sum of two ramps), so a run only has to compute a few times 16 lanes.
#pragma once

#include <retrograd/math/exponential.hpp>
#include <retrograd/math/ordered_sum.hpp>
#include <retrograd/math/trigonometric.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "floor.hpp"

// Before a loop over lanes: what it writes overlaps nothing it reads.
#if defined(__clang__)
#define RETROGRAD_FLOOR_LANES _Pragma("clang loop vectorize(assume_safety)")
#else
#define RETROGRAD_FLOOR_LANES _Pragma("GCC ivdep")
#endif

namespace retrograd::tool::floor_detail {

using math::real_t;

inline constexpr int lanes = math::block;    // samples that a loop handles at once
inline constexpr int tile = math::sum_tile;  // samples of a pitch that varies, handled at once
inline constexpr int tile_blocks = tile / lanes;
// Blocks of the longest run. A lane adds one term of each in float; the runs' sums are combined in double.
inline constexpr int run_blocks = 2 * tile_blocks;
inline constexpr double turns_per_radian = 0.15915494309189535;
inline constexpr double radians_per_turn = 6.283185307179586;

/// The double that goes with T: without fused multiply-add where T is.
template <class T>
using Double = std::conditional_t<math::is_unfused<T>, math::Unfused<double>, double>;

enum class Piece { silence, attack, decay, release };
inline constexpr int pieces = 4;

/// One operator of one row.
struct OperatorRow {
  double gain, amount;  ///< `amount` is what the envelope is multiplied with: a modulator's gives turns
  double attack, decay, sustain, release;               ///< in samples, at least one
  double level;                                         ///< where the release begins
  bool attack_follows, decay_follows, release_follows;  ///< whether the time follows its parameter
  double turns_per_pitch;                               ///< ratio / sample rate
  std::int64_t begin[pieces];                           ///< the first sample of each piece; it may be empty

  alignas(64) float block_weight[pieces][run_blocks];
  alignas(64) double lane_weight[pieces][lanes];
  alignas(64) float block_sine[run_blocks], block_cosine[run_blocks];
  alignas(64) std::uint32_t block_phase[run_blocks];
  alignas(64) std::uint64_t lane_phase[lanes];
  std::uint64_t increment;  ///< of a constant pitch, in units of 2^-64 turn

  RETROGRAD_INLINE Piece piece_at(std::int64_t n) const {
    const auto piece = [&](Piece p) { return begin[static_cast<int>(p)]; };
    return n >= piece(Piece::release)  ? Piece::release
           : n >= piece(Piece::decay)  ? Piece::decay
           : n >= piece(Piece::attack) ? Piece::attack
                                       : Piece::silence;
  }
  /// The formulas' step at sample n of a piece: k, k - floor(A), m.
  RETROGRAD_INLINE double step(Piece piece, std::int64_t n) const {
    return static_cast<double>(n - begin[static_cast<int>(piece)] + 1);
  }
  RETROGRAD_INLINE double rate(Piece piece) const {
    return -1.4426950408889634 / (piece == Piece::decay ? decay : release);
  }
  /// The exponential of a decay or release.
  template <class D>
  RETROGRAD_INLINE double fall(Piece piece, double step) const {
    const double offset = piece == Piece::decay ? attack - std::floor(attack) : 0.0;
    return static_cast<double>(math::decay_exp2(D(rate(piece) * (step - offset))));
  }
  template <class D>
  RETROGRAD_INLINE double envelope(std::int64_t n) const {
    const Piece piece = piece_at(n);
    switch (piece) {
      case Piece::attack:
        return step(piece, n) / attack;
      case Piece::decay:
        return sustain + (1.0 - sustain) * fall<D>(piece, step(piece, n));
      case Piece::release:
        return level * fall<D>(piece, step(piece, n));
      default:
        return 0.0;
    }
  }
};

// A phase in units of 2^-64 turn as turns in [-1/2, 1/2).
RETROGRAD_INLINE double to_turns(std::uint64_t phase) {
  return std::bit_cast<double>(((phase ^ (1ull << 63)) >> 12) | 0x3FF0000000000000ull) - 1.5;
}

inline std::uint64_t fixed_point(double turns) {
  turns -= std::floor(turns);
  return turns < 1.0 ? static_cast<std::uint64_t>(std::ldexp(turns, 64)) : 0;
}

/// The tables of an operator of one row.
template <class T>
RETROGRAD_INLINE void prepare(const FloorParameters& p, std::size_t row, std::size_t index, bool is_modulator,
                              bool is_modulated, OperatorRow& op) {
  using D = Double<T>;
  const FloorOperator& values = p.values.operators[index];
  const double a = values.attack[row] * p.sample_rate, d = values.decay[row] * p.sample_rate,
               r = values.release[row] * p.sample_rate;
  op.gain = values.gain[row];
  op.amount = is_modulator ? op.gain * turns_per_radian : op.gain;
  op.attack = a < 1.0 ? 1.0 : a;
  op.decay = d < 1.0 ? 1.0 : d;
  op.release = r < 1.0 ? 1.0 : r;
  op.sustain = values.sustain[row];
  op.attack_follows = a >= 1.0;
  op.decay_follows = d >= 1.0;
  op.release_follows = r >= 1.0;

  const std::int64_t on = p.gate_on, off = std::max(p.gate_on, p.gate_off);
  const double attack_samples = std::min(std::floor(op.attack), static_cast<double>(off - on));
  op.begin[static_cast<int>(Piece::silence)] = 0;
  op.begin[static_cast<int>(Piece::attack)] = on;
  op.begin[static_cast<int>(Piece::decay)] = on + static_cast<std::int64_t>(attack_samples);
  op.begin[static_cast<int>(Piece::release)] = off;
  op.level = 0.0;
  if (off > on) {
    const bool in_attack = op.begin[static_cast<int>(Piece::decay)] == off;
    const Piece last = in_attack ? Piece::attack : Piece::decay;
    op.level = in_attack ? op.step(last, off - 1) / op.attack
                         : op.sustain + (1.0 - op.sustain) * op.fall<D>(last, op.step(last, off - 1));
  }

  for (int b = 0; b < run_blocks; ++b) {
    op.block_weight[static_cast<int>(Piece::silence)][b] = 0.0f;
    op.block_weight[static_cast<int>(Piece::attack)][b] = static_cast<float>(b * lanes);
  }
  for (int l = 0; l < lanes; ++l) {
    op.lane_weight[static_cast<int>(Piece::silence)][l] = 0.0;
    op.lane_weight[static_cast<int>(Piece::attack)][l] = 1.0;
  }
  for (const Piece piece : {Piece::decay, Piece::release}) {
    const double rate = op.rate(piece);
    float* __restrict over_blocks = op.block_weight[static_cast<int>(piece)];
    double* __restrict over_lanes = op.lane_weight[static_cast<int>(piece)];
    for (int b = 0; b < run_blocks; ++b)
      over_blocks[b] =
          static_cast<float>(static_cast<double>(math::decay_exp2(D(rate * static_cast<double>(b * lanes)))));
    for (int l = 0; l < lanes; ++l)
      over_lanes[l] = static_cast<double>(math::decay_exp2(D(rate * static_cast<double>(l))));
  }

  if (p.values.pitch.empty()) {
    // A tape multiplies signals with floats.
    op.turns_per_pitch = static_cast<double>(static_cast<float>(values.ratio[row])) / p.sample_rate;
    return;
  }
  op.increment =
      fixed_point(std::fmod(p.values.pitch[row] * values.ratio[row], p.sample_rate) / p.sample_rate);
  for (int l = 0; l < lanes; ++l) op.lane_phase[l] = op.increment * static_cast<std::uint64_t>(l);
  for (int b = 0; b < run_blocks; ++b) {
    const std::uint64_t phase = op.increment * static_cast<std::uint64_t>(b * lanes);
    op.block_phase[b] = static_cast<std::uint32_t>(phase >> 32) & ~1u;
    if (is_modulated) continue;
    op.block_sine[b] = static_cast<float>(static_cast<double>(math::sin_turns(D(to_turns(phase)))));
    op.block_cosine[b] = static_cast<float>(static_cast<double>(math::cos_turns(D(to_turns(phase)))));
  }
}

/// One operator in one run.
struct OperatorRun {
  alignas(64) float scale[lanes], shift[lanes];
  alignas(64) float sine[lanes], cosine[lanes];  ///< of the phase, of an operator that nobody modulates
  alignas(64) std::uint32_t phase[lanes];        ///< of one that is modulated; odd, see turns_of()
  const float* weight;                           ///< [blocks of the run]
  const float* block_sine;
  const float* block_cosine;
  const std::uint32_t* block_phase;
  const float* anchor;  ///< of a varying pitch: the phase in turns at each block's beginning
  float turns_per_pitch;
  Piece piece;
  double step, fall;  ///< of the run's first sample
};

inline constexpr float edge_weight = 1.0f;  // of a block with an edge inside, a run of its own

/// The lanes of a run that begins at sample `n`. In a block with an edge inside (`has_edge`) the envelope is
/// computed sample by sample.
template <class T, bool IsModulated, bool Varies>
RETROGRAD_INLINE void start_run(const OperatorRow& op, std::int64_t n, bool has_edge, OperatorRun& run) {
  using D = Double<T>;
  const Piece piece = op.piece_at(n);
  run.piece = piece;
  run.weight = op.block_weight[static_cast<int>(piece)];
  if (has_edge) {
    run.weight = &edge_weight;
    for (int l = 0; l < lanes; ++l) {
      run.scale[l] = static_cast<float>(op.amount * op.envelope<D>(n + l));
      run.shift[l] = 0.0f;
    }
  } else {
    run.step = op.step(piece, n);
    run.fall = 1.0;
    double scale = 0.0, shift = 0.0, slope = 0.0;
    switch (piece) {
      case Piece::attack:
        scale = slope = op.amount / op.attack;
        shift = slope * run.step;
        break;
      case Piece::decay:
        run.fall = op.fall<D>(piece, run.step);
        scale = op.amount * (1.0 - op.sustain) * run.fall;
        shift = op.amount * op.sustain;
        break;
      case Piece::release:
        run.fall = op.fall<D>(piece, run.step);
        scale = op.amount * op.level * run.fall;
        break;
      default:
        break;
    }
    const double* __restrict weight = op.lane_weight[static_cast<int>(piece)];
    for (int l = 0; l < lanes; ++l) {
      run.scale[l] = static_cast<float>(scale * weight[l]);
      run.shift[l] = static_cast<float>(shift + slope * static_cast<double>(l));
    }
  }
  if constexpr (Varies) {
    run.turns_per_pitch = static_cast<float>(op.turns_per_pitch);
  } else {
    const std::uint64_t start = op.increment * static_cast<std::uint64_t>(n);
    if constexpr (IsModulated) {
      for (int l = 0; l < lanes; ++l)
        run.phase[l] = static_cast<std::uint32_t>((start + op.lane_phase[l]) >> 32) | 1u;
      run.block_phase = op.block_phase;
    } else {
      for (int l = 0; l < lanes; ++l) {
        const D turns = to_turns(start + op.lane_phase[l]);
        run.sine[l] = static_cast<float>(static_cast<double>(math::sin_turns(turns)));
        run.cosine[l] = static_cast<float>(static_cast<double>(math::cos_turns(turns)));
      }
      run.block_sine = op.block_sine;
      run.block_cosine = op.block_cosine;
    }
  }
}

}  // namespace retrograd::tool::floor_detail
