// The program as its users meet it: exit codes, what goes to stdout and what to stderr, the files it writes.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <retrograd/audio/trim.hpp>
#include <retrograd/gradcheck/node_check.hpp>
#include <retrograd/losses/losses.hpp>
#include <retrograd/patches/record.hpp>
#include <retrograd/patches/toml.hpp>
#include <retrograd/stream/instrument.hpp>
#include <retrograd/tape/tape.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numbers>
#include <string>
#include <vector>

#include "../../tools/retrograd/sound_file.hpp"
#include "midi_bytes.hpp"
#include "scratch.hpp"

#if defined(__has_feature)
#define RETROGRAD_HAS_ADDRESS_SANITIZER __has_feature(address_sanitizer)
#else
#define RETROGRAD_HAS_ADDRESS_SANITIZER 0
#endif

using namespace retrograd;
using namespace retrograd::tool;
using Json = nlohmann::ordered_json;

namespace {

using Arguments = std::vector<std::string>;

/// Becomes the program; only in a process of its own.
[[noreturn]] void become_program(const Arguments& arguments) {
  std::vector<char*> pointers;
  std::string program = RETROGRAD_PROGRAM;
  pointers.push_back(program.data());
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  ::execv(program.c_str(), pointers.data());
  ::_exit(127);
}

struct Outcome {
  int code = -1;  ///< -1 where a signal ended it
  std::string out, err;
};

int exit_code_of(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Runs the program in `directory`, its output piped into files.
template <class Prepare>
Outcome run_after(Prepare prepare, const Scratch& directory, const Arguments& arguments) {
  const Scratch outputs;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(directory.path.c_str()) != 0) ::_exit(126);
    ::dup2(::open((outputs / "out").c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    ::dup2(::open((outputs / "err").c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    std::signal(SIGINT, SIG_DFL);
    prepare();
    become_program(arguments);
  }
  const int code = exit_code_of(child);
  return {code, content(outputs / "out"), content(outputs / "err")};
}

Outcome run(const Scratch& directory, const Arguments& arguments) {
  return run_after([] {}, directory, arguments);
}

/// One JSON object and nothing else.
Json json_of(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  REQUIRE_MESSAGE(json.is_object(), text);
  return json;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A tenth of a second of two operators at 8 kHz.
constexpr const char* small_patch = R"(format = 1
sample_rate = 8000
duration = 0.1

[note]
frequency = 300.0
gate = [[0.0, 0.05]]

[fm]
routing = [[1, 0]]

[[fm.operator]]
ratio = 1.0
gain = 1.0
envelope = { attack = 0.0201, decay = 0.04, sustain = 0.1, release = 0.04 }

[[fm.operator]]
ratio = 2.0
gain = 0.7
envelope = { attack = 0.01017, decay = 0.05, sustain = 0.3, release = 0.07 }
)";

/// A struck sound of three partials, `seconds` long.
std::vector<double> struck(double frequency, double seconds, double rate) {
  std::vector<double> samples(static_cast<std::size_t>(seconds * rate));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double t = static_cast<double>(i) / rate;
    const double turn = 2 * std::numbers::pi * frequency * t;
    samples[i] =
        std::exp(-12 * t) * (0.5 * std::sin(turn) + 0.2 * std::sin(2 * turn) + 0.1 * std::sin(3 * turn));
  }
  return samples;
}

/// A directory with a patch, `small.toml`, and a recording, `bell.wav`.
struct Workplace : Scratch {
  Workplace() {
    put(*this / "small.toml", small_patch);
    write_wav(*this / "bell.wav", struck(400, 0.15, 8000), 1, 8000, WavFormat::f32);
  }
};

const Arguments quick_fit{"fit", "bell.wav", "--patch", "small.toml", "--steps", "12", "--restarts", "3"};

Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("render writes the samples that a tape plays, at the patch's rate") {
  const Workplace place;
  const Outcome outcome = run(place, {"render", "small.toml", "-o", "a.wav"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "a.wav: 800 samples (0.1 s) at 8000 Hz, f32, peak "));

  const Patch patch = parse_patch(small_patch, "small");
  Tape tape(tape_options(patch));
  const Var audio = record(tape, patch).audio;
  tape.play({audio});
  const auto wanted = tape.value(audio).as<float>();
  const Sound sound = read_sound(place / "a.wav");
  CHECK(sound.sample_rate == 8000);
  CHECK(sound.channels == 1);
  REQUIRE(sound.samples.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) REQUIRE(sound.samples[i] == static_cast<double>(wanted[i]));
}

TEST_CASE("render without a patch plays the built-in one") {
  const Workplace place;
  CHECK(run(place, {"render", "-o", "a.wav"}).code == 0);
  put(place / "default.toml", format_patch(default_patch()));
  CHECK(run(place, {"render", "default.toml", "-o", "b.wav"}).code == 0);
  CHECK(content(place / "a.wav") == content(place / "b.wav"));
  CHECK(read_sound(place / "a.wav").samples.size() == 44100);
}

TEST_CASE("render --notes plays a MIDI file until its last note has ended") {
  const Workplace place;
  const std::string events =
      note_on(0, 60, 127) + note_on(96, 64, 64) + note_on(96, 60, 0) + note_on(0, 64, 0);
  put(place / "tune.mid", midi_header(0, 1, 480) + midi_track(tempo(0, 500000) + events));
  const Outcome outcome = run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "a.wav"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "tune.mid: 2 notes, 0.2 s\n"));
  CHECK(contains(outcome.err, " at 8000 Hz, f32, peak "));
  const std::vector<double> samples = read_sound(place / "a.wav").samples;

  Instrument instrument(parse_patch(small_patch, "small"));
  instrument.prepare(8000.0, 64);
  CHECK(instrument.note_on(60, 1.0, 0));
  CHECK(instrument.note_on(64, 64 / 127.0, 800));
  CHECK(instrument.note_off(60, 1600));
  CHECK(instrument.note_off(64, 1600));
  std::vector<float> block(64);
  for (std::size_t start = 0; start < samples.size(); start += 64) {
    REQUIRE(instrument.process(block.data(), 64) == StreamStatus::ok);
    for (std::size_t i = 0; i < 64; ++i) REQUIRE(samples[start + i] == static_cast<double>(block[i]));
  }
  CHECK(instrument.sounding() == 0);
  CHECK(samples.size() == (1600 + 3685 + 63) / 64 * 64);  // and 0.04 s * ln(1e5) of the carrier's release
}

TEST_CASE("render --notes plays no more notes at once than it has voices") {
  const Workplace place;
  put(place / "tune.mid", midi_header(0, 1, 96) + midi_track(note_on(0, 60, 127) + note_on(0, 64, 127) +
                                                             note_on(96, 60, 0) + note_on(0, 64, 0)));
  CHECK(run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "a.wav", "--voices", "1"}).code ==
        0);
  CHECK(run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "b.wav", "--voices", "2"}).code ==
        0);
  CHECK(content(place / "a.wav") != content(place / "b.wav"));
}

TEST_CASE("render --notes refuses what it cannot play, and writes nothing") {
  const Workplace place;
  const std::string header = midi_header(0, 1, 96);
  put(place / "words.mid", "this is no tune\n");
  put(place / "cut.mid", header + midi_track(note_on(0, 60, 100)).substr(0, 10));
  put(place / "drums.mid",
      header + midi_track(midi_event(0, {0x99, 36, 100}) + midi_event(9, {0x89, 36, 0})));
  put(place / "silent.mid", header + midi_track(tempo(0, 500000)));
  put(place / "endless.mid",
      header + midi_track(note_on(0, 60, 100) + tempo(0, 0xffffff) + note_on(0xfffffff, 60, 0)));
  const std::size_t files = place.files();
  for (const auto& [name, problem] : std::vector<std::pair<std::string, std::string>>{
           {"words.mid", "words.mid: byte 0: this is no MIDI file; one begins with 'MThd'"},
           {"cut.mid", "cut.mid: holds no notes\ncut.mid: byte 24: a message is cut short"},
           {"drums.mid", "drums.mid: holds no notes but drums; --drums plays them"},
           {"silent.mid", "silent.mid: holds no notes"},
           {"endless.mid", "a.wav"},
           {"missing.mid", "missing.mid"}}) {
    const Outcome outcome = run(place, {"render", "small.toml", "--notes", name, "-o", "a.wav"});
    CHECK(outcome.code == 3);
    CHECK_MESSAGE(contains(outcome.err, problem), outcome.err);
    CHECK(place.files() == files);
  }
}

TEST_CASE("render --notes says what it mended and what it passes over, and plays the rest") {
  const Workplace place;
  const std::string notes = note_on(0, 60, 127) + midi_event(0, {0xff, 1, 1, 'A'}) + variable_length(96) +
                            std::string{60, 0} + midi_event(0, {0xc0, 5}) + midi_event(0, {0x99, 36, 100}) +
                            midi_event(10, {0x89, 36, 0}) + midi_event(480000, {0xff, 1, 1, 'A'});
  put(place / "tune.mid", midi_header(0, 1, 480) + midi_track(notes));
  const Outcome outcome = run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "a.wav"});
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.err, "tune.mid: 1 note, 0.1 s\n"));
  CHECK(contains(outcome.err, "tune.mid: byte 32: a message without its status byte after a meta event"));
  CHECK(contains(outcome.err,
                 "tune.mid: passed over: 1 drum note (channel 10; --drums plays them as any other), "
                 "1 program change\n"));
  CHECK(read_sound(place / "a.wav").samples.size() < 8000);
  const Outcome drums = run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "a.wav", "--drums"});
  CHECK(contains(drums.err, "tune.mid: 2 notes, "));
}

TEST_CASE("a gate after the end is said wherever the patch is rendered, aliases by info") {
  const Workplace place;
  put(place / "late.toml", replaced(small_patch, "[[0.0, 0.05]]", "[[0.2, 0.3]]"));
  for (const Arguments& arguments : std::vector<Arguments>{{"render", "late.toml", "-o", "a.wav"},
                                                           {"gradient", "late.toml", "--target", "bell.wav"},
                                                           {"gradcheck", "late.toml"},
                                                           {"info", "late.toml"}}) {
    const Outcome outcome = run(place, arguments);
    CHECK_MESSAGE(contains(outcome.err,
                           "late.toml: note.gate.0: [0.2, 0.3] lies after the end, at 0.1 s: it is "
                           "not played, and the patch is silent\n"),
                  outcome.err);
    const Outcome usual = run(place, {"info", "small.toml"});
    CHECK(usual.err.empty());
  }
  put(place / "high.toml", replaced(small_patch, "frequency = 300.0", "frequency = 5000.0"));
  const Outcome high = run(place, {"info", "high.toml"});
  CHECK_MESSAGE(contains(high.err,
                         "high.toml: fm.operator.0.ratio: makes 5000 Hz, half the sample rate (4000 Hz) "
                         "or more: it aliases to 3000 Hz\n"),
                high.err);
}

TEST_CASE("play without a device, or with one that is not there, says so and exits with 4") {
  const Workplace place;
  put(place / "tune.mid", midi_header(0, 1, 96) + midi_track(note_on(0, 60, 100) + note_on(96, 60, 0)));
  for (const Arguments& arguments :
       std::vector<Arguments>{{"play", "small.toml", "--notes", "tune.mid", "--audio", "999999"},
                              {"play", "--audio", "999999"}}) {
    const Outcome outcome = run(place, arguments);
    CHECK(outcome.code == 4);
    CHECK(outcome.out.empty());
    CHECK_MESSAGE(contains(outcome.err, "audio device"), outcome.err);
    CHECK(std::ranges::count(outcome.err, '\n') == 1);  // not the pages that libraries write
  }
  const Outcome list = run(place, {"play", "--list"});
  CHECK((list.code == 0 || list.code == 4));
  CHECK((list.code == 0) == contains(list.out, "--audio "));
  CHECK((list.code == 4) == contains(list.err, "audio device"));
}

TEST_CASE("play reads its patch and its notes before it looks for a device") {
  const Workplace place;
  put(place / "words.mid", "this is no tune\n");
  const Outcome notes = run(place, {"play", "--notes", "words.mid", "--audio", "999999"});
  CHECK(notes.code == 3);
  CHECK(contains(notes.err, "words.mid: byte 0: this is no MIDI file"));
  CHECK(run(place, {"play", "bell.wav", "--audio", "999999"}).code == 3);
  CHECK(run(place, {"play", "--voices", "0"}).code == 2);
  CHECK(run(place, {"play", "--block", "1"}).code == 2);
  CHECK(run(place, {"play", "--midi", "-1"}).code == 2);
  const Outcome help = run(place, {"play", "--help"});
  CHECK(help.code == 0);
  for (const std::string option : {"--notes", "--voices", "--audio", "--midi", "--block", "--list"})
    CHECK_MESSAGE(contains(help.out, option), option);
}

TEST_CASE("render in integers says how many samples were clipped") {
  const Workplace place;
  put(place / "loud.toml", replaced(small_patch, "gain = 1.0", "gain = 3.0"));
  for (const std::string format : {"pcm16", "pcm24"}) {
    const Outcome outcome = run(place, {"render", "loud.toml", "-o", "a.wav", "--format", format});
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.err, "samples beyond full scale clipped"));
    const Sound sound = read_sound(place / "a.wav");
    CHECK(sound.samples.size() == 800);
    const Outcome quiet = run(place, {"render", "small.toml", "-o", "a.wav", "--format", format});
    CHECK(!contains(quiet.err, "clipped"));
  }
}

TEST_CASE("gradient prints the tape's loss and gradients, exactly, as one JSON object") {
  const Workplace place;
  write_wav(place / "target.wav", struck(310, 0.1, 8000), 1, 8000, WavFormat::f32);
  const std::vector<double> target = read_sound(place / "target.wav").samples;
  REQUIRE(target.size() == 800);
  Patch patch = parse_patch(small_patch, "small");
  for (const std::string loss : {"mse", "mss"}) {
    for (const std::string type : {"f32", "f64"}) {
      CAPTURE(loss);
      CAPTURE(type);
      const Outcome outcome = run(place, {"gradient", "small.toml", "--target", "target.wav", "--loss", loss,
                                          "--dtype", type, "--json"});
      CHECK(outcome.code == 0);
      CHECK(outcome.err.empty());
      const Json json = json_of(outcome.out);

      TapeOptions options = tape_options(patch);
      options.type = type == "f64" ? ElementType::f64 : ElementType::f32;
      Tape tape(options);
      const RecordedPatch recorded = record(tape, patch);
      const Var wanted = tape.input("target", Tensor(std::span(target)));
      const Var y = loss == "mse" ? mean_squared_loss(recorded.audio, wanted)
                                  : multi_resolution_stft_loss(recorded.audio, wanted);
      tape.play({y});
      tape.rewind(y);
      CHECK(json.at("loss").get<double>() == tape.value(y).item());
      const auto named = parameters(patch);
      REQUIRE(json.at("gradients").size() == named.size());
      std::size_t p = 0;
      for (const auto& [name, value] : json.at("gradients").items()) {
        CHECK(name == named[p].name);
        CHECK(value.get<double>() == tape.gradient(recorded.parameters[p]).item());
        ++p;
      }
    }
  }
}

TEST_CASE("gradient says what it did to a recording of another rate, width or length") {
  const Workplace place;
  std::vector<double> stereo;
  for (const double sample : struck(300, 0.2, 11025)) stereo.insert(stereo.end(), {sample, 0.0});
  write_wav(place / "stereo.wav", stereo, 2, 11025, WavFormat::f32);
  const Outcome longer = run(place, {"gradient", "small.toml", "--target", "stereo.wav"});
  CHECK(longer.code == 0);
  CHECK(contains(longer.err, "stereo.wav: 2 channels mixed to one\n"));
  CHECK(contains(longer.err, "stereo.wav: resampled from 11025 to 8000 Hz\n"));
  CHECK(contains(longer.err, "samples cut to the patch's 800\n"));
  CHECK(contains(longer.out, "loss "));
  CHECK(contains(longer.out, "fm.operator.1.envelope.release"));

  write_wav(place / "one.wav", std::vector{0.5}, 1, 8000, WavFormat::f32);
  const Outcome shorter = run(place, {"gradient", "small.toml", "--target", "one.wav", "--json"});
  CHECK(shorter.code == 0);
  CHECK(shorter.err == "one.wav: 1 sample followed by silence, to the patch's 800\n");
  CHECK(std::isfinite(json_of(shorter.out).at("loss").get<double>()));
}

TEST_CASE("gradcheck prints what it found of the nodes it is asked for") {
  const Workplace place;
  const Outcome table = run(place, {"gradcheck", "sin", "phase"});
  CHECK(table.code == 0);
  CHECK(contains(table.out, "node"));
  CHECK(contains(table.out, "\nsin "));
  CHECK(contains(table.out, "\nphase "));
  CHECK(!contains(table.out, "FAIL"));
  CHECK(!contains(table.err, "\r"));

  const Json json = json_of(run(place, {"gradcheck", "tanh", "--json"}).out);
  CHECK(json.at("passed") == true);
  REQUIRE(json.at("nodes").size() == 1);
  const Json& node = json.at("nodes")[0];
  CHECK(node.at("node") == "tanh");
  CHECK(node.at("dot_product_cases").get<int>() > 0);
  CHECK(node.at("difference_cases").get<int>() > 0);
  CHECK(node.at("worst_dot_product").get<double>() <= 1e-12);
  CHECK(node.at("worst_difference").get<double>() <= 1e-7);
}

TEST_CASE("gradcheck --list names every node") {
  const Workplace place;
  std::string wanted;
  for (const std::string& name : checkable_nodes()) wanted += name + "\n";
  CHECK(run(place, {"gradcheck", "--list"}).out == wanted);
  CHECK(json_of(run(place, {"gradcheck", "--list", "--json"}).out)
            .at("nodes")
            .get<std::vector<std::string>>() == checkable_nodes());
}

TEST_CASE("gradcheck of a patch puts each parameter's gradient beside a numeric one") {
  const Workplace place;
  const Outcome outcome = run(place, {"gradcheck", "small.toml", "--json"});
  CHECK(outcome.code == 0);
  const Json json = json_of(outcome.out);
  CHECK(json.at("passed") == true);
  Patch patch = parse_patch(small_patch, "small");
  const auto named = parameters(patch);
  REQUIRE(json.at("parameters").size() == named.size());
  for (std::size_t p = 0; p < named.size(); ++p) {
    const Json& parameter = json.at("parameters")[p];
    CHECK(parameter.at("name") == named[p].name);
    const double analytic = parameter.at("analytic").get<double>();
    CHECK(parameter.at("numeric").get<double>() == doctest::Approx(analytic).epsilon(1e-4));
    CHECK(parameter.at("relative_error").get<double>() <= 1e-6);
  }
  CHECK(contains(run(place, {"gradcheck", "small.toml"}).out, "fm.operator.1.envelope.decay"));
}

TEST_CASE("a gradient check that fails exits with 1") {
  const Workplace place;  // a gain at which the sound overflows has no gradient that differences confirm
  put(place / "mad.toml", replaced(small_patch, "gain = 1.0", "gain = 1e300"));
  const Outcome outcome = run(place, {"gradcheck", "mad.toml"});
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.out, "FAIL"));
  CHECK(json_of(run(place, {"gradcheck", "mad.toml", "--json"}).out).at("passed") == false);
}

TEST_CASE("fit lowers the loss, writes the patch and its sound, and prints the parameters") {
  const Workplace place;
  const Outcome outcome = run(place, quick_fit);
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.err, "bell.wav: 0."));
  CHECK(contains(outcome.err, "loss "));
  CHECK(contains(outcome.err, "after 12 steps"));
  CHECK(!contains(outcome.err, "\r"));  // no progress line where nobody watches
  CHECK(contains(outcome.out, "parameter"));
  CHECK(contains(outcome.out, "note.frequency"));
  CHECK(contains(outcome.out, "wrote fitted.toml\nwrote fitted.wav\n"));
  CHECK(place.files() == 4);

  CHECK(load_patch((place / "fitted.toml").string()).fm.operators.size() == 2);
  CHECK(run(place, {"render", "fitted.toml", "-o", "again.wav"}).code == 0);
  CHECK(content(place / "fitted.wav") == content(place / "again.wav"));
}

TEST_CASE("fit --json tells losses, parameters, what was found in the recording, and the files") {
  const Workplace place;
  const Outcome outcome = run(place, with(quick_fit, {"-o", "a.toml", "--render", "a.wav", "--json"}));
  CHECK(outcome.code == 0);
  const Json json = json_of(outcome.out);
  CHECK(json.at("loss_after").get<double>() < json.at("loss_before").get<double>());
  CHECK(json.at("steps") == 12);
  CHECK(json.at("interrupted") == false);
  CHECK(json.at("frequency").get<double>() == doctest::Approx(400).epsilon(0.005));
  CHECK(json.at("gate").size() == 2);
  CHECK(json.at("files") == Json{"a.toml", "a.wav"});
  Patch written = load_patch((place / "a.toml").string());
  for (const PatchParameter& parameter : parameters(written))
    CHECK(json.at("parameters").at(parameter.name).get<double>() == parameter.value);
}

TEST_CASE("fit takes the pitch and the gate it is given") {
  const Workplace place;
  const Json json =
      json_of(run(place, with(quick_fit, {"--frequency", "200.5", "--gate", "0.01,0.1", "--json"})).out);
  CHECK(json.at("frequency") == 200.5);
  CHECK(json.at("gate") == Json{0.01, 0.1});
  const Patch written = load_patch((place / "fitted.toml").string());
  CHECK(written.note.gate == std::vector<GatePair>{{0.01, 0.1}});
  CHECK(written.note.frequency == doctest::Approx(200.5).epsilon(0.005));
}

TEST_CASE("a fit has the same bytes for a seed, whatever the threads") {
  const Workplace place;
  const auto fitted = [&](const Arguments& more) {
    CHECK(run(place, with(quick_fit, more)).code == 0);
    return content(place / "fitted.toml") + content(place / "fitted.wav");
  };
  const std::string one = fitted({"--seed", "5", "--threads", "1"});
  CHECK(fitted({"--seed", "5", "--threads", "2"}) == one);
  CHECK(fitted({"--seed", "5", "--threads", "3"}) == one);
  CHECK(fitted({"--seed", "6", "--threads", "1"}) != one);
}

TEST_CASE("forty steps are twenty and, resumed, another twenty") {
  const Workplace place;
  const auto fit_of = [&](const std::string& steps, const std::string& name, const std::string& state) {
    return run(place, {"fit", "bell.wav", "--patch", "small.toml", "--restarts", "3", "--steps", steps, "-o",
                       name + ".toml", "--render", name + ".wav", "--resume", state, "--json"});
  };
  const Outcome whole = fit_of("40", "whole", "whole.json");
  const Outcome half = fit_of("20", "half", "parts.json");
  const Outcome rest = fit_of("20", "rest", "parts.json");
  CHECK(whole.code == 0);
  CHECK(half.code == 0);
  CHECK(rest.code == 0);
  CHECK(!contains(half.err, "going on"));
  CHECK(contains(rest.err, "parts.json: going on after 20 steps"));
  CHECK(json_of(whole.out).at("steps") == 40);
  CHECK(json_of(rest.out).at("steps") == 40);
  CHECK(json_of(rest.out).at("loss_after") == json_of(whole.out).at("loss_after"));
  CHECK(content(place / "rest.toml") == content(place / "whole.toml"));
  CHECK(content(place / "rest.wav") == content(place / "whole.wav"));
  CHECK(content(place / "parts.json") == content(place / "whole.json"));
  CHECK(content(place / "half.toml") != content(place / "whole.toml"));
}

TEST_CASE("a fit goes on only from a file of the same fit, and leaves any other as it was") {
  const Workplace place;
  const Arguments fit = with(quick_fit, {"--resume", "state.json"});
  REQUIRE(run(place, fit).code == 0);
  const std::string state = content(place / "state.json");
  const std::string fitted = content(place / "fitted.toml");
  const auto refused = [&](const Arguments& arguments) {
    const std::string there = content(place / "state.json");
    const Outcome outcome = run(place, arguments);
    CHECK(outcome.code == 3);
    CHECK(outcome.out.empty());
    CHECK(content(place / "state.json") == there);
    CHECK(content(place / "fitted.toml") == fitted);
    return outcome.err;
  };
  CHECK(contains(refused(with(fit, {"--seed", "1"})), "'state.json': its seed was 0, not 1"));
  CHECK(contains(refused(with(fit, {"--frequency", "399"})), "'state.json': it is of another recording"));
  CHECK(contains(refused({"fit", "bell.wav", "--patch", "small.toml", "--resume", "state.json"}),
                 "it has 3 restarts, not 8"));
  put(place / "other.toml", replaced(small_patch, "ratio = 2.0", "ratio = 3.0"));
  CHECK(contains(
      refused({"fit", "bell.wav", "--patch", "other.toml", "--restarts", "3", "--resume", "state.json"}),
      "it began with another patch"));

  struct Damage {
    std::string from, to, message;
  };
  for (const Damage& damage : std::vector<Damage>{
           {state, "", "not JSON"},
           {state, state.substr(0, state.size() / 2), "not JSON"},
           {state, "[]", "must be an object"},
           {"\"format\": 2", "\"format\": 1", "format: 1 is an older version's"},
           {"\"format\": 2", "\"format\": 3", "format: must be 2"},
           {"\"loss_floor\": -60.0", "\"loss_floor\": true", "loss_floor: must be a number"},
           {"\"seed\"", "\"sede\"", "sede: unknown key"},
           {"\"seed\": 0,", "", "seed: the key is missing"},
           {"\"seed\": 0", "\"seed\": -1", "seed: must be a whole number"},
           {"\"steps_done\": 12", "\"steps_done\": 1.5", "steps_done: must be a whole number"},
           {"\"loss\": ", "\"loss\": true, \"x\": ", "unknown key"},
           {"gain = ", "gain = -", "rows.0.patch"},
           {"\"/steps\"", "\"/stops\"", "/steps"},
           {"\"note.frequency/free\": [", "\"note.frequency/free\": [1, ", "note.frequency/free"},
           {"\"note.frequency/free\": [", "\"note.frequency/free\": [null, ", "must be a number"},
       }) {
    const std::string &from = damage.from, &to = damage.to, &message = damage.message;
    CAPTURE(message);
    std::string damaged = state;
    if (message == "rows.0.patch") {
      const std::size_t at = damaged.find(from, damaged.find("\"rows\""));
      damaged.replace(at, from.size(), to);
    } else {
      damaged = replaced(damaged, from, to);
    }
    put(place / "state.json", damaged);
    const std::string told = refused(fit);
    CHECK_MESSAGE(contains(told, message), told);
    CHECK_MESSAGE(contains(told, "state.json"), told);
  }
}

TEST_CASE("on a terminal fit shows its progress; Ctrl-C keeps the best so far and exits with 0") {
  const Workplace place;
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  REQUIRE(::grantpt(terminal) == 0);
  REQUIRE(::unlockpt(terminal) == 0);
  const std::string other_side = ::ptsname(terminal);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(place.path.c_str()) != 0) ::_exit(126);
    ::dup2(::open("out", O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    ::dup2(::open(other_side.c_str(), O_RDWR | O_NOCTTY), STDERR_FILENO);
    ::close(terminal);
    std::signal(SIGINT, SIG_DFL);
    become_program({"fit", "bell.wav", "--patch", "small.toml", "--steps", "100000000", "--restarts", "3",
                    "--resume", "state.json", "--json"});
  }
  std::string seen;
  bool is_interrupted = false;
  for (;;) {
    pollfd waiting{terminal, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, 20000);
    CHECK_MESSAGE(ready > 0, "nothing from the program for twenty seconds");
    if (ready <= 0) {
      ::kill(child, SIGKILL);
      break;
    }
    char block[4096];
    const ssize_t size = ::read(terminal, block, sizeof block);
    if (size <= 0) break;  // the other side is closed
    seen.append(block, static_cast<std::size_t>(size));
    if (!is_interrupted && contains(seen, " left")) {
      is_interrupted = true;
      ::kill(child, SIGINT);
    }
  }
  const int code = exit_code_of(child);
  ::close(terminal);
  CHECK(code == 0);
  CHECK(is_interrupted);
  CHECK(contains(seen, "\rstep "));
  CHECK(contains(seen, "/100000000  best loss "));
  CHECK(contains(seen, " steps/s  "));
  CHECK(contains(seen, "interrupted after "));
  const Json json = json_of(content(place / "out"));
  CHECK(json.at("interrupted") == true);
  CHECK(json.at("loss_after").get<double>() < json.at("loss_before").get<double>());
  const int steps = json.at("steps").get<int>();
  CHECK(steps >= 1);
  CHECK(load_patch((place / "fitted.toml").string()).fm.operators.size() == 2);
  CHECK(read_sound(place / "fitted.wav").samples.size() > 0);
  CHECK(place.files() == 6);  // the patch, the recording, the output; two results and the state

  // The state is as good as one of a fit that was not interrupted.
  const Outcome resumed = run(place, with({"fit", "bell.wav", "--patch", "small.toml", "--restarts", "3"},
                                          {"--steps", "1", "--resume", "state.json", "--json"}));
  CHECK(resumed.code == 0);
  CHECK(json_of(resumed.out).at("steps") == steps + 1);
}

TEST_CASE("Ctrl-C while a fit draws the patches to begin with ends it at once, with the best of those") {
  const Workplace place;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(place.path.c_str()) != 0) ::_exit(126);
    ::dup2(::open("out", O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    ::dup2(::open("err", O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    std::signal(SIGINT, SIG_DFL);
    // Eighty thousand patches to draw: minutes.
    become_program({"fit", "bell.wav", "--patch", "small.toml", "--steps", "1", "--restarts", "10000",
                    "--resume", "state.json", "--json"});
  }
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto started = now();
  while (!contains(content(place / "err"), "bell.wav: ") && now() - started < std::chrono::seconds(20))
    ::usleep(10000);
  ::kill(child, SIGINT);
  const auto asked = now();
  CHECK(exit_code_of(child) == 0);
  CHECK(now() - asked < std::chrono::seconds(20));
  const std::string told = content(place / "err");
  CHECK_MESSAGE(contains(told, "interrupted after 0 steps"), told);
  CHECK_MESSAGE(contains(told, "state.json: not written"), told);
  CHECK_FALSE(std::filesystem::exists(place / "state.json"));
  const Json json = json_of(content(place / "out"));
  CHECK(json.at("interrupted") == true);
  CHECK(json.at("loss_after").get<double>() <= json.at("loss_before").get<double>());
  CHECK(load_patch((place / "fitted.toml").string()).fm.operators.size() == 2);
  CHECK(read_sound(place / "fitted.wav").samples.size() > 0);
}

TEST_CASE("bad input: one clear message that names the file, exit code 3, nothing written, nothing lost") {
  const Workplace place;
  const auto tone = struck(400, 0.2, 8000);
  put(place / "empty.wav", "");
  put(place / "cut.wav", content(place / "bell.wav").substr(0, 1000));
  put(place / "words.wav", "this is no sound\n");
  put(place / "words.toml", "this is no patch\n");
  put(place / "unknown.toml", replaced(small_patch, "duration", "duratoin"));
  put(place / "type.toml", replaced(small_patch, "gain = 0.7", "gain = \"loud\""));
  put(place / "range.toml", replaced(small_patch, "sustain = 0.3", "sustain = 1.3"));
  put(place / "nan.toml", replaced(small_patch, "300.0", "nan"));
  put(place / "cycle.toml", replaced(small_patch, "[[1, 0]]", "[[1, 0], [0, 1]]"));
  put(place / "gate.toml", replaced(small_patch, "[[0.0, 0.05]]", "[[0.05, 0.0]]"));
  put(place / "mad.toml", replaced(small_patch, "gain = 1.0", "gain = 1e300"));
  put(place / "endless.toml", replaced(replaced(small_patch, "duration = 0.1", "duration = 200000"),
                                       "sample_rate = 8000", "sample_rate = 10000"));
  write_wav(place / "silent.wav", std::vector<double>(2000, 0.0), 1, 8000, WavFormat::pcm16);
  write_wav(place / "one.wav", std::vector{0.5}, 1, 8000, WavFormat::pcm16);
  std::filesystem::create_directory(place / "folder");
  put(place / "fitted.toml", "kept");
  put(place / "fitted.wav", "kept");
  put(place / "kept.wav", "kept");
  const std::size_t files = place.files();

  struct Case {
    Arguments arguments;
    std::string message;
  };
  for (const Case& tried : std::vector<Case>{
           {{"fit", "missing.wav"}, "cannot read 'missing.wav': there is no such file"},
           {{"fit", "empty.wav"}, "cannot read 'empty.wav': the file is empty"},
           {{"fit", "cut.wav"}, "cannot read 'cut.wav': it is truncated"},
           {{"fit", "words.wav"}, "cannot read 'words.wav': it is not a sound file"},
           {{"fit", "silent.wav"}, "cannot fit to 'silent.wav': the recording is silent"},
           {{"fit", "one.wav"}, "cannot fit to 'one.wav': the recording is too short"},
           {{"fit", "folder"}, "cannot read 'folder': it is a directory"},
           {{"fit", "bell.wav", "--gate", "1,2"}, "cannot fit to 'bell.wav': the gate rises at 1 s"},
           {{"fit", "bell.wav", "--frequency", "1e6"}, "cannot fit to 'bell.wav': the frequency is"},
           {{"fit", "bell.wav", "--patch", "cycle.toml"}, "cycle.toml:10:20: fm.routing.1: "},
           {{"fit", "bell.wav", "-o", "folder"}, "cannot write 'folder': it is a directory"},
           {{"fit", "bell.wav", "--render", "no/a.wav"},
            "cannot write 'no/a.wav': there is no directory 'no'"},
           {{"fit", "bell.wav", "--resume", "folder"}, "cannot write 'folder': it is a directory"},
           {{"fit", "bell.wav", "--resume", "small.toml"}, "'small.toml' is no fit to go on from"},
           {{"render", "missing.toml", "-o", "kept.wav"},
            "cannot read 'missing.toml': there is no such file"},
           {{"render", "folder", "-o", "kept.wav"}, "cannot read 'folder': it is a directory"},
           {{"render", "words.toml", "-o", "kept.wav"}, "words.toml:1:6: is not TOML"},
           {{"render", "unknown.toml", "-o", "kept.wav"}, "duratoin: unknown key"},
           {{"render", "unknown.toml", "-o", "kept.wav"}, "duration: missing key"},
           {{"render", "type.toml", "-o", "kept.wav"}, "type.toml:19:8: fm.operator.1.gain: is a string"},
           {{"render", "range.toml", "-o", "kept.wav"}, "fm.operator.1.envelope.sustain: is 1.3"},
           {{"render", "nan.toml", "-o", "kept.wav"}, "note.frequency: is nan"},
           {{"render", "cycle.toml", "-o", "kept.wav"}, "cycle 0 -> 1 -> 0"},
           {{"render", "gate.toml", "-o", "kept.wav"}, "note.gate.0: "},
           {{"render", "mad.toml", "-o", "kept.wav"}, "cannot write 'kept.wav': the sample at frame"},
           {{"render", "endless.toml", "-o", "kept.wav"}, "'kept.wav': a WAV file holds at most 4 GiB"},
           {{"render", "small.toml", "-o", "no/a.wav"}, "cannot write 'no/a.wav': there is no directory"},
           {{"render", "small.toml", "-o", ""}, "cannot write a file without a name"},
           {{"render", "small.toml", "-o", "/dev/full"}, "cannot write '/dev/full': the disk is full"},
           {{"render", "bell.wav", "-o", "kept.wav"}, "bell.wav:1:"},
           {{"gradient", "small.toml", "--target", "missing.wav"}, "cannot read 'missing.wav'"},
           {{"gradient", "small.toml", "--target", "cut.wav"}, "cannot read 'cut.wav': it is truncated"},
           {{"gradient", "small.toml", "--target", "folder"}, "cannot read 'folder': it is a directory"},
           {{"gradient", "nan.toml", "--target", "bell.wav"}, "nan.toml:6:13: note.frequency: is nan"},
           {{"gradcheck", "words.toml"}, "words.toml:1:6: is not TOML"},
           {{"gradcheck", "missing.toml"}, "cannot read 'missing.toml': there is no such file"},
           {{"info", "missing"}, "cannot read 'missing': there is no such file"},
           {{"info", "folder"}, "cannot read 'folder': it is a directory"},
           {{"info", "empty.wav"}, "cannot read 'empty.wav': the file is empty"},
           {{"info", "words.wav"}, "cannot read 'words.wav': it is not a sound file"},
           {{"info", "nan.toml"}, "nan.toml:6:13: note.frequency: is nan"},
       }) {
    const std::string& message = tried.message;
    CAPTURE(message);
    const Outcome outcome = run(place, tried.arguments);
    CHECK(outcome.code == 3);
    CHECK(outcome.out.empty());
    CHECK_MESSAGE(contains(outcome.err, message), outcome.err);
    CHECK(outcome.err.starts_with("retrograd: "));
    CHECK(place.files() == files);
    CHECK(content(place / "kept.wav") == "kept");
    CHECK(content(place / "fitted.toml") == "kept");
    CHECK(content(place / "fitted.wav") == "kept");
  }
}

TEST_CASE("bad usage: a message on stderr, exit code 2, nothing written") {
  const Workplace place;
  put(place / "bell.toml", small_patch);
  const std::string before = content(place / "bell.wav");
  const std::size_t files = place.files();
  for (const Arguments& arguments : std::vector<Arguments>{
           {},
           {"nothing"},
           {"--nothing"},
           {"render"},
           {"render", "small.toml", "bell.toml", "-o", "a.wav"},
           {"render", "-o", "a.wav", "--nothing"},
           {"render", "-o", "a.wav", "--format", "f64"},
           {"render", "-o", "a.wav", "--threads", "0"},
           {"render", "-o", "a.wav", "--threads", "two"},
           {"render", "-o", "a.wav", "--device", "gpu"},
           {"gradient"},
           {"gradient", "--target", "bell.wav", "--loss", "l1"},
           {"gradient", "--target", "bell.wav", "--dtype", "f16"},
           {"gradcheck", "nonode"},
           {"gradcheck", "small.toml", "sin"},
           {"gradcheck", "small.toml", "bell.toml"},
           {"fit"},
           {"fit", "bell.wav", "--steps", "0"},
           {"fit", "bell.wav", "--steps", "2.5"},
           {"fit", "bell.wav", "--steps", "99999999999"},
           {"fit", "bell.wav", "--restarts", "0"},
           {"fit", "bell.wav", "--seed", "-1"},
           {"fit", "bell.wav", "--seed", "99999999999999999999"},
           {"fit", "bell.wav", "--gate", "1"},
           {"fit", "bell.wav", "--gate", "0.2,0.1"},
           {"fit", "bell.wav", "--gate", "-1,0.1"},
           {"fit", "bell.wav", "--gate", "0,nan"},
           {"fit", "bell.wav", "--gate", "0,1,2"},
           {"fit", "bell.wav", "--gate", ""},
           {"fit", "bell.wav", "--frequency", "0"},
           {"fit", "bell.wav", "--frequency", "-3"},
           {"fit", "bell.wav", "--frequency", "inf"},
           {"fit", "bell.wav", "--frequency", "440Hz"},
           {"fit", "bell.wav", "-o", "a", "--render", "./a"},
           {"fit", "bell.wav", "--render", "bell.wav"},
           {"fit", "./bell.wav", "--resume", "bell.wav"},
           {"info", "small.toml", "bell.wav"},
       }) {
    std::string line;
    for (const std::string& argument : arguments) line += " '" + argument + "'";
    CAPTURE(line);
    const Outcome outcome = run(place, arguments);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK_MESSAGE(outcome.err.starts_with("retrograd: "), outcome.err);
    CHECK(place.files() == files);
    CHECK(content(place / "bell.wav") == before);
  }
}

TEST_CASE("a device that is not there: exit code 4") {
  const Workplace place;
  for (const Arguments& arguments : std::vector<Arguments>{{"render", "-o", "a.wav"},
                                                           {"gradient", "--target", "bell.wav"},
                                                           {"gradcheck", "sin"},
                                                           {"gradcheck", "small.toml"},
                                                           {"fit", "bell.wav"},
                                                           {"bench", "forward"}}) {
    const Outcome outcome = run(place, with(arguments, {"--device", "cuda"}));
    if (outcome.code == 0) continue;  // it is there
    CHECK(outcome.code == 4);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.err, "device cuda is not available"));
    CHECK(place.files() == 2);
  }
}

TEST_CASE("a disk that fills up keeps what was there") {
  const Workplace place;
  const Scratch disk;
  if (::mount("tmpfs", disk.path.c_str(), "tmpfs", 0, "size=64k") != 0) {
    MESSAGE("skipped: a small disk of its own needs root");
    return;
  }
  put(disk / "a.wav", "old");
  const Outcome outcome = run(place, {"render", "-o", (disk / "a.wav").string()});
  const std::string left = content(disk / "a.wav");
  const std::size_t files = disk.files();
  ::umount(disk.path.c_str());
  CHECK(outcome.code == 3);
  CHECK(contains(outcome.err, "the disk is full"));
  CHECK(left == "old");
  CHECK(files == 1);
}

TEST_CASE("output that nobody can take is an error, not silence") {
  const Workplace place;
  const auto to_full_disk = [] { ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); };
  for (const Arguments& arguments : std::vector<Arguments>{
           {"info"}, {"gradient", "small.toml", "--target", "bell.wav", "--json"}, {"gradcheck", "--list"}}) {
    const Outcome outcome = run_after(to_full_disk, place, arguments);
    CHECK(outcome.code == 3);
    CHECK(contains(outcome.err, "cannot write to standard output"));
  }
}

TEST_CASE("too little memory ends in a message") {
#if defined(__SANITIZE_ADDRESS__) || RETROGRAD_HAS_ADDRESS_SANITIZER
  MESSAGE("skipped: the address sanitizer itself needs the memory");
#else
  const Workplace place;
  put(place / "long.toml", replaced(small_patch, "duration = 0.1", "duration = 20000"));
  const auto with_little_memory = [] {
    const rlimit limit{rlim_t{400} << 20, rlim_t{400} << 20};
    ::setrlimit(RLIMIT_AS, &limit);
  };
  const Outcome outcome = run_after(with_little_memory, place, {"render", "long.toml", "-o", "a.wav"});
  CHECK(outcome.code == 3);
  CHECK(contains(outcome.err, "retrograd: out of memory"));
  CHECK(place.files() == 3);
#endif
}

TEST_CASE("a machine that starts fewer threads than asked for renders the same sound with those it starts") {
#if defined(__SANITIZE_ADDRESS__) || RETROGRAD_HAS_ADDRESS_SANITIZER
  MESSAGE("skipped: the address sanitizer itself needs the memory");
#else
  const Workplace place;
  const auto with_room_for_few = [] {  // a thread's stack takes 8 MiB of addresses: 1023 of them do not fit
    const rlimit stack{rlim_t{8} << 20, rlim_t{8} << 20};
    ::setrlimit(RLIMIT_STACK, &stack);
    const rlimit limit{rlim_t{3000} << 20, rlim_t{3000} << 20};
    ::setrlimit(RLIMIT_AS, &limit);
  };
  const Outcome many =
      run_after(with_room_for_few, place, {"render", "small.toml", "-o", "many.wav", "--threads", "1024"});
  CHECK_MESSAGE(many.code == 0, many.err);
  REQUIRE(run(place, {"render", "small.toml", "-o", "one.wav", "--threads", "1"}).code == 0);
  CHECK(content(place / "many.wav") == content(place / "one.wav"));
#endif
}

TEST_CASE("every subcommand takes a patch of one sample") {
  const Workplace place;
  const std::string header = "sample_rate = 44100\nduration = 0.00002267573696145125";
  put(place / "one.toml", replaced(small_patch, "sample_rate = 8000\nduration = 0.1", header));
  for (const std::string format : {"f32", "pcm16", "pcm24"}) {
    const Outcome render = run(place, {"render", "one.toml", "-o", "one.wav", "--format", format});
    CHECK_MESSAGE(render.code == 0, render.err);
    CHECK(contains(render.err, "one.wav: 1 sample ("));
    CHECK(read_sound(place / "one.wav").samples.size() == 1);
  }
  for (const Arguments& arguments : std::vector<Arguments>{
           {"gradient", "one.toml", "--target", "bell.wav"},
           {"gradient", "one.toml", "--target", "one.wav", "--dtype", "f64"},
           {"gradient", "one.toml", "--target", "bell.wav", "--loss", "mss"},
           {"gradient", "one.toml", "--target", "bell.wav", "--loss", "mss", "--dtype", "f64"},
           {"info", "one.toml"},
           {"gradcheck", "one.toml"},
           {"fit", "bell.wav", "--patch", "one.toml", "--steps", "1", "--restarts", "2"},
       }) {
    const Outcome outcome = run(place, arguments);
    CHECK_MESSAGE(outcome.code == 0, arguments[0] << ": " << outcome.err);
  }
}

TEST_CASE(
    "a loss or a sound that is not finite is an error that names the parameter, and no JSON number is null") {
  const Workplace place;
  put(place / "mad.toml", replaced(small_patch, "gain = 1.0", "gain = 1e300"));
  const auto refused = [&](const Arguments& arguments, int code) {
    const Outcome outcome = run(place, arguments);
    CHECK_MESSAGE(outcome.code == code, outcome.err);
    CHECK_MESSAGE(contains(outcome.err, "fm.operator.0.gain, 1e+300"), outcome.err);
    CHECK(!contains(outcome.out, "null"));
    return outcome;
  };
  for (const std::string loss : {"mse", "mss"})
    CHECK(refused({"gradient", "mad.toml", "--target", "bell.wav", "--loss", loss, "--json"}, 3).out.empty());
  refused({"render", "mad.toml", "-o", "mad.wav"}, 3);
  CHECK(!std::filesystem::exists(place / "mad.wav"));
  refused({"gradcheck", "mad.toml", "--json"}, 1);

  // Of an operator that is heard the gain is scaled to the recording's peak, of a modulator it is not.
  put(place / "deep.toml", replaced(small_patch, "gain = 0.7", "gain = 1e300"));
  const Outcome fit = run(place, {"fit", "bell.wav", "--patch", "deep.toml", "--steps", "2", "--json"});
  CHECK(fit.code == 3);
  CHECK(fit.out.empty());
  CHECK_MESSAGE(
      contains(fit.err, "cannot fit 'deep.toml' to 'bell.wav': of the patch to begin with, the loss is "),
      fit.err);
  CHECK(contains(fit.err, "fm.operator.1.gain, 1e+300"));
  CHECK(!std::filesystem::exists(place / "fitted.toml"));
}

TEST_CASE("fit goes on from a state of the same --loss-floor alone") {
  const Workplace place;
  CHECK(run(place, with(quick_fit, {"--loss-floor", "-70", "--resume", "state.json"})).code == 0);
  CHECK(run(place, with(quick_fit, {"--loss-floor", "-70", "--resume", "state.json"})).code == 0);
  const Outcome other = run(place, with(quick_fit, {"--resume", "state.json"}));
  CHECK(other.code == 3);
  CHECK(contains(other.err, "its --loss-floor was -70, not -60"));
  for (const std::string floor : {"1", "-201", "quiet", "nan"}) {
    const Outcome wrong = run(place, with(quick_fit, {"--loss-floor", floor}));
    CHECK(wrong.code == 2);
    CHECK(contains(wrong.err, "'" + floor + "' is not a level from -200 to 0 dB"));
  }
}

TEST_CASE("fit tells how sure it is of the pitch, and warns where it is not") {
  const Workplace place;
  const Outcome sure = run(place, quick_fit);
  CHECK(contains(sure.err, " Hz (confidence "));
  CHECK(!contains(sure.err, "warning"));

  std::vector<double> noise(4000);
  std::uint32_t state = 1;  // the generator of Numerical Recipes
  for (double& sample : noise) {
    state = 1664525u * state + 1013904223u;
    sample = state / 4294967296.0 - 0.5;
  }
  write_wav(place / "noise.wav", noise, 1, 8000, WavFormat::f32);
  const Arguments fit{"fit", "noise.wav", "--patch", "small.toml", "--steps", "1", "--restarts", "1"};
  const Outcome unsure = run(place, fit);
  CHECK(unsure.code == 0);
  CHECK(contains(unsure.err, "noise.wav: warning: the pitch is uncertain (confidence 0 of 1)"));
  CHECK(contains(unsure.err, "--frequency"));
  const Outcome given = run(place, with(fit, {"--frequency", "300"}));
  CHECK(contains(given.err, "300 Hz (given)"));
  CHECK(!contains(given.err, "confidence"));
  CHECK(!contains(given.err, "warning"));
}

TEST_CASE("bench puts each figure beside its unit and goal, in a table, as Markdown or as JSON") {
  const Workplace place;
  const Outcome table = run(place, {"bench", "planning 100 nodes, forward"});
  CHECK(table.code == 0);
  for (const std::string part :
       {"measured", "recording and planning 100 nodes, forward + backward", "<= 100", "us"})
    CHECK_MESSAGE(contains(table.out, part), part);
  CHECK(contains(table.err, "SIMD level"));

  const Outcome markdown = run(place, {"bench", "machine: sine", "--markdown"});
  CHECK(markdown.code == 0);
  CHECK(markdown.err.empty());
  CHECK(contains(markdown.out, "`retrograd bench 'machine: sine'`"));
  CHECK(contains(markdown.out, "SIMD level"));
  CHECK(contains(markdown.out, "\n| machine: sine of a phase in turns | "));

  const Outcome with_goal = run(place, {"bench", "100 nodes, forward", "--json"});
  CHECK(with_goal.code == 0);
  const Json report = json_of(with_goal.out);
  CHECK(report["threads"] == 2);
  CHECK(report["simd"].is_string());
  CHECK(report["processor"].is_string());
  REQUIRE(report["rows"].size() == 2);
  const Json& row = report["rows"][0];
  CHECK(row["name"] == "recording and planning 100 nodes, forward");
  CHECK(row["unit"] == "us");
  CHECK(row["goal"] == 100.0);
  CHECK(row["better"] == "lower");
  CHECK(row["value"].get<double>() > 0.0);
  CHECK(row["met"] == (row["value"].get<double>() <= 100.0));
  CHECK(report["rows"][1]["goal"].is_null());
}

TEST_CASE("bench runs the one row whose name it is given, though others begin with it") {
  const Workplace place;
  const Outcome outcome = run(place, {"bench", "recording and planning 100 nodes, forward", "--json"});
  CHECK(outcome.code == 0);
  REQUIRE(json_of(outcome.out)["rows"].size() == 1);
  CHECK(json_of(outcome.out)["rows"][0]["name"] == "recording and planning 100 nodes, forward");
}

TEST_CASE("a yardstick that disagrees is a row that says so, and the others are measured") {
  const Workplace place;
  const auto stand_in = [&](const std::string& answer) {
    std::ofstream(place / "python") << "#!/bin/sh\ncat > /dev/null\necho '" << answer << "'\n";
    std::filesystem::permissions(place / "python", std::filesystem::perms::owner_all);
    return (place / "python").string();
  };
  const std::string rows = "against eager PyTorch, fm 2 operators";
  const Arguments bench{"bench", rows, "--json", "--python"};
  const Outcome outcome = run(
      place,
      with(
          bench,
          {stand_in(
              R"({"audio_error": 0.0017, "gradient_error": 1e-4, "forward": 1.0, "forward_and_backward": 2.0})")}));
  CHECK(outcome.code == 0);
  const Json measured = json_of(outcome.out)["rows"];
  REQUIRE(measured.size() == 2);
  for (const Json& row : measured) {
    CHECK(row["disagrees"] == "eager PyTorch and the tape disagree: audio_error 0.0017, allowed are 0.001");
    CHECK(row["value"].get<double>() > 0.0);
  }
  CHECK(measured[1]["goal"] == 300.0);
  CHECK(measured[1]["met"].is_null());
  CHECK(contains(outcome.err,
                 "disagrees: against eager PyTorch, fm 2 operators, 16 rows x 1 s, 1 thread, forward: "));
  const Outcome table = run(place, {"bench", rows, "--python", (place / "python").string()});
  CHECK(contains(table.out, "disagrees"));
  CHECK(!contains(table.out, "met"));
  for (const std::string answer : {"{}", R"({"audio_error": "none"})", "[1]", R"({"audio_error": NaN})"}) {
    const Outcome nothing = run(place, with(bench, {stand_in(answer)}));
    CHECK_MESSAGE(nothing.code == 0, answer);
    CHECK_MESSAGE(contains(nothing.err, "left out: eager PyTorch "), answer);
    CHECK(json_of(nothing.out)["rows"].empty());
  }
}

TEST_CASE("bench leaves out what this machine cannot compare with, and says so") {
  const Workplace place;
  const Outcome outcome = run(place, {"bench", "PyTorch", "--python", "no-such-python", "--json"});
  CHECK(outcome.code == 0);
  CHECK(json_of(outcome.out)["rows"].empty());
  CHECK(outcome.err == "left out: there is no no-such-python to compare with PyTorch\n");
  const Outcome nothing = run(place, {"bench", "no such benchmark"});
  CHECK(nothing.code == 2);
  CHECK(nothing.out.empty());
  CHECK(contains(nothing.err, "'no such benchmark'"));
}

TEST_CASE("info tells the program's build, SIMD level, devices and threads") {
  const Workplace place;
  const Outcome outcome = run(place, {"info"});
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  for (const std::string name : {"retrograd ", "compiler ", "build ", "SIMD level ", "devices ", "threads "})
    CHECK(contains("\n" + outcome.out, "\n" + name));
  const Outcome plain = run_after([] { ::setenv("RETROGRAD_SIMD", "plain", 1); }, place, {"info"});
  CHECK(contains(plain.out, "SIMD level       plain"));
}

TEST_CASE("a SIMD level that there is not is said, with the ones that there are") {
  const Workplace place;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"info"}, {"render", "-o", "a.wav"}}) {
    const Outcome outcome = run_after([] { ::setenv("RETROGRAD_SIMD", "v9", 1); }, place, arguments);
    CHECK(outcome.code == 2);
    CHECK(contains(outcome.err, "RETROGRAD_SIMD is 'v9'"));
    CHECK(contains(outcome.err, "plain, v3 or v4"));
    CHECK_FALSE(std::filesystem::exists(place / "a.wav"));
  }
  CHECK(run_after([] { ::setenv("RETROGRAD_SIMD", "", 1); }, place, {"info"}).code == 0);
  CHECK(run_after([] { ::setenv("RETROGRAD_SIMD", "v4", 1); }, place, {"info"}).code == 0);
}

TEST_CASE("info tells what a patch holds and how it will run") {
  const Workplace place;
  std::filesystem::copy(place / "small.toml", place / "nameless");
  for (const std::string name : {"small.toml", "nameless"}) {
    const Outcome outcome = run(place, {"info", name});
    CHECK(outcome.code == 0);
    CHECK(outcome.err.empty());
    for (const std::string part :
         {"an FM patch", "8000 Hz", "800 samples (0.1 s)", "0 to 0.05 s", "1 into 0",
          "fm.operator.1.envelope.release", "How it is rendered", "tiled", "oscillator", "adsr",
          "its gradient", "subtract", "stored: 1 product (800), 3200 bytes"})
      CHECK_MESSAGE(contains(outcome.out, part), part);
  }
}

TEST_CASE("info tells what a sound holds, whatever it is") {
  const Workplace place;
  const Outcome bell = run(place, {"info", "bell.wav"});
  CHECK(bell.code == 0);
  for (const std::string part : {"a sound", "8000 Hz", "1200 samples (0.15 s)", "peak ", "pitch ", "gate "})
    CHECK_MESSAGE(contains(bell.out, part), part);
  const std::size_t at = bell.out.find("pitch");
  REQUIRE(at != std::string::npos);
  CHECK(std::strtod(bell.out.c_str() + at + 5, nullptr) == doctest::Approx(400).epsilon(0.005));

  write_wav(place / "one.wav", std::vector{0.5, 0.25}, 2, 48000, WavFormat::pcm16);
  const Outcome one = run(place, {"info", "one.wav"});
  CHECK(one.code == 0);
  CHECK(contains(one.out, "channels     2"));
  CHECK(contains(one.out, "1 sample ("));
  CHECK(contains(one.out, "pitch        none found: the recording is too short"));
}

TEST_CASE("info tells where a fit stopped") {
  const Workplace place;
  REQUIRE(run(place, with(quick_fit, {"--resume", "state.json", "--seed", "18446744073709551615"})).code ==
          0);
  const Outcome outcome = run(place, {"info", "state.json"});
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.out, "steps done  12\n"));
  CHECK(contains(outcome.out, "restarts    3\n"));
  CHECK(contains(outcome.out, "seed        18446744073709551615\n"));
  CHECK(contains(outcome.out, "best loss "));
  CHECK(contains(outcome.out, "fm.operator.1.envelope.release"));
}

TEST_CASE("help and version go to stdout") {
  const Workplace place;
  const Outcome version = run(place, {"--version"});
  CHECK(version.code == 0);
  CHECK(version.out.starts_with("retrograd "));
  const Outcome help = run(place, {"--help"});
  CHECK(help.code == 0);
  CHECK(help.err.empty());
  CHECK(contains(help.out, "Examples:"));
  for (const std::string name : {"render", "gradient", "gradcheck", "fit", "bench", "info"}) {
    CHECK(contains(help.out, "\n  " + name + " "));
    const Outcome of_command = run(place, {name, "--help"});
    CHECK(of_command.code == 0);
    CHECK(contains(of_command.out, "Usage: retrograd " + name));
  }
}
