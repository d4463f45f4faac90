#include <retrograd/backends/cpu/built_in.hpp>

namespace retrograd::cpu {

template const Kernels* find_in<NodeList<StateVariableFilter>>(std::string_view);

}  // namespace retrograd::cpu
