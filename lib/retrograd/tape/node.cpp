#include <retrograd/tape/node.hpp>

namespace retrograd {

void check_input(const NodeType& node, const InputDomain& allowed, const TensorView& value,
                 const NodeType* source) {
  if (contains(allowed.domain, value)) return;
  std::string what = std::string("[") + node.name + "] " + allowed.name;
  if (source != nullptr) what += std::string(", computed by '") + source->name + "',";
  check_domain(allowed.domain, value, what);
}

}  // namespace retrograd
