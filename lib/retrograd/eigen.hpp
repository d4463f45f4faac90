// Tensors as Eigen sees them: see tensor/eigen.hpp. What retrograd.hpp leaves out, so that it needs no Eigen.
#pragma once

#include <retrograd/tensor/eigen.hpp>
