#include <retrograd/backends/row_map.hpp>
#include <retrograd/math/ordered_sum.hpp>

namespace retrograd {

RowMap::RowMap(const Shape& shape, const Shape& target) : identical_(shape.elements() == target.elements()) {
  const auto sources = static_cast<std::size_t>(shape.elements()),
             targets = static_cast<std::size_t>(target.elements());
  sources_ = shape.elements();
  if (identical_) return;
  const BroadcastIndex index(shape, target);
  source_.resize(targets);
  first_.assign(sources + 1, 0);
  for (std::size_t i = 0; i < targets; ++i) {
    source_[i] = index(static_cast<std::int64_t>(i));
    ++first_[static_cast<std::size_t>(source_[i]) + 1];
  }
  for (std::size_t s = 0; s < sources; ++s) first_[s + 1] += first_[s];
  user_.resize(targets);
  std::vector<std::int64_t> next(first_.begin(), first_.end() - 1);
  for (std::size_t i = 0; i < targets; ++i)
    user_[static_cast<std::size_t>(next[static_cast<std::size_t>(source_[i])]++)] =
        static_cast<std::int64_t>(i);
}

void RowMap::add_sums(const double* values, double* sums, double* work) const {
  for (std::int64_t s = 0; s < sources(); ++s) {
    const std::int64_t count = users(s);
    for (std::int64_t i = 0; i < count; ++i) work[i] = values[user(s, i)];
    sums[s] += math::ordered_sum(work, count);
  }
}

}  // namespace retrograd
