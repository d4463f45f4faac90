#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/racks/fm.hpp>
#include <retrograd/racks/record.hpp>

using namespace retrograd;

namespace {

Tape make_tape(std::int64_t length) {
  return Tape({.type = ElementType::f64, .sample_rate = 44100, .length = length});
}

// Two operators, the second modulating the first, with an attack of exactly 200 samples and one between
// samples.
Var two_operators(Tape& tape) {
  const Var pitch = tape.parameter("pitch", Tensor(std::array{300.0, 310.0}, Shape{2, 1}), positive);
  Rack rack = fm_rack({{1.0, 0.8, {200.0 / 44100, 0.01, 0.4, 0.02}}, {2.0, 1.3, {0.0031, 0.01, 0.4, 0.02}}},
                      {{1, 0}});
  rack.note.gate = {{0.0, 0.03}, {0.035, 0.06}};
  return record(tape, rack, {.given = {{"note.frequency", pitch}}}).audio;
}

}  // namespace

TEST_CASE("every parameter of a patch has its gradient beside a numeric one") {
  Tape tape = make_tape(4000);
  const Var loss = mean_over_time(square(two_operators(tape) - 0.1));
  const std::vector<ParameterReport> reports = check_parameters(tape, loss);
  REQUIRE(reports.size() == 14);
  CHECK(reports[0].name == "pitch[0]");
  CHECK(reports[1].name == "pitch[1]");
  CHECK(reports[2].name == "fm.operator.0.ratio");
  for (const ParameterReport& report : reports) {
    CAPTURE(report.name);
    CAPTURE(report.analytic);
    CAPTURE(report.numeric);
    CHECK(report.relative_error < 1e-6);
    CHECK(report.agreement == Agreement::agrees);
    CHECK(std::abs(report.numeric) > 0.0);
    CHECK(report.at_kink == (report.name == "fm.operator.0.envelope.attack"));
  }
}

TEST_CASE("after the check the tape is as it was, played and rewound") {
  Tape tape({.type = ElementType::f64});
  const Var x = tape.parameter("x", 3.0, positive);
  const Var loss = square(x);
  const auto reports = check_parameters(tape, loss);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].analytic == 6.0);
  CHECK(reports[0].numeric == doctest::Approx(6.0).epsilon(1e-9));
  CHECK(tape.value(x).item() == 3.0);
  CHECK(tape.value(loss).item() == 9.0);
  CHECK(tape.gradient(x).item() == 6.0);
}

TEST_CASE("a gradient that does not flow stands out against its numeric value") {
  Tape tape({.type = ElementType::f64});
  const Var x = tape.parameter("x", 3.0);
  const auto reports = check_parameters(tape, x * stop_gradient(x));
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].analytic == 3.0);
  CHECK(reports[0].numeric == doctest::Approx(6.0).epsilon(1e-8));
  CHECK(reports[0].relative_error == doctest::Approx(0.5).epsilon(1e-8));
  CHECK(reports[0].agreement == Agreement::disagrees);
}

TEST_CASE("a value at the end of its domain is moved inside only, and frozen parameters are left out") {
  Tape tape({.type = ElementType::f64});
  const Var level = tape.parameter("level", 1.0, unit_interval);
  const Var frozen = tape.parameter("frozen", 2.0);
  tape.freeze(frozen);
  const auto reports = check_parameters(tape, exp(level) * frozen);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].name == "level");
  CHECK(reports[0].numeric == doctest::Approx(2.0 * std::exp(1.0)).epsilon(1e-8));
  CHECK(reports[0].relative_error < 1e-8);
}

TEST_CASE("at a kink either side or their mean is right") {
  Tape tape({.type = ElementType::f64});
  const Var x = tape.parameter("x", 0.0);
  const auto of_abs = check_parameters(tape, abs(x));
  CHECK(of_abs[0].at_kink);
  CHECK(of_abs[0].analytic == 0.0);
  CHECK(of_abs[0].relative_error == 0.0);
  const auto of_max = check_parameters(tape, max(x, 0.0));
  CHECK(of_max[0].at_kink);
  CHECK(of_max[0].analytic == 1.0);
  CHECK(of_max[0].relative_error < 1e-9);
}

TEST_CASE("a parameter that is a signal is moved along one direction") {
  Tape tape({.type = ElementType::f64});
  std::vector<double> samples(100);
  for (std::size_t n = 0; n < samples.size(); ++n) samples[n] = std::sin(0.3 * static_cast<double>(n));
  const Var x = tape.parameter("x", Tensor(samples));
  const auto reports = check_parameters(tape, sum(square(x) * x));
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].name.starts_with("x "));
  CHECK(std::abs(reports[0].analytic) > 0.1);
  CHECK(reports[0].relative_error < 1e-8);
}

TEST_CASE("a loss that varies over time and an f32 tape are refused") {
  Tape tape({.type = ElementType::f64});
  const Var x = tape.parameter("x", Tensor({1.0, 2.0}));
  CHECK_THROWS_AS(check_parameters(tape, x), ShapeError);
  Tape single;
  CHECK_THROWS_AS(check_parameters(single, square(single.parameter("x", 1.0))), TapeError);
}

namespace {

// Passes its input on; its gradient is off by `error`, from sample `from` on.
struct Passes : OwnCausal<Passes, 1> {
  static constexpr const char* name = "passes";
  double error = 0.0;
  std::int64_t from = 0;
  template <class T>
  struct State {
    std::int64_t sample = 0;
  };
  template <class T>
  T forward(State<T>& s, T x) const {
    ++s.sample;
    return x;
  }
  template <class T>
  std::array<T, 1> adjoint(State<T>&, const State<T>& s, T gy, T) const {
    return {s.sample >= from ? gy * T(static_cast<real_t<T>>(1.0 + error)) : gy};
  }
};

Passes off_by(double error, std::int64_t from) {
  Passes passes;
  passes.error = error;
  passes.from = from;
  return passes;
}

}  // namespace

TEST_CASE("a wrong adjoint within a patch is found: everywhere by a ten-thousandth, or late by a tenth") {
  for (const Passes& passes : {off_by(1e-4, 0), off_by(-0.1, 3000), off_by(0.0, 0)}) {
    Tape tape = make_tape(4000);
    const Var loss = mean_over_time(square(causal(passes, two_operators(tape)) - 0.1));
    int wrong = 0, unclear = 0;
    for (const ParameterReport& report : check_parameters(tape, loss)) {
      wrong += report.agreement == Agreement::disagrees;
      unclear += report.agreement == Agreement::cannot_tell;
    }
    CAPTURE(passes.error);
    CHECK(unclear == 0);
    // The gradient of a first attack ends before the late samples.
    CHECK((passes.error == 0.0 ? wrong == 0 : passes.from == 0 ? wrong == 14 : wrong >= 6));
  }
}

TEST_CASE("a modulation of hundreds of radians is no reason for a right gradient to fail") {
  Tape tape = make_tape(6000);
  const Var pitch = tape.parameter("pitch", 261.1548, positive),
            ratio = tape.parameter("ratio", 7.148, positive);
  const Var depth = tape.parameter("depth", 400.0);
  const Var audio = sinusoid(pitch, sinusoid(pitch * ratio, std::nullopt, 6000) * depth);
  for (const ParameterReport& report : check_parameters(tape, mean_over_time(square(audio - 0.1)))) {
    CAPTURE(report.name);
    CAPTURE(report.analytic);
    CAPTURE(report.numeric);
    CHECK(report.agreement == Agreement::agrees);
  }
}

TEST_CASE("a gradient that is not finite is wrong, and a loss that is not cannot tell") {
  Tape tape({.type = ElementType::f64, .length = 100});
  const Var x = tape.parameter("x", 0.5);
  const Var y = causal(off_by(std::numeric_limits<double>::quiet_NaN(), 0), x);
  CHECK(check_parameters(tape, mean(square(y)))[0].agreement == Agreement::disagrees);
  Tape other({.type = ElementType::f64});
  CHECK(check_parameters(other, log(other.parameter("x", -1.0)))[0].agreement != Agreement::agrees);
}
