#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/math/random.hpp>
#include <retrograd/tape/graph.hpp>

#include <algorithm>
#include <cmath>

namespace retrograd {

namespace {

constexpr std::int64_t most_elements = 64;  // that are moved one by one

LossValue play(Tape& tape, Var loss) {
  tape.play({loss});
  LossValue sum;
  for (const double row : tape.value(loss).as<double>()) {
    sum.value += row;
    sum.magnitude += std::abs(row);
  }
  return sum;
}

// Moves one parameter along one direction and measures the loss.
class Line {
 public:
  Line(Tape& tape, Var loss, Var parameter, std::vector<double> direction)
      : tape_(tape),
        loss_(loss),
        parameter_(parameter),
        start_(tape.value(parameter)),
        moved_(start_),
        direction_(std::move(direction)) {
    for (std::size_t i = 0; i < direction_.size(); ++i)
      if (direction_[i] != 0.0) size_ = std::max(size_, std::abs(start_.as<double>()[i]));
  }

  ParameterReport measure(std::string name, double analytic, double tolerance) {
    const MeasuredSlope slope =
        measure_slope([&](double distance) { return loss_at(distance); }, size_, analytic, tolerance);
    tape_.set(parameter_, start_);
    ParameterReport report{std::move(name), analytic, slope.value, slope.uncertainty};
    const double difference = std::abs(analytic - slope.value);
    report.relative_error = difference <= slope.uncertainty
                                ? 0.0
                                : difference / std::max(std::abs(analytic), std::abs(slope.value));
    report.at_kink = slope.at_kink;
    report.agreement = slope.agreement;
    return report;
  }

 private:
  void move(double distance) {
    for (std::size_t i = 0; i < direction_.size(); ++i)
      moved_.as<double>()[i] = start_.as<double>()[i] + distance * direction_[i];
  }
  // Nothing outside of the domain.
  std::optional<LossValue> loss_at(double distance) {
    move(distance);
    if (!std::ranges::all_of(moved_.as<double>(),
                             [&](double x) { return tape_.domain(parameter_).contains(x); }))
      return std::nullopt;
    tape_.set(parameter_, moved_);
    return play(tape_, loss_);
  }

  Tape& tape_;
  Var loss_, parameter_;
  Tensor start_, moved_;
  std::vector<double> direction_;
  double size_ = 0.1;
};

bool is_frozen(const Tape& tape, Var parameter) {
  const Graph& graph = graph_of(tape.state());
  const int leaf = graph.nodes[static_cast<std::size_t>(parameter.id())].leaf;
  return graph.leaves[static_cast<std::size_t>(leaf)].frozen;
}

}  // namespace

std::vector<ParameterReport> check_parameters(Tape& tape, Var loss, double tolerance) {
  if (tape.options().type != ElementType::f64)
    raise<TapeError>("[gradcheck] the tape is f32; record the same builder on an f64 tape to check it");
  if (loss.is_signal())
    raise<ShapeError>("[gradcheck] the loss has the shape " + to_string(loss.shape()) +
                      " and varies over time; it must be one number, or one per row (rows, 1)");
  play(tape, loss);
  tape.rewind(loss);
  std::vector<Var> parameters;
  std::vector<Tensor> gradients;
  for (const Var parameter : tape.parameters())
    if (!is_frozen(tape, parameter)) {
      parameters.push_back(parameter);
      gradients.emplace_back(tape.gradient(parameter));
    }

  std::vector<ParameterReport> reports;
  math::Random random(1);
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const std::string& name = tape.name(parameters[p]);
    const std::span<const double> gradient = std::as_const(gradients[p]).as<double>();
    if (static_cast<std::int64_t>(gradient.size()) > most_elements) {
      std::vector<double> direction(gradient.size());
      double analytic = 0.0;
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        direction[i] = random.chance(0.5) ? 1.0 : -1.0;
        analytic += gradient[i] * direction[i];
      }
      Line line(tape, loss, parameters[p], std::move(direction));
      reports.push_back(line.measure(name + " (along a random direction)", analytic, tolerance));
      continue;
    }
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      std::vector<double> direction(gradient.size(), 0.0);
      direction[i] = 1.0;
      Line line(tape, loss, parameters[p], std::move(direction));
      reports.push_back(line.measure(gradient.size() == 1 ? name : name + "[" + std::to_string(i) + "]",
                                     gradient[i], tolerance));
    }
  }
  play(tape, loss);
  tape.rewind(loss);
  return reports;
}

}  // namespace retrograd
