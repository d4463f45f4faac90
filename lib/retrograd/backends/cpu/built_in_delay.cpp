#include <retrograd/backends/cpu/built_in.hpp>

namespace retrograd::cpu {

template const Kernels* find_in<HistoryNodes>(std::string_view);

}  // namespace retrograd::cpu
