#include <retrograd/backends/cuda/tile_kernels.hpp>
#include <retrograd/backends/cuda/tile_nodes.hpp>

#include <string_view>

namespace retrograd::cuda {

namespace {

// Calls `visit.operator()<N>(opcode)` for the node of that name; whether there is one.
template <class Visit>
bool visit_node(const NodeType& type, const Visit& visit) {
  if (type.own_kernels != nullptr) return false;
  int opcode = 0;
  bool found = false;
  for_each_node(TileNodes(), [&]<class N>() {
    if (!found && std::string_view(N::name) == type.name) {
      found = true;
      visit.template operator()<N>(opcode);
    }
    ++opcode;
  });
  return found;
}

}  // namespace

int opcode_of(const NodeType& type) {
  int opcode = -1;
  if (!visit_node(type, [&]<class N>(int at) { opcode = at; }))
    raise<DeviceError>(
        std::string("[") + type.name +
        "] is a node of your own, which has no code on the device; device cuda runs the library's "
        "nodes, and the CPU yours too");
  return opcode;
}

Movement movement_of(const PlanNode& node) {
  Movement movement;
  visit_node(*node.type, [&]<class N>(int) {
    if constexpr (requires(N n) { n.period; })
      movement = {Moves::by_frequency, static_cast<const N*>(node.data)->period};
    else if constexpr (requires(N n) { n.samples_per_unit; })
      movement = {Moves::by_gate, static_cast<const N*>(node.data)->samples_per_unit};
  });
  return movement;
}

const void* NodeFields::of(const PlanNode& node) {
  DeviceMemory& fields = fields_[node.data];
  if (fields.data() == nullptr)
    visit_node(*node.type, [&]<class N>(int) {
      static_assert(std::is_trivially_copyable_v<N>);
      fields = DeviceMemory(gpu_, sizeof(N));
      gpu_.to_device(fields.data(), node.data, sizeof(N));
    });
  return fields.data();
}

std::size_t NodeFields::bytes() const {
  std::size_t total = 0;
  for (const auto& [data, memory] : fields_) total += memory.bytes();
  return total;
}

}  // namespace retrograd::cuda
