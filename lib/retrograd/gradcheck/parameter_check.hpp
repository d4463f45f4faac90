// The gradient check of a whole recording, such as a patch: every parameter's gradient beside a numeric one.
//
// The loss is played with one element of one parameter moved by h, h/2 and h/4 to either side, h being 4e-6
// of max(|x|, 0.1), and the differences are extrapolated to a step of zero. Where that does not settle it, other steps are
// tried, from a sixteenth of the parameter down to where only rounding is left, and those count that are worth most
// (gradcheck/measured_slope.hpp). Where the two sides' slopes differ, the parameter sits on a kink, such as an attack of a
// whole number of samples; then the slope of either side or their mean will do, and the nearest to the
// analytic one is reported. Where the domain ends close to the value, only the side inside is taken.
//
// A gradient that is off by a ten-thousandth is found, unless the loss is too rough, steep or flat for differences: then the
// report says that they cannot tell.
#pragma once

#include <retrograd/gradcheck/measured_slope.hpp>
#include <retrograd/tape/tape.hpp>

#include <string>
#include <vector>

namespace retrograd {

/// What was found of one parameter, or of one of its elements.
struct ParameterReport {
  std::string name;          ///< with the element where there are several: "pitch[3]"
  double analytic = 0.0;     ///< as rewind gives it
  double numeric = 0.0;      ///< as differences of plays give it
  double uncertainty = 0.0;  ///< how far off `numeric` may be
  /// |analytic - numeric| over the larger of the two; 0 where they differ by less than `uncertainty`.
  double relative_error = 0.0;
  bool at_kink = false;  ///< the slopes to both sides differ; `numeric` is the nearest
  Agreement agreement = Agreement::cannot_tell;  ///< of the two: what the check came to
};

/// A patch's gradients agree with differences where they are the same to this, relative.
inline constexpr double parameter_tolerance = 1e-6;

/// Gradients of `loss`, constant over time and added up over its rows, for the tape's parameters that are not
/// frozen, in their order. A parameter of more than 64 elements is moved along one random direction of ones
/// and minus ones instead of element by element. Afterwards the parameters have their values again and the
/// loss is played and rewound. TapeError for an f32 tape, ShapeError where the loss varies over time.
std::vector<ParameterReport> check_parameters(Tape& tape, Var loss, double tolerance = parameter_tolerance);

}  // namespace retrograd
