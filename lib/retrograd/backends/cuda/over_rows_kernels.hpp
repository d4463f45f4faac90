// The sum and the maximum over the rows of values constant over time, one block each: rows are few. And the mix, the sum
// over rows that keeps time: a sample a thread.
#pragma once

#include <retrograd/backends/cuda/elements.hpp>
#include <retrograd/backends/cuda/kernel_list.hpp>

namespace retrograd::cuda {

struct SumRows {
  static constexpr const char* name = "sum_rows";
  struct Arguments {
    const double* x;
    std::int64_t count;
    double* work;  ///< for ordered_sum()
    double* y;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const double sum = ordered_sum(block, a.count, a.work, [&](std::int64_t i) { return a.x[i]; });
    if (block.thread() == 0) *a.y = sum;
  }
};

struct AddToAllRows {
  static constexpr const char* name = "add_to_all_rows";
  struct Arguments {
    const double* gy;
    double* gx;
    std::int64_t count;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    for_each_element(block, a.count, [&](std::int64_t i) { a.gx[i] += *a.gy; });
  }
};

/// What the block has of shared memory for first_largest().
struct Largest {
  double x[threads];
  std::int64_t at[threads];
};

/// Where the first of the largest is. A NaN counts as the largest. Every thread gets it.
template <class Block>
RETROGRAD_ANYWHERE std::int64_t first_largest(Block& block, const double* x, std::int64_t count) {
  // From a to b, of which a has the lower index where both are as large: whether b is the first largest.
  const auto is_larger = [](double a, std::int64_t at_a, double b, std::int64_t at_b) {
    const bool a_is_nan = a != a, b_is_nan = b != b;
    if (a_is_nan || b_is_nan) return b_is_nan && (!a_is_nan || at_b < at_a);
    return b > a || (b == a && at_b < at_a);
  };
  auto& found = *reinterpret_cast<Largest*>(block.shared());
  const int thread = block.thread();
  std::int64_t at = thread < count ? thread : 0;
  for (std::int64_t i = thread; i < count; i += threads)
    if (is_larger(x[at], at, x[i], i)) at = i;
  found.x[thread] = x[at];
  found.at[thread] = at;
  block.barrier();
  for (int step = threads / 2; step > 0; step /= 2) {
    if (thread < step &&
        is_larger(found.x[thread], found.at[thread], found.x[thread + step], found.at[thread + step])) {
      found.x[thread] = found.x[thread + step];
      found.at[thread] = found.at[thread + step];
    }
    block.barrier();
  }
  return found.at[0];
}

struct LargestRow {
  static constexpr const char* name = "largest_row";
  struct Arguments {
    const double* x;
    std::int64_t count;
    double* y;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t at = first_largest(block, a.x, a.count);
    if (block.thread() == 0) *a.y = a.x[at];
  }
};

struct AddToLargestRow {
  static constexpr const char* name = "add_to_largest_row";
  struct Arguments {
    const double* x;
    std::int64_t count;
    const double* gy;
    double* gx;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t at = first_largest(block, a.x, a.count);
    if (block.thread() == 0) a.gx[at] += *a.gy;
  }
};

/// Up to 512 terms in the order of sums (math/ordered_sum.hpp), by one thread: term(i) is a double.
template <class Term>
struct TileOfTerms {
  int present;
  const Term& term;

  RETROGRAD_ANYWHERE double lane(int w) const {
    double sum = -0.0;
    for (int i = w + (math::sum_tile - math::sum_lanes); i >= w; i -= math::sum_lanes)
      if (i < present) sum = sum + term(i);
    return sum;
  }
  /// The lanes w, w + stride, w + 2 stride, ... of 32.
  template <int stride>
  RETROGRAD_INLINE double tree(int w) const {
    if constexpr (stride == 32)
      return lane(w);
    else
      return tree<2 * stride>(w) + tree<2 * stride>(w + stride);
  }
  RETROGRAD_ANYWHERE double sum() const {
    double sum = tree<1>(0);
    for (int group = 32; group < math::sum_lanes && group < present; group += 32) sum = sum + tree<1>(group);
    return sum;
  }
};

/// Adds up `count` rows of X for each of `sums` rows of Y, in tiles of 512 rows: a row of Y for each tile.
template <class X, class Y>
struct MixRows {
  static constexpr const char* name = "mix_rows";
  struct Arguments {
    const X* x;
    const std::int64_t* row_of;  ///< the rows of X, one sum's after the other's; null: as they lie
    Y* y;
    std::int64_t sums, count, tiles, length;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    for_each_element(block, a.sums * a.tiles * a.length, [&](std::int64_t i) {
      const std::int64_t row = i / a.length, n = i - row * a.length;
      const std::int64_t sum = row / a.tiles, tile = row - sum * a.tiles;
      const std::int64_t first = sum * a.count + tile * math::sum_tile,
                         left = a.count - tile * math::sum_tile;
      const auto term = [&](int k) {
        const std::int64_t from = a.row_of == nullptr ? first + k : a.row_of[first + k];
        return static_cast<double>(a.x[from * a.length + n]);
      };
      const TileOfTerms<decltype(term)> terms{static_cast<int>(left < math::sum_tile ? left : math::sum_tile),
                                              term};
      a.y[i] = static_cast<Y>(a.tiles == 1 ? terms.sum() + 0.0 : terms.sum());
    });
  }
};

using OverRowsKernels = KernelList<SumRows, AddToAllRows, LargestRow, AddToLargestRow, MixRows<float, float>,
                                   MixRows<float, double>, MixRows<double, float>, MixRows<double, double>>;

}  // namespace retrograd::cuda
