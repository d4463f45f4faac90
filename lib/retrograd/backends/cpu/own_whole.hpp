// A user's own whole node: it sees whole rows, so that it may look ahead, reverse, convolve or transform.
//
//     struct Reverse : OwnWhole<Reverse, 1> {
//       static constexpr const char* name = "reverse";
//       template <class T>
//       void forward(std::span<T> y, std::span<const T> x) const {
//         std::reverse_copy(x.begin(), x.end(), y.begin());
//       }
//       // gx is zero before
//       template <class T>
//       void adjoint(std::span<const T> gy, std::span<const T>, std::span<const T>, std::span<T> gx) const {
//         std::reverse_copy(gy.begin(), gy.end(), gx.begin());
//       }
//     };
//     Var y = whole(Reverse{}, x);
//
// With several inputs: forward(y, a, b) and adjoint(gy, y, a, b, ga, gb). An input that is constant over time has one
// sample. T is float on an f32 tape, double on an f64 one and where the output is constant over time, and a dual number
// in check_own_node.
//
// The output has the inputs' length, or what the node says:
//
//     std::int64_t length(const std::array<std::int64_t, 1>& of_inputs) const;
//
// Its fields may be anything that can be copied. Rows are computed on the tape's threads, each by itself, so that forward
// and adjoint must change nothing but what they are given. It runs on the CPU alone (DeviceError elsewhere), and cannot
// stream (TapeError).
#pragma once

#include <retrograd/backends/cpu/whole_rows.hpp>
#include <retrograd/math/functions.hpp>

namespace retrograd {

/// The node sees whole rows. `N` is the node itself, `Inputs` their number, 1 to 5.
template <class N, int Inputs>
struct OwnWhole : Whole {
  static_assert(Inputs >= 1 && Inputs <= 5,
                "a node has one to five inputs: OwnWhole<N, 1> to OwnWhole<N, 5>");
  static constexpr int inputs = Inputs;  ///< how many
  static constexpr bool is_own = true;   ///< a user's
  /// Those of Node: N, or what is derived from it.
  template <class Node>
  static constexpr const void* own_kernels() {
    return &cpu::kernels_of_rows<Node>;
  }
};

/// Records a user's whole node. The inputs' batch axes broadcast, and so do their lengths where the node does not say
/// what becomes of them: constant over time is an output of one sample.
template <class N, class... Vars>
Var whole(const N& node, Vars... x) requires(!(std::same_as<Vars, Shape> || ...)) {
  if constexpr (detail::can_be_recorded<N, NodeKind::whole, Vars...>()) {
    const std::array<Var, sizeof...(Vars)> inputs{x...};
    TapeState* tape = common_tape(inputs, N::name);
    const Shape shape = cpu::WholeRows<N>::shape_of(node, std::array{Var(x).shape()...});
    return record_node(tape, node_type<N>, NodeData::of(node), inputs, shape, shape.length() > 1);
  }
  return {};
}

}  // namespace retrograd
