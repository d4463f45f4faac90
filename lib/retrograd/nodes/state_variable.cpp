#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/one_pole.hpp>
#include <retrograd/nodes/sqrt.hpp>
#include <retrograd/nodes/state_variable.hpp>

#include <cmath>

namespace retrograd {

Var state_variable(Var x, Var cutoff, Var q, FilterKind kind, std::optional<Var> gain) {
  return state_variable_damped(x, cutoff, damping(q), kind, gain);
}

Var state_variable_damped(Var x, Var cutoff, Var k, FilterKind kind, std::optional<Var> gain) {
  TapeState* tape = x.tape();
  const auto number = [&](double value) { return constant(tape, value); };
  const auto record = [&](Var g_of, Var k_of, Var m0, Var m1, Var m2) {
    return detail::record_recurrence(StateVariableFilter(), x, g_of, k_of, m0, m1, m2);
  };
  const Var g = prewarp(cutoff), zero = detail::zero(tape);
  // The square root of the gain, as in the cookbook: what a bell adds at the cutoff and takes from the damping.
  const auto root = [&] { return gain ? pow(10.0, *gain * (1.0 / 40.0)) : number(1.0); };
  switch (kind) {
    case FilterKind::low:
      return record(g, k, zero, zero, number(1.0));
    case FilterKind::band:
      return record(g, k, zero, k, zero);
    case FilterKind::high:
      return record(g, k, number(1.0), -k, number(-1.0));
    case FilterKind::notch:
      return record(g, k, number(1.0), -k, zero);
    case FilterKind::peak:
      return record(g, k, number(1.0), -k, number(-2.0));
    case FilterKind::all_pass:
      return record(g, k, number(1.0), -2.0 * k, zero);
    case FilterKind::bell: {
      const Var a = root(), narrow = k / a;
      return record(g, narrow, number(1.0), narrow * (a * a - 1.0), zero);
    }
    case FilterKind::low_shelf: {
      const Var a = root();
      return record(g / sqrt(a), k, number(1.0), k * (a - 1.0), a * a - 1.0);
    }
    case FilterKind::high_shelf: {
      const Var a = root(), a2 = a * a;
      return record(g * sqrt(a), k, a2, k * (a - a2), 1.0 - a2);
    }
  }
  raise<DomainError>("[state_variable] there is no such kind of filter");
}

Var butterworth(Var x, Var cutoff, int order, FilterKind kind) {
  if (order < 1 || order > 16)
    raise<DomainError>("[butterworth] an order of " + std::to_string(order) + "; it must be 1 to 16");
  if (kind != FilterKind::low && kind != FilterKind::high)
    raise<DomainError>("[butterworth] the kind must be low or high");
  if (order % 2 != 0) x = kind == FilterKind::low ? one_pole_low(x, cutoff) : one_pole_high(x, cutoff);
  for (int pair = 0; pair < order / 2; ++pair) {
    const double angle = Prewarp::pi * (2 * pair + 1) / (2 * order);
    x = state_variable(x, cutoff, constant(x.tape(), 0.5 / std::sin(angle)), kind);
  }
  return x;
}

}  // namespace retrograd
