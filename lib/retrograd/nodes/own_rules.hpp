// What a node must be: checked where it is recorded, before its loops are compiled, so that the compiler's first error
// says what to write. The rules are asked in order, and the first that is broken is the only one told.
#pragma once

#include <retrograd/math/scalar.hpp>
#include <retrograd/math/standard_functions.hpp>
#include <retrograd/tape/node.hpp>
#include <retrograd/tape/var.hpp>

#include <array>
#include <concepts>
#include <span>
#include <type_traits>
#include <utility>

namespace retrograd::detail {

/// False, of whatever the message is about.
template <class...>
inline constexpr bool is_right = false;

/// The strictest of the scalars that a formula is compiled for: nothing else converts from it by itself.
using Strict = math::Unfused<double>;

/// The types of a call's arguments.
template <class... A>
struct Arguments {};

template <class T, std::size_t>
using Each = T;

/// `first`, then T for each input.
template <class T, class... First, std::size_t... I>
constexpr Arguments<First..., Each<T, I>...> with_inputs(Arguments<First...>, std::index_sequence<I...>) {
  return {};
}
template <class T, int inputs, class First>
using WithInputs =
    decltype(with_inputs<T>(First(), std::make_index_sequence<static_cast<std::size_t>(inputs)>()));

template <class Node, class... A>
constexpr bool has_forward(Arguments<A...>) {
  return requires(Node & node) { node.forward(std::declval<A>()...); };
}
template <class Node, class... A>
constexpr bool has_adjoint(Arguments<A...>) {
  return requires(Node & node) { node.adjoint(std::declval<A>()...); };
}
template <class Node, class... A>
auto forward_of(Arguments<A...>)
    -> std::type_identity<decltype(std::declval<Node&>().forward(std::declval<A>()...))>;
template <class Node, class... A>
auto adjoint_of(Arguments<A...>)
    -> std::type_identity<decltype(std::declval<Node&>().adjoint(std::declval<A>()...))>;

/// Whether `takes.operator()<k>()` for another number of inputs.
template <int inputs, class Takes>
constexpr bool takes_another_number(const Takes& takes) {
  return [&]<int... k>(std::integer_sequence<int, k...>) {
    return ((k != inputs && takes.template operator()<k>()) || ...);
  }
  (std::make_integer_sequence<int, 8>());
}

template <class N>
concept SaysItIsANode = requires {
  { N::kind } -> std::convertible_to<NodeKind>;
  N::is_own;
};

template <class N>
concept HasName = requires {
  typename std::bool_constant<static_cast<const char*>(N::name) != nullptr>;
};

/// std::array<anything, size>.
template <class A, int size>
inline constexpr bool is_array_of = false;
template <class T, std::size_t extent, int size>
inline constexpr bool is_array_of<std::array<T, extent>, size> = extent == static_cast<std::size_t>(size);

/// A result that becomes T by itself and is no whole number.
template <class Result, class T>
concept BecomesScalar = std::convertible_to<Result, T> && !std::is_integral_v<std::remove_cvref_t<Result>>;

/// Of every node of a user's own.
template <class N>
consteval bool keeps_the_common_rules() {
  if constexpr (!HasName<N>) {
    static_assert(
        is_right<N>,
        "a node needs a name, a constant of the class: static constexpr const char* name = \"my_node\";");
    return false;
  } else if constexpr (!std::is_trivially_copyable_v<N>) {
    static_assert(
        is_right<N>,
        "a node's fields are its constants and are copied in the audio callback: they must be trivially "
        "copyable (numbers, std::array; no std::vector, std::string or virtual function)");
    return false;
  } else {
    return true;
  }
}

/// How a forward or an adjoint is declared wrongly.
enum class Fault { none, not_const, of_fixed_scalars, of_another_number, missing };

struct AskForward {
  template <class Node, class Call>
  static constexpr bool has = has_forward<Node>(Call());
};
struct AskAdjoint {
  template <class Node, class Call>
  static constexpr bool has = has_adjoint<Node>(Call());
};

/// The first of them. `First` is what the function takes before the inputs.
template <class N, template <class> class First, class Ask>
consteval Fault fault_of() {
  if constexpr (Ask::template has<const N, WithInputs<Strict, N::inputs, typename First<Strict>::type>>)
    return Fault::none;
  else if constexpr (Ask::template has<N, WithInputs<Strict, N::inputs, typename First<Strict>::type>>)
    return Fault::not_const;
  else if constexpr (Ask::template has<N, WithInputs<double, N::inputs, typename First<double>::type>>)
    return Fault::of_fixed_scalars;
  else if constexpr (takes_another_number<N::inputs>([]<int k>() {
                       return Ask::template has<N, WithInputs<Strict, k, typename First<Strict>::type>>;
                     }))
    return Fault::of_another_number;
  else
    return Fault::missing;
}

/// Of a forward.
template <class N, template <class> class First>
consteval bool has_right_forward() {
  constexpr Fault fault = fault_of<N, First, AskForward>();
  constexpr bool is_causal = First<Strict>::is_stateful;
  if constexpr (fault == Fault::none) {
    using Result = typename decltype(forward_of<const N>(
        WithInputs<Strict, N::inputs, typename First<Strict>::type>()))::type;
    if constexpr (!BecomesScalar<Result, Strict>)
      static_assert(is_right<N>,
                    "a node's forward must return its scalar: template <class T> T forward(...) const");
    return BecomesScalar<Result, Strict>;
  } else if constexpr (fault == Fault::not_const) {
    static_assert(is_right<N>, "a node's forward must be const: template <class T> T forward(...) const");
  } else if constexpr (fault == Fault::of_fixed_scalars) {
    static_assert(
        is_right<N>,
        "a node's forward must be a template over its scalar, whatever that is (not for float and double "
        "alone): template <class T> T forward(T x) const");
  } else if constexpr (fault == Fault::of_another_number && is_causal) {
    static_assert(
        is_right<N>,
        "a causal node's forward takes the state before the sample and then as many inputs as its base "
        "says: forward(State<T>& s, T a, T b) in OwnCausal<N, 2>");
  } else if constexpr (fault == Fault::of_another_number) {
    static_assert(
        is_right<N>,
        "a pointwise node's forward takes another number of inputs than its base says: forward(T a, T b) "
        "in OwnPointwise<N, 2>");
  } else if constexpr (is_causal) {
    static_assert(
        is_right<N>,
        "a causal node needs a public forward that takes the state before the sample and each input, and "
        "leaves the state after it: template <class T> T forward(State<T>& s, T x) const");
  } else {
    static_assert(
        is_right<N>,
        "a pointwise node needs a public forward that takes each input: template <class T> T forward(T "
        "x) const");
  }
  return false;
}

/// Of an adjoint.
template <class N, template <class> class First>
consteval bool has_right_adjoint() {
  constexpr Fault fault = fault_of<N, First, AskAdjoint>();
  constexpr bool is_causal = First<Strict>::is_stateful;
  if constexpr (fault == Fault::none) {
    using Result = std::remove_cvref_t<typename decltype(adjoint_of<const N>(
        WithInputs<Strict, N::inputs, typename First<Strict>::type>()))::type>;
    if constexpr (!is_array_of<Result, N::inputs>)
      static_assert(
          is_right<N>,
          "a node's adjoint must return one adjoint for each input: std::array<T, 2> where the base is "
          "OwnPointwise<N, 2> or OwnCausal<N, 2>");
    else if constexpr (!BecomesScalar<typename Result::value_type, Strict>)
      static_assert(is_right<N>,
                    "a node's adjoint must return adjoints of its scalar: std::array<T, inputs>");
    else
      return true;
  } else if constexpr (fault == Fault::not_const) {
    static_assert(is_right<N>,
                  "a node's adjoint must be const: template <class T> std::array<T, 1> adjoint(...) const");
  } else if constexpr (fault == Fault::of_fixed_scalars) {
    static_assert(
        is_right<N>,
        "a node's adjoint must be a template over its scalar, whatever that is (not for float and double "
        "alone): template <class T> std::array<T, 1> adjoint(T gy, ...) const");
  } else if constexpr (fault == Fault::of_another_number && is_causal) {
    static_assert(
        is_right<N>,
        "a causal node's adjoint takes the adjoint of the state, the state before the sample, the "
        "output's adjoint and then each input: adjoint(State<T>& gs, const State<T>& s, T gy, T x)");
  } else if constexpr (fault == Fault::of_another_number) {
    static_assert(is_right<N>,
                  "a pointwise node's adjoint takes the output's adjoint, the output and then each input: "
                  "adjoint(T gy, T y, T x) of one input, adjoint(T gy, T y, T a, T b) of two");
  } else if constexpr (is_causal) {
    static_assert(
        is_right<N>,
        "a causal node needs a public adjoint, which gives the gradient: template <class T> std::array<T, "
        "1> adjoint(State<T>& gs, const State<T>& s, T gy, T x) const, one T x and one element for each "
        "input");
  } else {
    static_assert(is_right<N>,
                  "a pointwise node needs a public adjoint, which gives the gradient: template <class T> "
                  "std::array<T, 1> adjoint(T gy, T y, T x) const, one T x and one element for each input");
  }
  return false;
}

// What comes before the inputs.
template <class T>
struct Nothing {
  static constexpr bool is_stateful = false;
  using type = Arguments<>;
};
template <class T>
struct AdjointAndOutput {
  static constexpr bool is_stateful = false;
  using type = Arguments<T, T>;
};
template <class N>
struct Stateful {
  template <class T>
  using State = typename N::template State<T>;
  template <class T>
  struct BeforeForward {
    static constexpr bool is_stateful = true;
    using type = Arguments<State<T>&>;
  };
  template <class T>
  struct BeforeAdjoint {
    static constexpr bool is_stateful = true;
    using type = Arguments<State<T>&, const State<T>&, T>;
  };
  // The same of a function that takes a copy of what it should change.
  template <class T>
  using CopyBeforeForward = Arguments<State<T>>;
  template <class T>
  using CopyBeforeAdjoint = Arguments<State<T>, const State<T>&, T>;
};

template <class N>
consteval bool is_right_pointwise() {
  if constexpr (!keeps_the_common_rules<N>())
    return false;
  else if constexpr (!has_right_forward<N, Nothing>())
    return false;
  else
    return has_right_adjoint<N, AdjointAndOutput>();
}

template <class N>
concept HasStateTemplate = requires {
  typename N::template State<Strict>;
};

template <class State>
concept IsKeptAsBytes = std::is_trivially_copyable_v<State> && std::is_default_constructible_v<State>;
/// A tile's states are kept on the stack.
template <class State>
concept IsSmall = sizeof(State) <= 256 && alignof(State) <= 16;

template <class N>
consteval bool is_right_causal() {
  if constexpr (!keeps_the_common_rules<N>()) {
    return false;
  } else if constexpr (!HasStateTemplate<N>) {
    static_assert(
        is_right<N>,
        "a causal node needs its state, a template over the scalar: template <class T> struct State { T y{}; "
        "};");
    return false;
  } else if constexpr (!IsKeptAsBytes<typename N::template State<double>>) {
    static_assert(
        is_right<N>,
        "a causal node's State is kept as bytes and begins as State<T>{}: its members must be trivially "
        "copyable (numbers, std::array, T line[8]; no std::vector)");
    return false;
  } else if constexpr (!IsSmall<typename N::template State<double>>) {
    static_assert(
        is_right<N>,
        "a causal node's State is too large: it may take 256 bytes, 32 numbers in double, aligned to 16; "
        "longer delays are whole nodes");
    return false;
  } else if constexpr (!has_right_forward<N, Stateful<N>::template BeforeForward>()) {
    return false;
  } else if constexpr (!has_right_adjoint<N, Stateful<N>::template BeforeAdjoint>()) {
    return false;
  } else if constexpr (has_forward<const N>(
                           WithInputs<Strict, N::inputs,
                                      typename Stateful<N>::template CopyBeforeForward<Strict>>())) {
    static_assert(is_right<N>,
                  "a causal node's forward must take its state by reference and leave the next one there: "
                  "forward(State<T>& s, T x)");
    return false;
  } else if constexpr (has_adjoint<const N>(
                           WithInputs<Strict, N::inputs,
                                      typename Stateful<N>::template CopyBeforeAdjoint<Strict>>())) {
    static_assert(
        is_right<N>,
        "a causal node's adjoint must take the state's adjoint by reference and leave the earlier one there: "
        "adjoint(State<T>& gs, const State<T>& s, T gy, T x)");
    return false;
  } else {
    return true;
  }
}

template <class N>
concept IsLinearRecurrence = requires {
  { N::states } -> std::convertible_to<int>;
};

template <class Node, class... A>
constexpr bool has_step(Arguments<A...>) {
  return requires(Node & node) { node.step(std::declval<A>()...); };
}
template <class Node, class... A>
constexpr bool has_step_adjoint(Arguments<A...>) {
  return requires(Node & node) { node.step_adjoint(std::declval<A>()...); };
}
template <class Node, class... A>
auto step_adjoint_of(Arguments<A...>)
    -> std::type_identity<decltype(std::declval<Node&>().step_adjoint(std::declval<A>()...))>;

/// Of a linear recurrence: its step and the step's adjoint.
template <class N>
consteval bool is_right_recurrence() {
  constexpr auto states = static_cast<std::size_t>(N::states);
  using Step = WithInputs<Strict, N::inputs - 1, Arguments<>>;
  using OfStates = std::array<Strict, states>;
  using StepAdjoint = WithInputs<Strict, N::inputs, Arguments<const OfStates&, const OfStates&, Strict>>;
  if constexpr (!keeps_the_common_rules<N>()) {
    return false;
  } else if constexpr (!has_step<const N>(Step())) {
    static_assert(
        is_right<N>,
        "a linear recurrence needs a public step, which gives the coefficients of a sample from every input "
        "but the first: template <class T> LinearStep<T, states> step(T a) const, for any scalar T");
    return false;
  } else if constexpr (!has_step_adjoint<const N>(StepAdjoint())) {
    static_assert(
        is_right<N>,
        "a linear recurrence needs a public step_adjoint, which gives the gradient: template <class T> "
        "std::array<T, inputs> step_adjoint(const std::array<T, states>& gs, const std::array<T, states>& s, "
        "T "
        "gy, T x, T a) const, for any scalar T");
    return false;
  } else {
    using Result = decltype(step_adjoint_of<const N>(StepAdjoint()));
    constexpr bool is_right_size = is_array_of<std::remove_cvref_t<typename Result::type>, N::inputs>;
    if constexpr (!is_right_size)
      static_assert(is_right<N>,
                    "a linear recurrence's step_adjoint must return one adjoint for each input, x first");
    return is_right_size;
  }
}

/// What a whole node's forward and adjoint are called with.
template <class T, int inputs>
using RowsForward = WithInputs<std::span<const T>, inputs, Arguments<std::span<T>>>;
template <class T, class... First, std::size_t... I>
constexpr Arguments<First..., Each<std::span<T>, I>...> with_adjoints(Arguments<First...>,
                                                                      std::index_sequence<I...>) {
  return {};
}
template <class T, int inputs>
using RowsAdjoint = decltype(with_adjoints<T>(
    WithInputs<std::span<const T>, inputs, Arguments<std::span<const T>, std::span<const T>>>(),
    std::make_index_sequence<static_cast<std::size_t>(inputs)>()));

template <class N>
consteval bool is_right_whole() {
  constexpr int inputs = N::inputs;
  if constexpr (!HasName<N>) {
    return keeps_the_common_rules<N>();
  } else if constexpr (!std::is_copy_constructible_v<N>) {
    static_assert(is_right<N>,
                  "a whole node is copied when it is recorded: its fields must be such as can be copied");
    return false;
  } else if constexpr (!has_forward<const N>(RowsForward<double, inputs>()) ||
                       !has_forward<const N>(RowsForward<float, inputs>())) {
    if constexpr (has_forward<N>(RowsForward<double, inputs>()) &&
                  has_forward<N>(RowsForward<float, inputs>()))
      static_assert(is_right<N>,
                    "a node's forward must be const: template <class T> void forward(...) const");
    else if constexpr (has_forward<const N>(RowsForward<double, inputs>()) ||
                       has_forward<const N>(RowsForward<float, inputs>()))
      static_assert(
          is_right<N>,
          "a whole node's forward must be a template over its numbers, float and double: template <class T> "
          "void forward(std::span<T> y, std::span<const T> x) const");
    else
      static_assert(
          is_right<N>,
          "a whole node needs a public forward of its output's row and each input's, as many as its base "
          "says: template <class T> void forward(std::span<T> y, std::span<const T> x) const");
    return false;
  } else if constexpr (!has_adjoint<const N>(RowsAdjoint<double, inputs>()) ||
                       !has_adjoint<const N>(RowsAdjoint<float, inputs>())) {
    if constexpr (has_adjoint<N>(RowsAdjoint<double, inputs>()) &&
                  has_adjoint<N>(RowsAdjoint<float, inputs>()))
      static_assert(is_right<N>,
                    "a node's adjoint must be const: template <class T> void adjoint(...) const");
    else if constexpr (has_adjoint<const N>(RowsAdjoint<double, inputs>()) ||
                       has_adjoint<const N>(RowsAdjoint<float, inputs>()))
      static_assert(
          is_right<N>,
          "a whole node's adjoint must be a template over its numbers, float and double: template <class T> "
          "void adjoint(std::span<const T> gy, ...) const");
    else
      static_assert(
          is_right<N>,
          "a whole node needs a public adjoint of the output's adjoint, the output, each input and each "
          "input's adjoint: template <class T> void adjoint(std::span<const T> gy, std::span<const T> y, "
          "std::span<const T> x, std::span<T> gx) const");
    return false;
  } else {
    return true;
  }
}

/// Of N recorded by pointwise(), causal() or whole(), its `asked` kind, on inputs of these types.
template <class N, NodeKind asked, class... Inputs>
consteval bool can_be_recorded() {
  if constexpr (!SaysItIsANode<N>) {
    if constexpr (asked == NodeKind::causal)
      static_assert(is_right<N>,
                    "a node of your own derives from its kind: struct N : OwnCausal<N, 2>, 2 being the "
                    "number of inputs");
    else if constexpr (asked == NodeKind::whole)
      static_assert(is_right<N>,
                    "a node of your own derives from its kind: struct N : OwnWhole<N, 2>, 2 being the "
                    "number of inputs");
    else
      static_assert(is_right<N>,
                    "a node of your own derives from its kind: struct N : OwnPointwise<N, 2>, 2 being "
                    "the number of inputs");
    return false;
  } else if constexpr (N::kind != asked) {
    if constexpr (N::kind == NodeKind::pointwise)
      static_assert(is_right<N>, "this node is pointwise: record it with pointwise(node, x...)");
    else if constexpr (N::kind == NodeKind::causal)
      static_assert(is_right<N>, "this node is causal: record it with causal(node, x...)");
    else
      static_assert(is_right<N>,
                    "this node is neither pointwise nor causal: record it with whole(node, x...)");
    return false;
  } else if constexpr (asked == NodeKind::whole && !N::is_own) {
    static_assert(is_right<N>, "a whole node of your own derives from OwnWhole: struct N : OwnWhole<N, 1>");
    return false;
  } else if constexpr (N::inputs < 1 || N::inputs > 8) {
    return false;  // the class said so
  } else if constexpr (!(std::convertible_to<Inputs, Var> && ...)) {
    static_assert(is_right<N>, "a node's inputs are Vars; a number becomes one by tape.constant(0.5)");
    return false;
  } else if constexpr (static_cast<int>(sizeof...(Inputs)) != N::inputs) {
    static_assert(is_right<N>,
                  "a node is recorded on as many inputs as its base says: OwnPointwise<N, 2> as "
                  "pointwise(N{}, a, b), OwnCausal<N, 2> as causal(N{}, a, b)");
    return false;
  } else if constexpr (!N::is_own) {
    return true;
  } else if constexpr (asked == NodeKind::pointwise) {
    return is_right_pointwise<N>();
  } else if constexpr (IsLinearRecurrence<N>) {
    return is_right_recurrence<N>();
  } else if constexpr (asked == NodeKind::causal) {
    return is_right_causal<N>();
  } else {
    return is_right_whole<N>();
  }
}

/// Of what an Oscillator plays.
template <class Waveform>
consteval bool is_right_waveform() {
  if constexpr (!SaysItIsANode<Waveform>) {
    static_assert(is_right<Waveform>,
                  "a waveform is a pointwise node of one input, the phase in turns: struct W : "
                  "OwnPointwise<W, 1>");
    return false;
  } else if constexpr (Waveform::kind != NodeKind::pointwise) {
    static_assert(is_right<Waveform>,
                  "a waveform keeps no state, it is a pointwise node of one input, the phase in "
                  "turns: struct W : OwnPointwise<W, 1>");
    return false;
  } else if constexpr (Waveform::inputs != 1) {
    static_assert(is_right<Waveform>,
                  "a waveform has one input, the phase in turns: struct W : OwnPointwise<W, 1>");
    return false;
  } else if constexpr (Waveform::is_own) {
    return is_right_pointwise<Waveform>();
  } else {
    return true;
  }
}

}  // namespace retrograd::detail
