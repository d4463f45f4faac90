#include <retrograd/backends/cpu/built_in.hpp>

namespace retrograd::cpu {

template const Kernels* find_in<NodeList<BiquadFilter>>(std::string_view);
template const Kernels* find_in<NodeList<OnePoleFilter>>(std::string_view);

}  // namespace retrograd::cpu
