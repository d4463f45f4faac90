// The kernels of the whole nodes.
#pragma once

#include <retrograd/backends/cuda/matmul_kernels.hpp>
#include <retrograd/backends/cuda/over_rows_kernels.hpp>
#include <retrograd/backends/cuda/rearrange_kernels.hpp>
#include <retrograd/backends/cuda/spectrum_kernels.hpp>

namespace retrograd::cuda {

using WholeKernels = JoinedLists<MatmulKernels, OverRowsKernels, RearrangeKernels, SpectrumKernels>::type;

}  // namespace retrograd::cuda
