#include <retrograd/backends/cpu/built_in.hpp>

namespace retrograd::cpu {

template const Kernels* find_in<NodeList<LadderFilter>>(std::string_view);
template const Kernels* find_in<NodeList<SaturatingLadder>>(std::string_view);

}  // namespace retrograd::cpu
