#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/gradcheck/random.hpp>
#include <retrograd/tape/graph.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace retrograd {

namespace {

constexpr std::int64_t most_elements = 64;  // that are moved one by one
constexpr double rounding = std::numeric_limits<double>::epsilon();

struct Loss {
  double value = 0.0;
  double magnitude = 0.0;  // of the rows' values
};

Loss play(Tape& tape, Var loss) {
  tape.play({loss});
  Loss sum;
  for (const double row : tape.value(loss).as<double>()) {
    sum.value += row;
    sum.magnitude += std::abs(row);
  }
  return sum;
}

// A slope extrapolated to a step of zero, and about how far off it is.
struct Slope {
  double value = 0.0;
  double error = 0.0;
};

// From the slopes over the steps h, h/2 and h/4 to one side, off by c1*h + c2*h^2 + ...
Slope extrapolate_one_side(const double (&slope)[3]) {
  const double coarse = 2.0 * slope[1] - slope[0], fine = 2.0 * slope[2] - slope[1];
  const double best = (4.0 * fine - coarse) / 3.0;
  return {best, std::abs(best - fine)};
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
    double size = 0.1;
    for (std::size_t i = 0; i < direction_.size(); ++i)
      if (direction_[i] != 0.0) size = std::max(size, std::abs(start_.as<double>()[i]));
    step_ = 4e-6 * size;
  }

  ParameterReport measure(std::string name, double analytic) {
    const bool has_right = is_inside(step_), has_left = is_inside(-step_);
    const Loss middle = loss_at(0.0);
    double right_slopes[3] = {}, left_slopes[3] = {};
    for (int i = 0; i < 3; ++i) {
      const double h = std::ldexp(step_, -i);
      if (has_right) right_slopes[i] = (loss_at(h).value - middle.value) / h;
      if (has_left) left_slopes[i] = (middle.value - loss_at(-h).value) / h;
    }
    tape_.set(parameter_, start_);

    ParameterReport report{std::move(name), analytic};
    const Slope right = extrapolate_one_side(right_slopes), left = extrapolate_one_side(left_slopes);
    const double noise = 8.0 * rounding * middle.magnitude / std::ldexp(step_, -2);
    if (has_right && has_left) {
      const auto central = [&](int i) { return 0.5 * (right_slopes[i] + left_slopes[i]); };
      report.numeric = (4.0 * central(2) - central(1)) / 3.0;
      report.at_kink = std::abs(right.value - left.value) > 10.0 * (right.error + left.error) + 4.0 * noise;
      if (report.at_kink)
        for (const double side : {right.value, left.value})
          if (std::abs(side - analytic) < std::abs(report.numeric - analytic)) report.numeric = side;
    } else {
      report.numeric = has_right ? right.value : left.value;
    }
    const double difference = std::abs(analytic - report.numeric);
    report.relative_error =
        difference <= noise ? 0.0 : difference / std::max(std::abs(analytic), std::abs(report.numeric));
    return report;
  }

 private:
  void move(double distance) {
    for (std::size_t i = 0; i < direction_.size(); ++i)
      moved_.as<double>()[i] = start_.as<double>()[i] + distance * direction_[i];
  }
  bool is_inside(double distance) {
    move(distance);
    return std::ranges::all_of(moved_.as<double>(),
                               [&](double x) { return tape_.domain(parameter_).contains(x); });
  }
  Loss loss_at(double distance) {
    move(distance);
    tape_.set(parameter_, moved_);
    return play(tape_, loss_);
  }

  Tape& tape_;
  Var loss_, parameter_;
  Tensor start_, moved_;
  std::vector<double> direction_;
  double step_;
};

bool is_frozen(const Tape& tape, Var parameter) {
  const Graph& graph = graph_of(tape.state());
  const int leaf = graph.nodes[static_cast<std::size_t>(parameter.id())].leaf;
  return graph.leaves[static_cast<std::size_t>(leaf)].frozen;
}

}  // namespace

std::vector<ParameterReport> check_parameters(Tape& tape, Var loss) {
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
  gradcheck::Random random(1);
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
      reports.push_back(line.measure(name + " (along a random direction)", analytic));
      continue;
    }
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      std::vector<double> direction(gradient.size(), 0.0);
      direction[i] = 1.0;
      Line line(tape, loss, parameters[p], std::move(direction));
      reports.push_back(
          line.measure(gradient.size() == 1 ? name : name + "[" + std::to_string(i) + "]", gradient[i]));
    }
  }
  play(tape, loss);
  tape.rewind(loss);
  return reports;
}

}  // namespace retrograd
