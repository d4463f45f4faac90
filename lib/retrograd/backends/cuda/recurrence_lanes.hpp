// Linear recurrences on the device: a thread composes the map of a block of 16 samples, one thread goes from block to block, and then
// each thread follows the samples of its block. The operations and their order are those of nodes/linear_recurrence.hpp.
#pragma once

#include <retrograd/backends/cuda/pointwise_lanes.hpp>
#include <retrograd/nodes/linear_recurrence.hpp>

#include <concepts>

namespace retrograd::cuda {

template <class N>
concept IsLinearRecurrence = std::derived_from<N, LinearRecurrence<N, N::states, N::inputs>>;

template <class N>
requires IsLinearRecurrence<N>
struct OnLanes<N> {
  static constexpr int states = N::states, inputs = N::inputs;
  static constexpr auto state_count = static_cast<std::size_t>(states);
  using State = typename N::State;
  using Carry = typename N::template Carry<double>;
  // Where a block's numbers begin: f, then u (or v), then its first state.
  static constexpr std::size_t first_u = state_count * state_count, first_state = first_u + state_count;
  static constexpr Moves moves = Moves::by_values;
  static constexpr int adjoint_tiles =
      2 * states;  ///< of the states before each sample, and of the adjoints of those after
  static double unit(const N&) { return 1.0; }

  template <class Real, class Lanes>
  RETROGRAD_INLINE static void forward(const Lanes& lanes) {
    const Samples<Real> samples(lanes, 1);
    Real* y = lanes.output(0);
    // As many blocks at once as the work space has room for.
    constexpr int numbers = states * states + 2 * states;
    constexpr int most = std::min(threads, work_bytes / (numbers * static_cast<int>(sizeof(Real))));
    static_assert(most > 0);
    Real* work = reinterpret_cast<Real*>(lanes.work);
    const auto place = [&](int b, std::size_t number) -> Real& {
      return work[(b % most) * numbers + static_cast<int>(number)];
    };
    const int blocks = (lanes.count + math::block - 1) / math::block;
    for (int first = 0; first < blocks; first += most) {
      const int last = std::min(blocks, first + most), b = first + lanes.block.thread();
      lanes.block.barrier();
      if (b < last) compose(samples, b, [&](std::size_t number) -> Real& { return place(b, number); });
      lanes.block.barrier();
      if (lanes.block.thread() == 0) {
        linear::Vector<Real, states> s = load<Real>(reinterpret_cast<const State*>(lanes.state)->s);
        for (int at = first; at < last; ++at) {
          for (std::size_t i = 0; i < state_count; ++i) place(at, first_state + i) = s[i];
          s = after(s, [&](std::size_t number) { return place(at, number); });
        }
        store(s, reinterpret_cast<State*>(lanes.state)->s);
      }
      lanes.block.barrier();
      if (b < last) {
        linear::Vector<Real, states> s;
        for (std::size_t i = 0; i < state_count; ++i) s[i] = place(b, first_state + i);
        for (int n = b * math::block; n < std::min(lanes.count, (b + 1) * math::block); ++n) {
          const LinearStep<Real, states> step = samples.step(n);
          const Real x = samples.x[0].sample(n);
          const Real out = linear::output(step, s, x);
          linear::move(step, s, x);
          y[n] = out;
        }
      }
    }
    lanes.block.barrier();
  }

  template <class Real, class Lanes>
  RETROGRAD_INLINE static void adjoint(const Lanes& lanes) {
    const Samples<Real> samples(lanes, 2);
    const Input<Real> gy = lanes.input(0);
    const int tile = lanes.stage.tile;
    Real *s = lanes.samples(), *gs = s + states * tile;  // [state][sample]
    const int blocks = (lanes.count + math::block - 1) / math::block, b = lanes.block.thread();
    static_assert(Tile<Real>::max_samples / math::block <= threads);
    const int first = b * math::block, last = std::min(lanes.count, first + math::block);
    // A block's map, and then v and the adjoint at its end, where later the adjoints of its samples will be.
    const auto place = [&](int block, std::size_t number) -> Real& {
      const int at = static_cast<int>(number);
      return gs[at / math::block * tile + block * math::block + at % math::block];
    };
    const auto of_state = [&](Real* values, std::size_t i, int n) -> Real& {
      return values[static_cast<int>(i) * tile + n];
    };
    static_assert(states * states + states <= states * math::block);
    lanes.block.barrier();
    if (b < blocks) compose(samples, b, [&](std::size_t number) -> Real& { return place(b, number); });
    lanes.block.barrier();
    if (b == 0) {
      linear::Vector<Real, states> at = load<Real>(reinterpret_cast<const State*>(lanes.state)->s);
      for (int block = 0; block < blocks; ++block) {
        for (std::size_t i = 0; i < state_count; ++i) of_state(s, i, block * math::block) = at[i];
        at = after(at, [&](std::size_t number) { return place(block, number); });
      }
    }
    lanes.block.barrier();
    if (b < blocks) {
      linear::Vector<Real, states> at, v{};
      for (std::size_t i = 0; i < state_count; ++i) at[i] = of_state(s, i, first);
      for (int n = first; n < last; ++n) {
        for (std::size_t i = 0; i < state_count; ++i) of_state(s, i, n) = at[i];
        linear::move(samples.step(n), at, samples.x[0].sample(n));
      }
      for (int n = last; n-- > first;) linear::move_back(samples.step(n), v, gy.sample(n));
      for (std::size_t i = 0; i < state_count; ++i) place(b, first_u + i) = v[i];
    }
    lanes.block.barrier();
    if (b == 0) {
      auto& carry = *reinterpret_cast<Carry*>(lanes.carry);
      linear::Vector<Real, states> at = load<Real>(carry.gs);
      for (int block = blocks; block-- > 0;) {
        const linear::Vector<Real, states> end = at;
        for (std::size_t i = 0; i < state_count; ++i) {
          Real& v = place(block, first_u + i);
          at[i] =
              end[i] + linear::dot([&](std::size_t k) { return place(block, k * state_count + i); }, end, v);
          v = end[i];
        }
      }
      store(at, carry.gs);
    }
    lanes.block.barrier();
    if (b < blocks) {
      linear::Vector<Real, states> at;
      for (std::size_t i = 0; i < state_count; ++i) at[i] = place(b, first_u + i);
      for (int n = last; n-- > first;) {
        for (std::size_t i = 0; i < state_count; ++i) of_state(gs, i, n) = at[i];
        linear::move_back(samples.step(n), at, gy.sample(n));
      }
    }
    lanes.block.barrier();
    give<Real, static_cast<std::size_t>(inputs)>(lanes, 2 + inputs, 0, [&](int n) {
      linear::Vector<Real, states> before, after_it;
      for (std::size_t i = 0; i < state_count; ++i)
        before[i] = of_state(s, i, n), after_it[i] = of_state(gs, i, n);
      return samples.adjoint(after_it, before, gy.sample(n), n);
    });
    lanes.block.barrier();
  }

 private:
  // The inputs of a step, sample by sample.
  template <class Real>
  struct Samples {
    const N& node;
    int count;
    Input<Real> x[inputs];
    template <class Lanes>
    RETROGRAD_INLINE Samples(const Lanes& lanes, int first_operand)
        : node(lanes.template node<N>()), count(lanes.count) {
      for (int i = 0; i < inputs; ++i) x[i] = lanes.input(first_operand + i);
    }
    RETROGRAD_INLINE LinearStep<Real, states> step(int n) const {
      return step(n, std::make_index_sequence<static_cast<std::size_t>(inputs - 1)>());
    }
    RETROGRAD_INLINE std::array<Real, static_cast<std::size_t>(inputs)> adjoint(
        const linear::Vector<Real, states>& gs, const linear::Vector<Real, states>& s, Real gy, int n) const {
      return adjoint(gs, s, gy, n, std::make_index_sequence<static_cast<std::size_t>(inputs)>());
    }

   private:
    template <std::size_t... P>
    RETROGRAD_INLINE LinearStep<Real, states> step(int n, std::index_sequence<P...>) const {
      return node.step(x[P + 1].sample(n)...);
    }
    template <std::size_t... I>
    RETROGRAD_INLINE auto adjoint(const linear::Vector<Real, states>& gs,
                                  const linear::Vector<Real, states>& s, Real gy, int n,
                                  std::index_sequence<I...>) const {
      return node.step_adjoint(gs, s, gy, x[I].sample(n)...);
    }
  };

  // The map of block b: f at i * state_count + k, then u.
  template <class Real, class Place>
  RETROGRAD_INLINE static void compose(const Samples<Real>& samples, int b, const Place& place) {
    linear::Map<Real, states> map{};
    linear::Vector<Real, states> u{};
    for (int n = b * math::block; n < std::min(samples.count, (b + 1) * math::block); ++n) {
      const LinearStep<Real, states> step = samples.step(n);
      map.add(step);
      linear::move(step, u, samples.x[0].sample(n));
    }
    for (std::size_t i = 0; i < state_count; ++i) {
      for (std::size_t k = 0; k < state_count; ++k) place(i * state_count + k) = map.column[k][i];
      place(first_u + i) = u[i];
    }
  }
  template <class Real, class Place>
  RETROGRAD_INLINE static linear::Vector<Real, states> after(const linear::Vector<Real, states>& s,
                                                             const Place& place) {
    linear::Vector<Real, states> next;
    for (std::size_t i = 0; i < state_count; ++i) {
      const Real at = s[i] + linear::dot([&](std::size_t k) { return place(i * state_count + k); }, s,
                                         place(first_u + i));
      next[i] = linear::flushed(at);
    }
    return next;
  }
  template <class Real>
  RETROGRAD_INLINE static linear::Vector<Real, states> load(const double* from) {
    linear::Vector<Real, states> s;
    for (std::size_t i = 0; i < state_count; ++i) s[i] = static_cast<Real>(from[i]);
    return s;
  }
  template <class Real>
  RETROGRAD_INLINE static void store(const linear::Vector<Real, states>& s, double* to) {
    for (std::size_t i = 0; i < state_count; ++i) to[i] = static_cast<double>(s[i]);
  }
};

}  // namespace retrograd::cuda
