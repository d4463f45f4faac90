// The slope of a loss by differences, with what it is worth. A gradient is compared with it.
//
// The loss is taken at steps h, h/2, h/4, ... to both sides, as many as it needs. Three neighbours are extrapolated to a
// step of zero (Richardson); how far the last extrapolation moved and the rounding of the loss say how far off the
// result may be, and the best three are taken. Where the two sides' slopes differ, the loss has a kink; then the slope
// of either side, or their mean, is right.
#pragma once

#include <functional>
#include <optional>

namespace retrograd {

/// What a comparison of a gradient with differences came to.
enum class Agreement {
  agrees,       ///< they are the same to the tolerance, or to what the differences are worth
  disagrees,    ///< they differ by more than the tolerance and by more than the differences may be off
  cannot_tell,  ///< the differences are worth too little: the loss is too steep, too rough or too flat
};

/// A loss that is a sum, and the sum of its terms' magnitudes, which its rounding goes by.
struct LossValue {
  double value = 0.0;      ///< the sum
  double magnitude = 0.0;  ///< of its terms, added up
};

/// The slope of a loss at one place.
struct MeasuredSlope {
  double value = 0.0;        ///< by differences
  double uncertainty = 0.0;  ///< how far off it may be
  bool at_kink = false;      ///< the two sides' slopes differ; `value` is the nearest to what was expected
  Agreement agreement = Agreement::cannot_tell;  ///< with what was expected
};

/// The slope at distance 0 of `loss_at(distance)` (nothing where that is outside of what is allowed), compared with
/// `expected` to a relative `tolerance`. `size`: of what is moved; the first step is 4e-6 of it.
MeasuredSlope measure_slope(const std::function<std::optional<LossValue>(double)>& loss_at, double size,
                            double expected, double tolerance);

}  // namespace retrograd
