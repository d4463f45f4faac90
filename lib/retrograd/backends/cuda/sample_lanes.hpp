// Causal nodes that are written sample by sample, on the device: one thread goes through the tile, the others wait. What it finds on the way back, the
// adjoint of each input at each sample, is then given by all. And antialiased curves, whose samples
// need only the one before each.
#pragma once

#include <retrograd/backends/cuda/pointwise_lanes.hpp>
#include <retrograd/nodes/antialiased.hpp>

#include <concepts>

namespace retrograd::cuda {

template <class N>
concept IsSampleBySample = N::kind == NodeKind::causal&& requires {
  typename N::template State<float>;
};

template <class N>
requires IsSampleBySample<N>
struct OnLanes<N> {
  // Of a double, whichever scalar is computed in: it is the larger, and of either all bytes are 0 at first.
  using State = typename N::template State<double>;
  using Carry = State;
  template <class Real>
  using StateOf = typename N::template State<Real>;
  static constexpr std::size_t inputs = static_cast<std::size_t>(N::inputs);
  static constexpr Moves moves = Moves::by_values;
  static constexpr int state_samples =
      static_cast<int>((sizeof(StateOf<float>) + sizeof(float) - 1) / sizeof(float));
  static_assert(sizeof(StateOf<double>) <= static_cast<std::size_t>(state_samples) * sizeof(double) &&
                sizeof(StateOf<float>) <= sizeof(State));
  static constexpr int adjoint_tiles =
      state_samples + N::inputs;  ///< of the states before each sample, and of what each input gains
  static double unit(const N&) { return 1.0; }

  template <class Real, class Lanes>
  RETROGRAD_INLINE static void forward(const Lanes& lanes) {
    forward<Real>(lanes, std::make_index_sequence<inputs>());
  }
  template <class Real, class Lanes>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes) {
    adjoint<Real>(lanes, std::make_index_sequence<inputs>());
  }

 private:
  template <class Real, class Lanes, std::size_t... I>
  RETROGRAD_INLINE static void forward(const Lanes& lanes, std::index_sequence<I...>) {
    lanes.block.barrier();
    if (lanes.block.thread() == 0) {
      const N node = lanes.template node<N>();
      const Input<Real> x[] = {lanes.input(1 + static_cast<int>(I))...};
      Real* y = lanes.output(0);
      auto& kept = *reinterpret_cast<StateOf<Real>*>(lanes.state);
      StateOf<Real> state = kept;
      for (int n = 0; n < lanes.count; ++n) y[n] = node.forward(state, x[I].sample(n)...);
      kept = state;
    }
    lanes.block.barrier();
  }
  template <class Real, class Lanes, std::size_t... I>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes, std::index_sequence<I...>) {
    const int tile = lanes.stage.tile;
    Real* terms = lanes.samples();  // [input][sample]
    auto* before = reinterpret_cast<StateOf<Real>*>(terms + N::inputs * tile);
    lanes.block.barrier();
    if (lanes.block.thread() == 0) {
      const N node = lanes.template node<N>();
      const Input<Real> gy = lanes.input(0), x[] = {lanes.input(2 + static_cast<int>(I))...};
      StateOf<Real> state = *reinterpret_cast<const StateOf<Real>*>(lanes.state);
      for (int n = 0; n < lanes.count; ++n) {
        before[n] = state;
        node.forward(state, x[I].sample(n)...);
      }
      auto& carry = *reinterpret_cast<StateOf<Real>*>(lanes.carry);
      StateOf<Real> gs = carry;
      for (int n = lanes.count; n-- > 0;) {
        const std::array<Real, inputs> gained = node.adjoint(gs, before[n], gy.sample(n), x[I].sample(n)...);
        ((terms[static_cast<int>(I) * tile + n] = gained[I]), ...);
      }
      carry = gs;
    }
    lanes.block.barrier();
    give<Real, inputs>(lanes, 2 + N::inputs, 0, [&](int n) {
      return std::array<Real, inputs>{terms[static_cast<int>(I) * tile + n]...};
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
