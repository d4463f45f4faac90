#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/hold.hpp>
#include <retrograd/nodes/linear_recurrence.hpp>
#include <retrograd/nodes/quantize.hpp>
#include <retrograd/nodes/stop_gradient.hpp>

namespace retrograd {

Var hold(Var x, Var rate) {
  Hold node;
  node.period = options_of(x.tape()).sample_rate.value_or(1.0);
  return detail::record_recurrence(node, x, rate);
}

Var crushed(Var x, Var bits, Var rate) {
  // The sum's second term is 0, with the gradient of x.
  return hold(quantize(x, bits), rate) + (x - stop_gradient(x));
}

}  // namespace retrograd
