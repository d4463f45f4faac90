// What a causal node or a reduction sees of one tile.
//
// A causal node comes in one of two forms:
//
// Sample by sample, for any recurrence (the form for a user's own node):
//
//     template <class T> struct State { T y{}; };
//
//     // s: the state before the sample, to be replaced by the state after it
//     template <class T> T forward(State<T>& s, T x) const;
//
//     // s: the state before the sample; gs: the adjoint of the state after it, to be replaced by that before
//     template <class T> std::array<T, 1> adjoint(State<T>& gs, const State<T>& s, T gy, T x) const;
//
// Tile by tile, for recurrences with a closed form that vectorises (phase, ADSR, cumulative sum):
//
//     struct State { ... };                        // 16 bytes or less
//     template <class Real> struct Carry { ... };  // what the adjoint carries from a tile to the one before
//     template <class T> void forward(const Tile<real_t<T>>& tile, State& s) const;
//     template <class T> void adjoint(const Tile<real_t<T>>& tile, const State& s,
//                                     Carry<real_t<T>>& carry) const;
//
//     // the same recurrence sample by sample, on any scalar: gradcheck's
//     template <class T> void trace(const T* const* x, T* y, std::int64_t count) const;
#pragma once

#include <retrograd/math/ordered_sum.hpp>
#include <retrograd/tape/plan.hpp>

namespace retrograd {

using math::real_t;

/// The samples of one value in a tile: 16 at `data`, the next 16 `step` elements on. A constant over time has
/// step 0, 16 equal lanes, and its exact value in `constant`.
struct Operand {
  void* data = nullptr;
  std::ptrdiff_t step = 0;
  double constant = 0.0;
};

template <class Real>
struct Input {
  const Real* data = nullptr;
  std::ptrdiff_t step = 0;
  double constant = 0.0;
  bool is_constant() const { return step == 0; }
  RETROGRAD_INLINE const Real* block(int b) const { return data + b * step; }
  RETROGRAD_INLINE Real sample(int i) const { return block(i / math::block)[i % math::block]; }
};

/// What to do with an input's adjoint: overwrite or add to `data`, or add its terms to `sum`.
template <class Real>
struct Target {
  AdjointMode mode = AdjointMode::none;
  Real* data = nullptr;
  math::SumOverTime<Real>* sum = nullptr;
};

template <class Real>
struct Tile {
  static constexpr int max_inputs = 5;
  static constexpr int max_samples = 1024;

  std::int64_t start = 0;  ///< of the tile in the signal, a multiple of 128
  int count = 0;           ///< samples in the tile; slots hold the next multiple of 16
  bool is_last = false;    ///< the row ends with this tile
  Real* y = nullptr;       ///< forward only
  Input<Real> gy;          ///< adjoint only
  Input<Real> x[max_inputs];
  Target<Real> gx[max_inputs];  ///< adjoint only

  int blocks() const { return (count + math::block - 1) / math::block; }
};

/// Puts the adjoint of one input where its target wants it: `term(b, l)` is that of sample 16*b + l of the
/// tile.
template <class T, class Term>
RETROGRAD_INLINE void give(const Target<real_t<T>>& target, const Tile<real_t<T>>& tile, const Term& term) {
  switch (target.mode) {
    case AdjointMode::none:
      break;
    case AdjointMode::sum:
      math::add_tile<T>(*target.sum, tile.start, tile.count, term);
      break;
    case AdjointMode::overwrite:
      for (int b = 0; b < tile.blocks(); ++b) {
        real_t<T>* __restrict gx = target.data + b * math::block;
        for (int l = 0; l < math::block; ++l) gx[l] = term(b, l);
      }
      break;
    case AdjointMode::accumulate:
      for (int b = 0; b < tile.blocks(); ++b) {
        real_t<T>* __restrict gx = target.data + b * math::block;
        for (int l = 0; l < math::block; ++l) gx[l] = gx[l] + term(b, l);
      }
      break;
  }
}

}  // namespace retrograd
