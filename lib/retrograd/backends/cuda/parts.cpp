#include <retrograd/backends/cuda/parts.hpp>

namespace retrograd::cuda {

const Parts& Gpu::parts() const {
  static constexpr Parts parts{make_plan, make_leaf, make_least_rows, make_optimizer};
  return parts;
}

}  // namespace retrograd::cuda
