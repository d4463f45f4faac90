// The gradient check of a whole recording, such as a patch: every parameter's gradient beside a numeric one.
//
// The loss is played with one element of one parameter moved by h, h/2 and h/4 to either side, h being 4e-6
// of max(|x|, 0.1), and the differences are extrapolated to a step of zero (Richardson): centrally, and for
// each side alone. Where the two sides' slopes differ, the parameter sits on a kink, such as an attack of a
// whole number of samples; then the slope of either side or their mean will do, and the nearest to the
// analytic one is reported. Where the domain ends close to the value, only the side inside is taken.
#pragma once

#include <retrograd/tape/tape.hpp>

#include <string>
#include <vector>

namespace retrograd {

/// What was found of one parameter, or of one of its elements.
struct ParameterReport {
  std::string name;       ///< with the element where there are several: "pitch[3]"
  double analytic = 0.0;  ///< as rewind gives it
  double numeric = 0.0;   ///< as differences of plays give it
  /// |analytic - numeric| over the larger of the two; 0 where they differ by less than the rounding of the
  /// loss.
  double relative_error = 0.0;
  bool at_kink = false;  ///< the slopes to both sides differ; `numeric` is the nearest
};

/// Gradients of `loss`, constant over time and added up over its rows, for the tape's parameters that are not
/// frozen, in their order. A parameter of more than 64 elements is moved along one random direction of ones
/// and minus ones instead of element by element. Afterwards the parameters have their values again and the
/// loss is played and rewound. TapeError for an f32 tape, ShapeError where the loss varies over time.
std::vector<ParameterReport> check_parameters(Tape& tape, Var loss);

}  // namespace retrograd
