#include <retrograd/backends/cuda/tile_kernels.hpp>
#include <retrograd/backends/cuda/tile_nodes.hpp>

#include <algorithm>
#include <array>
#include <bit>
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

// What the kernels take for granted of what a node keeps: it is copied as it is, and all its bytes are 0 at first.
template <class X>
constexpr bool begins_at_zero() {
  const auto bytes = std::bit_cast<std::array<std::byte, sizeof(X)>>(X{});
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}
template <class X>
constexpr int bytes_kept() {
  static_assert(std::is_trivially_copyable_v<X> && alignof(X) <= 16);
  return static_cast<int>((sizeof(X) + 15) / 16 * 16);
}

}  // namespace

void fail_own(const NodeType& type) {
  raise<DeviceError>(
      std::string("[") + type.name +
      "] is a node of your own, which has no code on the device; device cuda runs the library's "
      "nodes, and the CPU yours too");
}

int opcode_of(const NodeType& type) {
  int opcode = -1;
  if (!visit_node(type, [&]<class N>(int at) { opcode = at; })) fail_own(type);
  return opcode;
}

Movement movement_of(const PlanNode& node) {
  Movement movement;
  visit_node(*node.type, [&]<class N>(int) {
    if constexpr (N::kind == NodeKind::causal)
      movement = {OnLanes<N>::moves, OnLanes<N>::unit(*static_cast<const N*>(node.data))};
  });
  return movement;
}

CausalMemory memory_of(const NodeType& type) {
  CausalMemory memory{};
  const bool is_known = visit_node(type, [&]<class N>(int) {
    if constexpr (N::kind == NodeKind::causal) {
      using State = typename OnLanes<N>::State;
      using Carry = typename OnLanes<N>::Carry;
      static_assert(begins_at_zero<State>());
      static_assert(OnLanes<N>::moves == Moves::by_gate ||
                    begins_at_zero<Carry>());  // a group's is begun as such
      memory = {bytes_kept<State>(), bytes_kept<Carry>(), 0};
      if constexpr (requires { OnLanes<N>::adjoint_tiles; }) memory.adjoint_tiles = OnLanes<N>::adjoint_tiles;
    }
  });
  if (!is_known) fail_own(type);
  return memory;
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
