// One step of an optimiser, in one launch: a block for each row, and one for the parameters that all rows share.
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
  std::int64_t elements, row_length;
  bool is_shared;  ///< by all rows
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
    std::int64_t rows;  ///< block `rows` has the shared ones
    Method move;
    double learning_rate, clip;
  };

  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const std::int64_t row = block.index();
    double squares = 0.0;  // of the row's gradient in free space
    for_each_parameter(a, row, [&](const ParameterAt& p, std::int64_t first) {
      double lane = -0.0;
      for (std::int64_t i = first + block.thread(); i < first + p.row_length; i += threads) {
        const double g = p.is_f32 ? static_cast<double>(static_cast<const float*>(p.gradient)[i])
                                  : static_cast<const double*>(p.gradient)[i];
        p.free_gradient[i] = g * moves::slope_at(p.domain, p.free[i]);
        lane = math::fma(p.free_gradient[i], p.free_gradient[i], lane);
      }
      squares += block.sum_of_lanes(lane);
    });
    const double norm = std::sqrt(squares), factor = moves::clipping(norm, a.clip);
    if (!moves::is_finite(norm)) return;  // the row stays where it is
    for_each_parameter(a, row, [&](const ParameterAt& p, std::int64_t first) {
      for (std::int64_t i = first + block.thread(); i < first + p.row_length; i += threads) {
        p.free[i] -=
            a.move(p.free_gradient[i] * factor, a.learning_rate * p.rate, p.memory[0][i], p.memory[1][i]);
        const double value = moves::from_free(p.domain, p.free[i]);
        if (p.is_f32)
          static_cast<float*>(p.value)[i] = moves::rounded_inside(p.domain, value);
        else
          static_cast<double*>(p.value)[i] = value;
      }
    });
  }

 private:
  // Calls `visit(parameter, first)` for those that have elements in the row, the first of which is `first`.
  template <class Visit>
  RETROGRAD_ANYWHERE static void for_each_parameter(const Arguments& a, std::int64_t row,
                                                    const Visit& visit) {
    for (int i = 0; i < a.count; ++i) {
      const ParameterAt& p = a.parameters[i];
      const std::int64_t first = p.is_shared ? 0 : row * p.row_length;
      if (p.is_shared == (row == a.rows) && first < p.elements) visit(p, first);
    }
  }
};

using OptimizerKernels = KernelList<StepParameters<moves::SgdMove>, StepParameters<moves::AdamMove>>;

}  // namespace retrograd::cuda
