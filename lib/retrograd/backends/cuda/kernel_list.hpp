// A kernel is a body, the same on the device and on a test's host:
//
//     struct Fill {
//       static constexpr const char* name = "fill";
//       static constexpr int blocks_together = 5;  // or none: threads have few enough registers for these on a multiprocessor
//       struct Arguments { double* to; std::int64_t count; double value; };   // trivially copyable
//       template <class Block>
//       RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) { ... }
//     };
#pragma once

#include <retrograd/backends/cuda/block.hpp>

#include <type_traits>

namespace retrograd::cuda {

template <class... Bodies>
struct KernelList {
  static constexpr int count = sizeof...(Bodies);
  template <class Body>
  static constexpr int index_of() {
    static_assert((std::is_same_v<Body, Bodies> || ...), "a kernel that is in no list");
    int index = 0;
    (void)((std::is_same_v<Body, Bodies> || (++index, false)) || ...);
    return index;
  }
};

template <class A, class... More>
struct JoinedLists {
  using type = A;
};
template <class... A, class... B, class... More>
struct JoinedLists<KernelList<A...>, KernelList<B...>, More...> {
  using type = typename JoinedLists<KernelList<A..., B...>, More...>::type;
};

}  // namespace retrograd::cuda
