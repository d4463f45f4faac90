// What the gradient check knows of a node, made from the node's struct alone: its `check()`, how it is
// recorded on a tape, and how it is evaluated on dual numbers.
//
// The evaluation on dual numbers knows nothing of tapes, tiles, kernels and adjoints: a pointwise node's
// `forward` sample by sample, a causal node's `trace` (or its `forward`, where it is written sample by
// sample) row by row, a reduction's `trace`, and a whole node's `forward` and `tangent`.
#pragma once

#include <retrograd/math/dual.hpp>
#include <retrograd/nodes/reduction.hpp>
#include <retrograd/nodes/whole.hpp>
#include <retrograd/tape/length.hpp>

#include <concepts>
#include <utility>

namespace retrograd::gradcheck {

using Number = math::Dual<double>;

/// A tensor of values and their derivatives along one direction.
struct DualTensor {
  Shape shape;
  std::vector<Number> elements;

  Tensor values() const { return part(&Number::value); }
  Tensor tangents() const { return part(&Number::tangent); }

 private:
  Tensor part(double Number::*member) const {
    Tensor tensor(shape);
    double* to = tensor.as<double>().data();
    for (const Number& element : elements) *to++ = element.*member;
    return tensor;
  }
};

/// A node the gradient check can draw inputs for.
template <class N>
concept Checkable = requires {
  { N::check() } -> std::same_as<Check>;
};

/// The type-erased description.
struct CheckedNode {
  const NodeType* type;
  Check (*check)();
  /// Records N{}; null for the library's whole nodes and those over rows, whose check() says how.
  Var (*record)(std::span<const Var> inputs);
  /// Fills y.elements; `node` is the node's struct, y.shape is given.
  void (*evaluate)(const void* node, std::span<const DualTensor* const> x, DualTensor& y);

  /// A user's own: another than the library's of the same name.
  bool is_own() const { return type->own_kernels != nullptr; }
};

namespace detail {

/// Where each row of the output finds its samples of one input.
struct RowsOfInput {
  RowsOfInput(const DualTensor& input, const Shape& y)
      : tensor(&input),
        row_of(input.shape.with_length(1), y.with_length(1)),
        step(input.shape.length() == 1 ? 0 : 1) {}
  const Number* row(std::int64_t r) const {
    return tensor->elements.data() + row_of(r) * tensor->shape.length();
  }
  const DualTensor* tensor;
  BroadcastIndex row_of;
  std::int64_t step;  // from a sample to the next
};

template <class N, std::size_t... I>
void evaluate_sample_by_sample(const N& node, std::span<const DualTensor* const> x, DualTensor& y,
                               std::index_sequence<I...>) {
  const RowsOfInput rows[] = {{*x[I], y.shape}...};
  const std::int64_t length = y.shape.length();
  for (std::int64_t r = 0; r < y.shape.rows(); ++r) {
    const Number* in[] = {rows[I].row(r)...};
    Number* out = y.elements.data() + r * length;
    if constexpr (N::kind == NodeKind::pointwise) {
      for (std::int64_t n = 0; n < length; ++n) out[n] = node.forward(in[I][n * rows[I].step]...);
    } else {
      typename N::template State<Number> state{};
      for (std::int64_t n = 0; n < length; ++n) out[n] = node.forward(state, in[I][n * rows[I].step]...);
    }
  }
}

template <class N>
void evaluate_trace(const N& node, std::span<const DualTensor* const> x, DualTensor& y) {
  const std::int64_t length = y.shape.length();
  std::vector<std::vector<Number>> samples(x.size(), std::vector<Number>(static_cast<std::size_t>(length)));
  std::vector<const Number*> in;
  std::vector<RowsOfInput> rows;
  for (std::size_t i = 0; i < x.size(); ++i) {
    in.push_back(samples[i].data());
    rows.emplace_back(*x[i], y.shape);
  }
  for (std::int64_t r = 0; r < y.shape.rows(); ++r) {
    for (std::size_t i = 0; i < x.size(); ++i)
      for (std::int64_t n = 0; n < length; ++n)
        samples[i][static_cast<std::size_t>(n)] = rows[i].row(r)[n * rows[i].step];
    node.trace(in.data(), y.elements.data() + r * length, length);
  }
}

template <class N>
void evaluate_whole(const N& node, std::span<const DualTensor* const> x, DualTensor& y) {
  std::vector<Tensor> values, tangents;
  for (const DualTensor* input : x) {
    values.push_back(input->values());
    tangents.push_back(input->tangents());
  }
  const std::vector<TensorView> x_views(values.begin(), values.end());
  const std::vector<TensorView> dx_views(tangents.begin(), tangents.end());
  const std::vector<std::uint64_t> versions(x.size(), 0);
  Tensor value(y.shape), tangent(y.shape);
  SerialExecutor executor;
  WholeCall call;
  call.x = x_views;
  call.versions = versions;
  call.executor = &executor;
  const std::unique_ptr<WholeMemory> memory = node.make_memory(call);
  call.memory = memory.get();
  call.y = {value.data(), y.shape, ElementType::f64};
  node.forward(call);
  call.dx = dx_views;
  call.y = {tangent.data(), y.shape, ElementType::f64};
  node.tangent(call);
  for (std::size_t i = 0; i < y.elements.size(); ++i)
    y.elements[i] = {value.as<double>()[i], tangent.as<double>()[i]};
}

// A user's whole node, row by row.
template <class N, std::size_t... I>
void evaluate_rows(const N& node, std::span<const DualTensor* const> x, DualTensor& y,
                   std::index_sequence<I...>) {
  const RowsOfInput rows[] = {{*x[I], y.shape}...};
  const auto length = static_cast<std::size_t>(y.shape.length());
  for (std::int64_t r = 0; r < y.shape.rows(); ++r)
    node.forward(std::span<Number>(y.elements.data() + r * y.shape.length(), length),
                 std::span<const Number>(rows[I].row(r), static_cast<std::size_t>(x[I]->shape.length()))...);
}

template <class N>
void evaluate(const void* data, std::span<const DualTensor* const> x, DualTensor& y) {
  const N& node = *static_cast<const N*>(data);
  y.elements.resize(static_cast<std::size_t>(y.shape.elements()));
  if constexpr (N::kind == NodeKind::whole && N::is_own) {
    evaluate_rows(node, x, y, std::make_index_sequence<static_cast<std::size_t>(N::inputs)>());
  } else if constexpr (N::kind == NodeKind::whole) {
    evaluate_whole(node, x, y);
  } else if constexpr (N::kind == NodeKind::over_rows) {
    const std::int64_t length = y.shape.length();
    const BroadcastIndex row_of(y.shape.with_length(1), x[0]->shape.with_length(1));
    std::fill(y.elements.begin(), y.elements.end(), Number(0.0));
    for (std::int64_t i = 0; i < x[0]->shape.elements(); ++i) {
      Number& sum = y.elements[static_cast<std::size_t>(row_of(i / length) * length + i % length)];
      sum = sum + x[0]->elements[static_cast<std::size_t>(i)];
    }
  } else if constexpr (N::kind == NodeKind::reduction) {
    const std::int64_t length = x[0]->shape.length();
    for (std::int64_t r = 0; r < y.shape.rows(); ++r)
      y.elements[static_cast<std::size_t>(r)] = node.trace(x[0]->elements.data() + r * length, length);
  } else if constexpr (requires(const Number* const* in, Number* out) { node.trace(in, out, 1); }) {
    evaluate_trace(node, x, y);
  } else {
    evaluate_sample_by_sample(node, x, y, std::make_index_sequence<static_cast<std::size_t>(N::inputs)>());
  }
}

template <class N, std::size_t... I>
Var record_default(std::span<const Var> x, std::index_sequence<I...>) {
  if constexpr (N::kind == NodeKind::pointwise) {
    return pointwise(N{}, x[I]...);
  } else if constexpr (N::kind == NodeKind::whole) {
    return whole(N{}, x[I]...);
  } else if constexpr (N::kind == NodeKind::reduction) {
    return reduction(N{}, x[0]);
  } else {
    Shape shape = x[0].shape();
    bool varies = false;
    for (const Var input : x) {
      shape = broadcast(shape, input.shape(), N::name);
      varies = varies || input.is_signal();
    }
    const std::array<Var, sizeof...(I)> inputs{x[I]...};
    return causal(N{}, inputs,
                  shape.with_length(signal_length(x[0].tape(), shape, varies, std::nullopt, N::name)));
  }
}

template <class N>
constexpr auto record_of() -> Var (*)(std::span<const Var>) {
  if constexpr ((N::kind == NodeKind::whole && !N::is_own) || N::kind == NodeKind::over_rows)
    return nullptr;
  else
    return [](std::span<const Var> x) {
      return record_default<N>(x, std::make_index_sequence<static_cast<std::size_t>(N::inputs)>());
    };
}

}  // namespace detail

/// The description of node N.
template <Checkable N>
inline constexpr CheckedNode checked_node{&node_type<N>, &N::check, detail::record_of<N>(),
                                          &detail::evaluate<N>};

/// A parameter or input and the direction it moves along: a tensor of its shape.
struct Direction {
  Var leaf;
  Tensor along;
};

/// Nodes, in two lists: one's own, and those of the library.
struct KnownNodes {
  std::span<const CheckedNode> own, library;
};

/// The value of `y` and its derivative when the leaves move along `directions` (those not named stay): every
/// node recorded on the way is evaluated on dual numbers at full length. Leaves have the values they hold
/// now. TapeError for a node on the way that is not `known`.
DualTensor evaluate_on_duals(Var y, std::span<const Direction> directions, const KnownNodes& known);

}  // namespace retrograd::gradcheck
