// Whole nodes on a GPU against the CPU: bits where elements are moved or added in the fixed order of sums, an error
// where a matrix product or a Fourier transform is between.
#include <doctest/doctest.h>

#include <retrograd/backends/cuda/spectrum_plan.hpp>
#include <retrograd/backends/cuda/whole_node.hpp>
#include <retrograd/math/floating_point.hpp>
#include <retrograd/nodes/all.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "emulated_gpu.hpp"
#include "on_both.hpp"

using namespace retrograd;
using retrograd::cuda::EmulatedGpu;
using retrograd::cuda::EmulationOptions;

namespace {

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::int64_t from(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  bool one_in(int count) { return from(1, count) == 1; }
  Tensor tensor(const Shape& shape) {
    std::normal_distribution<double> normal;
    Tensor values(shape);
    for (double& x : values.as<double>()) x = normal(engine_);
    return values;
  }
  /// Lengths on both sides of what a block does at once.
  std::int64_t length() { return one_in(3) ? 1 : one_in(2) ? from(2, 40) : from(100, 1400); }

 private:
  std::mt19937 engine_;
};

/// Draws the inputs of a whole node and records it.
struct Case {
  const char* name;
  bool has_bits;  ///< the CPU's
  std::function<Var(Tape&, Random&)> record;
};

Var parameter(Tape& tape, Random& random, const Shape& shape) {
  const Var x = tape.parameter("p" + std::to_string(tape.parameters().size()), random.tensor(shape));
  return random.one_in(2) ? x : x * 1.5;  // a leaf, or what another stage computed
}

Shape shape_of(std::vector<std::int64_t> axes) { return Shape(std::span<const std::int64_t>(axes)); }

std::vector<std::int64_t> some_axes(Random& random) {
  std::vector<std::int64_t> axes;
  for (std::int64_t left = random.from(0, 2); left > 0; --left) axes.push_back(random.from(1, 4));
  axes.push_back(random.length());
  return axes;
}

/// The same shape with some extents 1, and perhaps without its first axis.
Shape that_broadcasts(Random& random, std::vector<std::int64_t> axes) {
  for (std::int64_t& extent : axes)
    if (random.one_in(3)) extent = 1;
  if (axes.size() > 1 && random.one_in(4)) axes.erase(axes.begin());
  return shape_of(axes);
}

const Case broadcasting{"broadcast_to", true, [](Tape& tape, Random& random) {
                          const std::vector<std::int64_t> axes = some_axes(random);
                          const Var x = parameter(tape, random, that_broadcasts(random, axes));
                          const Var y = broadcast_to(x, shape_of(axes));
                          return random.one_in(2) ? y : y + square(x);  // x has an adjoint before
                        }};

const Case concatenation{"concat", true, [](Tape& tape, Random& random) {
                           std::vector<std::int64_t> axes = some_axes(random);
                           const auto axis = static_cast<std::size_t>(random.from(0, std::ssize(axes) - 1));
                           std::vector<Var> parts;
                           for (std::int64_t left = random.from(1, 4); left > 0; --left) {
                             axes[axis] = random.one_in(2) ? 1 : random.length();
                             parts.push_back(parameter(tape, random, shape_of(axes)));
                           }
                           if (random.one_in(2)) parts.push_back(parts.front());
                           return concat(parts, static_cast<int>(axis));
                         }};

const Case stacking{"stack", true, [](Tape& tape, Random& random) {
                      const Shape shape = shape_of(some_axes(random));
                      std::vector<Var> parts;
                      for (std::int64_t left = random.from(1, 4); left > 0; --left)
                        parts.push_back(parameter(tape, random, shape));
                      if (random.one_in(2)) parts.push_back(parts.front());
                      return stack(parts, static_cast<int>(random.from(0, shape.axes())));
                    }};

const Case slicing{"slice", true, [](Tape& tape, Random& random) {
                     const Shape shape = shape_of(some_axes(random));
                     const int axis = static_cast<int>(random.from(0, shape.axes() - 1));
                     const std::int64_t begin = random.from(0, shape[axis] - 1);
                     return slice(parameter(tape, random, shape), axis, begin,
                                  random.from(begin + 1, shape[axis]));
                   }};

const Case reshaping{
    "reshape", true, [](Tape& tape, Random& random) {
      const Shape shape = shape_of(some_axes(random));
      const Var x = parameter(tape, random, shape);
      return random.one_in(2) ? reshape(x, {shape.elements()}) : reshape(x, {shape.elements(), 1});
    }};

const Case over_rows{"sums and maxima over rows", true, [](Tape& tape, Random& random) {
                       const std::int64_t rows =
                           random.one_in(4) ? random.from(500, 2000) : random.from(1, 9);
                       const std::int64_t length = random.one_in(2) ? 1 : random.from(2, 9);
                       const Var x = parameter(tape, random, Shape{rows, length});
                       return sum(x) + maximum(x);
                     }};

const Case products{"matmul", false, [](Tape& tape, Random& random) {
                      const auto extent = [&] {
                        return random.one_in(4) ? random.from(60, 140) : random.from(1, 20);
                      };
                      const std::int64_t m = extent(), k = extent(), n = extent();
                      std::vector<std::int64_t> batch;
                      for (std::int64_t left = random.from(0, 2); left > 0; --left)
                        batch.push_back(random.from(1, 3));
                      const auto with_batch = [&](std::int64_t rows, std::int64_t columns) {
                        std::vector<std::int64_t> axes = batch;
                        for (std::int64_t& extent_of_batch : axes)
                          if (random.one_in(3)) extent_of_batch = 1;
                        if (!axes.empty() && random.one_in(3)) axes.erase(axes.begin());
                        axes.insert(axes.end(), {rows, columns});
                        return shape_of(axes);
                      };
                      const Var a = parameter(tape, random, with_batch(m, k));
                      return matmul(a, parameter(tape, random, with_batch(k, n)));
                    }};

const Case spectra{"stft_magnitude", false, [](Tape& tape, Random& random) {
                     const int window = 4 << random.from(0, 8);
                     const int hop =
                         static_cast<int>(random.one_in(2) ? 0 : random.from((window + 7) / 8, window));
                     std::vector<std::int64_t> axes = some_axes(random);
                     if (random.one_in(2)) axes.back() = random.from(2, 3 * window);
                     return stft_magnitude(parameter(tape, random, shape_of(axes)), window, hop);
                   }};

const Case distances{
    "multi_resolution_stft", false, [](Tape& tape, Random& random) {
      std::vector<std::int64_t> axes = some_axes(random);
      const auto shape = [&] {
        std::vector<std::int64_t> rows = axes;
        for (std::size_t axis = 0; axis + 1 < rows.size(); ++axis)
          if (random.one_in(3)) rows[axis] = 1;
        return shape_of(rows);
      };
      // An epsilon that bins close to silence do not amplify rounding with.
      spectrum::SpectralLossOptions options{.windows = {}, .log_weight = 0.3, .epsilon = 0.1};
      for (std::int64_t left = random.from(1, 4); left > 0; --left)
        options.windows.push_back(4 << random.from(0, 7));
      if (random.one_in(2)) {  // each window with a floor and a weight of its own
        options.normalised = true;
        for (std::size_t i = 0; i < options.windows.size(); ++i) {
          options.floors.push_back(0.02 * static_cast<double>(random.from(1, 9)));
          options.linear_weights.push_back(0.3 * static_cast<double>(random.from(0, 5)));
        }
      }
      options.hop_fraction = random.one_in(2) ? 0.25 : 0.6;
      const Var x = parameter(tape, random, shape());
      const Var y =
          random.one_in(2) ? tape.input("target", random.tensor(shape())) : parameter(tape, random, shape());
      return multi_resolution_stft(x, y, options);
    }};

/// The largest difference as a share of the largest value; infinite where one is not finite.
double normalised_error(const TensorView& cpu, const TensorView& gpu) {
  double error = 0.0, largest = 0.0;
  for (std::int64_t i = 0; i < cpu.shape.elements(); ++i) {
    error = std::max(error, std::abs(gpu.at(i) - cpu.at(i)));
    largest = std::max(largest, std::abs(cpu.at(i)));
    if (!std::isfinite(gpu.at(i))) return std::numeric_limits<double>::infinity();
  }
  return error == 0.0 ? 0.0 : error / largest;
}

/// Records, plays and rewinds on both devices, twice, from random seeds.
void check(const Case& test, unsigned seed, ElementType type, EmulationOptions emulation = {}) {
  CAPTURE(test.name);
  CAPTURE(seed);
  CAPTURE(name(type));
  emulation.seed = seed + 1;
  EmulatedGpu gpu(emulation);
  Tape cpu({.type = type}), other({.type = type, .device = Device::cuda, .gpu = &gpu});
  Random of_cpu(seed), of_other(seed);
  const Var y = test.record(cpu, of_cpu), z = test.record(other, of_other);
  const Tensor weights = Random(seed + 1000).tensor(y.shape());
  cpu.play({y});
  cpu.rewind(y, weights);

  const double bound = type == ElementType::f32 ? 1e-5 : 1e-10;
  const auto compare = [&](const std::string& what, const TensorView& a, const TensorView& b) {
    CAPTURE(what);
    if (test.has_bits)
      CHECK(cuda::first_difference(what, a, b) == "");
    else
      CHECK(normalised_error(a, b) <= bound);
  };
  std::vector<Tensor> before;
  for (int play = 0; play < 2; ++play) {
    const std::int64_t allocations = gpu.counts().allocations;
    other.play({z});
    other.rewind(z, weights);
    if (play == 1) CHECK(gpu.counts().allocations == allocations);
    compare("output", cpu.value(y), other.value(z));
    std::vector<Tensor> results{Tensor(other.value(z))};
    for (std::size_t i = 0; i < cpu.parameters().size(); ++i) {
      results.push_back(Tensor(other.gradient(other.parameters()[i])));
      compare(cpu.name(cpu.parameters()[i]), cpu.gradient(cpu.parameters()[i]), results.back().view());
    }
    for (std::size_t i = 0; i < before.size(); ++i)
      CHECK(cuda::first_difference("a rerun", before[i].view(), results[i].view()) == "");
    before = std::move(results);
  }
}

void check_many(const Case& test, unsigned count, const EmulationOptions& emulation = {}) {
  for (const ElementType type : {ElementType::f32, ElementType::f64})
    for (unsigned seed = 1; seed <= count; ++seed) check(test, seed, type, emulation);
}

}  // namespace

TEST_CASE("moved elements have the CPU's bits on a GPU, and so has what comes back") {
  for (const Case* test : {&broadcasting, &concatenation, &stacking, &slicing, &reshaping})
    check_many(*test, 25);
}

TEST_CASE("sums and maxima over rows have the CPU's bits on a GPU") { check_many(over_rows, 20); }

TEST_CASE("the first of the largest rows gets the gradient on a GPU, and a NaN is the largest") {
  // A logarithm of -1 is NaN, of 0 minus infinity.
  for (const std::vector<double>& rows :
       {std::vector<double>{1, -1, 3, -1}, {-1, 2}, {2, 1, 2}, {0, 0}, {1}, std::vector<double>(300, 1.0)}) {
    EmulatedGpu gpu;
    const auto record = [&](Tape& tape) {
      const Tensor values{std::span<const double>(rows)};
      const Var x = tape.parameter("x", values.reshaped({static_cast<std::int64_t>(rows.size()), 1}));
      return cuda::Recorded{{maximum(log(x))}};
    };
    CHECK(cuda::difference(record, {.type = ElementType::f64}, gpu) == "");
  }
}

TEST_CASE("matrix products on a GPU are the CPU's but for rounding") { check_many(products, 20); }

TEST_CASE("spectra and their distances on a GPU are the CPU's but for the order of sums") {
  check_many(spectra, 20);
  check_many(distances, 20);
}

TEST_CASE("windows that are too large for shared memory are transformed outside it") {
  check_many(spectra, 8, {.multiprocessors = 1, .shared_bytes = 2048});
  check_many(distances, 8, {.multiprocessors = 1, .shared_bytes = 2048});
}

TEST_CASE("the largest window is transformed on a GPU") {
  const Case test{"stft_magnitude", false, [](Tape& tape, Random& random) {
                    return stft_magnitude(parameter(tape, random, {70000}), 65536, 65536);
                  }};
  check(test, 1, ElementType::f32);
  check(test, 1, ElementType::f64);
}

TEST_CASE("squares of spectra neither overflow nor underflow on a GPU") {
  for (const double size : {1e30, 1e-25}) {
    const Case test{"stft_magnitude", false, [&](Tape& tape, Random& random) {
                      Tensor values = random.tensor({2, 300});
                      for (double& x : values.as<double>()) x *= size;
                      return stft_magnitude(tape.parameter("x", values), 64);
                    }};
    check(test, 1, ElementType::f32);
  }
}

TEST_CASE("silence has no gradient on a GPU") {
  EmulatedGpu gpu;
  const auto record = [](Tape& tape) {
    const Var x = tape.parameter("x", Tensor(Shape{2, 300}));
    return cuda::Recorded{
        {sum(stft_magnitude(x, 64)) + sum(multi_resolution_stft(x, x, {.windows = {128, 8}}))}};
  };
  CHECK(cuda::difference(record, {.type = ElementType::f32}, gpu) == "");
}

TEST_CASE("a target's spectra are kept on a GPU until it is set") {
  EmulatedGpu gpu;
  Random random(3);
  Tape tape({.device = Device::cuda, .gpu = &gpu});
  const Var x = tape.parameter("x", random.tensor({2, 500}));
  const Var target = tape.input("target", random.tensor({500}));
  const Var loss = multi_resolution_stft(x, target, {.windows = {64, 16}, .epsilon = 0.1});
  const auto plays_with_target = [&] {
    gpu.take_launches();
    tape.play({loss});
    for (const auto& [kernel, blocks] : gpu.take_launches())
      if (kernel == "keep_magnitudes") return true;
    return false;
  };
  CHECK(plays_with_target());
  CHECK_FALSE(plays_with_target());
  tape.set(x, random.tensor({2, 500}));
  CHECK_FALSE(plays_with_target());
  const Tensor other = random.tensor({500});
  tape.set(target, other);
  CHECK(plays_with_target());

  Tape cpu;
  const Var on_cpu = multi_resolution_stft(cpu.parameter("x", Tensor(tape.value(x))),
                                           cpu.input("target", other), {.windows = {64, 16}, .epsilon = 0.1});
  cpu.play({on_cpu});
  CHECK(normalised_error(cpu.value(on_cpu), tape.value(loss)) <= 1e-5);
}

// Rows and stretches of time that are visited one after another in little memory, against all at once.
TEST_CASE_TEMPLATE("the way back through spectra in parts is that in one", Real, float, double) {
  const math::DefaultFloatingPoint floating_point;
  using Plan = cuda::SpectrumPlan<Real>;
  EmulatedGpu gpu;
  Random random(5);
  const std::vector<typename Plan::Window> windows{
      {{64, 16}, {0.3, 0.2, 0.1}}, {{256, 100}, {0.1, 0.4, 0.3}}, {{16, 16}, {0.5, 0.5, 0.1}}};
  constexpr std::int64_t rows = 4, length = 5000;
  const std::vector<std::int64_t> input_of{0, 1, 0, 1};  // rows of x that are compared to four targets
  const cuda::SharedRowsTable shared(gpu, input_of, 2);
  const cuda::DeviceMemory row_of = cuda::on_device(gpu, input_of);
  const auto on_gpu = [&](const Shape& shape) {
    const Tensor values = random.tensor(shape).to(element_type_of<Real>);
    return cuda::on_device(gpu, values.template as<Real>());
  };
  const cuda::DeviceMemory x = on_gpu({2, length}), y = on_gpu({rows, length});
  const cuda::DeviceMemory seeds = cuda::on_device(gpu, random.tensor({rows}).as<double>());

  const auto gradients = [&](std::int64_t strips_bytes, std::size_t& bytes) {
    Plan plan(gpu, windows, length, strips_bytes);
    plan.prepare_adjoint(rows, true);
    bytes = plan.bytes();
    const cuda::DeviceMemory target(gpu,
                                    sizeof(Real) * static_cast<std::size_t>(rows * plan.magnitudes_of_row()));
    cuda::SpectraArguments<Real> a{};
    a.samples = y.as<Real>();
    a.magnitudes = target.as<Real>();
    plan.template visit<cuda::Spectra::keep>(rows, a);
    a.samples = x.as<Real>();
    a.row_of_samples = row_of.as<std::int64_t>();
    a.seeds = seeds.as<double>();
    Tensor gx(Shape{2, length}, element_type_of<Real>), gy(Shape{rows, length}, element_type_of<Real>);
    const cuda::DeviceMemory gx_on_gpu(gpu, 2 * length * sizeof(Real)),
        gy_on_gpu(gpu, rows * length * sizeof(Real));
    gpu.zero(gx_on_gpu.data(), gx_on_gpu.bytes());
    gpu.zero(gy_on_gpu.data(), gy_on_gpu.bytes());
    plan.template adjoint<cuda::Spectra::distance_adjoint>(rows, a, gx_on_gpu.as<Real>(), 2, shared.rows());
    const cuda::SpectraArguments<Real> other = a;
    a.samples = y.as<Real>();
    a.row_of_samples = nullptr;
    const cuda::SharedRowsTable own(gpu, {0, 1, 2, 3}, rows);
    plan.distance_adjoint(rows, a, other, gy_on_gpu.as<Real>(), rows, own.rows());
    gpu.to_host(gx.data(), gx_on_gpu.data(), gx_on_gpu.bytes());
    gpu.to_host(gy.data(), gy_on_gpu.data(), gy_on_gpu.bytes());
    std::vector<Tensor> both;
    both.push_back(std::move(gx));
    both.push_back(std::move(gy));
    return both;
  };
  std::size_t bytes_at_once = 0, bytes_in_parts = 0;
  const std::vector<Tensor> expected = gradients(1 << 30, bytes_at_once);
  for (const std::int64_t strips_bytes : {200'000, 30'000, 6'000, 1}) {
    const std::vector<Tensor> found = gradients(strips_bytes, bytes_in_parts);
    CHECK(bytes_in_parts < bytes_at_once);
    for (std::size_t i = 0; i < 2; ++i)
      CHECK(normalised_error(expected[i].view(), found[i].view()) <= (sizeof(Real) == 4 ? 1e-6 : 1e-15));
  }
}
