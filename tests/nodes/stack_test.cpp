// Plays and ways back on threads with little stack, as hosts have them.
#include <doctest/doctest.h>

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/tape/tape.hpp>

#include <array>
#include <functional>
#include <vector>

#ifdef __linux__
#include <pthread.h>
#endif

using namespace retrograd;

namespace {

// Running sums of different speeds, as many as a state may have numbers.
template <int count>
struct Sums : OwnCausal<Sums<count>, 2> {
  static constexpr const char* name = count == 1 ? "one sum" : "many sums";
  template <class T>
  struct State {
    T of[static_cast<std::size_t>(count)]{};
  };
  static constexpr double keeps(int i) { return 0.9 - 0.02 * i; }
  template <class T>
  T forward(State<T>& s, T x, T gain) const {
    T y(0);
    for (int i = 0; i < count; ++i) y += s.of[i] = s.of[i] * T(math::real_t<T>(keeps(i))) + x * gain;
    return y * y;
  }
  template <class T>
  std::array<T, 2> adjoint(State<T>& gs, const State<T>& s, T gy, T x, T gain) const {
    T y(0), g(0);
    for (int i = 0; i < count; ++i) y += s.of[i] * T(math::real_t<T>(keeps(i))) + x * gain;
    for (int i = 0; i < count; ++i) {
      const T here = gs.of[i] + gy * (y + y);
      g += here;
      gs.of[i] = here * T(math::real_t<T>(keeps(i)));
    }
    return {g * gain, g * x};
  }
};

// What the node computes, step by step, and its gradients of sum(seed * y).
template <int count>
std::array<std::vector<double>, 3> naive(const std::vector<double>& x, double gain) {
  const std::size_t length = x.size();
  std::vector<double> y(length), gx(length), g_gain(1);
  std::vector<std::array<double, count>> states(length);
  std::array<double, count> s{};
  for (std::size_t n = 0; n < length; ++n) {
    double sum = 0.0;
    for (int i = 0; i < count; ++i) {
      double& of = s[static_cast<std::size_t>(i)];
      sum += of = of * Sums<count>::keeps(i) + x[n] * gain;
    }
    y[n] = sum;
  }
  std::array<double, count> gs{};
  for (std::size_t n = length; n-- > 0;) {
    double g = 0.0;
    for (int i = 0; i < count; ++i) {
      double& of = gs[static_cast<std::size_t>(i)];
      g += of += 2.0 * y[n];
      of *= Sums<count>::keeps(i);
    }
    gx[n] = g * gain;
    g_gain[0] += g * x[n];
  }
  for (double& of : y) of *= of;
  return {y, gx, g_gain};
}

[[maybe_unused]] void with_stack([[maybe_unused]] std::size_t bytes, const std::function<void()>& body) {
#ifdef __linux__
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, bytes) == 0);
  pthread_t thread;
  const auto run = [](void* context) -> void* {
    (*static_cast<const std::function<void()>*>(context))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, run, const_cast<std::function<void()>*>(&body)) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
#else
  body();
#endif
}

template <int count>
void check_sums(std::int64_t length, int tile) {
  Tape tape({.type = ElementType::f64, .tile = tile});
  Tensor values(Shape{length});
  std::vector<double> x;
  for (std::int64_t n = 0; n < length; ++n) {
    x.push_back(0.01 * static_cast<double>(n % 97) - 0.4);
    values.as<double>()[static_cast<std::size_t>(n)] = x.back();
  }
  const Var input = tape.parameter("x", values), gain = tape.parameter("gain", 0.75);
  const Var y = causal(Sums<count>{}, input, gain);
  tape.play({y});
  tape.rewind(y);
  const auto [wanted, gx, g_gain] = naive<count>(x, 0.75);
  for (std::int64_t n = 0; n < length; ++n) {
    const auto at = static_cast<std::size_t>(n);
    CHECK(tape.value(y).at(n) == doctest::Approx(wanted[at]).epsilon(1e-12));
    CHECK(tape.gradient(input).at(n) == doctest::Approx(gx[at]).epsilon(1e-12));
  }
  CHECK(tape.gradient(gain).item() == doctest::Approx(g_gain[0]).epsilon(1e-11));
}

}  // namespace

TEST_CASE("a state of any size has the right gradients, at every length of a tile's last part") {
  for (const std::int64_t length : {2, 15, 16, 17, 63, 64, 65, 128, 129, 1000, 1024, 1100})
    for (const int tile : {128, 1024}) {
      CAPTURE(length);
      check_sums<1>(length, tile);
      check_sums<3>(length, tile);
      check_sums<32>(length, tile);
    }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a thread with 128 KiB of stack rewinds the largest states") {
  with_stack(128 * 1024, [] { check_sums<32>(3000, 1024); });
}

// The envelopes' adjoint needs 130 KiB of it in a release, and three times as much where nothing is optimised.
TEST_CASE("a thread with 512 KiB of stack plays and rewinds everything that a synth has") {
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    double slope = 0.0;
    const auto learn = [&] {
      Tape tape({.type = type, .sample_rate = 44100.0, .length = 5000});
      const Var pitch = tape.parameter("pitch", 300.0), depth = tape.parameter("depth", 0.5);
      Tensor high(Shape{5000});
      high.fill(1.0);
      const Var gate = tape.input("gate", high);
      const Var envelope = adsr(gate, {tape.parameter("attack", 0.01), tape.parameter("decay", 0.02),
                                       tape.parameter("sustain", 0.5), tape.parameter("release", 0.1)});
      const Var modulator = sinusoid(pitch * 2.0) * envelope * depth;
      const Var carrier = sinusoid(pitch * (1.0 + modulator * 0.1), modulator) * envelope;
      const Var y = select(carrier < 0.0, tanh(carrier), cumulative_sum(carrier * 1e-3)) / (1.5 + envelope);
      const Var loss = mean(square(clamp(y, tape.constant(-1.0), tape.constant(1.0))));
      tape.play({loss});
      tape.rewind(loss);
      slope = tape.gradient(pitch).item();
    };
    learn();
    const double wanted = slope;
    slope = 0.0;
    with_stack(512 * 1024, learn);
    CHECK(slope == wanted);
    CHECK(slope != 0.0);
  }
}
#endif
