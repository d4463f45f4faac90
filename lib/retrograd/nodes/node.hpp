// What a node is made of, and how one is recorded. A node is one struct with its adjoint right under its
// forward:
//
//     struct Multiply : Pointwise<2> {
//       static constexpr const char* name = "multiply";
//       template <class T>
//       RETROGRAD_INLINE T forward(T a, T b) const { return a * b; }
//       template <class T>
//       RETROGRAD_INLINE std::array<T, 2> adjoint(T gy, T, T a, T b) const { return {gy * b, gy * a}; }
//       static Check check() { return {.inputs = {anything, anything}}; }
//     };
//
// `T` is any of the scalars in math/scalar.hpp. `adjoint` gets the output's adjoint, the output, then the
// inputs, and returns what each input's adjoint gains. A node's fields are its constants (a sample rate, a
// window).
#pragma once

#include <retrograd/math/scalar.hpp>
#include <retrograd/nodes/own_rules.hpp>
#include <retrograd/tape/tape.hpp>

#include <array>
#include <concepts>
#include <span>
#include <vector>

namespace retrograd {

using math::real_t;

/// Where the gradient check draws one input from, and how far it keeps from the kinks.
struct Span {
  double low, high;
  std::vector<double> kinks = {};  ///< values that finite differences stay away from
  bool is_constant = false;        ///< always constant over time
  bool is_gate = false;            ///< a random gate of zeros and ones, with no gradient
  bool is_stopped = false;         ///< the node lets no gradient through to it, although it depends on it
  double kink_every = 0.0;         ///< the multiples of this are kinks too; 0: none
};
inline constexpr Span anything{-2.0, 2.0};

/// One way to record a node, and the shapes of inputs that suit it.
struct CheckCase {
  std::vector<Shape> shapes;
  Var (*record)(std::span<const Var> inputs);
};

/// How the gradient check draws a node's inputs and records it. Kinks between two inputs (ties) are avoided
/// by `apart`.
struct Check {
  std::vector<Span> inputs;
  double apart = 0.0;  ///< inputs are drawn at least so far from each other where differences are taken
  /// Records the node on inputs that broadcast; null: pointwise(), causal() or reduction() of a node as it is
  /// when made by N{}.
  Var (*record)(std::span<const Var> inputs) = nullptr;
  std::vector<CheckCase> cases = {};  ///< in place of shapes that broadcast: whole nodes
  double wraps_at = 0.0;              ///< the output is only known up to multiples of this; 0: it is known
};

/// What a node says of itself unless it says otherwise.
struct NodeDefaults {
  static constexpr bool is_own = false;  ///< a user's own: its kernels are compiled where it is recorded
  static constexpr unsigned differentiable = ~0u;
  static constexpr bool adjoint_reads_inputs = true;
  static constexpr bool adjoint_reads_output = false;
  static constexpr unsigned passes_through = 0;
  static constexpr unsigned advance_reads = 0;  ///< of a causal node with `advance`: bit i, input i is needed
  static constexpr unsigned carries_for = 0;    ///< of a causal node: see nodes/tile.hpp; 0: always
  static constexpr unsigned adds_to_total = 0;  ///< of a causal node: see nodes/tile.hpp
  static constexpr const NodeType* chain = nullptr;
  static constexpr std::span<const InputDomain> input_domains{};
  static constexpr FusionPlace fusion_place{};  ///< see nodes/fusions.hpp
  static constexpr unsigned matrix_inputs = 0;  ///< see NodeType
  /// Of a waveform: its value at the sum of two phases comes from a `part` of each, as nodes/sinusoid.hpp has it.
  static constexpr bool adds_phases = false;
};

/// This sample's inputs give this sample's output. One to eight inputs.
template <int Inputs>
struct Pointwise : NodeDefaults {
  static constexpr NodeKind kind = NodeKind::pointwise;
  /// A loop of its own for each choice of inputs that are constant over time: worth its code where nearly nothing
  /// is computed and all inputs are read.
  static constexpr bool has_loops_for_constants = false;
  static constexpr int inputs = Inputs;
};

/// Keeps a state from sample to sample; see nodes/tile.hpp for the two forms.
template <int Inputs>
struct Causal : NodeDefaults {
  static constexpr int least_part = 128;  ///< of one that is written tile by tile: see NodeType
  static constexpr NodeKind kind = NodeKind::causal;
  static constexpr int inputs = Inputs;
};

/// Whether node N reads earlier samples of its first input: it has `Reach reach() const`; see nodes/history.hpp.
template <class N>
concept ReadsHistory = requires(const N& node) {
  { node.reach() } -> std::same_as<Reach>;
};

template <class N>
constexpr auto reach_of() -> Reach (*)(const void*) {
  if constexpr (ReadsHistory<N>)
    return [](const void* node) { return static_cast<const N*>(node)->reach(); };
  else
    return nullptr;
}
template <class N>
constexpr auto own_domains_of() -> std::span<const InputDomain> (*)(const void*) {
  if constexpr (requires(const N& node) { node.own_domains(); })
    return [](const void* node) { return static_cast<const N*>(node)->own_domains(); };
  else
    return nullptr;
}

// Written sample by sample, a causal node can go one at a time.
template <class N>
constexpr int least_part_of() {
  if constexpr (N::kind == NodeKind::causal && requires { typename N::State; })
    return N::least_part;
  else
    return 1;
}

template <class N>
constexpr const void* own_kernels_of() {
  if constexpr (N::is_own)
    return N::template own_kernels<N>();
  else
    return nullptr;
}

/// The type-erased description of node N.
template <class N>
inline constexpr NodeType node_type{N::name,
                                    N::kind,
                                    N::differentiable,
                                    N::adjoint_reads_inputs,
                                    N::adjoint_reads_output,
                                    N::passes_through,
                                    N::kind == NodeKind::causal && !ReadsHistory<N>,
                                    N::chain,
                                    own_kernels_of<N>(),
                                    N::advance_reads,
                                    N::input_domains,
                                    N::fusion_place,
                                    N::matrix_inputs,
                                    reach_of<N>(),
                                    least_part_of<N>(),
                                    own_domains_of<N>()};

/// Records a pointwise node, one Var for each of its inputs, which broadcast as in NumPy.
template <class N, class... Vars>
Var pointwise(const N& node, Vars... x) {
  if constexpr (detail::can_be_recorded<N, NodeKind::pointwise, Vars...>()) {
    const std::array<Var, sizeof...(Vars)> inputs{x...};
    TapeState* tape = common_tape(inputs, N::name);
    Shape shape = inputs[0].shape();
    bool signal = inputs[0].is_signal();
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      shape = broadcast(shape, inputs[i].shape(), N::name);
      signal = signal || inputs[i].is_signal();
    }
    return record_node(tape, node_type<N>, NodeData::of(node), inputs, shape, signal);
  }
  return {};
}

/// A signal of one sample is a value constant over time from here on: causal nodes of length 1 end with this.
Var as_constant(Var signal);

/// Records a causal node of `length` samples whose rows are those of `shape`.
template <class N, std::size_t Inputs>
Var causal(const N& node, const std::array<Var, Inputs>& inputs, const Shape& shape) {
  static_assert(Inputs == static_cast<std::size_t>(N::inputs),
                "a node is recorded on as many inputs as its base says");
  TapeState* tape = common_tape(inputs, N::name);
  const Var y = record_node(tape, node_type<N>, NodeData::of(node), inputs, shape, true);
  return shape.length() == 1 ? as_constant(y) : y;
}

}  // namespace retrograd
