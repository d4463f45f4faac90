// The host's floating-point environment: what it has set changes no result, and it has it back afterwards.
#include <doctest/doctest.h>

#include "../racks/fm_fixture.hpp"
#include "bits.hpp"

#include <retrograd/nodes/all.hpp>

#include <cfenv>
#include <cmath>
#include <limits>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace retrograd;

namespace {

// Something set by the host, and put back at the end of a test.
struct HostEnvironment {
  HostEnvironment() { std::fegetenv(&before); }
  ~HostEnvironment() { std::fesetenv(&before); }
  HostEnvironment(const HostEnvironment&) = delete;
  HostEnvironment& operator=(const HostEnvironment&) = delete;
  std::fenv_t before;
};

void flush_denormals() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);  // results and operands
#endif
}

unsigned control_bits() {
#if defined(__x86_64__)
  return _mm_getcsr() & 0xFFC0;  // all but the flags of what happened
#else
  return static_cast<unsigned>(std::fegetround());
#endif
}

Tensor wave(const Shape& shape, double size) {
  Tensor values(shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    values.as<double>()[static_cast<std::size_t>(i)] = size * std::sin(0.05 * static_cast<double>(i));
  return values;
}

// Denormal numbers, which count as zero.
Tensor denormals(ElementType type) { return wave(Shape{3, 3000}, type == ElementType::f32 ? 1e-40 : 1e-310); }

struct Played {
  explicit Played(int threads, ElementType type = ElementType::f32)
      : Played(threads, type, denormals(type)) {}
  Played(int threads, ElementType type, const Tensor& tiny)
      : pool(threads), tape({.type = type, .sample_rate = 44100.0, .length = 3000, .executor = &pool}) {
    const Var gate_signal = tape.input("gate", gate({{0.0, 0.03}, {0.04, 0.05}}, tape));
    const Var pitch = tape.parameter("pitch", Tensor{200.0, 300.0, 400.0}.reshaped(Shape{3, 1}));
    audio = record_fm(tape, FmNumbers::two_operators(), gate_signal, pitch, 3).audio;
    const double huge = type == ElementType::f32 ? 1e30 : 1e300;
    const Var small = tape.parameter("small", tiny);
    raised = small * huge * tape.parameter("number", 1.5);
    const Var target = tape.input("target", wave(Shape{1, 3000}, 0.3));
    loss = sum(multi_resolution_stft(audio, target)) + mean(square(audio - target)) +
           sum(matmul(slice(audio, 1, 0, 50), reshape(slice(target, 1, 0, 50), Shape{50, 1})));
  }
  std::vector<Bits> play() {
    tape.play({audio, raised, loss});
    std::vector<Bits> bits{bits_of("audio", tape.value(audio)), bits_of("raised", tape.value(raised)),
                           bits_of("loss", tape.value(loss))};
    for (const Var y : {loss, raised}) {
      tape.rewind(y);
      for (const Var p : tape.parameters())
        bits.push_back(bits_of("gradient of " + tape.name(p), tape.gradient(p)));
    }
    return bits;
  }
  ThreadPool pool;
  Tape tape;
  Var audio, raised, loss;
};

}  // namespace

TEST_CASE("whether the host flushes denormals changes no result") {
  for (const ElementType type : {ElementType::f32, ElementType::f64})
    for (const int threads : {1, 3}) {
      const std::vector<Bits> expected = Played(threads, type).play();
      std::vector<Bits> flushed_plays, flushed_all;
      {
        Played graph(threads, type);
        const HostEnvironment host;
        flush_denormals();
        flushed_plays = graph.play();
      }
      {
        const Tensor tiny = denormals(type);
        const HostEnvironment host;
        flush_denormals();
        flushed_all = Played(threads, type, tiny).play();  // the threads and the recording too
      }
      INFO(std::string(name(type)) << ", " << threads << " threads");
      CHECK(first_difference(flushed_plays, expected) == "");
      CHECK(first_difference(flushed_all, expected) == "");
    }
}

TEST_CASE(
    "no denormal is stored, of any value or gradient of a synth, to the end of its release and beyond") {
  // Row 1 is silent early; the square of what is left of row 0 falls under the smallest normal number late.
  Tape tape({.sample_rate = 8000.0, .length = 24000});
  const Var gate_signal = tape.input("gate", gate({{0.0, 0.5}}, tape));
  const Var pitch = tape.parameter("pitch", Tensor{200.0, 301.5}.reshaped(Shape{2, 1}));
  FmNumbers fm = FmNumbers::six_operators();
  for (FmNumbers::Operator& op : fm.operators) op.release *= 0.1;
  const Var audio = record_fm(tape, fm, gate_signal, pitch, 2).audio;
  const Var bias = tape.parameter("bias", Tensor(Shape{2, 24000}));  // its gradient is the audio's adjoint
  const Var heard = audio + bias;
  const Var loss = sum(mean(square(heard)));
  tape.keep(heard);
  tape.play({loss, audio});
  tape.rewind(loss);
  const auto count = [](const TensorView& view) {
    long denormals = 0, zeros = 0, numbers = 0;
    for (const float x : view.as<float>()) {
      denormals += std::fpclassify(x) == FP_SUBNORMAL;
      zeros += x == 0.0f;
      numbers += x != 0.0f && std::abs(x) < 1e-25f;
    }
    CHECK(zeros > 1000);
    CHECK(numbers > 100);  // on the way there
    return denormals;
  };
  CHECK(count(tape.value(audio)) == 0);
  CHECK(count(tape.gradient(bias)) == 0);
  for (const Var p : tape.parameters())
    if (!p.is_signal())
      for (const double g : tape.gradient(p).as<double>()) CHECK(std::fpclassify(g) != FP_SUBNORMAL);
}

TEST_CASE("how the host rounds changes nothing that is played or rewound") {
  for (const int threads : {1, 3}) {
    const std::vector<Bits> expected = Played(threads).play();
    for (const int rounding : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
      std::vector<Bits> bits;
      {
        Played graph(threads);
        const HostEnvironment host;
        std::fesetround(rounding);
        bits = graph.play();
        CHECK(std::fegetround() == rounding);
      }
      INFO(threads << " threads");
      CHECK(first_difference(bits, expected) == "");
    }
  }
}

TEST_CASE("threads started under a host's rounding compute with the default") {
  const std::vector<Bits> expected = Played(3).play();
  const HostEnvironment host;
  std::fesetround(FE_UPWARD);
  ThreadPool pool(3);  // its threads inherit the rounding
  std::fesetround(FE_TONEAREST);
  Tape tape({.sample_rate = 44100.0, .length = 3000, .executor = &pool});
  const Var x = tape.parameter("x", wave(Shape{6, 3000}, 0.4)),
            target = tape.input("target", wave(Shape{6, 3000}, 0.3));
  const Var loss = multi_resolution_stft(x * 1.1, target), magnitudes = stft_magnitude(x, 256);
  tape.play({loss, magnitudes});
  tape.rewind(loss);
  ThreadPool plain(1);
  Tape alone({.sample_rate = 44100.0, .length = 3000, .executor = &plain});
  const Var x1 = alone.parameter("x", wave(Shape{6, 3000}, 0.4)),
            target1 = alone.input("target", wave(Shape{6, 3000}, 0.3));
  const Var loss1 = multi_resolution_stft(x1 * 1.1, target1), magnitudes1 = stft_magnitude(x1, 256);
  alone.play({loss1, magnitudes1});
  alone.rewind(loss1);
  CHECK(bits_of("loss", tape.value(loss)) == bits_of("loss", alone.value(loss1)));
  CHECK(bits_of("magnitudes", tape.value(magnitudes)) == bits_of("magnitudes", alone.value(magnitudes1)));
  CHECK(bits_of("gradient", tape.gradient(x)) == bits_of("gradient", alone.gradient(x1)));
}

TEST_CASE("the host has its floating-point environment back after every call, an error included") {
  Played graph(2);
  const HostEnvironment host;
  flush_denormals();
  std::fesetround(FE_DOWNWARD);
  const unsigned before = control_bits();
  graph.play();
  CHECK(control_bits() == before);
  graph.tape.set(graph.tape.find("small"), wave(Shape{3, 3000}, 0.1));
  CHECK(control_bits() == before);
  CHECK_THROWS_AS(graph.tape.rewind(graph.loss), TapeError);
  CHECK(control_bits() == before);
  CHECK_THROWS_AS(graph.audio + graph.tape.input("short", Tensor(Shape{7})), ShapeError);
  CHECK(control_bits() == before);
  const std::vector<Var> outputs{graph.loss};
  graph.tape.describe_plan(outputs);
  CHECK(control_bits() == before);
}
