// Causal nodes on the device that are written sample by sample: one thread goes from sample to sample, the others wait. And antialiased
// curves, whose samples need only the one before each.
#pragma once

#include <retrograd/backends/cuda/pointwise_lanes.hpp>
#include <retrograd/nodes/antialiased.hpp>

#include <concepts>

namespace retrograd::cuda {

template <class N>
concept IsSampleBySample = N::kind == NodeKind::causal&& requires {
  typename N::template State<double>;
};

template <class N>
requires IsSampleBySample<N>
struct OnLanes<N> {
  template <class Real>
  using StateOf = typename N::template State<Real>;
  using State = StateOf<double>;
  using Carry = State;
  static constexpr Moves moves = Moves::by_values;
  static constexpr int inputs = N::inputs, numbers = static_cast<int>(sizeof(State) / sizeof(double));
  static constexpr int adjoint_tiles =
      numbers + inputs;  ///< of the states before each sample, and of the inputs' adjoints
  static double unit(const N&) { return 1.0; }

  template <class Real, class Lanes>
  RETROGRAD_INLINE static void forward(const Lanes& lanes) {
    forward<Real>(lanes, std::make_index_sequence<static_cast<std::size_t>(inputs)>());
  }
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes) {
    adjoint<Real>(lanes, std::make_index_sequence<static_cast<std::size_t>(inputs)>());
  }

 private:
  template <class Real, class Lanes, std::size_t... I>
  RETROGRAD_INLINE static void forward(const Lanes& lanes, std::index_sequence<I...>) {
    const N node = lanes.template node<N>();
    const Input<Real> x[] = {lanes.input(1 + static_cast<int>(I))...};
    Real* y = lanes.output(0);
    lanes.block.barrier();
    if (lanes.block.thread() == 0) {
      StateOf<Real> state = *reinterpret_cast<const StateOf<Real>*>(lanes.state);
      for (int n = 0; n < lanes.count; ++n) y[n] = node.forward(state, x[I].sample(n)...);
      *reinterpret_cast<StateOf<Real>*>(lanes.state) = state;
    }
    lanes.block.barrier();
  }
  template <class Real, class Lanes, std::size_t... I>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes, std::index_sequence<I...>) {
    const N node = lanes.template node<N>();
    const Input<Real> gy = lanes.input(0), x[] = {lanes.input(2 + static_cast<int>(I))...};
    const int tile = lanes.stage.tile;
    static_assert(sizeof(StateOf<Real>) == static_cast<std::size_t>(numbers) * sizeof(Real));
    auto* before = reinterpret_cast<StateOf<Real>*>(lanes.samples());
    Real* gx = lanes.samples() + numbers * tile;  // [input][sample]
    lanes.block.barrier();
    if (lanes.block.thread() == 0) {
      StateOf<Real> state = *reinterpret_cast<const StateOf<Real>*>(lanes.state);
      for (int n = 0; n < lanes.count; ++n) {
        before[n] = state;
        node.forward(state, x[I].sample(n)...);
      }
      StateOf<Real> gs = *reinterpret_cast<const StateOf<Real>*>(lanes.carry);
      for (int n = lanes.count; n-- > 0;) {
        const auto adjoints = node.adjoint(gs, before[n], gy.sample(n), x[I].sample(n)...);
        ((gx[static_cast<int>(I) * tile + n] = adjoints[I]), ...);
      }
      *reinterpret_cast<StateOf<Real>*>(lanes.carry) = gs;
    }
    lanes.block.barrier();
    give<Real, sizeof...(I)>(lanes, 2 + inputs, 0, [&](int n) {
      return std::array<Real, sizeof...(I)>{gx[static_cast<int>(I) * tile + n]...};
    });
    lanes.block.barrier();
  }
};

template <class N>
concept IsAntialiased = std::derived_from<N, Antialiased<N>>;

template <class N>
requires IsAntialiased<N>
struct OnLanes<N> {
  using State = typename N::State;
  using Carry = typename N::template Carry<double>;
  static constexpr Moves moves = Moves::by_values;
  static constexpr int adjoint_tiles = 1;  ///< of the adjoint, until all have read what it depends on
  static double unit(const N&) { return 1.0; }

  template <class Real, class Lanes>
  RETROGRAD_INLINE static void forward(const Lanes& lanes) {
    const N node = lanes.template node<N>();
    const Input<Real> x = lanes.input(1);
    State* state = reinterpret_cast<State*>(lanes.state);
    Real* y = lanes.output(0);
    constexpr int most = Tile<Real>::max_samples / threads;
    Real mean[most];
    lanes.block.barrier();
    for (int k = 0; k < most; ++k)
      if (const int i = lanes.block.thread() + k * threads; i < lanes.count)
        mean[k] = node.mean(x.sample(i), before<Real>(x, i, *state));
    lanes.block.barrier();
    if (lanes.block.thread() == 0) state->before = static_cast<double>(x.sample(lanes.count - 1));
    lanes.block.barrier();
    for (int k = 0; k < most; ++k)
      if (const int i = lanes.block.thread() + k * threads; i < lanes.count) y[i] = mean[k];
    lanes.block.barrier();
  }
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes) {
    const N node = lanes.template node<N>();
    const Input<Real> gy = lanes.input(0), x = lanes.input(2);
    const State state = *reinterpret_cast<const State*>(lanes.state);
    Carry* carry = reinterpret_cast<Carry*>(lanes.carry);
    Real* gx = lanes.samples();
    const auto slopes = [&](int i) { return node.slopes(x.sample(i), before<Real>(x, i, state)); };
    lanes.block.barrier();
    for_each_sample(lanes, [&](int i) {
      const Real later =
          i + 1 < lanes.count ? gy.sample(i + 1) * slopes(i + 1)[1] : static_cast<Real>(carry->later);
      gx[i] = gy.sample(i) * slopes(i)[0] + later;
    });
    lanes.block.barrier();
    if (lanes.block.thread() == 0) carry->later = static_cast<double>(gy.sample(0) * slopes(0)[1]);
    lanes.block.barrier();
    give<Real, 1>(lanes, 3, 0, [&](int i) { return std::array<Real, 1>{gx[i]}; });
    lanes.block.barrier();
  }

 private:
  template <class Real>
  RETROGRAD_INLINE static Real before(const Input<Real>& x, int i, const State& state) {
    return i == 0 ? static_cast<Real>(state.before) : x.sample(i - 1);
  }
};

}  // namespace retrograd::cuda
