#include <retrograd/backends/cpu/operator_kernels.hpp>
#include <retrograd/nodes/sinusoid.hpp>

namespace retrograd::cpu {

template struct OperatorLoops<Oscillation<Sinusoid>, math::SimdLevel::v4>;

}  // namespace retrograd::cpu
