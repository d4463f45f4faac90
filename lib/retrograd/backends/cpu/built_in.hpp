// The kernels of the library's own nodes, compiled in its objects and nowhere else, so that no flag of a host
// can change them. One source file for each list of nodes/all.hpp, for each of the large causal
// nodes and for each level of an operator keeps the compile times apart.
#pragma once

#include <retrograd/backends/cpu/kernels.hpp>
#include <retrograd/nodes/all.hpp>

#include <string_view>

namespace retrograd::cpu {

/// The kernels of the node of that name in a list; null where it has none.
template <class List>
const Kernels* find_in(std::string_view name) {
  const Kernels* found = nullptr;
  for_each_node(List(), [&]<class N>() {
    if (name == N::name) found = &kernels_of<N>;
  });
  return found;
}

extern template const Kernels* find_in<ArithmeticNodes>(std::string_view);
extern template const Kernels* find_in<FunctionNodes>(std::string_view);
extern template const Kernels* find_in<NodeList<Adsr>>(std::string_view);
extern template const Kernels* find_in<NodeList<BiquadFilter>>(std::string_view);
extern template const Kernels* find_in<NodeList<CumulativeSum>>(std::string_view);
extern template const Kernels* find_in<NodeList<Follower>>(std::string_view);
extern template const Kernels* find_in<HistoryNodes>(std::string_view);
extern template const Kernels* find_in<NodeList<LadderFilter>>(std::string_view);
extern template const Kernels* find_in<NodeList<Hold>>(std::string_view);
extern template const Kernels* find_in<NodeList<OnePoleFilter>>(std::string_view);
extern template const Kernels* find_in<NodeList<Oscillation<Sinusoid>>>(std::string_view);
extern template const Kernels* find_in<NodeList<Phase>>(std::string_view);
extern template const Kernels* find_in<NodeList<SaturatingLadder>>(std::string_view);
extern template const Kernels* find_in<NodeList<StateVariableFilter>>(std::string_view);
extern template const Kernels* find_in<NodeList<ArctangentShaper>>(std::string_view);
extern template const Kernels* find_in<NodeList<ClipShaper>>(std::string_view);
extern template const Kernels* find_in<NodeList<CubicShaper>>(std::string_view);
extern template const Kernels* find_in<NodeList<FoldShaper>>(std::string_view);
extern template const Kernels* find_in<NodeList<TanhShaper>>(std::string_view);
extern template const Kernels* find_in<Reductions>(std::string_view);
extern template const Kernels* find_in<WholeNodes>(std::string_view);

}  // namespace retrograd::cpu
