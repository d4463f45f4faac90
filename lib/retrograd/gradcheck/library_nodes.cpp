#include <retrograd/gradcheck/library_nodes.hpp>
#include <retrograd/nodes/all.hpp>

namespace retrograd::gradcheck {

namespace {

constexpr std::size_t node_count = [] {
  std::size_t count = 0;
  for_each_node([&]<class N>() { ++count; });
  return count;
}();

constexpr std::array<CheckedNode, node_count> make_list() {
  std::array<CheckedNode, node_count> list{};
  std::size_t i = 0;
  for_each_node([&]<class N>() {
    static_assert(Checkable<N>, "a listed node without `static Check check()`: see nodes/node.hpp");
    list[i++] = checked_node<N>;
  });
  return list;
}
constexpr std::array<CheckedNode, node_count> library_nodes = make_list();

}  // namespace

std::span<const CheckedNode> checked_nodes() { return library_nodes; }

}  // namespace retrograd::gradcheck
