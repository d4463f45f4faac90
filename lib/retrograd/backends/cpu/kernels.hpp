// The loops over a tile that run a node's functor, compiled for every SIMD level, and the table of them for
// one node.
#pragma once

#include <retrograd/backends/cpu/history_kernels.hpp>
#include <retrograd/backends/cpu/tile_call.hpp>
#include <retrograd/math/simd.hpp>
#include <retrograd/nodes/fusions.hpp>
#include <retrograd/nodes/node.hpp>
#include <retrograd/nodes/reduction.hpp>
#include <retrograd/nodes/tile.hpp>
#include <retrograd/nodes/whole.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace retrograd::cpu {

/// Adds a tile of terms to a sum over time, in the loop that copies have for it.
template <class Real>
void add_up(const TileCall& call, Real* terms, const Target<Real>& sum) {
  const Operand operands[] = {{terms, math::block, 0.0}, {sum.sum, 0, 0.0}};
  constexpr int index[] = {0, 1};
  constexpr AdjointMode mode = AdjointMode::sum;
  TileCall adding = call;
  adding.operands = operands;
  adding.index = index;
  adding.modes = &mode;
  call.copy(adding);
}

/// Whether node N has, for T, a loop of its own for each choice of inputs that are constant over time.
template <class N, class T>
inline constexpr bool has_loops_for_constants = N::has_loops_for_constants && !math::is_compact<T>;

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

// --- pointwise -----------------------------------------------------------------------------------

template <class N, class Inputs = std::make_index_sequence<static_cast<std::size_t>(N::inputs)>>
struct PointwiseForward;

template <class N, std::size_t... I>
struct PointwiseForward<N, std::index_sequence<I...>> {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    const N node = *static_cast<const N*>(call.node);
    const std::array x{input_of<Real>(call.operand(1 + static_cast<int>(I)))...};
    Real* y = static_cast<Real*>(call.operand(0).data);
    const int blocks = (call.count + math::block - 1) / math::block;
    if constexpr (has_loops_for_constants<N, T>) {
      for_constants(std::array{x[I].is_constant()...}, [&]<unsigned constants>() RETROGRAD_INLINE_LAMBDA {
        for (int b = 0; b < blocks; ++b) {
          RETROGRAD_INDEPENDENT_LANES
          for (int l = 0; l < math::block; ++l)
            y[b * math::block + l] =
                Real(node.forward(T(lane_of<(constants >> I & 1u) != 0>(x[I], b, l))...));
        }
      });
    } else {
      for (int b = 0; b < blocks; ++b) {
        RETROGRAD_INDEPENDENT_LANES
        for (int l = 0; l < math::block; ++l)
          y[b * math::block + l] = Real(node.forward(T(x[I].block(b)[l])...));
      }
    }
  }
};

template <class N, class Inputs = std::make_index_sequence<static_cast<std::size_t>(N::inputs)>>
struct PointwiseAdjoint;

template <class N, std::size_t... I>
struct PointwiseAdjoint<N, std::index_sequence<I...>> {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    const N node = *static_cast<const N*>(call.node);
    const Input<Real> gy = input_of<Real>(call.operand(0)), y = input_of<Real>(call.operand(1));
    const std::array x{input_of<Real>(call.operand(2 + static_cast<int>(I)))...};
    const std::array gx{target_of<Real>(call.operand(2 + N::inputs + static_cast<int>(I)), call.modes[I])...};
    const Tile<Real> tile = tile_of<Real>(call);
    const auto adjoints_at = [&](int b, int l, auto... lane) RETROGRAD_INLINE_LAMBDA {
      // A user's adjoint may read the output although the node does not say so: it is computed again, for nothing where
      // the adjoint ignores it.
      const auto output = [&]() RETROGRAD_INLINE_LAMBDA {
        if constexpr (N::is_own && N::adjoint_reads_inputs && !N::adjoint_reads_output)
          return T(Real(node.forward(T(lane)...)));
        else
          return T(y.block(b)[l]);
      };
      const auto adjoints = node.adjoint(T(gy.block(b)[l]), output(), T(lane)...);
      return std::array{Real(adjoints[I])...};
    };
    if constexpr (has_loops_for_constants<N, T>) {
      // The target tells it of an input that is not read; of one without a target it does not matter.
      const auto is_constant = [&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
        return gx[i].mode == AdjointMode::none ? x[i].is_constant() : gx[i].mode == AdjointMode::sum;
      };
      for_constants(std::array{is_constant(I)...}, [&]<unsigned constants>() RETROGRAD_INLINE_LAMBDA {
        give<T, constants>(gx, tile, [&](int b, int l) RETROGRAD_INLINE_LAMBDA {
          return adjoints_at(b, l, lane_of<(constants >> I & 1u) != 0>(x[I], b, l)...);
        });
      });
    } else {
      // Of sums the terms are laid out as signals first, so that one loop serves every choice of constants; so are those
      // that nobody wants.
      alignas(64) Real terms[sizeof...(I)][Tile<Real>::max_samples];
      const std::array to{gx[I].mode == AdjointMode::overwrite ? gx[I].data : terms[I]...};
      for (int b = 0; b < tile.blocks(); ++b) {
        RETROGRAD_INDEPENDENT_LANES
        for (int l = 0; l < math::block; ++l) {
          const std::array<Real, sizeof...(I)> adjoints = adjoints_at(b, l, x[I].block(b)[l]...);
          ((to[I][b * math::block + l] = adjoints[I]), ...);
        }
      }
      for (std::size_t i = 0; i < gx.size(); ++i)
        if (gx[i].mode == AdjointMode::sum) add_up(call, terms[i], gx[i]);
    }
  }
};

// --- causal, tile by tile ------------------------------------------------------------------------

template <class N>
concept TileByTile = requires {
  typename N::State;
};

template <class N>
struct TileForward {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    static_cast<const N*>(call.node)->template forward<T>(forward_tile<N, real_t<T>>(call),
                                                          *static_cast<typename N::State*>(call.state));
  }
};

template <class N>
struct TileAdvance {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    static_cast<const N*>(call.node)->template advance<T>(forward_tile<N, real_t<T>>(call),
                                                          *static_cast<typename N::State*>(call.state));
  }
};

template <class N>
struct TileAdjoint {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Carry = typename N::template Carry<real_t<T>>;
    static_cast<const N*>(call.node)->template adjoint<T>(adjoint_tile<N, real_t<T>>(call),
                                                          *static_cast<const typename N::State*>(call.state),
                                                          *static_cast<Carry*>(call.carry));
  }
};

template <class N, class Real>
void join_groups(const TileCall& call) {
  using Group = typename N::Group;
  static_cast<const N*>(call.node)->join(adjoint_tile<N, Real>(call), *static_cast<const Group*>(call.group),
                                         *static_cast<Group*>(call.carry));
}

// --- causal, sample by sample --------------------------------------------------------------------

template <class N, class Inputs = std::make_index_sequence<static_cast<std::size_t>(N::inputs)>>
struct SampleForward;

template <class N, std::size_t... I>
struct SampleForward<N, std::index_sequence<I...>> {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    const N node = *static_cast<const N*>(call.node);
    const Tile<Real> tile = forward_tile<N, Real>(call);
    auto state = *static_cast<typename N::template State<T>*>(call.state);
    for (int n = 0; n < tile.count; ++n) tile.y[n] = Real(node.forward(state, T(tile.x[I].sample(n))...));
    *static_cast<typename N::template State<T>*>(call.state) = state;
  }
};

template <class N, class Inputs = std::make_index_sequence<static_cast<std::size_t>(N::inputs)>>
struct SampleAdjoint;

template <class N, std::size_t... I>
struct SampleAdjoint<N, std::index_sequence<I...>> {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    using State = typename N::template State<T>;
    const N node = *static_cast<const N*>(call.node);
    const Tile<Real> tile = adjoint_tile<N, Real>(call);
    const auto sample = [](const Input<Real>& x, int n) RETROGRAD_INLINE_LAMBDA { return T(x.sample(n)); };

    // The states before each sample are on the stack, which a host's thread may have little of: of large states those of
    // a part of the tile, computed once more from the state before that part.
    constexpr int most = Tile<Real>::max_samples;
    constexpr int part = std::min<int>(most, std::max(16, static_cast<int>(16384 / sizeof(State))));
    State before[part], before_part[(most + part - 1) / part];
    State state = *static_cast<const State*>(call.state);
    const int parts = (tile.count + part - 1) / part;
    for (int p = 0; p + 1 < parts; ++p) {
      before_part[p] = state;
      for (int n = p * part; n < (p + 1) * part; ++n) node.forward(state, sample(tile.x[I], n)...);
    }
    alignas(64) Real gx[sizeof...(I)][most] = {};
    State& gs = *static_cast<State*>(call.carry);
    for (int p = parts; p-- > 0;) {
      const int first = p * part, end = std::min(tile.count, first + part);
      if (p + 1 < parts) state = before_part[p];
      for (int n = first; n < end; ++n) {
        before[n - first] = state;
        node.forward(state, sample(tile.x[I], n)...);
      }
      for (int n = end; n-- > first;) {
        const auto adjoints =
            node.adjoint(gs, before[n - first], sample(tile.gy, n), sample(tile.x[I], n)...);
        ((gx[I][n] = Real(adjoints[I])), ...);
      }
    }
    (give<T>(tile.gx[I], tile,
             [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return gx[I][b * math::block + l]; }),
     ...);
  }
};

// --- reductions and copies -----------------------------------------------------------------------

template <class N>
struct ReductionForward {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    static_cast<const N*>(call.node)->template forward<T>(forward_tile<N, Real>(call),
                                                          *static_cast<ReductionRow<Real>*>(call.row));
  }
};

template <class N>
struct ReductionAdjoint {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    if constexpr (N::passes_through == 0)
      static_cast<const N*>(call.node)->template adjoint<T>(
          adjoint_tile<N, Real>(call), *static_cast<const ReductionRow<Real>*>(call.row));
  }
};

/// gx = x or gx += x: the adjoint of a node that passes it through.
struct Copy {
  template <class T>
  RETROGRAD_INLINE static void run(const TileCall& call) {
    using Real = real_t<T>;
    const Input<Real> x = input_of<Real>(call.operand(0));
    const Target<Real> gx = target_of<Real>(call.operand(1), call.modes[0]);
    const auto copy = [&](const auto& sample) RETROGRAD_INLINE_LAMBDA {
      for (int b = 0; b < tile_of<Real>(call).blocks(); ++b) {
        RETROGRAD_INDEPENDENT_LANES
        for (int l = 0; l < math::block; ++l) gx.data[b * math::block + l] = sample(b, l);
      }
    };
    switch (gx.mode) {
      case AdjointMode::none:
        break;
      case AdjointMode::overwrite:
        copy([&](int b, int l) RETROGRAD_INLINE_LAMBDA { return x.block(b)[l]; });
        break;
      case AdjointMode::accumulate:
        copy([&](int b, int l)
                 RETROGRAD_INLINE_LAMBDA { return gx.data[b * math::block + l] + x.block(b)[l]; });
        break;
      case AdjointMode::sum:
        give<T>(gx, tile_of<Real>(call), [&](int b, int l) RETROGRAD_INLINE_LAMBDA { return x.block(b)[l]; });
    }
  }
};

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

// --- the table of one node -----------------------------------------------------------------------

struct Kernels {
  static constexpr int levels = 3, max_inputs = Tile<float>::max_inputs;
  struct PerType {
    TileKernel forward[levels] = {};
    TileKernel advance[levels] = {};
    TileKernel adjoint[levels] = {};
    OperatorKernel operator_forward[levels] = {},
                   operator_adjoint[levels] = {};  ///< of an f32 operator's wave
    std::size_t state_bytes = 0, carry_bytes = 0, latched_bytes = 0;
    void (*start_state)(void*) = nullptr;
    void (*start_latched)(void*) = nullptr;
    void (*start_carry)(void*) = nullptr;
    unsigned carries_for = 0, adds_to_total = 0;
    // Of a node whose adjoint can begin at any group of tiles.
    std::size_t group_bytes = 0;
    void (*start_group)(void*) = nullptr;
    void (*take_group)(void* carry, void* group) = nullptr;  ///< out of the carry, which begins anew
    TileKernel join = nullptr;
  };
  PerType f32, f64;
  void (*whole_forward)(const void*, const WholeCall&) = nullptr;
  void (*whole_adjoint)(const void*, const WholeCall&) = nullptr;
  std::unique_ptr<WholeMemory> (*whole_memory)(const void*, const WholeCall&) = nullptr;

  const PerType& of(ElementType type) const { return type == ElementType::f32 ? f32 : f64; }
};

template <class Loop, class Real, class KernelFunction>
constexpr void fill_levels(KernelFunction (&levels)[Kernels::levels]) {
  for (int level = 0; level < Kernels::levels; ++level)
    levels[level] = math::Kernel<Loop, Real>::at(static_cast<math::SimdLevel>(level));
}

/// An operator's loops at one level: each is compiled in a source file of its own, see operator_kernels.hpp.
template <class Oscillator, math::SimdLevel level>
struct OperatorLoops {
  static void forward(const OperatorCall& call);
  static void adjoint(const OperatorCall& call);
};

/// Whether operators run in one pass at a level: where there are loops for wider levels, the plain ones serve old processors,
/// and would be a twentieth of the library. The bits are the same.
constexpr bool has_fused_loops(math::SimdLevel level) {
  return math::has_loops(level) &&
         (level != math::SimdLevel::plain ||
          !(math::has_loops(math::SimdLevel::v3) || math::has_loops(math::SimdLevel::v4)));
}

/// Whether a stage's patterns run in one pass at the level in use. In f64, which is for checks, they would only be code.
inline bool joins_fusions(ElementType type) {
  return type == ElementType::f32 && has_fused_loops(math::simd_level());
}

template <class Oscillator>
constexpr void fill_operator_levels(Kernels::PerType& kernels) {
  const auto fill = [&]<math::SimdLevel level>() {
    if constexpr (has_fused_loops(level)) {
      kernels.operator_forward[static_cast<int>(level)] = &OperatorLoops<Oscillator, level>::forward;
      kernels.operator_adjoint[static_cast<int>(level)] = &OperatorLoops<Oscillator, level>::adjoint;
    }
  };
  fill.template operator()<math::SimdLevel::plain>();
  fill.template operator()<math::SimdLevel::v3>();
  fill.template operator()<math::SimdLevel::v4>();
}

template <class N, class Real>
constexpr Kernels::PerType kernels_of_type() {
  Kernels::PerType kernels;
  if constexpr (N::kind != NodeKind::whole)
    static_assert(N::inputs >= 1 && N::inputs <= Kernels::max_inputs, "a node has one to eight inputs");
  if constexpr (N::kind == NodeKind::pointwise) {
    fill_levels<PointwiseForward<N>, Real>(kernels.forward);
    fill_levels<PointwiseAdjoint<N>, Real>(kernels.adjoint);
  } else if constexpr (N::kind == NodeKind::reduction) {
    fill_levels<ReductionForward<N>, Real>(kernels.forward);
    fill_levels<ReductionAdjoint<N>, Real>(kernels.adjoint);
  } else if constexpr (ReadsHistory<N>) {
    fill_levels<HistoryForward<N>, Real>(kernels.forward);
    fill_levels<HistoryAdjoint<N>, Real>(kernels.adjoint);
  } else if constexpr (N::kind == NodeKind::causal && TileByTile<N>) {
    using State = typename N::State;
    using Carry = typename N::template Carry<Real>;
    fill_levels<TileForward<N>, Real>(kernels.forward);
    fill_levels<TileAdjoint<N>, Real>(kernels.adjoint);
    if constexpr (N::advance_reads != 0) fill_levels<TileAdvance<N>, Real>(kernels.advance);
    // The loops of a pattern are its first factor's.
    if constexpr (N::fusion_place.factor == operator_wave.factor && std::is_same_v<Real, float>) {
      fill_operator_levels<N>(kernels);
    }
    kernels.state_bytes = sizeof(State);
    kernels.carry_bytes = sizeof(Carry);
    kernels.start_state = [](void* at) { new (at) State(); };
    kernels.start_carry = [](void* at) { new (at) Carry(); };
    kernels.carries_for = N::carries_for;
    kernels.adds_to_total = N::adds_to_total;
    if constexpr (requires { typename N::Group; }) {
      using Group = typename N::Group;
      kernels.group_bytes = sizeof(Group);
      kernels.start_group = [](void* at) { new (at) Group(); };
      kernels.take_group = [](void* carry, void* group) {
        *static_cast<Group*>(group) = std::exchange(static_cast<Carry*>(carry)->group, Group());
      };
      kernels.join = join_groups<N, Real>;
    }
    if constexpr (requires { typename N::Latched; }) {
      static_assert(std::is_trivially_copyable_v<typename N::Latched>, "what is latched is kept as bytes");
      kernels.latched_bytes = sizeof(typename N::Latched);
      kernels.start_latched = [](void* at) { new (at) typename N::Latched(); };
    }
  } else if constexpr (N::kind == NodeKind::causal) {
    using State = typename N::template State<Real>;
    static_assert(std::is_trivially_copyable_v<State> && alignof(State) <= 16 && sizeof(State) <= 256,
                  "a causal node's state is saved as bytes, and a tile's states are kept on the stack");
    fill_levels<SampleForward<N>, Real>(kernels.forward);
    fill_levels<SampleAdjoint<N>, Real>(kernels.adjoint);
    kernels.state_bytes = kernels.carry_bytes = sizeof(State);
    kernels.start_state = kernels.start_carry = [](void* at) { new (at) State(); };
  }
  return kernels;
}

template <class N>
constexpr Kernels make_kernels() {
  Kernels kernels;
  kernels.f32 = kernels_of_type<N, float>();
  kernels.f64 = kernels_of_type<N, double>();
  if constexpr (N::kind == NodeKind::whole) {
    kernels.whole_forward = [](const void* node, const WholeCall& call) {
      static_cast<const N*>(node)->forward(call);
    };
    kernels.whole_adjoint = [](const void* node, const WholeCall& call) {
      static_cast<const N*>(node)->adjoint(call);
    };
    kernels.whole_memory = [](const void* node, const WholeCall& call) {
      return static_cast<const N*>(node)->make_memory(call);
    };
  }
  return kernels;
}

template <class N>
inline constexpr Kernels kernels_of = make_kernels<N>();

/// The kernels of a recorded node: its own, or the built-in ones of its name.
const Kernels& find_kernels(const NodeType& type);

}  // namespace retrograd::cpu
