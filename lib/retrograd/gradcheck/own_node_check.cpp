#include <retrograd/gradcheck/own_node_check.hpp>
#include <retrograd/math/random.hpp>
#include <retrograd/nodes/all.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace retrograd {

namespace {

using gradcheck::CheckedNode;
using gradcheck::Direction;
using gradcheck::DualTensor;
using math::Random;

constexpr double value_tolerance = 1e-10;
const double difference_step = std::cbrt(std::numeric_limits<double>::epsilon());

// What decides a case, apart from the random values.
struct Case {
  std::vector<Shape> shapes;  // of the inputs
  Var (*record)(std::span<const Var> inputs) = nullptr;
  std::int64_t length = 1;  // of signals that come of constants
  int tile = 0;
  std::optional<double> sample_rate = std::nullopt;
  int seed = 0;

  std::string describe() const {
    std::ostringstream text;
    text << "shapes";
    for (const Shape& shape : shapes) text << " " << to_string(shape);
    text << ", length " << length << ", tile " << tile;
    if (sample_rate) text << ", sample rate " << *sample_rate;
    text << ", seed " << seed;
    return text.str();
  }
};

// --- shapes --------------------------------------------------------------------------------------

// A shape that broadcasts to `full` and keeps or loses each axis by chance; axes of 1 in front may go.
Shape part_of(const Shape& full, const Span& span, Random& random) {
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < full.axes(); ++axis) {
    const bool is_time = axis + 1 == full.axes();
    const bool stays = is_time && span.is_gate       ? random.chance(0.9)
                       : is_time && span.is_constant ? false
                                                     : random.chance(is_time ? 0.65 : 0.5);
    axes.push_back(stays ? full[axis] : 1);
  }
  while (axes.size() > 1 && axes.front() == 1 && random.chance(0.5)) axes.erase(axes.begin());
  return Shape(axes);
}

Case random_case(const Check& check, const Shape& full, int tile, int seed, Random& random) {
  Case it;
  for (const Span& span : check.inputs) it.shapes.push_back(part_of(full, span, random));
  it.record = check.record;
  it.length = full.length();
  it.tile = tile;
  if (random.chance(0.5)) it.sample_rate = 0.5;  // times and frequencies of the same size as without one
  it.seed = seed;
  return it;
}

// --- inputs --------------------------------------------------------------------------------------

double distance_to_kink(const Span& span, double x) {
  double distance = std::numeric_limits<double>::infinity();
  for (const double kink : span.kinks) distance = std::min(distance, std::abs(x - kink));
  if (span.kink_every > 0.0)
    distance = std::min(distance, std::abs(x - span.kink_every * std::round(x / span.kink_every)));
  return distance;
}

double step_at(double x) { return difference_step * std::max(1.0, std::abs(x)); }

// Runs of zeros and ones, short and long ones, so that envelopes are retriggered at every stage.
Tensor random_gate(const Shape& shape, Random& random) {
  Tensor gate(shape);
  const std::span<double> samples = gate.as<double>();
  double level = random.chance(0.5) ? 1.0 : 0.0;
  for (std::size_t n = 0; n < samples.size(); level = 1.0 - level) {
    constexpr int longest_runs[] = {3, 30, 300};
    const int run = 1 + random.below(longest_runs[random.below(3)]);
    for (int i = 0; i < run && n < samples.size(); ++i) samples[n++] = level;
  }
  return gate;
}

std::vector<Tensor> draw_inputs(const Check& check, const Case& it, Random& random) {
  std::vector<Tensor> inputs;
  std::vector<double> drawn;  // that the next ones stay apart from
  for (std::size_t i = 0; i < it.shapes.size(); ++i) {
    const Span& span = check.inputs[i];
    if (span.is_gate) {
      inputs.push_back(random_gate(it.shapes[i], random));
      continue;
    }
    Tensor& input = inputs.emplace_back(it.shapes[i]);
    for (double& x : input.as<double>()) {
      const auto is_good = [&] {
        return distance_to_kink(span, x) > 10.0 * step_at(x) &&
               std::ranges::none_of(drawn, [&](double y) { return std::abs(x - y) < check.apart; });
      };
      do x = random.uniform(span.low, span.high);
      while (!is_good());
      if (check.apart > 0.0) drawn.push_back(x);
    }
  }
  return inputs;
}

Tensor random_tensor(const Shape& shape, Random& random) {
  Tensor tensor(shape);
  for (double& x : tensor.as<double>()) x = random.uniform(-1.0, 1.0);
  return tensor;
}

// --- one case on a tape --------------------------------------------------------------------------

struct RecordedCase {
  Tape tape;
  std::vector<Var> inputs;
  Var y;

  RecordedCase(const CheckedNode& node, const Check& check, const Case& it, const std::vector<Tensor>& values,
               const CheckedOn& on)
      : tape({.type = ElementType::f64,
              .device = on.device,
              .sample_rate = it.sample_rate,
              .length = it.length,
              .tile = it.tile,
              .gpu = on.gpu}) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::string name = "x" + std::to_string(i);
      inputs.push_back(check.inputs[i].is_gate ? tape.input(name, values[i])
                                               : tape.parameter(name, values[i]));
    }
    y = it.record != nullptr ? it.record(inputs) : node.record(inputs);
  }
};

// Collects what goes wrong.
class Findings {
 public:
  explicit Findings(NodeReport& report) : report_(report) {}
  void fail(const Case& it, const std::string& what) {
    if (report_.failure.empty()) report_.failure = what + " (" + it.describe() + ")";
  }
  /// `error` is what `worst` is to hold; NaN is the worst.
  void compare(const Case& it, double error, double tolerance, double& worst, const std::string& what) {
    if (!(error <= worst)) worst = error;
    if (!(error <= tolerance)) fail(it, what);
  }

 private:
  NodeReport& report_;
};

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  out.precision(17);
  (out << ... << parts);
  return out.str();
}

// The difference of two outputs, which may be known only up to multiples of `wraps_at`.
double difference(double a, double b, const Check& check) {
  const double d = a - b;
  return check.wraps_at > 0.0 ? d - check.wraps_at * std::round(d / check.wraps_at) : d;
}

bool gets_gradient(const CheckedNode& node, const Check& check, std::size_t input) {
  return !check.inputs[input].is_stopped && node.type->has_adjoint(input);
}

void check_no_gradient(const CheckedNode& node, const Check& check, const Case& it,
                       const RecordedCase& recorded, Findings& findings) {
  for (std::size_t i = 0; i < recorded.inputs.size(); ++i) {
    if (check.inputs[i].is_gate || gets_gradient(node, check, i)) continue;
    for (const double g : recorded.tape.gradient(recorded.inputs[i]).as<double>())
      if (g != 0.0) findings.fail(it, text("input ", i, " has the gradient ", g, " where none should flow"));
  }
}

void check_dot_product(const CheckedNode& node, std::span<const CheckedNode> library, const Check& check,
                       const Case& it, Random& random, NodeReport& report, const CheckedOn& on) {
  Findings findings(report);
  RecordedCase recorded(node, check, it, draw_inputs(check, it, random), on);
  Tape& tape = recorded.tape;
  const Tensor v = random_tensor(recorded.y.shape(), random);
  tape.play({recorded.y});
  tape.rewind(recorded.y, v);

  std::vector<Direction> directions;
  for (std::size_t i = 0; i < recorded.inputs.size(); ++i)
    if (!check.inputs[i].is_gate)
      directions.push_back({recorded.inputs[i], random_tensor(it.shapes[i], random)});
  const std::span itself(&node, 1);
  const DualTensor y = evaluate_on_duals(recorded.y, directions,
                                         {node.is_own() ? itself : std::span<const CheckedNode>(), library});

  double forwards = 0.0, backwards = 0.0, forwards_terms = 0.0, backwards_terms = 0.0;
  const auto value = tape.value(recorded.y).as<double>();
  for (std::size_t n = 0; n < value.size(); ++n) {
    const double reference = y.elements[n].value;
    if (!(std::abs(difference(value[n], reference, check)) <=
          value_tolerance * std::max(1.0, std::abs(reference))))
      findings.fail(
          it, text("element ", n, " of the output is ", value[n], ", and ", reference, " on dual numbers"));
    const double term = v.as<double>()[n] * y.elements[n].tangent;
    forwards += term;
    forwards_terms += std::abs(term);
  }
  for (const Direction& direction : directions) {
    const auto gradient = tape.gradient(direction.leaf).as<double>();
    for (std::size_t n = 0; n < gradient.size(); ++n) {
      const double term = gradient[n] * direction.along.as<double>()[n];
      backwards += term;
      backwards_terms += std::abs(term);
    }
  }
  const double magnitude = std::max(forwards_terms, backwards_terms);
  const double error = forwards == backwards ? 0.0 : std::abs(forwards - backwards) / magnitude;
  findings.compare(it, error, dot_product_tolerance, report.worst_dot_product,
                   text("<v, Ju> is ", forwards, " and <J'v, u> is ", backwards,
                        "; the terms' magnitudes sum to ", magnitude));
  check_no_gradient(node, check, it, recorded, findings);
  ++report.dot_product_cases;
}

// A slope by central differences, in the sum that the seed makes of the outputs'.
struct NumericSlope {
  double value = 0.0;
  double magnitude = 0.0;   // of the terms
  double rounding = 0.0;    // of the outputs, over the step
  bool is_unclear = false;  // it may be off by more than what it is compared with

  // Slopes much below 1 drown in the rounding of outputs of about 1. NaN where something is.
  double error_of(double analytic) const {
    return std::abs(value - analytic) / std::max({magnitude, std::abs(analytic), 0.01});
  }
};

// The slope over `step`. Where that is not the analytic one, steps down to a millionth of it say what it is worth.
template <class SlopeOver>
NumericSlope settled_slope(const SlopeOver& slope_over, double step, double analytic) {
  NumericSlope coarse = slope_over(step);
  if (coarse.error_of(analytic) <= difference_tolerance) return coarse;
  NumericSlope best = coarse;
  double least_off = std::numeric_limits<double>::infinity();
  for (int halvings = 2; halvings <= 20; halvings += 2) {
    const NumericSlope fine = slope_over(std::ldexp(step, -halvings));
    NumericSlope extrapolated = fine;
    extrapolated.value = (16.0 * fine.value - coarse.value) / 15.0;
    if (extrapolated.error_of(analytic) <= difference_tolerance) return extrapolated;
    const double off = std::abs(extrapolated.value - fine.value) + fine.rounding;
    if (off < least_off) {
      least_off = off;
      best = extrapolated;
    }
    coarse = fine;
  }
  best.is_unclear = std::isfinite(analytic) && !(std::abs(best.value - analytic) > 4.0 * least_off);
  return best;
}

void check_differences(const CheckedNode& node, const Check& check, const Case& it, Random& random,
                       NodeReport& report, const CheckedOn& on) {
  Findings findings(report);
  std::vector<Tensor> values = draw_inputs(check, it, random);
  RecordedCase recorded(node, check, it, values, on);
  Tape& tape = recorded.tape;
  const Tensor v = random_tensor(recorded.y.shape(), random);
  tape.play({recorded.y});
  tape.rewind(recorded.y, v);
  check_no_gradient(node, check, it, recorded, findings);
  std::vector<Tensor> gradients;
  for (std::size_t i = 0; i < values.size(); ++i)
    gradients.push_back(check.inputs[i].is_gate ? Tensor(0.0) : Tensor(tape.gradient(recorded.inputs[i])));

  for (std::size_t i = 0; i < values.size(); ++i) {
    if (check.inputs[i].is_gate || check.inputs[i].is_stopped) continue;
    const std::span<double> x = values[i].as<double>();
    for (std::size_t n = 0; n < x.size(); ++n) {
      const double middle = x[n];
      const auto play_at = [&](double moved) {
        x[n] = moved;
        tape.set(recorded.inputs[i], values[i]);
        tape.play({recorded.y});
        return tape.value(recorded.y);
      };
      const auto slope_over = [&](double step) {
        const Tensor above(play_at(middle + step));
        const TensorView below = play_at(middle - step);
        const double width = (middle + step) - (middle - step);
        NumericSlope sum;
        for (std::size_t k = 0; k < above.as<double>().size(); ++k) {
          const double slope = difference(above.as<double>()[k], below.as<double>()[k], check) / width;
          sum.value += v.as<double>()[k] * slope;
          sum.magnitude += std::abs(v.as<double>()[k] * slope);
          sum.rounding += std::abs(v.as<double>()[k] * above.as<double>()[k]) / width;
        }
        sum.rounding *= 4.0 * std::numeric_limits<double>::epsilon();
        x[n] = middle;
        return sum;
      };
      const double analytic = gradients[i].as<double>()[n];
      const NumericSlope numeric = settled_slope(slope_over, step_at(middle), analytic);
      ++report.difference_cases;
      if (numeric.is_unclear) {
        ++report.unclear_differences;
        continue;
      }
      findings.compare(it, numeric.error_of(analytic), difference_tolerance, report.worst_difference,
                       text("element ", n, " of input ", i, ", ", middle, ": the gradient is ", analytic,
                            ", and ", numeric.value, " by central differences"));
    }
    tape.set(recorded.inputs[i], values[i]);
  }
}

// --- all cases of a node -------------------------------------------------------------------------

// Around the blocks of 16, the tiles of 128 and more, the sums' tiles of 512 and the chunks of 4096.
constexpr std::int64_t lengths[] = {1, 2, 15, 16, 17, 127, 128, 129, 511, 512, 513, 1000, 1025, 2500, 4097};
constexpr int tiles[] = {0, 128, 512, 1024};
constexpr std::int64_t small_lengths[] = {1, 2, 5, 17, 40};

Case with_cases_shapes(const CheckCase& shapes, int seed) {
  Case it;
  it.shapes = shapes.shapes;
  it.record = shapes.record;
  it.tile = tiles[seed % 4];
  it.seed = seed;
  return it;
}

// The first input that may vary over time is one signal shared by all rows, over more than one chunk.
Case shared_signal_case(const Check& check, int seed) {
  Case it;
  bool is_shared = false;
  for (const Span& span : check.inputs) {
    const bool shares = !is_shared && !span.is_constant && !span.is_gate;
    it.shapes.push_back(shares ? Shape{1, 4500} : span.is_gate ? Shape{3, 4500} : Shape{3, 1});
    is_shared = is_shared || shares;
  }
  it.record = check.record;
  it.length = 4500;
  it.tile = tiles[seed % 4];
  it.seed = seed;
  return it;
}

}  // namespace

std::span<const CheckedNode> nodes_around_own() {
  static constexpr CheckedNode nodes[] = {
      gradcheck::checked_node<Reshape>,  gradcheck::checked_node<Phase>,  gradcheck::checked_node<Add>,
      gradcheck::checked_node<Multiply>, gradcheck::checked_node<Negate>, gradcheck::checked_node<Subtract>};
  return nodes;
}

NodeReport check_node(const CheckedNode& node, std::span<const CheckedNode> library, int seeds,
                      const CheckedOn& on) {
  NodeReport report;
  report.node = node.type->name;
  const Check check = node.check();
  // Kinks matter to differences alone: duals and adjoints look at the same values.
  Check anywhere = check;
  anywhere.apart = 0.0;
  if (node.record == nullptr && check.cases.empty()) report.failure = "its check() has no cases";
  for (int seed = 0; seed < seeds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    for (const CheckCase& shapes : check.cases) {
      check_dot_product(node, library, anywhere, with_cases_shapes(shapes, seed), random, report, on);
      if (seed % 8 == 0) check_differences(node, check, with_cases_shapes(shapes, seed), random, report, on);
    }
    if (!check.cases.empty()) continue;
    for (std::size_t i = 0; i < std::size(lengths); ++i) {
      const Shape full{1 + random.below(3), 1 + random.below(3), lengths[i]};
      const int tile = tiles[(i + static_cast<std::size_t>(seed)) % 4];
      check_dot_product(node, library, anywhere, random_case(check, full, tile, seed, random), random, report,
                        on);
    }
    if (seed % 4 == 0)
      check_dot_product(node, library, anywhere, shared_signal_case(check, seed), random, report, on);
    if (seed % 4 == 0)
      for (const std::int64_t length : small_lengths) {
        const Shape full{1 + random.below(2), 1 + random.below(2), length};
        check_differences(node, check, random_case(check, full, 0, seed, random), random, report, on);
      }
  }
  report.passed = report.failure.empty();
  return report;
}

}  // namespace retrograd
