// Values constant over time: the pointwise nodes among them, in double on every tape, in one launch of one block.
#pragma once

#include <retrograd/backends/cuda/kernel_list.hpp>
#include <retrograd/nodes/all.hpp>

namespace retrograd::cuda {

/// One node, its inputs and what its adjoint reaches.
struct NumberNodeAt {
  int opcode;  ///< the place in PointwiseNodes
  const void* node;
  std::int64_t elements;
  double* y;
  const double* gy;
  const double* x[most_inputs];
  const std::int64_t* source[most_inputs];      ///< which element of x each of y has; null: its own
  double* gx[most_inputs];                      ///< null: no adjoint goes there
  std::int64_t sources[most_inputs];            ///< elements of x
  const std::int64_t* first_user[most_inputs];  ///< [sources + 1], in users
  const std::int64_t* users[most_inputs];       ///< the elements of y that have one of x
};

template <class Run, class... Nodes>
RETROGRAD_ANYWHERE void run_number_node(NodeList<Nodes...>, int opcode, const Run& run) {
  int at = 0;
  (void)((opcode == at++ ? (run.template operator()<Nodes>(), true) : false) || ...);
}

struct PlayNumbers {
  static constexpr const char* name = "play_numbers";
  struct Arguments {
    const NumberNodeAt* nodes;
    int count;
  };

  struct Forward {
    const NumberNodeAt& at;
    std::int64_t e;
    template <class N>
    RETROGRAD_ANYWHERE void operator()() const {
      run<N>(std::make_index_sequence<static_cast<std::size_t>(N::inputs)>());
    }
    template <class N, std::size_t... I>
    RETROGRAD_ANYWHERE void run(std::index_sequence<I...>) const {
      at.y[e] =
          static_cast<const N*>(at.node)->forward(at.x[I][at.source[I] != nullptr ? at.source[I][e] : e]...);
    }
  };

  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    for (int n = 0; n < a.count; ++n) {
      const NumberNodeAt& at = a.nodes[n];
      for (std::int64_t e = block.thread(); e < at.elements; e += threads)
        run_number_node(PointwiseNodes(), at.opcode, Forward{at, e});
      block.barrier();
    }
  }
};

struct RewindNumbers {
  static constexpr const char* name = "rewind_numbers";
  struct Arguments {
    const NumberNodeAt* nodes;  ///< in the order of the way back
    int count;
    double* terms;  ///< [input][most_elements]
    std::int64_t most_elements;
    double* work;  ///< of a sum over as many
  };

  struct Adjoint {
    const NumberNodeAt& at;
    std::int64_t e;
    double* terms;
    std::int64_t stride;
    template <class N>
    RETROGRAD_ANYWHERE void operator()() const {
      run<N>(std::make_index_sequence<static_cast<std::size_t>(N::inputs)>());
    }
    template <class N, std::size_t... I>
    RETROGRAD_ANYWHERE void run(std::index_sequence<I...>) const {
      const std::array<double, sizeof...(I)> gx = static_cast<const N*>(at.node)->adjoint(
          at.gy[e], at.y[e], at.x[I][at.source[I] != nullptr ? at.source[I][e] : e]...);
      ((terms[static_cast<std::int64_t>(I) * stride + e] = gx[I]), ...);
    }
  };

  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    for (int n = 0; n < a.count; ++n) {
      const NumberNodeAt& at = a.nodes[n];
      for (std::int64_t e = block.thread(); e < at.elements; e += threads)
        run_number_node(PointwiseNodes(), at.opcode, Adjoint{at, e, a.terms, a.most_elements});
      block.barrier();
      for (int i = 0; i < most_inputs; ++i) {
        if (at.gx[i] == nullptr) continue;
        const double* terms = a.terms + i * a.most_elements;
        if (at.source[i] == nullptr) {
          for (std::int64_t e = block.thread(); e < at.elements; e += threads) at.gx[i][e] += terms[e] + 0.0;
        } else {
          for (std::int64_t s = 0; s < at.sources[i]; ++s) {
            const std::int64_t first = at.first_user[i][s], count = at.first_user[i][s + 1] - first;
            const double sum = ordered_sum(block, count, a.work,
                                           [&](std::int64_t u) { return terms[at.users[i][first + u]]; });
            if (block.thread() == 0) at.gx[i][s] += sum;
            block.barrier();
          }
        }
        block.barrier();
      }
    }
  }
};

template <class Real>
struct Fill {
  static constexpr const char* name = "fill";
  struct Arguments {
    Real* to;
    std::int64_t count;
    Real value;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    for (std::int64_t i = block.index() * std::int64_t{threads} + block.thread(); i < a.count;
         i += std::int64_t{threads} * block.blocks())
      a.to[i] = a.value;
  }
};

using ConstantKernels = KernelList<PlayNumbers, RewindNumbers, Fill<float>, Fill<double>>;

}  // namespace retrograd::cuda
