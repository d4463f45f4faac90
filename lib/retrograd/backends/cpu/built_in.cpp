#include <retrograd/backends/cpu/built_in.hpp>

namespace retrograd::cpu {

const Kernels& find_kernels(const NodeType& type) {
  if (type.own_kernels != nullptr) return *static_cast<const Kernels*>(type.own_kernels);
  const Kernels* kernels = nullptr;
  switch (type.kind) {
    case NodeKind::leaf:
      break;
    case NodeKind::pointwise:
      kernels = find_in<ArithmeticNodes>(type.name);
      if (kernels == nullptr) kernels = find_in<FunctionNodes>(type.name);
      break;
    case NodeKind::causal:
      for_each_node(CausalNodes(), [&]<class N>() {
        if (kernels == nullptr) kernels = find_in<NodeList<N>>(type.name);
      });
      if (kernels == nullptr) kernels = find_in<HistoryNodes>(type.name);
      break;
    case NodeKind::reduction:
      kernels = find_in<Reductions>(type.name);
      break;
    case NodeKind::over_rows:  // adds up what is stored: see row_mix.hpp
      break;
    case NodeKind::whole:
      kernels = find_in<WholeNodes>(type.name);
      break;
  }
  if (kernels == nullptr)
    raise<Error>(std::string("no kernels for the node '") + type.name +
                 "'; a node of your own derives from OwnPointwise, OwnCausal or OwnWhole");
  return *kernels;
}

}  // namespace retrograd::cpu
