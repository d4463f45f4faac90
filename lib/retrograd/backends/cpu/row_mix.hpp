// Adds up rows, sample by sample, in the fixed order of sums over rows (math/ordered_sum.hpp).
#pragma once

#include <retrograd/backends/row_map.hpp>

#include <cstdint>
#include <vector>

namespace retrograd::cpu {

/// One addition: of what is in place `from` to what is in place `to`.
struct RowAddition {
  std::int32_t to, from;
};

class RowMix {
 public:
  /// The rows of `x` that each row of `y` is the sum of; `y` broadcasts to `x`. All of them are added until choose().
  RowMix(const Shape& y, const Shape& x);

  /// Adds only rows of which is_chosen[row] is true: the sum has the same bits as if the others were all zeros.
  /// Allocates nothing.
  void choose(const std::vector<char>& is_chosen);

  std::int64_t sums() const { return rows_.sources(); }
  /// Row `sum` of `y`: `count` samples at `to`, of the rows at `from`, which are `stride` apart. Calls for other samples
  /// may run at the same time, each with its own `work`.
  template <class Real>
  void add(std::int64_t sum, const Real* from, std::int64_t stride, Real* to, std::int64_t count,
           double* work) const;
  /// How many doubles of work space that needs.
  std::size_t work() const { return work_; }

 private:
  struct Sum {
    std::size_t first, rows;  // in rows_of_, and in additions_ beside them
    std::size_t additions;
    std::int32_t total;  // the place where all of it is at last; -1: of no rows
  };

  RowMap rows_;
  std::vector<Sum> sums_;
  std::vector<std::int64_t> chosen_;  // rows of x, a place each
  std::vector<RowAddition> additions_;
  std::vector<std::int32_t> terms_;
  std::size_t work_;
};

}  // namespace retrograd::cpu
