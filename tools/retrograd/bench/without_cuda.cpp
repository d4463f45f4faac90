// A build without the CUDA backend has no device that the GPU's rows could be asked for.
#include "rows.hpp"

namespace retrograd::tool {

void add_cuda_rows(Rows&) {}
void add_closed_form_rows(Rows&, const BenchOptions&) {}

}  // namespace retrograd::tool
