// How a linear recurrence is computed: the blocks of 16 samples of a tile as lanes, 16 at once, or one by itself. What is
// computed, and in which order, is in linear_recurrence.hpp; both ways have the same bits.
//
// Sample j of block l of a group is at j * lanes + l: what lies one after the other in a tile is transposed on the way in and out.
#pragma once

#include <retrograd/nodes/recurrence_step.hpp>

#include <cstring>

namespace retrograd {

namespace linear {

/// 16 * l + j to 16 * j + l, four by four in registers.
template <class Real>
RETROGRAD_INLINE_ON_CPU void transpose(const Real* __restrict x, Real* __restrict y) {
  typedef Real Four __attribute__((vector_size(4 * sizeof(Real))));
  constexpr int n = math::block;
  for (int l = 0; l < n; l += 4)
    for (int j = 0; j < n; j += 4) {
      Four a, b, c, d;
      std::memcpy(&a, x + l * n + j, sizeof(a)), std::memcpy(&b, x + (l + 1) * n + j, sizeof(b));
      std::memcpy(&c, x + (l + 2) * n + j, sizeof(c)), std::memcpy(&d, x + (l + 3) * n + j, sizeof(d));
      const Four p = __builtin_shufflevector(a, b, 0, 4, 1, 5), q = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                 r = __builtin_shufflevector(c, d, 0, 4, 1, 5), s = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      a = __builtin_shufflevector(p, r, 0, 1, 4, 5), b = __builtin_shufflevector(p, r, 2, 3, 6, 7);
      c = __builtin_shufflevector(q, s, 0, 1, 4, 5), d = __builtin_shufflevector(q, s, 2, 3, 6, 7);
      std::memcpy(y + j * n + l, &a, sizeof(a)), std::memcpy(y + (j + 1) * n + l, &b, sizeof(b));
      std::memcpy(y + (j + 2) * n + l, &c, sizeof(c)), std::memcpy(y + (j + 3) * n + l, &d, sizeof(d));
    }
}

/// Calls run(lanes, first, blocks, samples) for groups of blocks of a tile: 16 lanes for as many whole blocks as there are, 4 at
/// least; then one for each that is left, of which the last may have fewer than 16 samples.
template <class Run>
RETROGRAD_INLINE void for_groups(int count, const Run& run) {
  const int whole = count / math::block;
  int b = 0;
  for (int blocks; whole - b >= 4; b += blocks) {
    blocks = std::min(whole - b, math::block);
    run(std::integral_constant<int, math::block>(), b, blocks, math::block);
  }
  for (; b * math::block < count; ++b)
    run(std::integral_constant<int, 1>(), b, 1, std::min(math::block, count - b * math::block));
}
template <class Run>
RETROGRAD_INLINE void for_groups_backwards(int count, const Run& run) {
  const int whole = count / math::block, left = whole % math::block;
  int b = (count + math::block - 1) / math::block;
  for (const int in_lanes = left >= 4 ? whole : whole - left; b > in_lanes;) {
    --b;
    run(std::integral_constant<int, 1>(), b, 1, std::min(math::block, count - b * math::block));
  }
  for (int blocks; b > 0;) {
    blocks = b % math::block == 0 ? math::block : b % math::block;
    b -= blocks;
    run(std::integral_constant<int, math::block>(), b, blocks, math::block);
  }
}

/// The maps of a tile's blocks and the states where they begin.
template <class Real, int States>
struct BlocksOfTile {
  static constexpr int most = Tile<Real>::max_samples / math::block;
  alignas(64) Real f[States][States][most], s[States][most];
};

/// One input of a group: sample j of block l is data[j * step + l].
template <class Real>
struct LaneInput {
  const Real* data = nullptr;
  int step = 0;
};

/// The terms of a sum over time as the lanes of blocks have them: sample j of a block that is the l-th of eight is at 8 * j + l.
template <class Real>
struct LaneSum {
  static constexpr int eight = math::blocks_per_group;
  alignas(64) Real at[math::sum_lanes];

  RETROGRAD_INLINE void load(const Real* lanes) {
    for (int j = 0; j < math::block; ++j)
      for (int l = 0; l < eight; ++l) at[j * eight + l] = lanes[l * math::block + j];
  }
  RETROGRAD_INLINE void store(Real* lanes) const {
    for (int l = 0; l < eight; ++l)
      for (int j = 0; j < math::block; ++j) lanes[l * math::block + j] = at[j * eight + l];
  }
  /// The terms of sixteen blocks, of which those from `blocks` on are absent: each lane's from the last to the first.
  RETROGRAD_INLINE void add(Real* terms, int blocks) {
    for (int j = 0; blocks < math::block && j < math::block; ++j)
      for (int l = blocks; l < math::block; ++l) terms[j * math::block + l] = Real(-0.0);
    for (int j = 0; j < math::block; ++j) {
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < eight; ++l)
        at[j * eight + l] =
            (at[j * eight + l] + terms[j * math::block + eight + l]) + terms[j * math::block + l];
    }
  }
  /// Of one block.
  RETROGRAD_INLINE void add_block(const Real* terms, int block, int samples) {
    for (int j = 0; j < samples; ++j) {
      Real& sum = at[j * eight + block % eight];
      sum = sum + terms[j];
    }
  }
};

template <class T, int States, int Inputs, int L>
struct BlockGroup {
  using Real = real_t<T>;
  static constexpr int chunk = L == 1 || States > 2 ? 1 : 4;  // samples between two visits of memory
  static constexpr int size = L * math::block;
  LaneInput<Real> x[Inputs];
  alignas(64) Real f[States][States][L];
  alignas(64) Real u[States][L];
  alignas(64) Real s[States][L];
  alignas(64) Real y[size];

  /// `room`: where input i is kept as lanes, at i * stride. `is_there`: it was read into it before.
  RETROGRAD_INLINE void read(const Tile<Real>& tile, int first, int blocks, Real* room, int stride,
                             bool is_there) {
    for (int i = 0; i < Inputs; ++i) x[i] = read(tile.x[i], first, blocks, room + i * stride, is_there);
  }
  RETROGRAD_INLINE static LaneInput<Real> read(const Input<Real>& input, int first, int blocks,
                                               Real* transposed, bool is_there = false) {
    if (input.is_constant()) return {input.data, 0};
    if constexpr (L == 1) {
      return {input.block(first), 1};
    } else {
      if (is_there) {
      } else if (blocks == L) {
        linear::transpose(input.block(first), transposed);
      } else {
        alignas(64) Real padded[size] = {};
        std::copy_n(input.block(first), blocks * math::block, padded);
        linear::transpose(padded, transposed);
      }
      return {transposed, L};
    }
  }
  RETROGRAD_INLINE static void write(const Real* from, Real* to, int blocks) {
    if constexpr (L == 1) {
      std::copy_n(from, math::block, to);
    } else if (blocks == L) {
      linear::transpose(from, to);
    } else {
      alignas(64) Real padded[size];
      linear::transpose(from, padded);
      std::copy_n(padded, blocks * math::block, to);
    }
  }
  RETROGRAD_INLINE T input(int j, int l) const { return T(x[0].data[j * x[0].step + l]); }

  /// The blocks' maps.
  template <class Steps>
  RETROGRAD_INLINE void compose(const Steps& steps, int samples) {
    if constexpr (Steps::is_steady) {
      const Map<T, States> map = samples == math::block ? steps.map : steps.map_of(samples);
      for_each_pair([&](std::size_t i, std::size_t k) RETROGRAD_INLINE_LAMBDA {
        for (int l = 0; l < L; ++l) f[i][k][l] = Real(map.column[k][i]);
      });
    } else {
      for_each_pair([&](std::size_t i, std::size_t k) RETROGRAD_INLINE_LAMBDA {
        for (int l = 0; l < L; ++l) f[i][k][l] = Real(0.0);
      });
    }
    for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
      for (int l = 0; l < L; ++l) u[i][l] = Real(0.0);
    });
    for (int first = 0; first < samples; first += chunk) {
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < L; ++l) {
        Map<T, States> map;
        Vector<T, States> moved;
        for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { moved[i] = T(u[i][l]); });
        if constexpr (!Steps::is_steady)
          for_each_pair([&](std::size_t i, std::size_t k)
                            RETROGRAD_INLINE_LAMBDA { map.column[k][i] = T(f[i][k][l]); });
        math::unrolled(std::integral_constant<int, chunk>(), [&](int j) RETROGRAD_INLINE_LAMBDA {
          const LinearStep<T, States> step = steps.at(x, first + j, l);
          if constexpr (!Steps::is_steady) map.add(step);
          move(step, moved, input(first + j, l));
        });
        for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { u[i][l] = Real(moved[i]); });
        if constexpr (!Steps::is_steady)
          for_each_pair([&](std::size_t i, std::size_t k)
                            RETROGRAD_INLINE_LAMBDA { f[i][k][l] = Real(map.column[k][i]); });
      }
    }
  }

  /// The states where the blocks begin; `at` goes from where the first begins to where the last ends. Whether one is so small that
  /// it is zero is looked at beside the way from state to state, which would wait for it.
  RETROGRAD_INLINE void find_states(Vector<T, States>& at, int blocks) {
    const Vector<T, States> first = at;
    bool has_small = false;
    for (int l = 0; l < blocks; ++l) {
      at = next_state(at, l);
      for_each<States>([&](std::size_t i)
                           RETROGRAD_INLINE_LAMBDA { has_small = has_small | is_small(at[i]); });
    }
    if (has_small) {
      at = first;
      for (int l = 0; l < blocks; ++l) {
        at = next_state(at, l);
        for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { at[i] = flushed(at[i]); });
      }
    }
    for (int l = blocks; l < L; ++l)
      for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { s[i][l] = Real(0.0); });
  }

  RETROGRAD_INLINE void keep(BlocksOfTile<Real, States>& tile, int first, int blocks) const {
    for (int l = 0; l < blocks; ++l) {
      for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { tile.s[i][first + l] = s[i][l]; });
      for_each_pair([&](std::size_t i, std::size_t k)
                        RETROGRAD_INLINE_LAMBDA { tile.f[i][k][first + l] = f[i][k][l]; });
    }
  }
  RETROGRAD_INLINE void restore(const BlocksOfTile<Real, States>& tile, int first, int blocks) {
    for (int l = 0; l < L; ++l) {
      const bool is_there = l < blocks;
      for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
        s[i][l] = is_there ? tile.s[i][first + l] : Real(0.0);
      });
      for_each_pair([&](std::size_t i, std::size_t k) RETROGRAD_INLINE_LAMBDA {
        f[i][k][l] = is_there ? tile.f[i][k][first + l] : Real(0.0);
      });
    }
  }

  /// Calls sample(step, s, x, j, l) for each sample, with the state before it, and moves the states to the blocks' ends.
  template <class Steps, class Sample>
  RETROGRAD_INLINE void for_samples(const Steps& steps, int samples, const Sample& sample) {
    for (int first = 0; first < samples; first += chunk) {
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < L; ++l) {
        Vector<T, States> at;
        for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { at[i] = T(s[i][l]); });
        math::unrolled(std::integral_constant<int, chunk>(), [&](int j) RETROGRAD_INLINE_LAMBDA {
          const LinearStep<T, States> step = steps.at(x, first + j, l);
          const T in = input(first + j, l);
          sample(step, at, in, first + j, l);
          move(step, at, in);
        });
        for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { s[i][l] = Real(at[i]); });
      }
    }
  }
  template <class Steps>
  RETROGRAD_INLINE void play(const Steps& steps, int samples) {
    for_samples(steps, samples,
                [&](const LinearStep<T, States>& step, const Vector<T, States>& at, T in, int j, int l)
                    RETROGRAD_INLINE_LAMBDA { y[j * L + l] = Real(output(step, at, in)); });
  }

  template <class Run>
  RETROGRAD_INLINE static void for_each_pair(const Run& run) {
    for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
      for_each<States>([&](std::size_t k) RETROGRAD_INLINE_LAMBDA { run(i, k); });
    });
  }

 private:
  RETROGRAD_INLINE Vector<T, States> next_state(const Vector<T, States>& at, int l) {
    Vector<T, States> next;
    for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
      s[i][l] = Real(at[i]);
      next[i] =
          at[i] + dot([&](std::size_t k) RETROGRAD_INLINE_LAMBDA { return T(f[i][k][l]); }, at, T(u[i][l]));
    });
    return next;
  }
};

/// The way back through a group.
template <class T, int States, int Inputs, int L>
struct BlockAdjoints {
  using Real = real_t<T>;
  using Group = BlockGroup<T, States, Inputs, L>;
  static constexpr int chunk = Group::chunk, size = Group::size;
  LaneInput<Real> gy;
  alignas(64) Real transposed[L == 1 ? 1 : size];
  alignas(64) Real s[States][size];  // before each sample
  alignas(64) Real e[States][States][size], c[States][size];
  alignas(64) Real v[States][L], gs[States][L];
  alignas(64) Real gx[Inputs][size];

  RETROGRAD_INLINE void read(const Tile<Real>& tile, int first, int blocks) {
    gy = Group::read(tile.gy, first, blocks, transposed);
  }
  RETROGRAD_INLINE T output_adjoint(int j, int l) const { return T(gy.data[j * gy.step + l]); }

  /// The states before each sample, and what the way back needs of the steps.
  template <class Steps>
  RETROGRAD_INLINE void play(Group& group, const Steps& steps, int samples) {
    group.for_samples(steps, samples,
                      [&](const LinearStep<T, States>& step, const Vector<T, States>& at, T, int j, int l)
                          RETROGRAD_INLINE_LAMBDA {
                            for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
                              s[i][j * L + l] = Real(at[i]);
                              if constexpr (!Steps::is_steady) c[i][j * L + l] = Real(step.c[i]);
                            });
                            if constexpr (!Steps::is_steady)
                              Group::for_each_pair([&](std::size_t i, std::size_t k) RETROGRAD_INLINE_LAMBDA {
                                e[i][k][j * L + l] = Real(step.e[i][k]);
                              });
                          });
  }
  template <class Steps>
  RETROGRAD_INLINE LinearStep<T, States> step_of(const Steps& steps, int j, int l) const {
    if constexpr (Steps::is_steady) {
      return steps.step;
    } else {
      LinearStep<T, States> step;
      for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { step.c[i] = T(c[i][j * L + l]); });
      Group::for_each_pair([&](std::size_t i, std::size_t k)
                               RETROGRAD_INLINE_LAMBDA { step.e[i][k] = T(e[i][k][j * L + l]); });
      return step;
    }
  }

  /// The blocks' v: what their outputs give the state where they begin.
  template <class Steps>
  RETROGRAD_INLINE void compose(const Steps& steps, int samples) {
    for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
      for (int l = 0; l < L; ++l) v[i][l] = Real(0.0);
    });
    for_samples(v, samples, [&](Vector<T, States>& at, int j, int l) RETROGRAD_INLINE_LAMBDA {
      move_back(step_of(steps, j, l), at, output_adjoint(j, l));
    });
  }

  /// The adjoints of the states where the blocks end; `at` goes from where the last ends to where the first begins.
  RETROGRAD_INLINE void find_adjoints(const Group& group, Vector<T, States>& at, int blocks) {
    for (int l = blocks; l < L; ++l)
      for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { gs[i][l] = Real(0.0); });
    for (int l = blocks; l-- > 0;) {
      const Vector<T, States> after = at;
      for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA {
        gs[i][l] = Real(after[i]);
        at[i] = after[i] + dot([&](std::size_t k) RETROGRAD_INLINE_LAMBDA { return T(group.f[k][i][l]); },
                               after, T(v[i][l]));
      });
    }
  }

  /// The adjoints of the inputs.
  template <class Steps, class N>
  RETROGRAD_INLINE void rewind(const Group& group, const Steps& steps, const N& node, int samples) {
    for_samples(gs, samples, [&](Vector<T, States>& after, int j, int l) RETROGRAD_INLINE_LAMBDA {
      Vector<T, States> before;
      for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { before[i] = T(s[i][j * L + l]); });
      const T out = output_adjoint(j, l);
      const Vector<T, Inputs> adjoints = [&]<std::size_t... I>(std::index_sequence<I...>)
          RETROGRAD_INLINE_LAMBDA {
        return node.step_adjoint(after, before, out, T(group.x[I].data[j * group.x[I].step + l])...);
      }
      (std::make_index_sequence<static_cast<std::size_t>(Inputs)>());
      for_each<Inputs>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { gx[i][j * L + l] = Real(adjoints[i]); });
      move_back(step_of(steps, j, l), after, out);
    });
  }

  /// Puts what an input gains where its target wants it. Groups begin at a multiple of eight blocks of the row.
  RETROGRAD_INLINE static void give(Real* terms, const Target<Real>& target, LaneSum<Real>& sum, int first,
                                    int blocks, int samples, std::int64_t start) {
    if (target.mode == AdjointMode::overwrite) Group::write(terms, target.data + first * math::block, blocks);
    if (target.mode != AdjointMode::sum) return;
    if constexpr (L == 1)
      sum.add_block(terms, static_cast<int>(start / math::block % math::blocks_per_group), samples);
    else
      sum.add(terms, blocks);
    if (start % math::sum_tile != 0) return;
    sum.store(target.sum->lanes[0]);
    target.sum->end_tile(start);
    sum.load(target.sum->lanes[0]);
  }

 private:
  // Samples from the last to the first, with what `of_blocks` holds for each block.
  template <class Sample>
  RETROGRAD_INLINE static void for_samples(Real (&of_blocks)[States][L], int samples, const Sample& sample) {
    for (int last = samples - 1; last >= 0; last -= chunk) {
      RETROGRAD_INDEPENDENT_LANES
      for (int l = 0; l < L; ++l) {
        Vector<T, States> at;
        for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { at[i] = T(of_blocks[i][l]); });
        math::unrolled(std::integral_constant<int, chunk>(),
                       [&](int j) RETROGRAD_INLINE_LAMBDA { sample(at, last - j, l); });
        for_each<States>([&](std::size_t i) RETROGRAD_INLINE_LAMBDA { of_blocks[i][l] = Real(at[i]); });
      }
    }
  }
};

}  // namespace linear

}  // namespace retrograd
