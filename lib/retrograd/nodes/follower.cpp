#include <retrograd/nodes/abs.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/follower.hpp>
#include <retrograd/nodes/linear_recurrence.hpp>
#include <retrograd/nodes/smoothing.hpp>
#include <retrograd/nodes/sqrt.hpp>
#include <retrograd/nodes/square.hpp>

namespace retrograd {

Var follow(Var x, Var attack, Var release) {
  return detail::record_recurrence(Follower(), x, smoothing(attack), smoothing(release));
}

Var envelope_follower(Var x, Var attack, Var release, Detection detection) {
  if (detection == Detection::peak) return follow(abs(x), attack, release);
  constexpr double least = 1e-12;
  return sqrt(follow(square(x), attack, release) + least) - 1e-6;
}

}  // namespace retrograd
