#include <retrograd/backends/cpu/storage.hpp>

namespace retrograd::cpu {

Storage::Storage(Graph& graph, const Plan& plan, ElementType type)
    : graph_(graph),
      plan_(plan),
      type_(type),
      values_(plan.nodes.size()),
      adjoints_(plan.nodes.size()),
      adjoint_data_(plan.nodes.size(), nullptr) {
  for (std::size_t n = 0; n < plan.nodes.size(); ++n)
    if (plan.nodes[n].stored && plan.nodes[n].type->kind != NodeKind::leaf)
      values_[n] = std::make_unique<Tensor>(plan.nodes[n].shape, type_of(static_cast<int>(n)));
}

Leaf* Storage::leaf(int n) const {
  const int index = node(n).leaf;
  return index < 0 ? nullptr : &graph_.leaves[static_cast<std::size_t>(index)];
}

ElementType Storage::type_of(int n) const { return node(n).signal ? type_ : ElementType::f64; }

TensorView Storage::value(int n) const {
  if (const Leaf* of_leaf = leaf(n)) return of_leaf->value;
  return values_[static_cast<std::size_t>(n)]->view();
}

Tensor& Storage::adjoint(int n) {
  Tensor* adjoint = nullptr;
  if (Leaf* of_leaf = leaf(n)) {
    if (!of_leaf->gradient) of_leaf->gradient.emplace(node(n).shape, type_of(n));
    adjoint = &*of_leaf->gradient;
  } else {
    std::unique_ptr<Tensor>& own = adjoints_[static_cast<std::size_t>(n)];
    if (own == nullptr) own = std::make_unique<Tensor>(node(n).shape, type_of(n));
    adjoint = own.get();
  }
  adjoint_data_[static_cast<std::size_t>(n)] = adjoint->data();
  return *adjoint;
}

bool Storage::can_borrow_adjoint(int n, ElementType type) const {
  const int stage = node(n).stage;
  return node(n).signal && type == type_ && stage >= 0 &&
         plan_.stages[static_cast<std::size_t>(stage)].kind == StageKind::tiled;
}

void Storage::borrow_adjoint(int n, const void* data) {
  adjoint_data_[static_cast<std::size_t>(n)] = const_cast<void*>(data);
}

void Storage::return_adjoint(int n) {
  adjoint_data_[static_cast<std::size_t>(n)] = adjoints_[static_cast<std::size_t>(n)]->data();
}

bool Storage::has_adjoint(int n) const {
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
