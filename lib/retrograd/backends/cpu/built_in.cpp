#include <retrograd/backends/cpu/built_in.hpp>

namespace retrograd::cpu {

const Kernels& find_kernels(const NodeType& type) {
  if (type.own_kernels != nullptr) return *static_cast<const Kernels*>(type.own_kernels);
  using Find = const Kernels* (*)(std::string_view);
  constexpr Find lists[] = {find_in<ArithmeticNodes>, find_in<FunctionNodes>, find_in<CausalNodes>,
                            find_in<Reductions>, find_in<WholeNodes>};
  for (const Find find : lists)
    if (const Kernels* kernels = find(type.name)) return *kernels;
  raise<Error>(std::string("no kernels for the node '") + type.name + "'");
}

}  // namespace retrograd::cpu
