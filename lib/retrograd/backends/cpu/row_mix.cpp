#include <retrograd/backends/cpu/row_mix.hpp>
#include <retrograd/math/ordered_sum.hpp>
#include <retrograd/math/simd.hpp>

#include <algorithm>

namespace retrograd::cpu {

namespace {

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

template <class Real>
struct AddRowsCall {
  const Real* from;
  std::int64_t stride;
  const std::int64_t* rows;
  std::size_t row_count;
  const RowAddition* additions;
  std::size_t addition_count;
  const double* total;
  Real* to;
  std::int64_t count;
  double* work;  // 16 samples for each row
};

struct AddRows {
  template <class T>
  RETROGRAD_INLINE static void run(const AddRowsCall<math::real_t<T>>& call) {
    std::int64_t start = 0;
    for (; start + math::block <= call.count; start += math::block) add<T, true>(call, start);
    if (start < call.count) add<T, false>(call, start);
  }

 private:
  template <class T, bool is_whole_block>
  RETROGRAD_INLINE static void add(const AddRowsCall<math::real_t<T>>& call, std::int64_t start) {
    const int count = is_whole_block ? math::block : static_cast<int>(call.count - start);
    using Real = math::real_t<T>;
    for (std::size_t i = 0; i < call.row_count; ++i) {
      const Real* x = call.from + call.rows[i] * call.stride + start;
      double* place = call.work + i * math::block;
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < count; ++l) place[l] = static_cast<double>(x[l]);
    }
    for (std::size_t i = 0; i < call.addition_count; ++i) {
      double* to = call.work + call.additions[i].to * math::block;
      const double* from = call.work + call.additions[i].from * math::block;
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < count; ++l) to[l] = to[l] + from[l];
    }
    RETROGRAD_INDEPENDENT_LANES
    for (int l = 0; l < count; ++l) call.to[start + l] = static_cast<Real>(call.total[l] + 0.0);
  }
};

}  // namespace

RowMix::RowMix(const Shape& y, const Shape& x)
    : rows_(y.with_length(1), x.with_length(1)), sums_(static_cast<std::size_t>(rows_.sources())) {
  std::size_t first = 0, most = 0;
  for (std::size_t s = 0; s < sums_.size(); ++s) {
    sums_[s].first = first;
    const auto rows = static_cast<std::size_t>(rows_.users(static_cast<std::int64_t>(s)));
    first += rows;
    most = std::max(most, rows);
  }
  chosen_.resize(first);
  additions_.resize(first);
  terms_.resize(most);
  work_ = most * math::block;
  choose(std::vector<char>(static_cast<std::size_t>(x.rows()), char{1}));
}

void RowMix::choose(const std::vector<char>& is_chosen) {
  for (std::size_t s = 0; s < sums_.size(); ++s) {
    Sum& sum = sums_[s];
    sum.rows = sum.additions = 0;
    const std::int64_t users = rows_.users(static_cast<std::int64_t>(s));
    for (std::int64_t i = 0; i < users; ++i) {
      const std::int64_t row = rows_.user(static_cast<std::int64_t>(s), i);
      const bool takes_part = is_chosen[static_cast<std::size_t>(row)] != 0;
      terms_[static_cast<std::size_t>(i)] = takes_part ? static_cast<std::int32_t>(sum.rows) : -1;
      if (takes_part) chosen_[sum.first + sum.rows++] = row;
    }
    sum.total = math::for_each_addition(terms_.data(), users, [&](std::int32_t to, std::int32_t from) {
      additions_[sum.first + sum.additions++] = {to, from};
    });
  }
}

template <class Real>
void RowMix::add(std::int64_t s, const Real* from, std::int64_t stride, Real* to, std::int64_t count,
                 double* work) const {
  const Sum& sum = sums_[static_cast<std::size_t>(s)];
  if (sum.total < 0) {
    std::fill_n(to, count, Real(0.0));
    return;
  }
  math::Kernel<AddRows, Real>::at(math::simd_level())(
      {from, stride, chosen_.data() + sum.first, sum.rows, additions_.data() + sum.first, sum.additions,
       work + static_cast<std::size_t>(sum.total) * math::block, to, count, work});
}

template void RowMix::add(std::int64_t, const float*, std::int64_t, float*, std::int64_t, double*) const;
template void RowMix::add(std::int64_t, const double*, std::int64_t, double*, std::int64_t, double*) const;

}  // namespace retrograd::cpu
