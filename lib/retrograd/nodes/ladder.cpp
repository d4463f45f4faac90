#include <retrograd/nodes/ladder.hpp>

namespace retrograd {

Var ladder(Var x, Var cutoff, Var resonance) {
  return detail::record_recurrence(LadderFilter(), x, prewarp(cutoff), resonance);
}

Var saturating_ladder(Var x, Var cutoff, Var resonance) {
  return detail::record_recurrence(SaturatingLadder(), x, prewarp(cutoff), resonance);
}

}  // namespace retrograd
