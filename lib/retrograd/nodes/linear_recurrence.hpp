// A linear recurrence: a filter whose coefficients may change with every sample.
//
//     s' = s + e s + b x        e, b, c, d: any function of the other inputs at the same sample
//     y  = c s + d x
//
// The order of its operations is the same for every backend, SIMD level, thread count, tile and stream, and is that of blocks of 16
// samples counted from the row's start. Within a block the samples follow each other from the block's first state. The state of
// the next block comes from the block's map, which is composed before any state is known:
//
//     f' = f + e + e f,   u' = u + e u + b x   from f = 0, u = 0;   the next block's s = s + f s + u
//
// So blocks are lanes: 16 of them are computed side by side, and only the last step goes from block to block. Maps are kept without the
// identity: a slow filter's are nearly the identity, and products of whole maps would lose a digit. A state under 2^-100 is
// zero where a block begins, so that a filter that is no longer fed falls silent.
//
// The way back uses the same maps, transposed, from the last block to the first:
//
//     gs = gs' + e^T gs' + c gy,   and from block to block gs + f^T gs + v
//
// The author writes one sample's coefficients, a pointwise function, and their adjoint:
//
//     struct OnePole : LinearRecurrence<OnePole, 1, 2> {   // one state, two inputs: x and a
//       static constexpr const char* name = "one_pole";
//       template <class T>
//       RETROGRAD_INLINE LinearStep<T, 1> step(T a) const {
//         return {.e = {{-a}}, .b = {a}, .c = {T(1.0) - a}, .d = a};
//       }
//       // s: the state before the sample; gs: the adjoint of the state after it. Returns the adjoints of x and a.
//       template <class T>
//       RETROGRAD_INLINE std::array<T, 2> step_adjoint(const std::array<T, 1>& gs, const std::array<T, 1>& s, T gy, T x, T a) const {
//         return {a * (gs[0] + gy), (x - s[0]) * (gs[0] + gy)};
//       }
//     };
//
// The first input is the signal x. A node derived from this one is recorded with causal(), as any causal node.
#pragma once

#include <retrograd/nodes/blocks_in_lanes.hpp>
#include <retrograd/nodes/node.hpp>
#include <retrograd/tape/length.hpp>

namespace retrograd {

template <class N, int States, int Inputs>
struct LinearRecurrence : Causal<Inputs> {
  static_assert(States >= 1 && States <= 4,
                "a linear recurrence has one to four states; more are a cascade of nodes");
  static constexpr int states = States;
  static constexpr int least_part = math::block;

  struct State {
    double s[States] = {};
  };
  template <class Real>
  struct Carry {
    Real gs[States] = {};
  };

  template <class T>
  RETROGRAD_INLINE void forward(const Tile<real_t<T>>& tile, State& state) const {
    using Real = real_t<T>;
    with_steps<T>(tile, [&](const auto& steps) RETROGRAD_INLINE_LAMBDA {
      constexpr int size = math::block * math::block;
      alignas(64) Real lanes_of_inputs[Inputs][size];
      linear::Vector<T, States> s = state_of<T>(state);
      linear::for_groups(tile.count,
                         [&](auto lanes, int first, int blocks, int samples) RETROGRAD_INLINE_LAMBDA {
                           BlockGroup<T, lanes> group;
                           group.read(tile, first, blocks, lanes_of_inputs[0], size, false);
                           group.compose(steps, samples);
                           group.find_states(s, blocks);
                           group.play(steps, samples);
                           group.write(group.y, tile.y + first * math::block, blocks);
                         });
      keep(s, state);
    });
  }

  template <class T>
  RETROGRAD_INLINE void adjoint(const Tile<real_t<T>>& tile, const State& state,
                                Carry<real_t<T>>& carry) const {
    using Real = real_t<T>;
    constexpr auto each_input = std::make_index_sequence<static_cast<std::size_t>(Inputs)>();
    with_steps<T>(tile, [&](const auto& steps) RETROGRAD_INLINE_LAMBDA {
      constexpr int size = Tile<Real>::max_samples;
      alignas(64) Real lanes_of_inputs[Inputs][size];
      BlocksOfTile<Real, States> blocks_of_tile;
      linear::Vector<T, States> s = state_of<T>(state);
      linear::for_groups(
          tile.count, [&](auto lanes, int first, int blocks, int samples) RETROGRAD_INLINE_LAMBDA {
            BlockGroup<T, lanes> group;
            group.read(tile, first, blocks, lanes_of_inputs[0] + first * math::block, size, false);
            group.compose(steps, samples);
            group.find_states(s, blocks);
            group.keep(blocks_of_tile, first, blocks);
          });

      linear::LaneSum<Real> sums[Inputs];
      for (std::size_t i = 0; i < each_input.size(); ++i)
        if (tile.gx[i].mode == AdjointMode::sum) sums[i].load(tile.gx[i].sum->lanes[0]);
      linear::Vector<T, States> gs;
      for (std::size_t i = 0; i < gs.size(); ++i) gs[i] = T(carry.gs[i]);
      linear::for_groups_backwards(
          tile.count, [&](auto lanes, int first, int blocks, int samples) RETROGRAD_INLINE_LAMBDA {
            BlockGroup<T, lanes> group;
            BlockAdjoints<T, lanes> adjoints;
            group.read(tile, first, blocks, lanes_of_inputs[0] + first * math::block, size, true);
            group.restore(blocks_of_tile, first, blocks);
            adjoints.read(tile, first, blocks);
            adjoints.play(group, steps, samples);
            adjoints.compose(steps, samples);
            adjoints.find_adjoints(group, gs, blocks);
            adjoints.rewind(group, steps, node(), samples);
            const std::int64_t start = tile.start + first * math::block;
            for (std::size_t i = 0; i < each_input.size(); ++i)
              adjoints.give(adjoints.gx[i], tile.gx[i], sums[i], first, blocks, samples, start);
          });
      for (std::size_t i = 0; i < gs.size(); ++i) carry.gs[i] = Real(gs[i]);
      for (std::size_t i = 0; i < each_input.size(); ++i)
        if (tile.gx[i].mode == AdjointMode::sum) sums[i].store(tile.gx[i].sum->lanes[0]);
    });
  }

  /// One sample by itself: y, with s moved on.
  template <class T, class... Parameters>
  RETROGRAD_INLINE T sample(linear::Vector<T, States>& s, T x, Parameters... parameters) const {
    const LinearStep<T, States> step = node().step(parameters...);
    const T y = linear::output(step, s, x);
    linear::move(step, s, x);
    return y;
  }
  /// Its adjoint: s is the state before it, gs the adjoint of the state after it, to be replaced by that before.
  template <class T, class... Parameters>
  RETROGRAD_INLINE std::array<T, static_cast<std::size_t>(Inputs)> sample_adjoint(
      linear::Vector<T, States>& gs, const linear::Vector<T, States>& s, T gy, T x,
      Parameters... parameters) const {
    const std::array<T, static_cast<std::size_t>(Inputs)> gx =
        node().step_adjoint(gs, s, gy, x, parameters...);
    linear::move_back(node().step(parameters...), gs, gy);
    return gx;
  }

  /// The same, sample by sample on any scalar: gradcheck's.
  template <class T>
  void trace(const T* const* x, T* y, std::int64_t count) const {
    linear::Vector<T, States> s{};
    for (std::int64_t n = 0; n < count; ++n) [&]<std::size_t... P>(std::index_sequence<P...>) {
        y[n] = sample(s, x[0][n], x[P + 1][n]...);
      }
    (each_parameter);
  }

 private:
  static constexpr auto each_parameter = std::make_index_sequence<static_cast<std::size_t>(Inputs - 1)>();
  template <class T, int lanes>
  using BlockGroup = linear::BlockGroup<T, States, Inputs, lanes>;
  template <class T, int lanes>
  using BlockAdjoints = linear::BlockAdjoints<T, States, Inputs, lanes>;
  template <class Real, int S>
  using BlocksOfTile = linear::BlocksOfTile<Real, S>;

  RETROGRAD_INLINE const N& node() const { return static_cast<const N&>(*this); }

  template <class T>
  RETROGRAD_INLINE static linear::Vector<T, States> state_of(const State& state) {
    linear::Vector<T, States> s;
    for (std::size_t i = 0; i < static_cast<std::size_t>(States); ++i)
      s[i] = T(static_cast<real_t<T>>(state.s[i]));
    return s;
  }
  template <class T>
  RETROGRAD_INLINE static void keep(const linear::Vector<T, States>& s, State& state) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(States); ++i)
      state.s[i] = static_cast<double>(real_t<T>(s[i]));
  }

  // Calls run(steps), where steps.at(group, j, l) is the step of sample j of the group's block l.
  template <class T, class Run>
  RETROGRAD_INLINE void with_steps(const Tile<real_t<T>>& tile, const Run& run) const {
    [[maybe_unused]] const bool is_steady = [&] {
      for (int p = 1; p < Inputs; ++p)
        if (!tile.x[p].is_constant()) return false;
      return true;
    }();
    [&]<std::size_t... P>(std::index_sequence<P...>) RETROGRAD_INLINE_LAMBDA {
      const auto step_of = [this](const auto& at, int j, int l) RETROGRAD_INLINE_LAMBDA {
        return node().step(T(at[P + 1].data[j * at[P + 1].step + l])...);
      };
      // With the same bits: loops of their own are worth their code where they are used.
      if constexpr (math::is_single<T> && !math::is_unfused<T>)
        if (is_steady) return run(linear::SteadySteps<T, States>(node().step(T(tile.x[P + 1].data[0])...)));
      run(linear::VaryingSteps{step_of});
    }
    (each_parameter);
  }
};

namespace detail {

/// Records a recurrence on inputs that broadcast; where all are constant over time the tape's length is taken.
template <class N, class... Vars>
Var record_recurrence(const N& node, Vars... x) {
  const std::array inputs{x...};
  TapeState* tape = common_tape(inputs, N::name);
  Shape shape = inputs[0].shape();
  bool varies = false;
  for (const Var input : inputs) {
    shape = broadcast(shape, input.shape(), N::name);
    varies = varies || input.is_signal();
  }
  return causal(node, inputs, shape.with_length(signal_length(tape, shape, varies, std::nullopt, N::name)));
}

}  // namespace detail

}  // namespace retrograd
