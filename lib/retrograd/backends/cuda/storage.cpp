#include <retrograd/backends/cuda/parts.hpp>
#include <retrograd/backends/cuda/storage.hpp>

namespace retrograd::cuda {

namespace {

std::size_t bytes_in(const Tensor& tensor) {
  return static_cast<std::size_t>(tensor.shape().elements()) * bytes_of(tensor.type());
}

}  // namespace

LeafOnGpu::LeafOnGpu(Gpu& gpu, const Leaf& leaf)
    : gpu_(gpu), value_(gpu, bytes_in(leaf.value)), version_(leaf.version + 1) {
  update(leaf);
}

LeafOnGpu& LeafOnGpu::of(Gpu& gpu, Leaf& leaf) {
  if (leaf.on_device == nullptr) leaf.on_device = std::make_unique<LeafOnGpu>(gpu, leaf);
  return static_cast<LeafOnGpu&>(*leaf.on_device);
}

void LeafOnGpu::update(const Leaf& leaf) {
  if (version_ == leaf.version) return;
  if (!value_is_newer) gpu_.to_device(value_.data(), leaf.value.data(), bytes_in(leaf.value));
  version_ = leaf.version;
}

void* LeafOnGpu::gradient() {
  if (!has_gradient()) {
    gradient_ = DeviceMemory(gpu_, value_.bytes());
    gpu_.zero(gradient_.data(), gradient_.bytes());
  }
  return gradient_.data();
}

void LeafOnGpu::clear_gradient(Tensor& on_host) {
  on_host.fill(0.0);
  if (has_gradient()) gpu_.zero(gradient_.data(), gradient_.bytes());
  gradient_is_newer = false;
}

void LeafOnGpu::fetch_value(Tensor& to) {
  gpu_.to_host(to.data(), value_.data(), value_.bytes());
  value_is_newer = false;
}

void LeafOnGpu::fetch_gradient(Tensor& to) {
  gpu_.to_host(to.data(), gradient_.data(), gradient_.bytes());
  gradient_is_newer = false;
}

std::unique_ptr<LeafOnDevice> make_leaf(Gpu& gpu, const Leaf& leaf) {
  return std::make_unique<LeafOnGpu>(gpu, leaf);
}

Storage::Storage(Gpu& gpu, Graph& graph, const Plan& plan, ElementType type)
    : gpu_(gpu),
      graph_(graph),
      plan_(plan),
      type_(type),
      values_(plan.nodes.size()),
      adjoints_(plan.nodes.size()),
      on_host_(plan.nodes.size()) {
  for (std::size_t n = 0; n < plan.nodes.size(); ++n) {
    const int at = static_cast<int>(n);
    if (Leaf* of_leaf = leaf(at))
      LeafOnGpu::of(gpu, *of_leaf);
    else if (plan.nodes[n].stored)
      values_[n] = DeviceMemory(gpu, bytes_of_node(at));
  }
}

Leaf* Storage::leaf(int n) const {
  const int index = node(n).leaf;
  return index < 0 ? nullptr : &graph_.leaves[static_cast<std::size_t>(index)];
}

void Storage::update_leaves() {
  for (int n = 0; n < static_cast<int>(plan_.nodes.size()); ++n)
    if (Leaf* of_leaf = leaf(n)) LeafOnGpu::of(gpu_, *of_leaf).update(*of_leaf);
}

void Storage::gradients_changed() {
  for (int n = 0; n < static_cast<int>(plan_.nodes.size()); ++n) {
    Leaf* of_leaf = leaf(n);
    if (of_leaf == nullptr || of_leaf->frozen) continue;
    if (!of_leaf->gradient) of_leaf->gradient.emplace(of_leaf->value.shape(), of_leaf->value.type());
    LeafOnGpu::of(gpu_, *of_leaf).gradient_is_newer = true;
  }
}

void* Storage::value(int n) const {
  if (Leaf* of_leaf = leaf(n)) return LeafOnGpu::of(gpu_, *of_leaf).value();
  return values_[static_cast<std::size_t>(n)].data();
}

void* Storage::adjoint(int n) {
  if (Leaf* of_leaf = leaf(n)) return LeafOnGpu::of(gpu_, *of_leaf).gradient();
  DeviceMemory& adjoint = adjoints_[static_cast<std::size_t>(n)];
  if (adjoint.data() == nullptr) adjoint = DeviceMemory(gpu_, bytes_of_node(n));
  return adjoint.data();
}

bool Storage::has_adjoint(int n) const {
  if (Leaf* of_leaf = leaf(n)) return LeafOnGpu::of(gpu_, *of_leaf).has_gradient();
  return adjoints_[static_cast<std::size_t>(n)].data() != nullptr;
}

std::size_t Storage::bytes_of_node(int n) const {
  return static_cast<std::size_t>(node(n).shape.elements()) * bytes_of(type_of(n));
}

std::uint64_t Storage::version(int n) const {
  const Leaf* of_leaf = leaf(n);
  return of_leaf != nullptr ? of_leaf->version + 1 : 0;
}

TensorView Storage::fetch(int n) const {
  std::optional<Tensor>& on_host = on_host_[static_cast<std::size_t>(n)];
  if (!on_host) on_host.emplace(node(n).shape, type_of(n));
  gpu_.to_host(on_host->data(), value(n), bytes_of_node(n));
  return on_host->view();
}

std::size_t Storage::bytes() const {
  std::size_t bytes = 0;
  for (const auto* all : {&values_, &adjoints_})
    for (const DeviceMemory& memory : *all) bytes += memory.bytes();
  return bytes;
}

}  // namespace retrograd::cuda
