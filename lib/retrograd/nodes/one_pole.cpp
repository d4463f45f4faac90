#include <retrograd/nodes/one_pole.hpp>

namespace retrograd {

namespace {

Var record(Var x, Var cutoff, double m0, double m1) {
  OnePoleFilter node;
  node.m0 = m0;
  node.m1 = m1;
  return detail::record_recurrence(node, x, prewarp(cutoff));
}

}  // namespace

Var one_pole_low(Var x, Var cutoff) { return record(x, cutoff, 0.0, 1.0); }
Var one_pole_high(Var x, Var cutoff) { return record(x, cutoff, 1.0, -1.0); }
Var one_pole_all_pass(Var x, Var cutoff) { return record(x, cutoff, -1.0, 2.0); }

Var dc_blocker(Var x) {
  const bool has_rate = options_of(x.tape()).sample_rate.has_value();
  return one_pole_high(x, constant(x.tape(), has_rate ? 5.0 : 0.0007));
}

}  // namespace retrograd
