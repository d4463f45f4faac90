// Pointwise nodes, copies and reductions on the device.
#pragma once

#include <retrograd/backends/cuda/lanes.hpp>
#include <retrograd/nodes/all.hpp>

namespace retrograd::cuda {

/// How node N runs on a tile; what is here is for the pointwise ones, causal nodes and reductions specialise it. A causal
/// node's says besides what it keeps for each row (State; Carry, what its adjoint carries from tile to tile: each
/// trivially copyable, all zeros at first), what moves its state (Moves), and in which unit.
template <class N>
struct OnLanes {
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void forward(const Lanes& lanes) {
    run_forward<Real>(lanes, std::make_index_sequence<static_cast<std::size_t>(N::inputs)>());
  }
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes) {
    run_adjoint<Real>(lanes, std::make_index_sequence<static_cast<std::size_t>(N::inputs)>());
  }

 private:
  template <class Real, class Lanes, std::size_t... I>
  RETROGRAD_INLINE static void run_forward(const Lanes& lanes, std::index_sequence<I...>) {
    const N node = lanes.template node<N>();
    const Input<Real> x[] = {lanes.input(1 + static_cast<int>(I))...};
    Real* y = lanes.output(0);
    put_samples(lanes, y, [&](int i) { return node.forward(x[I].sample(i)...); });
  }
  template <class Real, class Lanes, std::size_t... I>
  RETROGRAD_INLINE static void run_adjoint(const Lanes& lanes, std::index_sequence<I...>) {
    const N node = lanes.template node<N>();
    const Input<Real> gy = lanes.input(0), y = lanes.input(1);
    const Input<Real> x[] = {lanes.input(2 + static_cast<int>(I))...};
    give<Real, sizeof...(I)>(lanes, 2 + static_cast<int>(sizeof...(I)), 0, [&](int i) {
      return node.adjoint(gy.sample(i), y.sample(i), x[I].sample(i)...);
    });
  }
};

/// gx = x or gx += x: the adjoint of a node that passes it through.
struct CopyOnLanes {
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void run(const Lanes& lanes) {
    const Input<Real> x = lanes.input(0);
    if (lanes.step.mode[0] != AdjointMode::accumulate) {
      give<Real, 1>(lanes, 1, 0, [&](int i) { return std::array<Real, 1>{x.sample(i)}; });
      return;
    }
    Real* gx = lanes.output(1);
    put_samples(lanes, gx, [&](int i) { return gx[i] + x.sample(i); });
  }
};

template <>
struct OnLanes<SumOverTime> {
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void forward(const Lanes& lanes) {
    const Input<Real> x = lanes.input(1);
    double* tiles = lanes.stage.reduced_tiles +
                    (lanes.step.reduction * lanes.stage.rows + lanes.row) * lanes.stage.sum_tiles +
                    lanes.start / math::sum_tile;
    for (int tile = 0; tile < lanes.sum_tiles(); ++tile) {
      Real sum = Real(-0.0);
      for_each_sample_of_sum(lanes, tile, 0, lanes.count, [&](int i) { sum = sum + x.sample(i); });
      const Real all = lanes.block.sum_of_lanes(sum);
      if (lanes.block.thread() == 0) tiles[tile] = static_cast<double>(all);
    }
  }
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void adjoint(const Lanes&) {}  // every sample's adjoint is the sum's: a copy
};

template <>
struct OnLanes<MaximumOverTime> {
  /// The first of the largest; the first NaN, where there is one.
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void forward(const Lanes& lanes) {
    const Input<Real> x = lanes.input(1);
    LargestOfTile largest{0.0, -1};
    for_each_sample(lanes, [&](int i) {
      take(largest, {static_cast<double>(x.sample(i)), lanes.start + i});
    });
    lanes.block.barrier();
    LargestOfTile* of_thread = reinterpret_cast<LargestOfTile*>(lanes.work);
    largest = of_all(lanes.block, of_thread, largest);
    if (lanes.block.thread() == 0)
      lanes.stage.largest_tiles[(lanes.step.reduction * lanes.stage.rows + lanes.row) * lanes.stage.tiles +
                                lanes.start / lanes.stage.tile] = largest;
    lanes.block.barrier();
  }
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes) {
    const Real gy = lanes.input(0).sample(0);
    const std::int64_t largest =
        lanes.stage.largest_index[lanes.step.reduction * lanes.stage.rows + lanes.row] - lanes.start;
    give<Real, 1>(lanes, 3, 0, [&](int i) { return std::array<Real, 1>{i == largest ? gy : Real(0.0)}; });
  }

  /// That of all threads, for thread 0; `of_thread` is room for one of each.
  template <class Block>
  RETROGRAD_INLINE static LargestOfTile of_all(Block& block, LargestOfTile* of_thread,
                                               LargestOfTile largest) {
    of_thread[block.thread()] = largest;
    for (int half = threads / 2; half > 0; half /= 2) {
      block.barrier();
      if (block.thread() >= half) continue;
      take(largest, of_thread[block.thread() + half]);
      of_thread[block.thread()] = largest;
    }
    return largest;
  }

  RETROGRAD_INLINE static void take(LargestOfTile& largest, const LargestOfTile& other) {
    if (other.index < 0) return;
    const bool is_nan = other.value != other.value, was_nan = largest.value != largest.value;
    const bool is_earlier = other.index < largest.index;
    const bool replaces =
        largest.index < 0 || (is_nan && (!was_nan || is_earlier)) ||
        (!was_nan && (other.value > largest.value || (other.value == largest.value && is_earlier)));
    if (replaces) largest = other;
  }
};

}  // namespace retrograd::cuda
