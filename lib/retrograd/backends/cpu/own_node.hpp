// A user's own nodes: derive from one of these, write the functor and its adjoint, and record it with
// pointwise() or causal().
//
//     struct Fold : OwnPointwise<Fold, 1> {
//       static constexpr const char* name = "fold";
//       template <class T> T forward(T x) const { return math::sin(x); }
//       template <class T> std::array<T, 1> adjoint(T gy, T, T x) const { return {gy * math::cos(x)}; }
//     };
//     Var y = pointwise(Fold{}, x);
//
// Its kernels are compiled where it is recorded, under the host's flags (-ffp-contract=off keeps the bits the
// same everywhere).
#pragma once

#include <retrograd/backends/cpu/kernels.hpp>
#include <retrograd/math/functions.hpp>
#include <retrograd/nodes/linear_recurrence.hpp>
#include <retrograd/tape/length.hpp>

namespace retrograd {

/// This sample's inputs give this sample's output. `N` is the node itself, `Inputs` their number, 1 to 8.
template <class N, int Inputs>
struct OwnPointwise : Pointwise<Inputs> {
  static_assert(Inputs >= 1 && Inputs <= 8,
                "a node has one to eight inputs: OwnPointwise<N, 1> to OwnPointwise<N, 8>");
  static constexpr bool is_own = true;  ///< a user's
  /// Those of Node: N, or what is derived from it.
  template <class Node>
  static constexpr const void* own_kernels() {
    return &cpu::kernels_of<Node>;
  }
};

/// Sample by sample: see nodes/tile.hpp.
template <class N, int Inputs>
struct OwnCausal : Causal<Inputs> {
  static_assert(Inputs >= 1 && Inputs <= 8,
                "a node has one to eight inputs: OwnCausal<N, 1> to OwnCausal<N, 8>");
  static constexpr bool is_own = true;  ///< a user's
  /// Those of Node: N, or what is derived from it.
  template <class Node>
  static constexpr const void* own_kernels() {
    return &cpu::kernels_of<Node>;
  }
};

/// A filter with `States` states, 1 to 4, whose coefficients are any function of its inputs but the first: see nodes/linear_recurrence.hpp.
template <class N, int States, int Inputs>
struct OwnLinearRecurrence : LinearRecurrence<N, States, Inputs> {
  static_assert(
      Inputs >= 1 && Inputs <= 8,
      "a node has one to eight inputs: OwnLinearRecurrence<N, 1, 1> to OwnLinearRecurrence<N, 4, 8>");
  static constexpr bool is_own = true;  ///< a user's
  /// Those of Node: N, or what is derived from it.
  template <class Node>
  static constexpr const void* own_kernels() {
    return &cpu::kernels_of<Node>;
  }
};

/// Records a user's causal node: the inputs broadcast; where all are constant over time the tape's length is
/// taken.
template <class N, class... Vars>
Var causal(const N& node, Vars... x) {
  if constexpr (detail::can_be_recorded<N, NodeKind::causal, Vars...>()) {
    const std::array<Var, sizeof...(Vars)> inputs{x...};
    TapeState* tape = common_tape(inputs, N::name);
    Shape shape = inputs[0].shape();
    bool varies = false;
    for (const Var input : inputs) {
      shape = broadcast(shape, input.shape(), N::name);
      varies = varies || input.is_signal();
    }
    return causal(node, inputs, shape.with_length(signal_length(tape, shape, varies, std::nullopt, N::name)));
  }
  return {};
}

}  // namespace retrograd
