// Every function a formula may use, for every scalar it may be computed in. A file with a formula includes
// this one.
#pragma once

#include <retrograd/math/activation.hpp>
#include <retrograd/math/dual.hpp>
#include <retrograd/math/exponential.hpp>
#include <retrograd/math/logarithm.hpp>
#include <retrograd/math/scalar.hpp>
#include <retrograd/math/trigonometric.hpp>
