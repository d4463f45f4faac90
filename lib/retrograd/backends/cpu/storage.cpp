#include <retrograd/backends/cpu/storage.hpp>

#include <algorithm>
#include <cstring>

namespace retrograd::cpu {

namespace {

template <class To>
void convert(const TensorView& from, std::span<To> to) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<To>(from.at(static_cast<std::int64_t>(i)));
}

}  // namespace

void StoredAdjoint::fill(double value) const {
  if (type_ == ElementType::f32)
    std::ranges::fill(as<float>(), static_cast<float>(value));
  else
    std::ranges::fill(as<double>(), value);
}

void StoredAdjoint::assign(const TensorView& source) const {
  if (source.type == type_)
    std::memmove(data_, source.data, static_cast<std::size_t>(shape_.elements()) * bytes_of(type_));
  else if (type_ == ElementType::f32)
    convert(source, as<float>());
  else
    convert(source, as<double>());
}

Storage::Storage(Graph& graph, const Plan& plan, ElementType type)
    : graph_(graph),
      plan_(plan),
      type_(type),
      values_(plan.nodes.size()),
      adjoints_(plan.nodes.size()),
      adjoint_data_(plan.nodes.size(), nullptr) {
  for (std::size_t n = 0; n < plan.nodes.size(); ++n)
    if (plan.nodes[n].stored && plan.nodes[n].type->kind != NodeKind::leaf && plan.nodes[n].value_in.of < 0)
      values_[n] = std::make_unique<Tensor>(plan.nodes[n].shape, type_of(static_cast<int>(n)));
}

Leaf* Storage::leaf(int n) const {
  const int index = node(n).leaf;
  return index < 0 ? nullptr : &graph_.leaves[static_cast<std::size_t>(index)];
}

ElementType Storage::type_of(int n) const { return node(n).signal ? type_ : ElementType::f64; }

TensorView Storage::value(int n) const {
  if (const View& view = node(n).value_in; view.of >= 0) {
    const TensorView whole = value(view.of);
    const auto first = static_cast<std::size_t>(view.at) * bytes_of(whole.type);
    return {static_cast<const std::byte*>(whole.data) + first, node(n).shape, whole.type};
  }
  if (const Leaf* of_leaf = leaf(n)) return of_leaf->value;
  return values_[static_cast<std::size_t>(n)]->view();
}

StoredAdjoint Storage::adjoint(int n) {
  const View& view = node(n).adjoint_in;
  Tensor& memory = own_adjoint(view.of < 0 ? n : view.of);
  void* data =
      static_cast<std::byte*>(memory.data()) + static_cast<std::size_t>(view.at) * bytes_of(memory.type());
  adjoint_data_[static_cast<std::size_t>(n)] = data;
  return {data, node(n).shape, memory.type()};
}

Tensor& Storage::own_adjoint(int n) {
  if (Leaf* of_leaf = leaf(n)) {
    if (!of_leaf->gradient) of_leaf->gradient.emplace(node(n).shape, type_of(n));
    return *of_leaf->gradient;
  }
  std::unique_ptr<Tensor>& own = adjoints_[static_cast<std::size_t>(n)];
  if (own == nullptr) own = std::make_unique<Tensor>(node(n).shape, type_of(n));
  return *own;
}

bool Storage::can_borrow_adjoint(int n, ElementType type) const {
  const int stage = node(n).stage;
  return node(n).signal && type == type_ && stage >= 0 &&
         plan_.stages[static_cast<std::size_t>(stage)].kind == StageKind::tiled;
}

void Storage::borrow_adjoint(int n, const void* data) {
  adjoint_data_[static_cast<std::size_t>(n)] = const_cast<void*>(data);
}

void Storage::return_adjoint(int n) { adjoint(n); }

bool Storage::has_adjoint(int n) const {
  if (node(n).adjoint_in.of >= 0) return has_adjoint(node(n).adjoint_in.of);
  const Leaf* of_leaf = leaf(n);
  return of_leaf != nullptr ? of_leaf->gradient.has_value()
                            : adjoints_[static_cast<std::size_t>(n)] != nullptr;
}

std::uint64_t Storage::version(int n) const {
  const Leaf* of_leaf = leaf(n);
  return of_leaf != nullptr ? of_leaf->version + 1 : 0;
}

std::size_t Storage::bytes() const {
  std::size_t bytes = 0;
  for (const auto* tensors : {&values_, &adjoints_})
    for (const std::unique_ptr<Tensor>& tensor : *tensors)
      if (tensor != nullptr)
        bytes += static_cast<std::size_t>(tensor->shape().elements()) * bytes_of(tensor->type());
  return bytes;
}

}  // namespace retrograd::cpu
