// What a benchmark is: a row of the result, measured when its turn comes. Each file beside this one adds the
// rows of one idea.
#pragma once

#include <retrograd/tensor/element_type.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../compute_options.hpp"

namespace retrograd::tool {

struct BenchOptions {
  std::string filter;
  std::string python = "python3";
  bool json = false;
  bool markdown = false;
  bool long_signals = false;
  ComputeOptions compute;

  /// Of the rows that use several threads; the goals are for two.
  int threads() const { return compute.threads > 0 ? compute.threads : 2; }
};

/// What a row is held against.
struct Goal {
  enum class Better { lower, higher, neither } better = Better::neither;
  double value = 0.0;
  bool is_met_by(double measured) const {
    return better == Better::neither || (better == Better::lower ? measured <= value : measured >= value);
  }
};
inline constexpr Goal no_goal{};
constexpr Goal at_most(double value) { return {Goal::Better::lower, value}; }
constexpr Goal at_least(double value) { return {Goal::Better::higher, value}; }

/// Thrown by a row's `measure` where this machine lacks what it takes: the row is left out and the reason
/// said once.
struct LeftOut {
  std::string why;
};

/// What was measured; and where a yardstick computes something else than it should, what: the figure is then worth
/// no verdict, and the row says so.
struct Figure {
  Figure(double figure, std::string of_yardstick = "")
      : value(figure), disagreement(std::move(of_yardstick)) {}
  double value;
  std::string disagreement;
};

struct Row {
  std::string name, unit;
  Goal goal;
  std::function<Figure()> measure;
};
using Rows = std::vector<Row>;

/// All of them. DeviceError in a build that leaves them out.
Rows all_rows(const BenchOptions& options, Device device);

void add_memory_rows(Rows& rows);
void add_speed_rows(Rows& rows, const BenchOptions& options);
void add_stream_rows(Rows& rows);
void add_filter_rows(Rows& rows, const BenchOptions& options);
void add_level_rows(Rows& rows);
void add_scale_rows(Rows& rows, const BenchOptions& options);
void add_graph_rows(Rows& rows);
void add_delay_rows(Rows& rows);
void add_effect_rows(Rows& rows);
void add_fft_rows(Rows& rows);
void add_torch_rows(Rows& rows, const BenchOptions& options);
void add_machine_rows(Rows& rows, const BenchOptions& options);
void add_floor_rows(Rows& rows);
void add_cuda_rows(Rows& rows);
void add_closed_form_rows(Rows& rows, const BenchOptions& options);
void add_torch_on_gpu_rows(Rows& rows, const BenchOptions& options);

}  // namespace retrograd::tool
