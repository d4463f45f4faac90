// The sums of gradient terms over a row, from those over its runs of blocks.
#pragma once

#include "floor_blocks.hpp"

namespace retrograd::tool::floor_detail {

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

}  // namespace retrograd::tool::floor_detail
