// One step of an optimiser, in one launch: a block for each group of elements that are clipped together.
#pragma once

#include <retrograd/backends/cuda/kernel_list.hpp>
#include <retrograd/optimizers/moves.hpp>

namespace retrograd::cuda {

struct ParameterAt {
  bool is_f32;
  void* value;
  const void* gradient;
  Domain domain;
  double rate;
  bool is_frozen;  ///< it is left alone
  std::int64_t elements, first_group, group_length;
  double* free;
  double* memory[2];
  double* free_gradient;
};

template <class Method>
struct StepParameters {
  static constexpr const char* name = "step_parameters";
  struct Arguments {
    const ParameterAt* parameters;
    int count;
    Method move;
    const Method* own_moves;  ///< of each parameter; null: `move` is that of all
    double learning_rate, clip;
    bool are_set;  ///< values may have been set since the last step
  };

  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    double squares = 0.0;  // of the group's gradient in free space
    for_each_parameter(a, block.index(), [&](const ParameterAt& p, std::int64_t first, const Method&) {
      double lane = -0.0;
      for (std::int64_t i = first + block.thread(); i < first + p.group_length; i += threads) {
        if (a.are_set)
          p.free[i] = p.is_f32
                          ? moves::present_free(p.domain, p.free[i], static_cast<const float*>(p.value)[i])
                          : moves::present_free(p.domain, p.free[i], static_cast<const double*>(p.value)[i]);
        const double g = p.is_f32 ? static_cast<double>(static_cast<const float*>(p.gradient)[i])
                                  : static_cast<const double*>(p.gradient)[i];
        p.free_gradient[i] = g * moves::slope_at(p.domain, p.free[i]);
        lane = math::fma(p.free_gradient[i], p.free_gradient[i], lane);
      }
      squares += block.sum_of_lanes(lane);
    });
    const double norm = std::sqrt(squares), factor = moves::clipping(norm, a.clip);
    if (!moves::is_finite(norm)) return;  // the group stays where it is
    for_each_parameter(a, block.index(), [&](const ParameterAt& p, std::int64_t first, const Method& move) {
      for (std::int64_t i = first + block.thread(); i < first + p.group_length; i += threads) {
        p.free[i] -=
            move(p.free_gradient[i] * factor, a.learning_rate * p.rate, p.memory[0][i], p.memory[1][i]);
        if (p.is_f32)
          moves::value_of_free(p.domain, p.free[i], static_cast<float*>(p.value)[i]);
        else
          moves::value_of_free(p.domain, p.free[i], static_cast<double*>(p.value)[i]);
      }
    });
  }

 private:
  // Calls `visit(parameter, first, move)` for those that have elements in the group, the first of which is `first`.
  template <class Visit>
  RETROGRAD_ANYWHERE static void for_each_parameter(const Arguments& a, std::int64_t group,
                                                    const Visit& visit) {
    for (int i = 0; i < a.count; ++i) {
      const ParameterAt& p = a.parameters[i];
      const std::int64_t first = (group - p.first_group) * p.group_length;
      if (!p.is_frozen && first >= 0 && first < p.elements)
        visit(p, first, a.own_moves != nullptr ? a.own_moves[i] : a.move);
    }
  }
};

using OptimizerKernels = KernelList<StepParameters<moves::SgdMove>, StepParameters<moves::AdamMove>>;

}  // namespace retrograd::cuda
