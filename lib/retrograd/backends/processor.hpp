// Whether this processor runs the loops that the library was built with.
#pragma once

#include <retrograd/math/simd.hpp>

namespace retrograd {

/// DeviceError where it does not: `processor` is the best it runs, `lowest` the least that there are loops for.
void check_processor(math::SimdLevel processor, math::SimdLevel lowest);

}  // namespace retrograd
