// The space in which a parameter is optimised: all real numbers, mapped onto its domain, so that every step
// stays valid.
//
//     domain              x(u)                               dx/du
//     real                u                                  1
//     [low, infinity)     low + exp(u)                       exp(u)
//     (-infinity, high]   high - exp(u)                      -exp(u)
//     [low, high]         low + (high - low) * sigmoid(u)    (high - low) * s * (1 - s)
#pragma once

#include <retrograd/tape/domain.hpp>

namespace retrograd {

/// The free coordinate of a value. Values on a bound get the coordinate of one just inside it.
double to_free(const Domain& domain, double value);

/// The value at a free coordinate; always inside the domain.
double from_free(const Domain& domain, double free);

/// dx/du there.
double slope_at(const Domain& domain, double free);

}  // namespace retrograd
