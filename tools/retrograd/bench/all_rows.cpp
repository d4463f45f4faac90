// The rows of `retrograd bench`, in the order in which they are measured.
#include "rows.hpp"

namespace retrograd::tool {

Rows all_rows(const BenchOptions& options, Device device) {
  Rows rows;
  if (device == Device::cuda) {
    add_cuda_rows(rows);
    add_closed_form_rows(rows, options);
    add_torch_on_gpu_rows(rows, options);
    return rows;
  }
  add_memory_rows(rows);  // first: see memory.cpp
  add_speed_rows(rows, options);
  add_filter_rows(rows, options);
  add_stream_rows(rows);
  add_delay_rows(rows);
  add_effect_rows(rows);
  add_floor_rows(rows);
  add_torch_rows(rows, options);
  add_fft_rows(rows);
  add_scale_rows(rows, options);
  add_graph_rows(rows);
  add_level_rows(rows);
  add_machine_rows(rows, options);
  return rows;
}

}  // namespace retrograd::tool
