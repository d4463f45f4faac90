#include <retrograd/backends/cpu/built_in.hpp>

namespace retrograd::cpu {

template const Kernels* find_in<NodeList<ArctangentShaper>>(std::string_view);
template const Kernels* find_in<NodeList<ClipShaper>>(std::string_view);
template const Kernels* find_in<NodeList<CubicShaper>>(std::string_view);
template const Kernels* find_in<NodeList<FoldShaper>>(std::string_view);
template const Kernels* find_in<NodeList<TanhShaper>>(std::string_view);

}  // namespace retrograd::cpu
