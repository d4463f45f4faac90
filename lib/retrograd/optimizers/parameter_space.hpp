// The space in which a parameter is optimised: all real numbers, mapped onto its domain, so that every step
// stays valid.
//
//     domain              x(u)                               dx/du
//     real                u                                  1
//     [low, infinity)     low + exp(u)                       exp(u)
//     (-infinity, high]   high - exp(u)                      -exp(u)
//     [low, high]         low + (high - low) * sigmoid(u)    (high - low) * s * (1 - s)
//
// A bound itself is at u = -infinity or infinity, where the slope is zero and nothing would ever move. A
// value on it (a gain of 0, an attack of 0) therefore begins a step inside: 1e-3, of an interval's width
// where there are two bounds. That is -60 dB of a gain and a millisecond of a time: hardly heard, and so near
// to what else sounds have that Adam gets there within tens of steps. From there a value may fall back
// towards the bound.
#pragma once

#include <retrograd/tape/domain.hpp>

namespace retrograd {

/// How far inside a value on a bound begins; of the width where the domain is an interval.
inline constexpr double step_inside = 1e-3;

/// The free coordinate of a value. A value on a bound gets that of the one `step_inside` of it.
double to_free(const Domain& domain, double value);

/// The value at a free coordinate; always inside the domain.
double from_free(const Domain& domain, double free);

/// dx/du there.
double slope_at(const Domain& domain, double free);

}  // namespace retrograd
