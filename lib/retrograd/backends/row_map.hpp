// Which row of a smaller value each row of a stage uses, and back: the rows that share one.
#pragma once

#include <retrograd/tensor/shape.hpp>

#include <vector>

namespace retrograd {

class RowMap {
 public:
  /// `shape` broadcasts to `target`; elements of both are counted along all axes.
  RowMap(const Shape& shape, const Shape& target);

  std::int64_t source(std::int64_t target) const {
    return identical_ ? target : source_[static_cast<std::size_t>(target)];
  }

  /// sums[source] += the sum of `values` over the targets that use it, in the fixed order of sums. `work` has
  /// room for as many values as there are targets.
  void add_sums(const double* values, double* sums, double* work) const;

  /// The targets that use `source`, ascending.
  std::int64_t users(std::int64_t source) const {
    if (identical_) return 1;
    return first_[static_cast<std::size_t>(source) + 1] - first_[static_cast<std::size_t>(source)];
  }
  std::int64_t user(std::int64_t source, std::int64_t i) const {
    return identical_ ? source
                      : user_[static_cast<std::size_t>(first_[static_cast<std::size_t>(source)] + i)];
  }
  std::int64_t sources() const { return sources_; }

 private:
  bool identical_;  ///< every target has a source of its own: no table is needed
  std::int64_t sources_;
  std::vector<std::int64_t> source_, first_, user_;
};

}  // namespace retrograd
