#include <retrograd/backends/cpu/built_in.hpp>

namespace retrograd::cpu {

template const Kernels* find_in<NodeList<Follower>>(std::string_view);
template const Kernels* find_in<NodeList<Hold>>(std::string_view);

}  // namespace retrograd::cpu
