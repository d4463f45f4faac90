// The programs that README shows, compiled and run. The parts between marks stand in README letter for letter.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

// README: begin
#include <retrograd/retrograd.hpp>
namespace rg = retrograd;

struct Triangle : rg::OwnPointwise<Triangle, 1> {
  static constexpr const char* name = "triangle";
  template <class T>
  T forward(T phase_turns) const {
    return T(1) - T(4) * rg::math::abs(phase_turns);
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T, T phase_turns) const {
    return {phase_turns > T(0) ? T(-4) * gy : T(4) * gy};
  }
};
// README: end

// README: begin
struct OnePole : rg::OwnCausal<OnePole, 2> {  // y[n] = y[n-1] + c * (x[n] - y[n-1])
  static constexpr const char* name = "one_pole";
  template <class T>
  struct State {
    T y{};
  };
  template <class T>
  T forward(State<T>& s, T x, T c) const {
    return s.y = s.y + c * (x - s.y);
  }
  template <class T>
  std::array<T, 2> adjoint(State<T>& gs, const State<T>& s, T gy, T x, T c) const {
    const T g = gy + gs.y;  // of y[n]: from the output and from the next sample
    gs.y = g * (T(1) - c);  // of y[n-1]
    return {g * c, g * (x - s.y)};
  }
  static rg::Check check() { return {.inputs = {{-1.0, 1.0}, {0.0, 1.0}}}; }  // where they are drawn from
};
// README: end

// README: begin
struct Reverse : rg::OwnWhole<Reverse, 1> {
  static constexpr const char* name = "reverse";
  template <class T>
  void forward(std::span<T> y, std::span<const T> x) const {
    std::reverse_copy(x.begin(), x.end(), y.begin());
  }
  template <class T>
  void adjoint(std::span<const T> gy, std::span<const T>, std::span<const T>, std::span<T> gx) const {
    std::reverse_copy(gy.begin(), gy.end(), gx.begin());
  }
};
// README: end

namespace {

std::vector<float> a_recording() {
  std::vector<float> samples(4410);
  for (std::size_t n = 0; n < samples.size(); ++n)
    samples[n] = 0.3f * std::sin(0.05f * static_cast<float>(n));
  return samples;
}

// The marked parts of this file, each as it stands in README, without the indentation they share.
std::vector<std::string> parts(const std::string& source) {
  std::vector<std::string> found;
  std::istringstream lines(source);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t mark = line.find("// README: ");
    const bool is_mark = mark != std::string::npos && line.find('"') == std::string::npos;
    if (is_mark) {
      inside = line.ends_with("begin");
      if (inside) found.emplace_back();
    } else if (inside) {
      const bool is_in_function = found.size() > 3 && line.starts_with("  ");
      found.back() += (is_in_function ? line.substr(2) : line) + "\n";
    }
  }
  return found;
}

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("README's synth falls towards its target") {
  const std::vector<float> recording = a_recording();
  double first = 0.0, last = 0.0;
  // README: begin
  rg::Tape tape({.sample_rate = 44100, .length = 4410});
  rg::Var gate = tape.input("gate", rg::gate({{0.0, 0.05}}, tape));  // on and off times in seconds
  rg::Var pitch = tape.parameter("pitch", 300.0, rg::positive);
  rg::EnvelopeParameters envelope{
      tape.parameter("attack", 0.01, rg::positive), tape.parameter("decay", 0.2, rg::positive),
      tape.parameter("sustain", 0.5, rg::unit_interval), tape.parameter("release", 0.1, rg::positive)};
  std::vector<rg::FMOperatorParameters> operators{{tape.parameter("carrier ratio", 1.0, rg::positive),
                                                   tape.parameter("loudness", 0.5, rg::positive), envelope},
                                                  {tape.parameter("modulator ratio", 2.0, rg::positive),
                                                   tape.parameter("depth", 1.0, rg::positive), envelope}};
  rg::FMSynth synth(2, {{1, 0}});  // operator 1 modulates operator 0
  rg::Var audio = synth(gate, pitch, operators);
  rg::Var target = tape.input("target", rg::Tensor(std::span<const float>(recording)));
  rg::Var loss = rg::multi_resolution_stft_loss(audio, target);
  rg::Adam adam(tape, {.learning_rate = 1e-2});
  for (int step = 0; step < 100; ++step) {
    tape.play({loss});
    tape.rewind(loss);
    adam.step();
    // README: end
    if (step == 0) first = tape.value(loss).item();
    last = tape.value(loss).item();
  }
  CHECK(last < 0.8 * first);
}

TEST_CASE("README's own nodes play and have gradients") {
  rg::Tape tape({.sample_rate = 44100, .length = 1000});
  // README: begin
  rg::Var pitch = tape.parameter("pitch", 220.0, rg::positive);
  rg::Var cutoff = tape.parameter("cutoff", 0.1, rg::unit_interval);
  rg::Var audio = rg::causal(OnePole{}, rg::Oscillator<Triangle>()(pitch), cutoff);
  rg::Var backwards = rg::whole(Reverse{}, audio);
  // README: end
  rg::Var loss = rg::sum(rg::square(audio) + rg::square(backwards));
  tape.play({audio, backwards, loss});
  tape.rewind(loss);
  CHECK(tape.value(audio).at(500) != 0.0);
  CHECK(tape.value(backwards).at(0) == tape.value(audio).at(999));
  for (rg::Var parameter : tape.parameters()) CHECK(tape.gradient(parameter).item() != 0.0);
}

namespace {

rg::Var record_synth(rg::Tape& tape) {
  rg::Var pitch = tape.parameter("pitch", 220.0, rg::positive);
  return rg::causal(OnePole{}, rg::Oscillator<Triangle>()(pitch),
                    tape.parameter("cutoff", 0.1, rg::unit_interval));
}

}  // namespace

TEST_CASE("README's checks of one's own node and of every parameter pass") {
  // README: begin
  rg::NodeReport node = rg::check_own_node<OnePole>();  // against dual numbers and differences
  if (!node.passed) std::puts(node.failure.c_str());
  rg::Tape doubles({.type = rg::ElementType::f64, .sample_rate = 44100, .length = 1000});
  rg::Var loss = rg::mean(rg::square(record_synth(doubles)));  // a function of yours
  for (const rg::ParameterReport& parameter : rg::check_parameters(doubles, loss))
    if (parameter.agreement == rg::Agreement::disagrees) std::puts(parameter.name.c_str());
  // README: end
  CHECK(node.passed);
  for (const rg::ParameterReport& parameter : rg::check_parameters(doubles, loss))
    CHECK(parameter.agreement == rg::Agreement::agrees);
}

TEST_CASE("README's stream plays") {
  std::vector<float> held(512, 1.0f), audio(512);
  const float* inputs[] = {held.data()};
  float* outputs[] = {audio.data()};
  const int frames = 512;
  // README: begin
  rg::Stream stream([](rg::Tape& tape) -> std::vector<rg::Var> {
    const auto length = *tape.options().length;
    rg::Var gate = tape.input("gate", rg::Tensor(rg::Shape{length}));  // its samples come with each block
    rg::Var envelope = rg::adsr(
        gate,
        {tape.parameter("attack", 0.01, rg::positive), tape.parameter("decay", 0.2, rg::positive),
         tape.parameter("sustain", 0.5, rg::unit_interval), tape.parameter("release", 0.1, rg::positive)});
    rg::Var pitch = tape.parameter("pitch", 220.0, rg::positive);
    return {rg::sinusoid(pitch, std::nullopt, length) * envelope};
  });
  stream.prepare(48000.0, 512);                  // records at that rate; may allocate and throw
  stream.process(inputs, outputs, frames);       // in the audio callback, any number of frames up to 512
  stream.set(stream.parameter("pitch"), 330.0);  // from any thread: glides there
  // README: end
  CHECK(stream.status() == rg::StreamStatus::ok);
  CHECK(audio[500] != 0.0f);
}

TEST_CASE("the programs in README are those that were compiled") {
  const std::string root = RETROGRAD_SOURCE_ROOT;
  const std::string readme = contents(root + "/README.md");
  const std::vector<std::string> shown = parts(contents(root + "/tests/readme/readme_test.cpp"));
  REQUIRE(shown.size() == 7);
  for (const std::string& part : shown) {
    INFO(part);
    CHECK(readme.find(part) != std::string::npos);
  }
  CHECK(readme.find(contents(root + "/tests/guide/render.cpp")) != std::string::npos);
}
