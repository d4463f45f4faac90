// The programs that README and the pages show, compiled and run. The parts between marks stand in a page letter for letter.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

// shown: begin
#include <retrograd/retrograd.hpp>
namespace rg = retrograd;
// shown: end

// shown: begin
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
// shown: end

// shown: begin
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
// shown: end

// shown: begin
struct Resonator : rg::OwnLinearRecurrence<Resonator, 2, 3> {  // two states; the inputs are x, a and b
  static constexpr const char* name = "resonator";
  // s1' = s1 + (a - 1) s1 - b s2 + x, s2' = s2 + b s1 + (a - 1) s2, y = s1: a turn and a decay
  template <class T>
  rg::LinearStep<T, 2> step(T a, T b) const {
    return {.e = {{a - T(1), -b}, {b, a - T(1)}}, .b = {T(1), T(0)}, .c = {T(1), T(0)}, .d = T(0)};
  }
  // of x, a and b, from the adjoint gs of the state after the sample and the state s before it
  template <class T>
  std::array<T, 3> step_adjoint(const std::array<T, 2>& gs, const std::array<T, 2>& s, T, T, T, T) const {
    return {gs[0], gs[0] * s[0] + gs[1] * s[1], gs[1] * s[0] - gs[0] * s[1]};
  }
  static rg::Check check() { return {.inputs = {{-1.0, 1.0}, {0.5, 0.7}, {0.1, 0.6}}}; }
};
// shown: end

// shown: begin
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
// shown: end

// shown: begin
struct Ring {
  static constexpr const char* name = "ring";
  static constexpr const char* summary = "one signal times another";
  static void describe(const rg::StructureValues&, rg::Description& d) {
    d.inputs = {{.name = "a", .is_required = true, .is_heard = true},
                {.name = "b", .is_required = true, .is_heard = true}};
    d.parameters = {{.name = "level",
                     .domain = rg::range(0.0, rg::infinity),
                     .usual = 1.0,
                     .role = rg::Role::level,
                     .summary = "linear"}};
    d.outputs = {"out"};
  }
  static void record(const void*, rg::Recorder& r) { r.out("out", r.in("a") * r.in("b") * r.value("level")); }
};
constexpr rg::ModuleType ring = rg::type_of<Ring>();
// shown: end

namespace {

const std::string root = RETROGRAD_SOURCE_ROOT;

std::vector<float> a_recording(std::size_t length = 4410) {
  std::vector<float> samples(length);
  for (std::size_t n = 0; n < samples.size(); ++n)
    samples[n] = 0.3f * std::sin(0.05f * static_cast<float>(n));
  return samples;
}

// The marked parts of this file, each as it stands in a page, without the indentation they share.
std::vector<std::string> parts(const std::string& source) {
  std::vector<std::string> found;
  std::istringstream lines(source);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t mark = line.find("// shown: ");
    const bool is_mark = mark != std::string::npos && line.find('"') == std::string::npos;
    if (is_mark) {
      inside = line.ends_with("begin");
      if (inside) found.emplace_back();
    } else if (inside) {
      const bool is_in_function = found.size() > 6 && line.starts_with("  ");
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

TEST_CASE("README's ten lines have a gradient for every parameter that is heard") {
  // The pages' files are named from the root.
  std::filesystem::current_path(root);
  const std::vector<float> recording = a_recording(66150);
  // shown: begin
  rg::Rack bass = rg::load_rack("lib/documentation/bass.toml");
  rg::Tape tape(rg::tape_options(bass));
  rg::RecordedRack recorded = rg::record(tape, bass);
  rg::Var target = tape.input("target", rg::Tensor(std::span<const float>(recording)));
  rg::Var loss = rg::multi_resolution_stft_loss(recorded.audio, target);
  tape.play({loss});  // forwards: the sound, and how far it is from the recording
  tape.rewind(loss);  // backwards: what each parameter has to do with that
  for (rg::Var parameter : recorded.parameters)
    std::printf("%s %g\n", tape.name(parameter).c_str(), tape.gradient(parameter).item());
  // shown: end
  for (const char* name : {"note.frequency", "depth.level", "bright.decay", "vibrato.out>note.frequency"})
    CHECK(tape.gradient(tape.find(name)).item() != 0.0);
}

TEST_CASE("a synth recorded by hand falls towards its target") {
  const std::vector<float> recording = a_recording();
  double first = 0.0, last = 0.0;
  // shown: begin
  rg::Tape tape({.sample_rate = 44100, .length = 4410});
  rg::Var gate = tape.input("gate", rg::gate({{0.0, 0.05}}, tape));  // on and off times in seconds
  rg::Var envelope = rg::adsr(
      gate,
      {tape.parameter("attack", 0.01, rg::positive), tape.parameter("decay", 0.2, rg::positive),
       tape.parameter("sustain", 0.5, rg::unit_interval), tape.parameter("release", 0.1, rg::positive)});
  rg::Var pitch = tape.parameter("pitch", 300.0, rg::positive);
  rg::Var modulator = rg::sinusoid(2.0 * pitch) * envelope * tape.parameter("depth", 1.0, rg::positive);
  rg::Var audio = rg::sinusoid(pitch, modulator) * envelope * tape.parameter("loudness", 0.5, rg::positive);
  rg::Var target = tape.input("target", rg::Tensor(std::span<const float>(recording)));
  rg::Var loss = rg::multi_resolution_stft_loss(audio, target);
  rg::Adam adam(tape, {.learning_rate = 1e-2});
  for (int step = 0; step < 100; ++step) {
    tape.play({loss});
    tape.rewind(loss);
    adam.step();
    // shown: end
    if (step == 0) first = tape.value(loss).item();
    last = tape.value(loss).item();
  }
  CHECK(last < 0.8 * first);
}

TEST_CASE("an echo's time has a gradient") {
  rg::Tape tape({.sample_rate = 44100, .length = 4410});
  rg::Var audio = rg::sinusoid(tape.constant(300.0)) * tape.input("gate", rg::gate({{0.0, 0.01}}, tape));
  // shown: begin
  rg::Feedback loop = tape.feedback(audio.shape(), 128);  // every delay in it is 128 samples or longer
  rg::Var late = rg::delay(loop.value, tape.parameter("time", 0.03), {.longest = 0.1});
  rg::Var echoed = audio + 0.5 * late;
  tape.close(loop, echoed);
  // shown: end
  rg::Var loss = rg::sum(echoed * echoed);
  tape.play({echoed, loss});
  tape.rewind(loss);
  CHECK(std::abs(tape.value(echoed).at(1323 + 20) - 0.5 * tape.value(echoed).at(20)) < 1e-5);
  CHECK(tape.gradient(tape.find("time")).item() != 0.0);
}

TEST_CASE("a module of one's own is in a file") {
  const std::string text =
      "format = 2\nduration = 0.1\noutputs = [\"ring.out\"]\n"
      "cables = [[\"one.out\", \"ring.a\"], [\"two.out\", \"ring.b\"]]\n"
      "[note]\nfrequency = 220.0\ngate = [[0.0, 0.1]]\n"
      "[[module]]\nname = \"one\"\ntype = \"oscillator\"\n"
      "[[module]]\nname = \"two\"\ntype = \"oscillator\"\nratio = 1.5\n"
      "[[module]]\nname = \"ring\"\ntype = \"ring\"\n";
  // shown: begin
  rg::ModuleList modules;
  modules.add(&ring);
  rg::Rack rack = rg::parse_rack(text, "bell.toml", {.modules = modules});
  // shown: end
  rg::Tape tape(rg::tape_options(rack));
  const rg::Var audio = rg::record(tape, rack).audio;
  tape.play({audio});
  CHECK(tape.value(audio).at(1000) != 0.0);
}

TEST_CASE("a rack is changed, and a Var given in place of a parameter has the gradient") {
  std::filesystem::current_path(root);
  // shown: begin
  rg::Rack rack = rg::load_rack("lib/documentation/pluck.toml");
  rg::find_parameter(rack, "env.decay").value = 0.8;
  rack.cables.push_back({"env.out", "bend.ratio", 0.5});
  rg::Tape tape(rg::tape_options(rack));
  rg::Var decay = tape.parameter("decay", 0.4, rg::positive);
  rg::RecordedRack recorded = rg::record(tape, rack, {.given = {{"env.decay", decay}}});
  tape.play({recorded.audio});
  // shown: end
  tape.rewind(recorded.audio);
  CHECK(tape.gradient(decay).item() != 0.0);
}

TEST_CASE("own nodes play and have gradients") {
  rg::Tape tape({.sample_rate = 44100, .length = 1000});
  // shown: begin
  rg::Var pitch = tape.parameter("pitch", 220.0, rg::positive);
  rg::Var cutoff = tape.parameter("cutoff", 0.1, rg::unit_interval);
  rg::Var audio = rg::causal(OnePole{}, rg::Oscillator<Triangle>()(pitch), cutoff);
  rg::Var backwards = rg::whole(Reverse{}, audio);
  // shown: end
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

TEST_CASE("checks of one's own node and of every parameter pass") {
  // shown: begin
  rg::NodeReport node = rg::check_own_node<OnePole>();  // against dual numbers and differences
  if (!node.passed) std::puts(node.failure.c_str());
  rg::Tape doubles({.type = rg::ElementType::f64, .sample_rate = 44100, .length = 1000});
  rg::Var loss = rg::mean(rg::square(record_synth(doubles)));  // a function of yours
  for (const rg::ParameterReport& parameter : rg::check_parameters(doubles, loss))
    if (parameter.agreement == rg::Agreement::disagrees) std::puts(parameter.name.c_str());
  // shown: end
  CHECK(node.passed);
  CHECK(rg::check_own_node<Resonator>().passed);
  for (const rg::ParameterReport& parameter : rg::check_parameters(doubles, loss))
    CHECK(parameter.agreement == rg::Agreement::agrees);
}

TEST_CASE("a stream plays") {
  std::vector<float> held(512, 1.0f), audio(512);
  const float* inputs[] = {held.data()};
  float* outputs[] = {audio.data()};
  const int frames = 512;
  // shown: begin
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
  // shown: end
  CHECK(stream.status() == rg::StreamStatus::ok);
  CHECK(audio[500] != 0.0f);
}

TEST_CASE("an instrument plays") {
  std::filesystem::current_path(root);
  std::vector<float> samples(512);
  float* output = samples.data();
  const int frames = 512;
  // shown: begin
  rg::Instrument instrument(rg::load_rack("lib/documentation/bass.toml"), {.voices = 16});
  instrument.prepare(48000.0, 512);    // may allocate and throw
  instrument.note_on(60, 0.8, 37);     // middle C, 37 samples into the next block
  instrument.process(output, frames);  // in the audio callback: never allocates, locks or waits
  // shown: end
  CHECK(samples[36] == 0.0f);
  CHECK(samples[500] != 0.0f);
}

TEST_CASE("the programs in the pages are those that were compiled") {
  std::string pages = contents(root + "/README.md");
  for (const auto& entry : std::filesystem::directory_iterator(root + "/lib/documentation"))
    if (entry.path().extension() == ".md") pages += contents(entry.path().string());
  const std::vector<std::string> shown = parts(contents(root + "/tests/readme/readme_test.cpp"));
  REQUIRE(shown.size() == 15);
  for (const std::string& part : shown) {
    INFO(part);
    CHECK(pages.find(part) != std::string::npos);
  }
}
