#include <retrograd/backends/cpu/live_rows.hpp>
#include <retrograd/nodes/all.hpp>

#include <algorithm>
#include <string_view>

namespace retrograd::cpu {

namespace {

template <class N>
bool keeps_time(const N& node, const Shape& y) {
  if constexpr (requires { node.axis; })
    return node.axis < y.axes() - 1;
  else
    return true;  // where the lengths are the same
}

bool takes_adjoint(const Plan& plan, const PlanNode& node, std::size_t input) {
  return plan.nodes[static_cast<std::size_t>(node.inputs[input])].trainable;
}

}  // namespace

std::optional<std::vector<RowSource>> sources_of_rows(const Plan& plan, const PlanNode& node) {
  if (node.type->kind != NodeKind::whole || node.type->own_kernels != nullptr) return std::nullopt;
  // The map of the elements is that of the rows when every row is one sample long.
  std::vector<TensorView> inputs;
  for (const int input : node.inputs) {
    const Shape& shape = plan.nodes[static_cast<std::size_t>(input)].shape;
    if (shape.length() != node.shape.length()) return std::nullopt;
    inputs.push_back({nullptr, shape.with_length(1), ElementType::f32});
  }
  std::optional<std::vector<RowSource>> sources;
  for_each_node(WholeNodes(), [&]<class N>() {
    if constexpr (std::is_base_of_v<Rearrange<N>, N>) {
      if (std::string_view(N::name) != node.type->name) return;
      const N& rearranges = *static_cast<const N*>(node.data);
      if (!keeps_time(rearranges, node.shape)) return;
      sources.emplace(static_cast<std::size_t>(node.shape.rows()));
      rearranges.for_each_run(inputs, node.shape.with_length(1), [&](const Run& run) {
        for (std::int64_t i = 0; i < run.count; ++i)
          (*sources)[static_cast<std::size_t>(run.to + i)] = {run.input, run.from + i * run.stride};
      });
    }
  });
  return sources;
}

bool rearranges(const PlanNode& node) {
  bool does = false;
  for_each_node(WholeNodes(), [&]<class N>() {
    if constexpr (std::is_base_of_v<Rearrange<N>, N>)
      does = does || (node.type->own_kernels == nullptr && std::string_view(N::name) == node.type->name);
  });
  return does;
}

LiveRows::LiveRows(const Plan& plan, int node, Storage& storage, std::vector<RowSource> sources)
    : plan_(plan),
      node_(plan.nodes[static_cast<std::size_t>(node)]),
      index_(node),
      storage_(storage),
      sources_(std::move(sources)) {}

void LiveRows::play(std::int64_t from, std::int64_t to, std::int64_t buffer_start) {
  const std::int64_t length = node_.shape.length(), first = from - buffer_start;
  float* y = static_cast<float*>(storage_.value_data(index_)) + first;
  for (const RowSource& source : sources_) {
    const float* x = static_cast<const float*>(storage_.value_data(node_.inputs[source.input]));
    std::copy_n(x + source.row * length + first, to - from, y);
    y += length;
  }
}

void LiveRows::prepare_rewind(std::vector<bool>& has_adjoint) {
  is_reached_ = has_adjoint[static_cast<std::size_t>(index_)] && node_.trainable;
  if (!is_reached_) return;
  storage_.adjoint(index_);
  for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
    if (!takes_adjoint(plan_, node_, i)) continue;
    storage_.adjoint(node_.inputs[i]);
    has_adjoint[static_cast<std::size_t>(node_.inputs[i])] = true;
  }
}

void LiveRows::rewind() {
  if (!is_reached_) return;
  const std::int64_t length = node_.shape.length();
  const float* gy = storage_.adjoint(index_).as<float>().data();
  for (const RowSource& source : sources_) {
    if (takes_adjoint(plan_, node_, source.input)) {
      float* gx = storage_.adjoint(node_.inputs[source.input]).as<float>().data() + source.row * length;
      for (std::int64_t n = 0; n < length; ++n) gx[n] += gy[n];
    }
    gy += length;
  }
}

}  // namespace retrograd::cpu
