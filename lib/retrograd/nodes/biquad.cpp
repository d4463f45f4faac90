#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/biquad.hpp>
#include <retrograd/nodes/sqrt.hpp>

namespace retrograd {

Var biquad(Var x, const BiquadCoefficients& c) {
  return detail::record_recurrence(BiquadFilter(), x, c.b0, c.b1, c.b2, c.a1, c.a2);
}

BiquadCoefficients biquad_coefficients(FilterKind kind, Var cutoff, Var q, std::optional<Var> gain) {
  TapeState* tape = cutoff.tape();
  const auto number = [&](double value) { return constant(tape, value); };
  const Var t = prewarp(cutoff), k = damping(q), t2 = t * t, zero = detail::zero(tape), one = number(1.0);
  // The filter with a cutoff of 1 radian per second, n(s) / d(s), where s is (1 - 1/z) / (1 + 1/z) / t.
  struct Quadratic {
    Var of_1, of_s, of_s2;
  };
  const auto in_z = [&](const Quadratic& n, const Quadratic& d) -> BiquadCoefficients {
    const Var a0 = d.of_s2 + d.of_s * t + d.of_1 * t2, scale = 1.0 / a0;
    return {(n.of_s2 + n.of_s * t + n.of_1 * t2) * scale, 2.0 * (n.of_1 * t2 - n.of_s2) * scale,
            (n.of_s2 - n.of_s * t + n.of_1 * t2) * scale, 2.0 * (d.of_1 * t2 - d.of_s2) * scale,
            (d.of_s2 - d.of_s * t + d.of_1 * t2) * scale};
  };
  const Quadratic poles{one, k, one};
  const auto root = [&] { return gain ? pow(10.0, *gain * (1.0 / 40.0)) : one; };
  switch (kind) {
    case FilterKind::low:
      return in_z({one, zero, zero}, poles);
    case FilterKind::band:
      return in_z({zero, k, zero}, poles);
    case FilterKind::high:
      return in_z({zero, zero, one}, poles);
    case FilterKind::notch:
      return in_z({one, zero, one}, poles);
    case FilterKind::peak:
      break;
    case FilterKind::all_pass:
      return in_z({one, -k, one}, poles);
    case FilterKind::bell: {
      const Var a = root();
      return in_z({one, k * a, one}, {one, k / a, one});
    }
    case FilterKind::low_shelf: {
      const Var a = root(), s = sqrt(a) * k;
      return in_z({a * a, a * s, a}, {one, s, a});
    }
    case FilterKind::high_shelf: {
      const Var a = root(), s = sqrt(a) * k;
      return in_z({a, a * s, a * a}, {a, s, one});
    }
  }
  raise<DomainError>("[biquad_coefficients] there are none for this kind of filter; state_variable() has it");
}

}  // namespace retrograd
