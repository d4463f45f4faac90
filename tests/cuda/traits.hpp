// Every constant that chooses a path in a node's code, as the compiler at hand reads it.
#pragma once

#include <retrograd/backends/cuda/causal_lanes.hpp>
#include <retrograd/backends/cuda/tile_kernels.hpp>

namespace retrograd::cuda::traits {

/// One constant of one node.
struct Trait {
  const char* of;
  const char* name;
  long long value;
};

struct Table {
  static constexpr int room = 2048;
  Trait traits[room]{};
  int count = 0;
  template <class Value>
  constexpr void add(const char* of, const char* name, Value value) {
    traits[count++] = {of, name, static_cast<long long>(value)};
  }
};

/// Of any node.
template <class N>
constexpr void add_node(Table& table) {
  table.add(N::name, "kind", N::kind);
  table.add(N::name, "bytes", sizeof(N));
  table.add(N::name, "differentiable", N::differentiable);
  table.add(N::name, "adjoint_reads_inputs", N::adjoint_reads_inputs);
  table.add(N::name, "adjoint_reads_output", N::adjoint_reads_output);
  table.add(N::name, "passes_through", N::passes_through);
  table.add(N::name, "advance_reads", N::advance_reads);
  table.add(N::name, "carries_for", N::carries_for);
  table.add(N::name, "adds_to_total", N::adds_to_total);
  table.add(N::name, "fusion_factor", N::fusion_place.factor);
  table.add(N::name, "matrix_inputs", N::matrix_inputs);
  table.add(N::name, "adds_phases", N::adds_phases);
  table.add(N::name, "is_chained", N::chain != nullptr);
  table.add(N::name, "is_own", own_kernels_of<N>() != nullptr);
  table.add(N::name, "is_oscillator", is_oscillator<N>());
  if constexpr (N::kind == NodeKind::pointwise)
    table.add(N::name, "has_loops_for_constants", N::has_loops_for_constants);
  if constexpr (N::kind == NodeKind::causal) {
    table.add(N::name, "inputs", N::inputs);
    table.add(N::name, "moves", OnLanes<N>::moves);
    table.add(N::name, "bytes of State", sizeof(typename OnLanes<N>::State));
    table.add(N::name, "bytes of Carry", sizeof(typename OnLanes<N>::Carry));
  }
}

/// Of the oscillator of a waveform, and of what its waves are made of.
template <class Oscillator>
constexpr void add_oscillator(Table& table) {
  using Steady = typename Oscillator::template SteadyPhase<float>;
  table.add(Oscillator::name, "steady wave is_steady",
            Oscillator::template Wave<float, Steady, false>::is_steady);
  table.add(Oscillator::name, "steady wave adds_modulation",
            Oscillator::template Wave<float, Steady, false>::adds_modulation);
  table.add(Oscillator::name, "modulated wave is_steady",
            Oscillator::template Wave<float, Steady, true>::is_steady);
  table.add(Oscillator::name, "modulated wave adds_modulation",
            Oscillator::template Wave<float, Steady, true>::adds_modulation);
}

/// Of the numbers that formulas are written over.
template <class T>
constexpr void add_scalar(Table& table, const char* name) {
  table.add(name, "is_single", math::is_single<T>);
  table.add(name, "is_unfused", math::is_unfused<T>);
  table.add(name, "is a PlainScalar", math::PlainScalar<T>);
  table.add(name, "bytes", sizeof(T));
}

constexpr Table table() {
  Table table;
  const auto add = [&]<class N>() { add_node<N>(table); };
  for_each_node(TileNodes(), add);
  for_each_node(WholeNodes(), add);
  add_oscillator<Oscillation<Sinusoid>>(table);
  add_scalar<float>(table, "float");
  add_scalar<double>(table, "double");
  add_scalar<math::Unfused<float>>(table, "Unfused<float>");
  add_scalar<math::Unfused<double>>(table, "Unfused<double>");
  return table;
}

}  // namespace retrograd::cuda::traits
