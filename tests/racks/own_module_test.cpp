// A host's own module: written in its own file, used by name in a rack file, recorded, fitted and streamed like the
// library's.
#include <doctest/doctest.h>

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/modules/shared_parameters.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/rack_stream.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/tensor/errors.hpp>

#include <array>
#include <cmath>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

// A waveform of its own: a parabola, 1 at phase 0 and -1 half a turn away.
struct Parabola : OwnPointwise<Parabola, 1> {
  static constexpr const char* name = "parabola";
  template <class T>
  T forward(T turns) const {
    return T(1) - T(8) * turns * turns;
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T, T turns) const {
    return {T(-16) * gy * turns};
  }
};

// A filter of its own: y[n] = y[n-1] + openness * (x[n] - y[n-1]).
struct OnePole : OwnCausal<OnePole, 2> {
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
    const T g = gy + gs.y;
    gs.y = g * (T(1) - c);
    return {g * c, g * (x - s.y)};
  }
};

// The module made of both: with a structure, a normalled input, two outputs, and what the host hands along.
struct Hosts {
  double offset;  // of what comes out dry
};
struct Soft {
  static constexpr const char* name = "soft";
  static constexpr const char* summary = "a parabola through a low-pass";
  static constexpr Structure structure[] = {
      {.name = "poles", .low = 1, .high = 4, .usual = 1, .summary = "in a row"}};
  static void describe(const StructureValues&, Description& d) {
    d.inputs = {{.name = "hertz", .normalled = "note.hertz", .summary = "the pitch"}};
    d.parameters = {
        pitch_ratio(),
        level("level"),
        {.name = "openness", .domain = range(0.0, 1.0), .usual = 0.5, .summary = "of the low-pass"}};
    d.outputs = {"out", "dry"};
  }
  static void record(const void* data, Recorder& r) {
    const Var frequency = r.in("hertz") * r.value("ratio");
    const Var dry =
        Oscillator<Parabola>()(frequency, std::nullopt, frequency.is_signal() ? std::nullopt : r.length());
    Var y = dry;
    for (std::int64_t pole = 0; pole < r.structure("poles"); ++pole)
      y = causal(OnePole{}, y, r.value("openness"));
    r.out("out", y * r.value("level"));
    if (r.is_read("dry")) r.out("dry", dry + static_cast<const Hosts*>(data)->offset);
  }
};

constexpr Hosts hosts{0.25};
constexpr ModuleType soft = type_of<Soft>(&hosts);

RackFileOptions with_soft() {
  RackFileOptions options;
  options.modules.add(&soft);
  return options;
}

const std::string text = R"(format = 2
sample_rate = 8000
duration = 0.3
outputs = ["amp.out"]
cables = [
    ["osc.out", "amp.in"],
    ["env.out", "amp.cv"],
    ["lfo.out", "osc.openness", 0.1],
]
[note]
frequency = 200.0
gate = [[0.0, 0.2]]
[[module]]
name = "osc"
type = "soft"
poles = 2
openness = 0.6
level = 0.8
[[module]]
name = "lfo"
type = "oscillator"
pitch = "free"
frequency = 6.0
[[module]]
name = "env"
type = "adsr"
attack = 0.01
release = 0.02
[[module]]
name = "amp"
type = "vca"
)";

Rack rack() { return parse_rack(text, "soft.toml", with_soft()); }

template <class T>
std::vector<T> render(const Rack& rack, ElementType type) {
  TapeOptions options = tape_options(rack);
  options.type = type;
  Tape tape(options);
  const RecordedRack recorded = record(tape, rack);
  tape.play({recorded.audio});
  const auto samples = tape.value(recorded.audio).as<T>();
  return {samples.begin(), samples.end()};
}

}  // namespace

TEST_CASE("a host's module is used by name in a rack file, and is written to one") {
  const Rack read = rack();
  CHECK(read.modules[0].type == &soft);
  CHECK(read.modules[0].structure == StructureValues{2});
  CHECK(read.modules[0].values == std::vector{1.0, 0.8, 0.6});
  CHECK(parse_rack(format_rack(read), "again.toml", with_soft()) == read);
  // Without it the file names a type that is none.
  CHECK_THROWS_WITH_AS(parse_rack(text, "soft.toml"),
                       doctest::Contains("soft.toml:15:8: module.0.type: there is no type of module soft"),
                       FileError);
}

TEST_CASE("a host's module sounds as its formula says") {
  Rack still = rack();
  find_parameter(still, "lfo.out>osc.openness").value = 0.0;
  find_parameter(still, "env.attack").value = find_parameter(still, "env.decay").value = 0.0;
  find_parameter(still, "env.sustain").value = 1.0;
  const std::vector<double> found = render<double>(still, ElementType::f64);
  double one = 0.0, two = 0.0, worst = 0.0;
  for (std::size_t n = 0; n < 1600; ++n) {
    const double turns = 200.0 * static_cast<double>(n) / 8000.0, phase = turns - std::round(turns);
    one += 0.6 * (1.0 - 8.0 * phase * phase - one);
    two += 0.6 * (one - two);
    worst = std::max(worst, std::abs(found[n] - 0.8 * two));
  }
  CHECK(worst < 1e-12);
}

TEST_CASE(
    "what a host hands along with its module reaches it, and an output that nothing reads is not recorded") {
  Rack dry = rack();
  dry.outputs = {"osc.dry"};
  dry.cables.clear();
  dry.modules.resize(1);
  CHECK(render<double>(dry, ElementType::f64)[0] == 1.25);
}

TEST_CASE("a host's module is fitted: its parameters move towards a sound that it made") {
  Rack truth = rack();
  const FitTarget target{.samples = render<double>(truth, ElementType::f64),
                         .sample_rate = 8000,
                         .frequency = 200.0,
                         .gate = {0.0, 0.2}};
  Rack wrong = truth;
  find_parameter(wrong, "osc.openness").value = 0.2;
  FitOptions options;
  options.steps = 60;
  options.restarts = 1;
  options.loss.windows = {256, 64};
  FitResult result = fit(target, wrong, options);
  CHECK(result.loss_after < 0.5 * result.loss_before);
  CHECK(find_parameter(result.rack, "osc.openness").value > 0.3);
}

TEST_CASE("a host's module has the bits of its render in a stream and an instrument") {
  Rack played = rack();
  played.note.gate = {{0.0, 0.2}};
  const std::vector<float> expected = render<float>(played, ElementType::f32);
  Stream stream = stream_of(played);
  stream.prepare(8000, 2400);
  std::vector<float> gate(2400), out(2400);
  std::fill(gate.begin(), gate.begin() + 1600, 1.0f);
  for (std::size_t at = 0, frames = 1; at < 2400;
       at += frames, frames = std::min<std::size_t>(frames * 2 + 1, 2400 - at)) {
    const float* in[] = {gate.data() + at};
    float* outs[] = {out.data() + at};
    REQUIRE(stream.process(in, outs, static_cast<int>(frames)) == StreamStatus::ok);
  }
  CHECK(out == expected);

  Instrument instrument(played);
  instrument.prepare(8000, 2400);
  instrument.note_on(69.0 + 12.0 * std::log2(200.0 / 440.0), 1.0);
  instrument.process(out.data(), 1600);
  double worst = 0.0;
  for (std::size_t n = 0; n < 1600; ++n)
    worst = std::max(worst, std::abs(static_cast<double>(out[n]) - expected[n]));
  CHECK(worst < 1e-3);  // the key's frequency is off by a rounding
}

TEST_CASE("a name that is there already, or that files cannot hold, is not added") {
  ModuleList modules;
  modules.add(&soft);
  CHECK(modules.find("soft") == &soft);
  CHECK_THROWS_WITH_AS(modules.add(&soft), doctest::Contains("there is a module type named soft already"),
                       DomainError);
  ModuleType named = soft;
  for (const char* name : {"", "two words", "a.b", "a/b", "vca", "note"}) {
    CAPTURE(name);
    named.name = name;
    CHECK_THROWS_AS(modules.add(&named), DomainError);
  }
  CHECK(ModuleList().find("soft") == nullptr);  // another list knows nothing of it
}
