// The loops over a tile of what reads, keeps and gives back earlier samples. Included by kernels.hpp.
#pragma once

#include <retrograd/backends/cpu/tile_call.hpp>
#include <retrograd/nodes/history.hpp>

namespace retrograd::cpu {

template <class Real>
History<Real> history_of(const TileCall& call, int operand) {
  const Operand& at = call.operand(operand);
  return {static_cast<Real*>(at.data), at.step, call.history_begin};
}

template <class N>
struct HistoryForward {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    static_cast<const N*>(call.node)->template forward<T>(forward_tile<N, Real>(call),
                                                          history_of<Real>(call, 1));
  }
};

template <class N>
struct HistoryAdjoint {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    History<Real> gx;
    if (call.modes[0] != AdjointMode::none) gx = history_of<Real>(call, 2 + N::inputs);
    static_cast<const N*>(call.node)->template adjoint<T>(adjoint_tile<N, Real>(call),
                                                          history_of<Real>(call, 2), gx);
  }
};

/// The tile's samples join a history: a ring, or a stored signal that the tile was not written to.
struct Remember {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    const Input<Real> x = input_of<Real>(call.operand(1));
    const History<Real> history = history_of<Real>(call, 0);
    if (x.data == history.data + (call.start & history.mask)) return;
    history.for_each_piece(call.start, call.start + call.count,
                           [&](std::int64_t n, Real* to, std::int64_t count) RETROGRAD_INLINE_LAMBDA {
                             if (x.is_constant())
                               std::fill_n(to, count, x.data[0]);
                             else
                               std::copy_n(x.data + (n - call.start), count, to);
                           });
  }
};

/// What the tile's samples have gained goes to their adjoint; the ring begins anew there.
struct Recall {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    const History<Real> gained = history_of<Real>(call, 0);
    const Target<Real> gx = target_of<Real>(call.operand(1), call.modes[0]);
    alignas(64) Real room[Tile<Real>::max_samples];
    Real* to = gx.mode == AdjointMode::sum ? room : gx.data;
    gained.for_each_piece(call.start, call.start + call.count,
                          [&](std::int64_t n, Real* sums, std::int64_t count) RETROGRAD_INLINE_LAMBDA {
                            Real* at = to + (n - call.start);
                            if (gx.mode == AdjointMode::accumulate) {
                              RETROGRAD_INDEPENDENT_LANES
                              for (std::int64_t i = 0; i < count; ++i)
                                at[i] = at[i] + Real(without_dust(T(sums[i])));
                            } else {
                              RETROGRAD_INDEPENDENT_LANES
                              for (std::int64_t i = 0; i < count; ++i) at[i] = Real(without_dust(T(sums[i])));
                            }
                            std::fill_n(sums, count, Real(0.0));
                          });
    if (gx.mode == AdjointMode::sum) {
      std::fill_n(room + call.count, tile_of<Real>(call).blocks() * math::block - call.count, Real(0.0));
      give<T>(gx, tile_of<Real>(call),
              [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return room[b * math::block + l]; });
    }
  }
};

}  // namespace retrograd::cpu
