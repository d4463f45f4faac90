// Delays, against a loop over samples in double that knows nothing of tiles, rings and windows.
#include <doctest/doctest.h>

#include <retrograd/nodes/all.hpp>
#include <retrograd/tensor/errors.hpp>

#include <cmath>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

using Row = std::vector<double>;

double at(const Row& x, std::int64_t n) { return n < 0 ? 0.0 : x[static_cast<std::size_t>(n)]; }

// One sample of a delay of d samples, and its slope in d.
double delayed(const Row& x, std::int64_t n, double d, Interpolation interpolation, double* slope = nullptr) {
  const auto k = static_cast<std::int64_t>(std::floor(d));
  const double t = d - static_cast<double>(k);
  const double p1 = at(x, n - k), p2 = at(x, n - k - 1);
  if (interpolation == Interpolation::linear) {
    if (slope != nullptr) *slope = p2 - p1;
    return p1 + t * (p2 - p1);
  }
  // The cubic through p1 and p2 whose slopes there are those of their neighbours' chords.
  const double p0 = at(x, n - k + 1), p3 = at(x, n - k - 2), m1 = (p2 - p0) / 2, m2 = (p3 - p1) / 2;
  const double c2 = 3 * (p2 - p1) - 2 * m1 - m2, c3 = 2 * (p1 - p2) + m1 + m2;
  if (slope != nullptr) *slope = m1 + t * (2 * c2 + t * 3 * c3);
  return p1 + t * (m1 + t * (c2 + t * c3));
}

Row noise(std::int64_t count, unsigned seed, double low = -1.0, double high = 1.0) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> draw(low, high);
  Row row(static_cast<std::size_t>(count));
  for (double& x : row) x = draw(random);
  return row;
}

// Delays that move slowly, so that neighbours read neighbours, or jump.
Row moving(std::int64_t count, double low, double high) {
  Row row(static_cast<std::size_t>(count));
  for (std::size_t n = 0; n < row.size(); ++n)
    row[n] = low + (high - low) * (0.5 + 0.5 * std::sin(0.003 * static_cast<double>(n) + 0.1));
  return row;
}

Tensor tensor_of(const Row& row) { return Tensor(std::span<const double>(row)); }
Row row_of(const TensorView& view) {
  Row row;
  for (std::int64_t i = 0; i < view.shape.elements(); ++i) row.push_back(view.at(i));
  return row;
}
double worst(const Row& a, const Row& b) {
  REQUIRE(a.size() == b.size());
  double most = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

constexpr Interpolation both[] = {Interpolation::linear, Interpolation::cubic};

struct Gradients {
  Row y, gx, gd;
};

// The delay of x by d samples with the adjoint `seed`, as the tape computes it.
Gradients on_tape(const Row& x, const Row& d, const Row& seed, double longest, Interpolation interpolation,
                  const TapeOptions& options) {
  Tape tape(options);
  const Var in = tape.parameter("x", tensor_of(x)), time = tape.parameter("d", tensor_of(d));
  const Var y = delay(in, time, {.longest = longest, .interpolation = interpolation});
  tape.play({y});
  tape.rewind(y, tensor_of(seed));
  return {row_of(tape.value(y)), row_of(tape.gradient(in)), row_of(tape.gradient(time))};
}

Gradients by_definition(const Row& x, const Row& d, const Row& seed, double longest,
                        Interpolation interpolation) {
  const auto length = static_cast<std::int64_t>(x.size());
  Gradients all{Row(x.size()), Row(x.size()), Row(d.size())};
  const double least = interpolation == Interpolation::cubic ? 1.0 : 0.0;
  for (std::int64_t n = 0; n < length; ++n) {
    const auto i = static_cast<std::size_t>(n), id = d.size() == 1 ? 0 : i;
    const double wished = d[id], held = std::min(std::max(wished, least), longest);
    double slope = 0.0;
    all.y[i] = delayed(x, n, held, interpolation, &slope);
    if (held == wished) all.gd[id] += seed[i] * slope;
  }
  // What y gains from each sample of x: an impulse there, heard by the samples that reach it.
  for (std::int64_t m = 0; m < length; ++m) {
    for (std::int64_t n = std::max<std::int64_t>(0, m - 1); n < length; ++n) {
      const auto i = static_cast<std::size_t>(n);
      const double held = std::min(std::max(d[d.size() == 1 ? 0 : i], least), longest);
      const double offset = static_cast<double>(n - m) - std::floor(held);
      if (offset < -1 || offset > 2) continue;
      Row impulse(static_cast<std::size_t>(length));
      impulse[static_cast<std::size_t>(m)] = 1.0;
      all.gx[static_cast<std::size_t>(m)] += seed[i] * delayed(impulse, n, held, interpolation);
    }
  }
  return all;
}

}  // namespace

TEST_CASE("a delay and its gradients are those of the definition, constant or moving, near or far") {
  const std::int64_t length = 700;
  const Row x = noise(length, 1), seed = noise(length, 2);
  const std::vector<std::pair<Row, double>> delays = {{{0.0}, 1.0},
                                                      {{1.0}, 1.0},
                                                      {{7.0}, 600.0},
                                                      {{3.25}, 4.0},
                                                      {{127.5}, 200},
                                                      {{650.75}, 5000},
                                                      {moving(length, 1.3, 90.2), 91.0},
                                                      {noise(length, 3, 1.0, 650.0), 650.0},
                                                      {noise(length, 4, -5.0, 40.0), 20.0}};
  for (const auto& [d, longest] : delays)
    for (const Interpolation interpolation : both) {
      if (d.size() == 1 && d[0] < 1.0 && interpolation == Interpolation::cubic) continue;
      INFO("delay " << d[0] << " of " << d.size() << ", longest " << longest << ", "
                    << (interpolation == Interpolation::cubic ? "cubic" : "linear"));
      const Gradients expected = by_definition(x, d, seed, longest, interpolation);
      for (const int tile : {128, 512}) {
        const Gradients found =
            on_tape(x, d, seed, longest, interpolation, {.type = ElementType::f64, .tile = tile});
        CHECK(worst(found.y, expected.y) < 1e-12);
        CHECK(worst(found.gx, expected.gx) < 1e-12);
        CHECK(worst(found.gd, expected.gd) < 1e-10);
      }
      const Gradients single = on_tape(x, d, seed, longest, interpolation, {});
      CHECK(worst(single.y, expected.y) < 2e-4);
      CHECK(worst(single.gx, expected.gx) < 4e-4);
    }
}

TEST_CASE("a delay's bits do not depend on tiles, on threads or on whether its signal is kept") {
  const std::int64_t length = 5000;
  const auto run = [&](int tile, int threads, bool is_trainable, const Row& d, Interpolation interpolation) {
    ThreadPool pool(threads);
    Tape tape({.tile = tile, .executor = &pool});
    Tensor rows(Shape{3, length});
    const Row samples = noise(3 * length, 5);
    for (std::size_t i = 0; i < samples.size(); ++i) rows.as<double>()[i] = samples[i];
    const Var x = tape.input("x", rows), gain = tape.parameter("gain", 0.7);
    if (!is_trainable) tape.freeze(gain);
    const Var time = tape.parameter("d", tensor_of(d));
    if (!is_trainable) tape.freeze(time);
    const Var inside = x * gain, y = delay(inside, time, {.longest = 700.0, .interpolation = interpolation});
    const Var z = tanh(y * 1.5 + inside) * y;
    // Rows that are summed are kept for a chunk of time and no longer: their rings stay.
    const Var bus = mix(delay(y * 0.5, tape.constant(333.5), {.longest = 400.0}));
    const Var loss = sum(z * z) + sum(bus * bus);
    tape.play({z, bus, loss});
    Row all = row_of(tape.value(z));
    for (const double sample : row_of(tape.value(bus))) all.push_back(sample);
    if (is_trainable) {
      tape.rewind(loss);
      all.push_back(tape.gradient(gain).item());
      for (const double g : row_of(tape.gradient(time))) all.push_back(g);
    }
    return all;
  };
  for (const Interpolation interpolation : both)
    for (const Row& d : {Row{300.25}, Row{5.0}, moving(length, 2.0, 690.0), noise(length, 6, 2.0, 699.0)}) {
      const Row expected = run(512, 1, true, d, interpolation);
      for (const int tile : {128, 256, 1024, 0})
        for (const int threads : {1, 4}) CHECK(run(tile, threads, true, d, interpolation) == expected);
      const Row alone = run(256, 2, false, d, interpolation);
      CHECK(std::equal(alone.begin(), alone.end(), expected.begin()));
    }
}

TEST_CASE("the gradient of what is made of delays is the slope, also where rows share what is delayed") {
  const std::int64_t length = 1500;
  const auto loss_of = [&](double gain, double time, double depth, Row* gradients) {
    Tape tape({.type = ElementType::f64, .sample_rate = 1000.0});
    const Var g = tape.parameter("gain", gain), t = tape.parameter("time", time),
              m = tape.parameter("depth", depth);
    const Var shared = tape.input("x", tensor_of(noise(length, 7))) * g;
    const Var rows = tape.constant(Tensor{1.0, 1.25, 1.5}.reshaped(Shape{3, 1}));
    const Var lfo = tape.input("lfo", tensor_of(moving(length, -1.0, 1.0)));
    const Var first = delay(shared, t * rows, {.longest = 0.2});
    const Var second =
        delay(first * first, t + m * lfo, {.longest = 0.3, .interpolation = Interpolation::cubic});
    const Var constant_delayed = delay(g * 2.0, t + m * lfo, {.longest = 0.3});
    const Var loss = sum(tanh(second + shared) * first * constant_delayed);
    tape.play({loss});
    if (gradients != nullptr) {
      tape.rewind(loss);
      *gradients = {tape.gradient(g).item(), tape.gradient(t).item(), tape.gradient(m).item()};
    }
    return tape.value(loss).item();
  };
  Row gradients;
  const double at[] = {0.8, 0.05023, 0.01};
  loss_of(at[0], at[1], at[2], &gradients);
  for (int i : {0, 2}) {  // the slope in `time` jumps at every sample where linear interpolation is
    const double h = i == 0 ? 1e-5 : 1e-8;
    double low[] = {at[0], at[1], at[2]}, high[] = {at[0], at[1], at[2]};
    low[i] -= h;
    high[i] += h;
    const double slope =
        (loss_of(high[0], high[1], high[2], nullptr) - loss_of(low[0], low[1], low[2], nullptr)) / (2 * h);
    INFO("parameter " << i);
    CHECK(std::abs(slope - gradients[static_cast<std::size_t>(i)]) < 1e-5 * std::abs(slope) + 1e-6);
  }
}

TEST_CASE(
    "forwards alone a delay keeps a ring of its longest; with the way back the signal, where it is read") {
  const std::int64_t length = 100000;
  const auto description = [&](bool trains_time, bool trains_x, bool is_read) {
    Tape tape;
    const Var x = tape.input("x", Tensor(Shape{2, length}));
    const Var gain = tape.parameter("gain", 0.5), time = tape.parameter("time", 900.5);
    if (!trains_time) tape.freeze(time);
    if (!trains_x) tape.freeze(gain);
    const Var y = delay(x * gain, time, {.longest = 1000.0});
    const Var z = is_read ? y * y : y + 1.0;
    const Var outputs[] = {z};
    return tape.describe_plan(outputs);
  };
  const auto contains = [](const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
  };
  const std::string ring = "16384 bytes of earlier samples in rings",
                    whole = "delay reads the whole 'multiply'";
  CHECK(contains(description(false, false, true), "bytes of earlier samples in rings"));
  CHECK(!contains(description(false, false, true), whole));
  CHECK(contains(description(false, true, false), "bytes of earlier samples in rings"));
  CHECK(!contains(description(false, true, false), whole));
  CHECK(contains(description(true, true, false), whole));
  CHECK(contains(description(false, true, true), whole));
}

TEST_CASE("a delay that cannot be is refused by name, with the longest there is") {
  Tape tape({.sample_rate = 1000.0, .length = 100});
  const Var x = tape.input("x", Tensor(Shape{100}));
  const auto message = [&](auto record) -> std::string {
    try {
      record();
    } catch (const DomainError& error) {
      return error.what();
    }
    return "no error";
  };
  CHECK(message([&] { delay(x, tape.constant(0.75), {.longest = 0.5}); }) ==
        "[delay] a delay of 0.75 s is longer than the longest, 0.5 s, that it was recorded with");
  CHECK(message([&] { delay(x, tape.constant(-0.1), {.longest = 0.5}); }) ==
        "[delay] a delay of -0.1 s; it must be from 0 to the longest, 0.5 s");
  CHECK(message([&] {
          delay(x, tape.constant(0.0005), {.longest = 0.5, .interpolation = Interpolation::cubic});
        }) == "[cubic_delay] a delay of 0.0005 s; it must be from 0.001 to the longest, 0.5 s");
  CHECK(message([&] { delay(x, tape.constant(0.0), {.longest = NAN}); })
            .starts_with(
                "[delay] the longest delay is nan s, and must be from 0 to 67108.9 s (67108864 samples)"));
  const Var time = tape.parameter("time", 0.4);
  const Var y = delay(x, time, {.longest = 0.5}), late = delay(x, time * 2.0, {.longest = 0.5});
  CHECK(message([&] { tape.set(time, 0.6); }) == "[delay] time is 0.6, but must be in [0, 0.5]");
  CHECK(message([&] { tape.play({late}); }) ==
        "[delay] time, computed by 'multiply', is 0.8, but must be in [0, 0.5]");
  tape.play({y});
}
