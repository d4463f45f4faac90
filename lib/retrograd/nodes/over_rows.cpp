#include <retrograd/math/ordered_sum.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/maximum_over_rows.hpp>
#include <retrograd/nodes/maximum_over_time.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/nodes/sum_over_time.hpp>

#include <algorithm>

namespace retrograd {

namespace {

// Room for the values while they are summed.
struct SumMemory : WholeMemory {
  std::size_t bytes() const override { return values.size() * sizeof(double); }
  std::vector<double> values;
};

std::span<const double> values_of(const TensorView& view) { return view.as<double>(); }

// A NaN counts as the largest.
std::size_t first_largest(std::span<const double> x) {
  std::size_t largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] != x[i]) return i;
    if (x[i] > x[largest]) largest = i;
  }
  return largest;
}

double& only_element(const MutableView& view) { return *static_cast<double*>(view.data); }

}  // namespace

std::unique_ptr<WholeMemory> SumOverRows::make_memory(const WholeCall& call) const {
  auto memory = std::make_unique<SumMemory>();
  memory->values.resize(static_cast<std::size_t>(call.x[0].shape.elements()));
  return memory;
}

void SumOverRows::forward(const WholeCall& call) const {
  const auto x = values_of(call.x[0]);
  std::vector<double>& values = static_cast<SumMemory*>(call.memory)->values;
  std::copy(x.begin(), x.end(), values.begin());
  only_element(call.y) = math::ordered_sum(values.data(), static_cast<std::int64_t>(values.size()));
}

void SumOverRows::adjoint(const WholeCall& call) const {
  auto* gx = static_cast<double*>(call.gx[0].data);
  for (std::int64_t i = 0; i < call.gx[0].shape.elements(); ++i) gx[i] += call.gy.at(0);
}

void SumOverRows::tangent(const WholeCall& call) const {
  WholeCall along = call;
  along.x = call.dx;
  forward(along);
}

void MaximumOverRows::forward(const WholeCall& call) const {
  const auto x = values_of(call.x[0]);
  only_element(call.y) = x[first_largest(x)];
}

void MaximumOverRows::adjoint(const WholeCall& call) const {
  static_cast<double*>(call.gx[0].data)[first_largest(values_of(call.x[0]))] += call.gy.at(0);
}

void MaximumOverRows::tangent(const WholeCall& call) const {
  only_element(call.y) = values_of(call.dx[0])[first_largest(values_of(call.x[0]))];
}

Var mean_over_time(Var x) { return sum_over_time(x) * (1.0 / static_cast<double>(x.shape().length())); }

Var sum(Var x) {
  const std::array inputs{sum_over_time(x)};
  return whole(SumOverRows{}, inputs, Shape{1});
}

Var mean(Var x) { return sum(x) * (1.0 / static_cast<double>(x.shape().elements())); }

Var maximum(Var x) {
  const std::array inputs{maximum_over_time(x)};
  return whole(MaximumOverRows{}, inputs, Shape{1});
}

}  // namespace retrograd
