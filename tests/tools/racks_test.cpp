// The program on racks: modules, graph, convert, and what is set on the command line.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>
#include <retrograd/racks/fm.hpp>
#include <retrograd/racks/rack_file.hpp>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "midi_bytes.hpp"
#include "program.hpp"

namespace {

// Two oscillators, one of them bent by an envelope, through a mixer and an amplifier; a vibrato on both.
const std::string bass = R"(format = 2
sample_rate = 8000
duration = 0.2
outputs = ["amp.out"]
cables = [
    ["osc_0.out", "mix.in.0"],
    ["osc_1.out", "mix.in.1"],
    ["mix.out", "amp.in"],
    ["env.out", "amp.cv"],
    ["bend.out", "osc_1.ratio", 0.5],
    ["lfo.out", "note.frequency", 0.01, "vibrato"],
]
[note]
frequency = 110.0
gate = [[0.0, 0.1]]
[[module]]
name = "osc_0"
type = "oscillator"
[[module]]
name = "osc_1"
type = "oscillator"
ratio = 1.01
[[module]]
name = "mix"
type = "mixer"
level.0 = 0.4
level.1 = 0.3
[[module]]
name = "env"
type = "adsr"
attack = 0.01
[[module]]
name = "bend"
type = "adsr"
sustain = 0.0
[[module]]
name = "lfo"
type = "oscillator"
pitch = "free"
frequency = 6.0
[[module]]
name = "amp"
type = "vca"
)";

struct RackPlace : Workplace {
  RackPlace() { put(*this / "bass.toml", bass); }
};

}  // namespace

TEST_CASE("modules lists every kind with its inputs, outputs and parameters; one by name; as JSON") {
  const Workplace place;
  const Outcome all = run(place, {"modules"});
  CHECK(all.code == 0);
  CHECK(all.err.empty());
  const Json json = json_of(run(place, {"modules", "--json"}).out);
  CHECK(json.at("modules").size() == ModuleList().types().size() + 1);
  for (const Json& module : json.at("modules")) {
    CHECK(contains(all.out, module.at("type").get<std::string>() + ": "));
    for (const Json& parameter : module.at("parameters"))
      CHECK(contains(all.out, parameter.at("name").get<std::string>()));
  }
  const Outcome one = run(place, {"modules", "adsr"});
  CHECK(one.code == 0);
  for (const std::string part : {"adsr: ", "attack", "s ", "from 0", "0 to 1", "note.gate", "no cable"})
    CHECK_MESSAGE(contains(one.out, part), part);
  CHECK_FALSE(contains(one.out, "vca"));
  const Outcome none = run(place, {"modules", "ader"});
  CHECK(none.code == 2);
  CHECK(none.err == "retrograd: modules: there is no type of module ader; did you mean adsr?\n");
}

TEST_CASE("a rack of today's modules renders, and --set, --key, --velocity and --seconds are heard") {
  const RackPlace place;
  const auto rendered = [&](const Arguments& more) {
    const Outcome outcome = run(place, with({"render", "bass.toml", "-o", "a.wav"}, more));
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    return read_sound(place / "a.wav").samples;
  };
  const std::vector<double> usual = rendered({});
  REQUIRE(usual.size() == 1600);
  const auto peak = [](const std::vector<double>& samples) {
    double largest = 0.0;
    for (const double sample : samples) largest = std::max(largest, std::abs(sample));
    return largest;
  };
  CHECK(peak(usual) > 0.1);
  const std::vector<double> soft = rendered({"--velocity", "0.5"});
  for (std::size_t n = 0; n < usual.size(); ++n)
    REQUIRE(soft[n] == doctest::Approx(0.5 * usual[n]).epsilon(1e-6));
  CHECK(rendered({"--set", "mix.level.0=0", "--set", "mix.level.1=0"}) == std::vector<double>(1600, 0.0));
  CHECK(rendered({"--set", "mix.level.*=0"}) == std::vector<double>(1600, 0.0));
  CHECK(rendered({"--key", "45"}) == usual);  // 110 Hz
  CHECK(rendered({"--key", "57"}) != usual);
  CHECK(rendered({"--seconds", "0.5"}).size() == 4000);
  CHECK(rendered({"--set", "vibrato=0"}) != usual);
}

TEST_CASE("what cannot be set is refused by name, before anything is written") {
  const RackPlace place;
  const auto error = [&](const std::string& setting) {
    const Outcome outcome = run(place, {"render", "bass.toml", "-o", "a.wav", "--set", setting});
    CHECK(outcome.code == 2);
    CHECK_FALSE(std::filesystem::exists(place / "a.wav"));
    return outcome.err;
  };
  CHECK(error("env.atack=1") ==
        "retrograd: --set: the patch has no parameter env.atack; did you mean env.attack?\n");
  CHECK(error("env.attack") == "retrograd: --set: 'env.attack' is not NAME=VALUE, as in filter.cutoff=800\n");
  CHECK(error("env.attack=fast") ==
        "retrograd: --set: 'env.attack=fast' is not NAME=VALUE, as in filter.cutoff=800\n");
  CHECK(error("env.*=1.5") ==
        "retrograd: --set: env.sustain cannot be 1.5; it must be a number from 0 to 1\n");
  CHECK(contains(error("envy.*=1"), "retrograd: --set: no parameter of the patch is named envy.*; "));
  CHECK(error("env.sustain=1.5") ==
        "retrograd: --set: env.sustain cannot be 1.5; it must be a number from 0 to 1\n");
}

TEST_CASE("gradients, checks and fits are of racks, with what is frozen where it was") {
  const RackPlace place;
  REQUIRE(run(place, {"render", "bass.toml", "-o", "target.wav"}).code == 0);
  const Json gradients = json_of(
      run(place, {"gradient", "bass.toml", "--target", "target.wav", "--set", "mix.level.0=0.5", "--json"})
          .out);
  CHECK(gradients.at("gradients").at("mix.level.0").get<double>() > 0.0);
  CHECK(gradients.at("gradients").contains("vibrato"));
  CHECK(gradients.at("gradients").contains("bend.out>osc_1.ratio"));
  const Json fewer =
      json_of(run(place, {"gradient", "bass.toml", "--target", "target.wav", "--set", "mix.level.0=0.5",
                          "--freeze", "env.*", "--freeze", "vibrato", "--json"})
                  .out);
  CHECK_FALSE(fewer.at("gradients").contains("env.attack"));
  CHECK_FALSE(fewer.at("gradients").contains("vibrato"));
  for (const auto& [name, value] : fewer.at("gradients").items())
    CHECK(value == gradients.at("gradients").at(name));
  const Outcome checked = run(place, {"gradcheck", "bass.toml"});
  CHECK_MESSAGE(checked.code == 0, checked.out);
  CHECK(contains(checked.out, "env.attack"));
  const Outcome less =
      run(place, {"gradcheck", "bass.toml", "--freeze", "env.*", "--set", "mix.level.*=0.5"});
  CHECK_MESSAGE(less.code == 0, less.out);
  CHECK_FALSE(contains(less.out, "env.attack"));
  CHECK(contains(less.out, "mix.level.0"));
  for (const char* command : {"gradient", "gradcheck"}) {
    CAPTURE(command);
    std::vector<std::string> words{command, "bass.toml", "--freeze", "envy.*"};
    if (words[0] == "gradient") words.insert(words.end(), {"--target", "target.wav"});
    const Outcome outcome = run(place, words);
    CHECK(outcome.code == 2);
    CHECK(contains(outcome.err, "retrograd: --freeze: no parameter of the patch is named envy.*; "));
  }
  CHECK(run(place, {"gradcheck", "sin", "--set", "env.attack=1"}).err ==
        "retrograd: --set: changes a patch, and none is checked\n");
  const Outcome fit = run(place, {"fit", "target.wav", "--patch", "bass.toml", "--steps", "60", "--restarts",
                                  "2", "--frequency", "110", "--gate", "0,0.1", "--set", "mix.level.0=0.05",
                                  "--freeze", "env.*", "--freeze", "note.frequency"});
  CHECK_MESSAGE(fit.code == 0, fit.err);
  Rack fitted = load_rack((place / "fitted.toml").string());
  Rack before = parse_rack(bass, "bass");
  CHECK(find_parameter(fitted, "env.attack").value == 0.01);
  CHECK(find_parameter(fitted, "env.release").value == find_parameter(before, "env.release").value);
  CHECK(find_parameter(fitted, "note.frequency").value == 110.0);
  CHECK(find_parameter(fitted, "mix.level.0").value != 0.05);
  const Outcome refused =
      run(place, {"fit", "target.wav", "--patch", "bass.toml", "--freeze", "envy.*", "--force"});
  CHECK(refused.code == 2);
  CHECK(contains(refused.err, "retrograd: --freeze: no parameter of the patch is named envy.*; "));
}

TEST_CASE("graph draws every module, cable and amount") {
  const RackPlace place;
  CHECK(run(place, {"graph", "bass.toml", "-o", "bass.svg"}).code == 0);
  const std::string svg = content(place / "bass.svg");
  CHECK(svg.starts_with("<svg "));
  CHECK(svg.ends_with("</svg>\n"));
  for (const std::string part :
       {">osc_0<", ">mix<", ">in.1<", ">ratio<", ">0.5<", ">0.01<", ">oscillator<", ">110 Hz<"})
    CHECK_MESSAGE(contains(svg, part), part);
  const Outcome piped = run(place, {"graph", "-o", "-"});
  CHECK(piped.code == 0);
  CHECK(contains(piped.out, ">fm.operator.1<"));
  CHECK(run(place, {"graph", "bass.toml"}).code == 2);
  const Outcome other = run(place, {"graph", "bass.toml", "-o", "bass.png"});
  CHECK(other.code == 2);
  CHECK(other.err == "retrograd: --output: 'bass.png': a drawing is SVG; the name may end in .svg\n");
  CHECK_FALSE(std::filesystem::exists(place / "bass.png"));
}

TEST_CASE(
    "graph draws under it what the patch sounds like, of any length, and refuses a sound that is not "
    "finite") {
  const RackPlace place;
  CHECK(run(place, {"graph", "bass.toml", "-o", "graph.svg"}).code == 0);
  for (const std::string seconds : {"0.000125", "0.5", "40"}) {
    const std::string text = content(place / "bass.toml");
    const std::size_t at = text.find("duration = ");
    REQUIRE(at != std::string::npos);
    put(place / "other.toml",
        text.substr(0, at) + "duration = " + seconds + text.substr(text.find('\n', at)));
    const Outcome drawn = run(place, {"graph", "other.toml", "--spectrogram", "-o", "sound.svg"});
    CHECK_MESSAGE(drawn.code == 0, drawn.err);
    const std::string svg = content(place / "sound.svg");
    CHECK(svg.ends_with("</svg>\n"));
    CHECK(svg.size() < 200000);
    for (const std::string part : {">Hz<", ">s<", ">dB<", ">-64<", ">100<", ">osc_0<"})
      CHECK_MESSAGE(contains(svg, part), part);
    // The loudest shade is there where anything is heard: the first sample of a sine is 0.
    CHECK(contains(svg, "<path stroke=\"#431f44\"") == (seconds != "0.000125"));
  }
  const Outcome loud =
      run(place, {"graph", "bass.toml", "--set", "mix.level.0=1e300", "--spectrogram", "-o", "none.svg"});
  CHECK(loud.code == 3);
  CHECK(contains(loud.err, "mix.level.0"));
  CHECK_FALSE(std::filesystem::exists(place / "none.svg"));
}

TEST_CASE("info --program lists the steps of a tile, of a patch alone") {
  const RackPlace place;
  const Outcome program = run(place, {"info", "bass.toml", "--program"});
  CHECK_MESSAGE(program.code == 0, program.err);
  CHECK(contains(program.out, "forwards: "));
  CHECK(contains(program.out, "backwards: "));
  CHECK(contains(program.out, "sum for mix.level.0"));
  CHECK(run(place, {"info", "bass.toml", "--program", "--json"}).code == 2);
  CHECK(run(place, {"info", "--program"}).code == 2);
  CHECK(run(place, {"render", "bass.toml", "-o", "bass.wav"}).code == 0);
  const Outcome sound = run(place, {"info", "bass.wav", "--program"});
  CHECK(sound.code == 2);
  CHECK(contains(sound.err, "'bass.wav' is a sound"));
}

TEST_CASE("convert writes format 2, which sounds the same, and JSON") {
  const RackPlace place;
  const Outcome outcome = run(place, {"convert", "small.toml", "-o", "new.toml"});
  CHECK(outcome.code == 0);
  CHECK(outcome.err == "new.toml: 2 modules, 1 cable\n");
  CHECK(content(place / "new.toml").starts_with("format = 2\n"));
  CHECK(run(place, {"render", "small.toml", "-o", "a.wav"}).code == 0);
  CHECK(run(place, {"render", "new.toml", "-o", "b.wav"}).code == 0);
  CHECK(content(place / "a.wav") == content(place / "b.wav"));
  CHECK(run(place, {"convert", "small.toml", "-o", "new.toml"}).code == 3);  // it is there already
  const Json json = json_of(run(place, {"convert", "bass.toml", "--json"}).out);
  CHECK(json.at("format") == 2);
  CHECK(json.at("module").size() == 7);
  CHECK(json.at("cables")[5] == Json{"lfo.out", "note.frequency", 0.01, "vibrato"});
  CHECK(json.at("note").at("frequency") == 110.0);
}

TEST_CASE(
    "convert writes what the file's name says, and errors of what comes through a pipe call it standard "
    "input") {
  const RackPlace place;
  CHECK(run(place, {"convert", "bass.toml", "-o", "bass.json"}).code == 0);
  CHECK(json_of(content(place / "bass.json")) == json_of(run(place, {"convert", "bass.toml", "--json"}).out));
  put(place / "bad", "format = 2\noutputs = []\n");
  const std::string said = "retrograd: standard input:";
  const auto from_bad = [] { ::dup2(::open("bad", O_RDONLY), STDIN_FILENO); };
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"info", "-"}, {"gradcheck", "-"}, {"convert", "-"}}) {
    CAPTURE(words.front());
    const Outcome outcome = run_after(from_bad, place, words);
    CHECK(outcome.code == 3);
    CHECK_MESSAGE(outcome.err.starts_with(said), outcome.err);
  }
  CHECK(contains(run_after(from_bad, place, {"gradient", "bass.toml", "--target", "-"}).err,
                 "cannot read standard input: "));
}

TEST_CASE("two outputs are two channels of the file") {
  const Workplace place;
  std::string text = bass;
  text = replaced(text, "outputs = [\"amp.out\"]", "outputs = [\"amp.out\", \"amp.out\"]");
  put(place / "stereo.toml", text);
  const Outcome outcome = run(place, {"render", "stereo.toml", "-o", "a.wav"});
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.err, "1600 samples (0.2 s) at 8000 Hz, 2 channels, f32, peak "));
  const Sound sound = read_sound(place / "a.wav");
  CHECK(sound.channels == 2);
  CHECK(sound.samples.size() == 3200);
  put(place / "tune.mid", midi_header(0, 1, 96) + midi_track(note_on(0, 60, 127) + note_on(96, 60, 0)));
  CHECK(run(place, {"render", "stereo.toml", "--notes", "tune.mid", "-o", "b.wav"}).code == 0);
  CHECK(read_sound(place / "b.wav").channels == 2);
}

TEST_CASE("a patch that names a file elsewhere is refused unless paths are allowed") {
  const RackPlace place;
  std::filesystem::create_directory(place / "inner");
  put(place / "inner/outer.toml",
      "format = 2\noutputs = [\"a.out\"]\n[[module]]\nname = \"a\"\ntype = \"../bass.toml\"\n");
  const Outcome refused = run(place, {"render", "inner/outer.toml", "-o", "a.wav"});
  CHECK(refused.code == 3);
  CHECK(contains(refused.err,
                 "inner/outer.toml:5:8: module.0.type: the file '../bass.toml' lies outside the folder"));
  const Outcome allowed = run(place, {"render", "inner/outer.toml", "-o", "a.wav", "--allow-paths"});
  CHECK_MESSAGE(allowed.code == 0, allowed.err);
  // One that is missing is not elsewhere.
  put(place / "missing.toml",
      "format = 2\noutputs = [\"a.out\"]\n[[module]]\nname = \"a\"\ntype = \"./none.toml\"\n");
  CHECK(run(place, {"info", "missing.toml"}).err ==
        "retrograd: missing.toml:5:8: module.0.type: holds a rack that cannot be read: cannot read "
        "'none.toml': there is "
        "no such file\n");
}

TEST_CASE("a patch that never falls silent is cut a minute behind its last note, and that is said") {
  const Workplace place;
  put(place / "drone.toml", replaced(bass, "outputs = [\"amp.out\"]", "outputs = [\"osc_0.out\"]"));
  put(place / "tune.mid", midi_header(0, 1, 96) + midi_track(note_on(0, 60, 127) + note_on(96, 60, 0)));
  const Outcome outcome = run(place, {"render", "drone.toml", "--notes", "tune.mid", "-o", "a.wav"});
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.err, "a.wav: cut 60 s behind the last note, where 1 note sounded on: "));
  CHECK(read_sound(place / "a.wav").samples.size() == (static_cast<std::size_t>(60.5 * 8000) + 63) / 64 * 64);
}
