// Concat, stack, slice, reshape and broadcast_to: elements are moved, and added back along the same map.
#pragma once

#include <retrograd/backends/cuda/elements.hpp>
#include <retrograd/backends/cuda/kernel_list.hpp>

namespace retrograd::cuda {

/// Runs of elements (nodes/rearrange.hpp) of one input, evenly apart: run r takes `count` elements from
/// from + r*from_step on, `stride` apart, to to + r*to_step and after.
struct RunFamily {
  std::int64_t first;  ///< elements of the families before
  std::int64_t count, stride, from, from_step, to, to_step;
};

/// The families of one input.
struct RunFamilies {
  const RunFamily* families;
  int count;
  std::int64_t elements;

  /// visit(from, to) for element `i` of all of them.
  template <class Visit>
  RETROGRAD_ANYWHERE void find(std::int64_t i, const Visit& visit) const {
    int low = 0, high = count;  // families[low].first <= i < families[high].first
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (families[middle].first <= i)
        low = middle;
      else
        high = middle;
    }
    const RunFamily& family = families[low];
    const std::int64_t run = (i - family.first) / family.count;
    const std::int64_t in_run = (i - family.first) - run * family.count;
    visit(family.from + run * family.from_step + in_run * family.stride,
          family.to + run * family.to_step + in_run);
  }
};

template <class X, class Y>
struct MoveElements {
  static constexpr const char* name = "move_elements";
  struct Arguments {
    RunFamilies runs;
    const X* x;
    Y* y;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    for_each_element(block, a.runs.elements, [&](std::int64_t i) {
      a.runs.find(i, [&](std::int64_t from, std::int64_t to) { a.y[to] = static_cast<Y>(a.x[from]); });
    });
  }
};

/// Where each element goes to one place.
template <class X, class Y>
struct AddBack {
  static constexpr const char* name = "add_back";
  struct Arguments {
    RunFamilies runs;
    X* gx;
    const Y* gy;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    for_each_element(block, a.runs.elements, [&](std::int64_t i) {
      a.runs.find(i, [&](std::int64_t from, std::int64_t to) { a.gx[from] += static_cast<X>(a.gy[to]); });
    });
  }
};

/// Where whole rows are repeated: what comes back is added in the order of the rows.
template <class X, class Y>
struct AddRepeatedRows {
  static constexpr const char* name = "add_repeated_rows";
  struct Arguments {
    SharedRows rows;
    std::int64_t elements, length;
    X* gx;
    const Y* gy;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    for_each_element(block, a.elements, [&](std::int64_t i) {
      const std::int64_t row = i / a.length, n = i - row * a.length;
      X sum = a.gx[i];
      a.rows.for_each(row, [&](std::int64_t of_y) { sum += static_cast<X>(a.gy[of_y * a.length + n]); });
      a.gx[i] = sum;
    });
  }
};

/// Where an element is repeated over time, and in several rows: what comes back is added sample by sample, row by
/// row. A block an element: all its threads read, one adds.
template <class X, class Y>
struct AddRepeatedElements {
  static constexpr const char* name = "add_repeated_elements";
  static constexpr int tile = 1024;
  static constexpr std::size_t shared_bytes = tile * sizeof(X);
  struct Arguments {
    SharedRows rows;
    std::int64_t length;
    X* gx;
    const Y* gy;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    X* terms = reinterpret_cast<X*>(block.shared());
    X sum = a.gx[block.index()];
    a.rows.for_each(block.index(), [&](std::int64_t row) {
      for (std::int64_t start = 0; start < a.length; start += tile) {
        const int count = static_cast<int>(a.length - start < tile ? a.length - start : tile);
        block.barrier();  // the tile before was read
        for (int i = block.thread(); i < count; i += threads)
          terms[i] = static_cast<X>(a.gy[row * a.length + start + i]);
        block.barrier();
        if (block.thread() == 0)
          for (int i = 0; i < count; ++i) sum += terms[i];
      }
    });
    if (block.thread() == 0) a.gx[block.index()] = sum;
  }
};

template <class X, class Y>
using RearrangeKernelsOf =
    KernelList<MoveElements<X, Y>, AddBack<X, Y>, AddRepeatedRows<X, Y>, AddRepeatedElements<X, Y>>;
using RearrangeKernels =
    JoinedLists<RearrangeKernelsOf<float, float>, RearrangeKernelsOf<float, double>,
                RearrangeKernelsOf<double, float>, RearrangeKernelsOf<double, double>>::type;

}  // namespace retrograd::cuda
