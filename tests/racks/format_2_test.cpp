// Rack files of format 2: what is written is read back bit for bit, every mistake is named with its file, line and column,
// and racks that are modules of others are laid flat.
#include <doctest/doctest.h>

#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/tensor/errors.hpp>

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

const ModuleList modules;

const std::string bass = R"(format = 2
sample_rate = 8000
duration = 0.5
outputs = ["amp.out"]
cables = [
    ["low.out", "mix.in.0"],
    ["high.out", "mix.in.1"],
    ["mix.out", "amp.in"],
    ["env.out", "amp.cv"],
    ["lfo.out", "high.ratio", 0.01],
]

[note]
frequency = 110.0
gate = [[0.0, 0.3]]

[[module]]
name = "low"
type = "oscillator"

[[module]]
name = "high"
type = "oscillator"
ratio = 2.01

[[module]]
name = "mix"
type = "mixer"
inputs = 2
level = { 0 = 0.7, 1 = 0.3 }

[[module]]
name = "env"
type = "adsr"
attack = 0.01
release = 0.05

[[module]]
name = "amp"
type = "vca"

[[module]]
name = "lfo"
type = "oscillator"
pitch = "free"
frequency = 5.5
)";

// The text above with its first `from` replaced.
std::string with(const std::string& from, const std::string& to, std::string text = bass) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string error_of(const std::string& text, const RackFileOptions& options = {}) {
  try {
    parse_rack(text, "p.toml", options);
  } catch (const FileError& error) {
    return error.what();
  }
  return "accepted";
}

std::string load_error_of(const std::string& path, const RackFileOptions& options = {}) {
  try {
    load_rack(path, options);
  } catch (const FileError& error) {
    return error.what();
  }
  return "accepted";
}

// A folder of its own for a test, removed at its end.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("retrograd_format_2_test_" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file(const std::string& name) const { return (path / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path / name).parent_path());
    std::ofstream(file(name)) << text;
    return file(name);
  }
};

// A rack that plays one module, which is the rack of that file.
std::string playing(const std::string& file, const std::string& more = "") {
  return "format = 2\noutputs = ['lead.out']\n[[module]]\nname = 'lead'\ntype = '" + file + "'\n" + more;
}
const std::string sine = "format = 2\noutputs = ['osc.out']\n[[module]]\nname = 'osc'\ntype = 'oscillator'\n";

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

// Every number of a rack, as bits, so that 0.0 and -0.0 differ.
std::vector<std::uint64_t> bits_of(Rack rack) {
  std::vector<std::uint64_t> all{bits(rack.sample_rate), bits(rack.duration), bits(rack.note.velocity)};
  for (const auto& [on, off] : rack.note.gate) all.insert(all.end(), {bits(on), bits(off)});
  for (const RackParameter& parameter : parameters(rack)) all.push_back(bits(parameter.value));
  return all;
}

// A double inside the domain, of any magnitude.
double any_value(std::mt19937_64& random, const Domain& domain) {
  constexpr double chosen[] = {
      0.0, -0.0, 1.0, 0.1, 1e-5, 9.999999999999999e-6, 5e-324, 1e22, 1.7976931348623157e308, 0.3, -7.25};
  for (;;) {
    const double value = random() % 3 == 0   ? chosen[random() % std::size(chosen)]
                         : random() % 2 == 0 ? static_cast<double>(random() >> 11) * 0x1p-53
                                             : std::bit_cast<double>(random());
    if (domain.contains(value)) return value;
  }
}

// Names that need quoting, too.
std::string any_name(std::mt19937_64& random, std::size_t number) {
  constexpr const char* starts[] = {"osc",       "a.b",        "two words", "\"quoted\"",       "back\\slash",
                                    "tab\there", "line\nfeed", "\x7f",      "\xc3\xa4\xc3\xb6", "#",
                                    "[x]",       "a = 1"};
  return starts[random() % std::size(starts)] + std::to_string(number);
}

std::string an_output(std::mt19937_64& random, const Module& module) {
  const std::vector<std::string> outputs = describe(*module.type, module.structure).outputs;
  return module.name + "." + outputs[outputs.size() == 1 ? 0 : random() % outputs.size()];
}

// Modules of all types, any structure, cables that make no loop, any values.
Rack random_rack(std::mt19937_64& random) {
  Rack rack;
  rack.sample_rate = static_cast<double>(1 + random() % 768000);
  rack.duration = (1.0 + static_cast<double>(random() % 100000000)) / rack.sample_rate * 1.000000123;
  rack.note.frequency = any_value(random, positive);
  rack.note.velocity = random() % 2 == 0 ? 1.0 : any_value(random, unit_interval);
  double time = 0.0;
  for (std::uint64_t pairs = 1 + random() % 9; pairs > 0; --pairs) {
    const double on = time + static_cast<double>(random() >> 11) * 0x1p-53;
    time = on + static_cast<double>((random() >> 11) + 1) * 0x1p-53;
    rack.note.gate.push_back({on, time});
  }
  const std::size_t count = 1 + random() % 12;
  for (std::size_t m = 0; m < count; ++m) {
    // The first needs nothing, and all others may be plugged into it.
    const ModuleType& type =
        m == 0 ? *modules.find("oscillator") : *modules.types()[random() % modules.types().size()];
    StructureValues structure;
    for (const Structure& one : type.structure) {
      const std::int64_t low = one.choices.empty() ? one.low : 0;
      const std::int64_t high = one.choices.empty() ? std::min(one.high, one.low + 9)
                                                    : static_cast<std::int64_t>(one.choices.size()) - 1;
      structure.push_back(low +
                          static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1)));
    }
    Module module = make_module(any_name(random, m), type, structure);
    const Description description = describe(type, module.structure);
    for (std::size_t p = 0; p < module.values.size(); ++p)
      module.values[p] = any_value(random, description.parameters[p].domain);
    rack.modules.push_back(module);
    const auto source = [&] {
      return m == 0 || random() % 4 == 0 ? std::string("note.gate")
                                         : an_output(random, rack.modules[random() % m]);
    };
    for (const PortSpec& input : description.inputs)
      if (input.is_required || random() % 3 == 0)
        rack.cables.push_back({source(), module.name + "." + input.name});
    for (const ParameterSpec& parameter : description.parameters)
      if (!parameter.is_latched && random() % 4 == 0)
        rack.cables.push_back({source(), module.name + "." + parameter.name, any_value(random, real),
                               random() % 3 == 0 ? "amount " + std::to_string(rack.cables.size()) : ""});
  }
  const bool has_voices =
      std::ranges::any_of(rack.modules, [](const Module& module) { return module.type->mixes_voices; });
  for (const Module& module : rack.modules)
    if (has_voices ? module.type->mixes_voices : random() % 3 == 0 || rack.outputs.empty())
      rack.outputs.push_back(an_output(random, module));
  return rack;
}

}  // namespace

TEST_CASE("what a file says is what the rack holds, and what it does not say is usual") {
  const Rack rack = parse_rack(bass, "bass.toml");
  CHECK(rack.sample_rate == 8000);
  CHECK(rack.duration == 0.5);
  CHECK(rack.note == Note{.frequency = 110.0, .gate = {{0.0, 0.3}}});
  REQUIRE(rack.modules.size() == 6);
  CHECK(rack.modules[0] == make_module("low", *modules.find("oscillator")));
  CHECK(rack.modules[1].values == std::vector{2.01});
  CHECK(rack.modules[2].structure == StructureValues{2});
  CHECK(rack.modules[2].values == std::vector{0.7, 0.3});
  CHECK(rack.modules[3].values == std::vector{0.01, 0.2, 0.7, 0.05});
  CHECK(rack.modules[5].structure == StructureValues{0, 1});
  CHECK(rack.cables[4] == Cable{"lfo.out", "high.ratio", 0.01});
  CHECK(rack.outputs == std::vector<std::string>{"amp.out"});

  const Rack least = parse_rack(sine, "sine.toml");
  CHECK(least.sample_rate == 44100);
  CHECK(least.duration == 1.0);
  CHECK(least.note == Note{.frequency = 440.0, .gate = {{0.0, 0.5}}});
}

TEST_CASE("what is written reads well") {
  Rack rack = parse_rack(bass, "bass.toml");
  rack.modules.erase(rack.modules.begin() + 2);
  rack.cables = {{"high.out", "amp.in"},
                 {"env.out", "amp.cv"},
                 {"lfo.out", "high.ratio", 0.01},
                 {"lfo.out", "amp.level", -1.0, "tremolo"}};
  rack.note.velocity = 0.75;
  CHECK(format_rack(rack) == R"(format = 2
sample_rate = 8000                  # Hz
duration = 0.5                      # seconds
outputs = ["amp.out"]               # what is heard: one is mono, two are left and right
cables = [
    ["high.out", "amp.in"],
    ["env.out", "amp.cv"],
    ["lfo.out", "high.ratio", 0.01],
    ["lfo.out", "amp.level", -1.0, "tremolo"],
]

[note]
frequency = 110.0                   # Hz
gate = [[0.0, 0.3]]                 # pairs of on and off times in seconds; several pairs retrigger
velocity = 0.75                     # 0 to 1

[[module]]
name = "low"
type = "oscillator"
wave = "sine"                       # its form
pitch = "note"                      # note: it has a ratio; free: it has a frequency
ratio = 1.0                         # of the note's frequency

[[module]]
name = "high"
type = "oscillator"
wave = "sine"                       # its form
pitch = "note"                      # note: it has a ratio; free: it has a frequency
ratio = 2.01                        # of the note's frequency

[[module]]
name = "env"
type = "adsr"
attack = 0.01                       # s, from where it is to 1, in a straight line
decay = 0.2                         # s, time constant towards the sustain
sustain = 0.7                       # level while the gate is high
release = 0.05                      # s, time constant towards 0

[[module]]
name = "amp"
type = "vca"
level = 1.0                         # linear

[[module]]
name = "lfo"
type = "oscillator"
wave = "sine"                       # its form
pitch = "free"                      # note: it has a ratio; free: it has a frequency
frequency = 5.5                     # Hz, of the wave
)");
}

TEST_CASE("any valid rack of modules of all types is read back bit for bit") {
  std::mt19937_64 random(20);
  for (int trial = 0; trial < 400; ++trial) {
    const Rack rack = random_rack(random);
    const std::vector<RackProblem> problems = find_problems(rack);
    if (!problems.empty()) INFO(problems[0].key << ": " << problems[0].message);
    REQUIRE(problems.empty());
    const std::string text = format_rack(rack);
    CAPTURE(text);
    const Rack again = parse_rack(text, "random.toml");
    CHECK(again == rack);
    CHECK(bits_of(again) == bits_of(rack));
    CHECK(format_rack(again) == text);
  }
}

TEST_CASE("a rack that would be refused when read is not written") {
  Rack rack = parse_rack(bass, "bass.toml");
  rack.cables.pop_back();
  rack.cables.push_back({"nothing.out", "amp.in"});
  CHECK_THROWS_AS(format_rack(rack), DomainError);
}

TEST_CASE("an unknown type, parameter or choice is refused where it stands, with the nearest") {
  CHECK(error_of(with("\"vca\"", "\"vac\"")) ==
        "p.toml:40:8: module.4.type: there is no type of module vac; did you mean vca?");
  CHECK(
      error_of(with("\"vca\"", "\"wavetable\""))
          .find("p.toml:40:8: module.4.type: there is no type of module wavetable; the types are oscillator, "
                "fm_operator, ") == 0);
  CHECK(error_of(with("ratio = 2.01", "ratoi = 2.01")) ==
        "p.toml:24:1: high.ratoi: unknown key; did you mean ratio?");
  CHECK(error_of(with("attack = 0.01", "atack = 0.01")) ==
        "p.toml:35:1: env.atack: unknown key; did you mean attack?");
  CHECK(error_of(with("1 = 0.3", "2 = 0.3")) ==
        "p.toml:30:20: mix.level.2: unknown key; did you mean level.0?");
  CHECK(error_of(with("\"free\"", "\"fee\"")) == "p.toml:45:9: lfo.pitch: is 'fee'; did you mean free?");
  CHECK(error_of(with("\"free\"", "1")) ==
        "p.toml:45:9: lfo.pitch: is the integer 1; it must be a word in quotes: note or another");
  CHECK(error_of(with("pitch = \"free\"\n", "")) ==
        "p.toml:45:1: lfo.frequency: unknown key; the keys here are name, type, wave, pitch, ratio");
  CHECK(error_of(with("[note]", "tempo = 3\n[note]")) ==
        "p.toml:13:1: tempo: unknown key; the keys here are format, sample_rate, duration, outputs, cables, "
        "note, module");
  CHECK(error_of(with("frequency = 110.0", "frequency = 110.0\nkey = 33")) ==
        "p.toml:15:1: note.key: unknown key; the keys here are frequency, gate, velocity");
}

TEST_CASE(
    "a number of inputs is a whole number of those that can be, and what depends on it is not looked at") {
  for (const char* wrong : {"0", "-1", "1025", "9223372036854775807"})
    CHECK(error_of(with("inputs = 2", std::string("inputs = ") + wrong)) ==
          std::string("p.toml:29:10: mix.inputs: is ") + wrong +
              "; it must be a whole number from 1 to 1024");
  CHECK(error_of(with("inputs = 2", "inputs = 2.0")) ==
        "p.toml:29:10: mix.inputs: is a number with a fraction; it must be a whole number");
}

TEST_CASE("a module has a name and a type, and names are there once") {
  CHECK(error_of(with("name = \"env\"\n", ""))
            .find("p.toml:32:1: module.3.name: missing key; every patch has it") != std::string::npos);
  CHECK(error_of(with("type = \"vca\"\n", "")) ==
        "p.toml:38:1: module.4.type: missing key; every patch has it");
  CHECK(error_of(with("name = \"env\"", "name = \"low\""))
            .find("p.toml:32:1: module.3: is named low as another is; names are there once") !=
        std::string::npos);
  CHECK(error_of(with("name = \"env\"", "name = 3"))
            .find("p.toml:33:8: module.3.name: is the integer 3; it must be a name in quotes") !=
        std::string::npos);
  CHECK(error_of("format = 2\noutputs = []\n") ==
        "p.toml:1:1: module: missing key; every patch has it\n"
        "p.toml:2:11: outputs: is empty; name the output that is heard");
  CHECK(error_of("format = 2\noutputs = ['a.out']\nmodule = [3]\n")
            .find("p.toml:3:11: module.0: is the integer 3; it must be a table, begun by [[module]]") !=
        std::string::npos);
}

TEST_CASE(
    "cables from or to nowhere, into latched parameters, twice or malformed are refused where they stand") {
  const auto cable_error = [](const std::string& cable) {
    return error_of(with("[\"env.out\", \"amp.cv\"]", cable));
  };
  const std::string at = "p.toml:9:5: cables.3: ";
  CHECK(cable_error("['evn.out', 'amp.cv']") == at + "'evn.out' names no module; did you mean env?");
  CHECK(cable_error("['env.out', 'amp.c']") ==
        at + "'amp.c': amp has no input or parameter c; did you mean cv?");
  CHECK(cable_error("['env.in', 'amp.cv']") == at + "'env.in': env has no output in; the outputs are out");
  CHECK(cable_error("['lfo.out', 'env.attack', 0.1]") ==
        at + "goes to env.attack, which is read when the gate moves and cannot be modulated; leave it out");
  CHECK(cable_error("['low.out', 'mix.in.0']") ==
        at + "goes from low.out to mix.in.0 a second time; once is enough");
  CHECK(cable_error("['env.out', 'amp.cv', 0.5]") ==
        at + "goes to the input amp.cv, which takes the signal as it is; an amount is for parameters, a "
             "level is a mixer's or "
             "a vca's");
  CHECK(cable_error("['env.out', 'amp.level', inf]") ==
        at + "has the amount inf; an amount is a finite number");
  CHECK(cable_error("['env.out', 'amp.level', nan]") ==
        at + "has the amount nan; an amount is a finite number");
  const std::string right =
      "is no cable; it must be [from, to], [from, to, amount] or [from, to, amount, name], as in "
      "[\"lfo.out\", \"osc.ratio\", 0.5]";
  for (const char* wrong :
       {"3", "[]", "['env.out']", "['env.out', 3]", "[3, 'amp.cv']", "['env.out', 'amp.level', 'x']",
        "['env.out', 'amp.level', 1, 2]", "['env.out', 'amp.level', 1, 'a', 'b']", "{ a = 1 }"}) {
    CAPTURE(wrong);
    CHECK(cable_error(wrong) == at + right);
  }
  CHECK(error_of(with("[\"env.out\", \"amp.cv\"]", "3, ['env.out', 'amp.vc']")) ==
        at + right + "\np.toml:9:8: cables.4: 'amp.vc': amp has no input or parameter vc; did you mean cv?");
}

TEST_CASE("a loop is drawn, and a required input without a cable is named") {
  CHECK(error_of(with("[\"env.out\", \"amp.cv\"]", "['amp.out', 'low.phase']")) ==
        "p.toml:9:5: cables.3: closes the loop low -> mix -> amp -> low; leave one of its cables out (a loop "
        "needs a delay)");
  CHECK(error_of(with("    [\"mix.out\", \"amp.in\"],\n", "")) ==
        "p.toml:37:1: module.4: has nothing plugged into its input in; a cable must go to amp.in");
}

TEST_CASE("a value that is out of range, or no number, is refused where it stands") {
  CHECK(error_of(with("attack = 0.01", "attack = -1")) ==
        "p.toml:35:10: env.attack: is -1; it must be a finite number, 0 or more, in s");
  CHECK(error_of(with("frequency = 5.5", "frequency = 0")) ==
        "p.toml:46:13: lfo.frequency: is 0; it must be a finite number above 0, in Hz");
  CHECK(error_of(with("1 = 0.3", "1 = 'loud'")) ==
        "p.toml:30:24: mix.level.1: is a string; it must be a number");
  CHECK(error_of(with("frequency = 110.0", "velocity = 2")) ==
        "p.toml:14:12: note.velocity: is 2; it must be a number from 0 to 1");
  CHECK(error_of(with("[[0.0, 0.3]]", "[[0.3, 0.1]]")) ==
        "p.toml:15:9: note.gate.0: [0.3, 0.1] does not end after it begins; a pair is the time on, then a "
        "later time off");
  CHECK(error_of(with("8000", "0")) ==
        "p.toml:2:15: sample_rate: is 0; a sample rate is a whole number of Hz from 1 to 768000");
  CHECK(error_of(with("duration = 0.5", "duration = 1e300"))
            .find("p.toml:3:12: duration: of 1e+300 s is more than 2^31 samples;") == 0);
}

TEST_CASE("an output that is none is refused where it stands") {
  CHECK(error_of(with("[\"amp.out\"]", "['amp.in']")) ==
        "p.toml:4:12: outputs.0: 'amp.in' is an input; a cable comes from an output");
  CHECK(error_of(with("[\"amp.out\"]", "['amp.out', 'amp.uot']")) ==
        "p.toml:4:23: outputs.1: 'amp.uot': amp has no output uot; did you mean out?");
  CHECK(error_of(with("[\"amp.out\"]", "[3, 'lfo.oot']")) ==
        "p.toml:4:12: outputs.0: is the integer 3; it must be an output in quotes, as in \"amp.out\"\n"
        "p.toml:4:15: outputs.1: 'lfo.oot': lfo has no output oot; did you mean out?");
  CHECK(error_of(with("[\"amp.out\"]", "'amp.out'")) ==
        "p.toml:4:11: outputs: is a string; it must be a list of outputs, as in [\"amp.out\"]");
  CHECK(error_of(with("outputs = [\"amp.out\"]\n", "")) ==
        "p.toml:1:1: outputs: missing key; every patch has it");
}

TEST_CASE("all mistakes are told at once, in the order of the file, and none twice") {
  std::string text = with("8000", "8000.5");
  text = with("\"amp.out\"", "\"amp.left\"", text);
  text = with("low.out", "lo.out", text);
  text = with("\"high.ratio\"", "\"env.decay\"", text);
  text = with("[[0.0, 0.3]]", "[[0.0]]", text);
  text = with("ratio = 2.01", "ratio = 'high'", text);
  text = with("release = 0.05", "relaese = 0.05\nsustain = 2", text);
  text = with("type = \"vca\"", "type = \"vcaa\"", text);  // what is plugged into it is no mistake of its own
  CHECK(error_of(text) ==
        "p.toml:2:15: sample_rate: is 8000.5; a sample rate is a whole number of Hz from 1 to 768000\n"
        "p.toml:6:5: cables.0: 'lo.out' names no module; did you mean low?\n"
        "p.toml:10:5: cables.4: goes to env.decay, which is read when the gate moves and cannot be "
        "modulated; leave it out\n"
        "p.toml:15:9: note.gate.0: has length 1; it must be a pair of times [on, off] in seconds\n"
        "p.toml:24:9: high.ratio: is a string; it must be a number\n"
        "p.toml:36:1: env.relaese: unknown key; did you mean release?\n"
        "p.toml:37:11: env.sustain: is 2; it must be a number from 0 to 1\n"
        "p.toml:41:8: module.4.type: there is no type of module vcaa; did you mean vca?");
}

TEST_CASE("a module that could not be read hides no other's mistakes") {
  std::string text = with("\"oscillator\"", "\"oscilator\"");  // low
  text = with("    [\"mix.out\", \"amp.in\"],\n", "", text);
  CHECK(error_of(text) ==
        "p.toml:18:8: module.0.type: there is no type of module oscilator; did you mean oscillator?\n"
        "p.toml:37:1: module.3: has nothing plugged into its input in; a cable must go to amp.in");
}

TEST_CASE("names of any length and letters stay on the line of their mistake") {
  const std::string error =
      error_of(with("\"lfo\"", "\"line\\nfeed\"", with("frequency = 5.5", "frequency = -1\nfoo = 3")));
  CHECK(error.find("line?feed.frequency: is -1;") != std::string::npos);
  CHECK(error.find("line?feed.foo: unknown key;") != std::string::npos);
  CHECK(std::ranges::count(error, '\n') == 2);  // and the cable that has no lfo
  const std::string endless = error_of(
      with("\"lfo\"", "\"" + std::string(100000, 'x') + "\"", with("frequency = 5.5", "frequency = -1")));
  CHECK(endless.size() < 1000);
}

TEST_CASE("modules may be named as places in the file are") {
  const Folder folder;
  for (const char* name : {"module.x", "module.0", "cables.x", "cables.3", "cables.99999999999999999999",
                           "outputs.7", "module.", "cables.-1", "outputs", "format"}) {
    CAPTURE(name);
    const std::string named = with("'osc.out'", "'" + std::string(name) + ".out'",
                                   with("'osc'", "'" + std::string(name) + "'", sine));
    CHECK(error_of(named) == "accepted");
    CHECK(error_of(named + "ratio = -1\n") ==
          "p.toml:6:9: " + std::string(name) + ".ratio: is -1; it must be a finite number above 0");
    folder.write("inner.toml", named);
    CHECK(load_error_of(folder.write("outer.toml", playing("inner.toml"))) == "accepted");
    folder.write("inner.toml", named + "ratio = -1\n");
    CHECK(load_error_of(folder.file("outer.toml")).find("lead." + std::string(name) + ".ratio: is -1;") !=
          std::string::npos);
  }
}

TEST_CASE("format 3 is refused before anything else") {
  CHECK(error_of(with("format = 2", "format = 3\nnew_key = 3")) ==
        "p.toml:1:10: format: this file is format 3; this version of retrograd reads formats 1 and 2");
  CHECK(error_of(with("format = 2\n", "")) ==
        "p.toml:1:1: format: missing key; a patch begins with format = 2");
  CHECK(error_of(with("format = 2", "format = 2.0")) ==
        "p.toml:1:10: format: is a number with a fraction; it must be the integer 1 or 2");
}

TEST_CASE("a rack that is a module of another is laid flat, under the module's name") {
  const Folder folder;
  folder.write("voice.toml",
               with("[\"lfo.out\", \"high.ratio\", 0.01]",
                    "['lfo.out', 'high.ratio', 0.01, 'depth'],\n['env.out', 'note.frequency', 0.1]"));
  const std::string path = folder.write("two.toml", R"(format = 2
outputs = ["sum.out"]
cables = [
    ["one.out", "sum.in"],
    ["two.out", "sum.in"],
    ["two.lfo.out", "one.amp.level", 0.5],
]
[[module]]
name = "sum"
type = "sum"
[[module]]
name = "one"
type = "./voice.toml"
high.ratio = 3.0
depth = 0.5
[[module]]
name = "two"
type = "voice.toml"
env = { attack = 0.5 }
)");
  Rack rack = load_rack(path);
  std::string names;
  for (const Module& module : rack.modules) names += module.name + " ";
  CHECK(names ==
        "sum one.low one.high one.mix one.env one.amp one.lfo two.low two.high two.mix two.env two.amp "
        "two.lfo ");
  CHECK(find_parameter(rack, "one.high.ratio").value == 3.0);
  CHECK(find_parameter(rack, "two.high.ratio").value == 2.01);
  CHECK(find_parameter(rack, "two.env.attack").value == 0.5);
  CHECK(find_parameter(rack, "one.depth").value == 0.5);
  CHECK(find_parameter(rack, "two.depth").value == 0.01);
  CHECK(std::ranges::count(rack.cables, Cable{"one.amp.out", "sum.in"}) == 1);
  CHECK(std::ranges::count(rack.cables, Cable{"two.lfo.out", "one.amp.level", 0.5}) == 1);
  CHECK(std::ranges::count(rack.cables, Cable{"two.env.out", "note.frequency", 0.1}) == 1);
  CHECK(rack.note == Note{.frequency = 440.0, .gate = {{0.0, 0.5}}});  // the outer's
  // Flat, it is a rack like any other.
  CHECK(parse_rack(format_rack(rack), "flat.toml") == rack);
}

TEST_CASE("modules of a rack within another may be named note.something, and are not the note") {
  const Folder folder;
  folder.write("inner.toml",
               "format = 2\noutputs = ['note.amp.out']\ncables = [['note.gate', 'note.amp.in']]\n"
               "module = [{ name = 'note.amp', type = 'vca' }]\n");
  Rack rack = load_rack(folder.write("outer.toml", playing("inner.toml", "note.amp.level = 0.5\n")));
  CHECK(rack.cables == std::vector<Cable>{{"note.gate", "lead.note.amp.in"}});
  CHECK(find_parameter(rack, "lead.note.amp.level").value == 0.5);
}

TEST_CASE(
    "racks of two outputs are left and right, of more they are numbered; format 1 may be a module, too") {
  const Folder folder;
  const auto outputs_of = [&](const std::string& outputs, const std::string& plugged) {
    folder.write("inner.toml",
                 "format = 2\noutputs = [" + outputs +
                     "]\nmodule = [{ name = 'a', type = 'constant' }, { name = 'b', type = 'constant' }]\n");
    return load_rack(folder.write("outer.toml", "format = 2\noutputs = [" + plugged +
                                                    "]\nmodule = [{ name = 'x', type = 'inner.toml' }]\n"))
        .outputs;
  };
  using Names = std::vector<std::string>;
  CHECK(outputs_of("'b.out'", "'x.out'") == Names{"x.b.out"});
  CHECK(outputs_of("'b.out', 'a.out'", "'x.left', 'x.right'") == Names{"x.b.out", "x.a.out"});
  CHECK(outputs_of("'b.out', 'a.out', 'note.gate'", "'x.out.0', 'x.out.1', 'x.out.2'") ==
        Names{"x.b.out", "x.a.out", "note.gate"});
  folder.write(
      "old.toml",
      "format = 1\nsample_rate = 8000\nduration = 1.0\nnote = { frequency = 300.0, gate = [[0.0, 0.5]] }\n"
      "fm.routing = []\nfm.operator = [{ ratio = 1.5, gain = 1.0, envelope = { attack = 0.2, decay = 0.4, "
      "sustain = 0.1, release = 0.4 } }]\n");
  Rack rack = load_rack(folder.write("outer.toml", playing("old.toml", "fm.operator.0.gain = 0.25\n")));
  CHECK(find_parameter(rack, "lead.fm.operator.0.ratio").value == 1.5);
  CHECK(find_parameter(rack, "lead.fm.operator.0.gain").value == 0.25);
}

TEST_CASE("what is wrong in a rack within another is named with its own file, line and column") {
  const Folder folder;
  const std::string inner = folder.write(
      "voice.toml",
      with("attack = 0.01", "attack = -1", with("[\"env.out\", \"amp.cv\"]", "['evn.out', 'amp.cv']")));
  const std::string outer = folder.write(
      "outer.toml", playing("voice.toml", "lfo.freqency = 3\n") + "[[module]]\nname = 'x'\ntype = 'vca'\n");
  CHECK(load_error_of(outer) ==
        outer + ":6:5: lead.lfo.freqency: unknown key; did you mean lfo.frequency?\n" + outer +
            ":7:1: module.6: has nothing plugged into its input in; a cable must go to x.in\n" + inner +
            ":9:5: cables.3: 'lead.evn.out' names no module; did you mean lead.env?\n" + inner +
            ":35:10: lead.env.attack: is -1; it must be a finite number, 0 or more, in s");
  // What is its own is looked at as in a rack by itself, though the outer's counts.
  folder.write("voice.toml",
               with("8000", "0", with("[[0.0, 0.3]]", "[]", with("\"amp.out\"", "\"amp.in\""))));
  CHECK(load_error_of(folder.write("outer.toml", playing("voice.toml"))) ==
        inner + ":2:15: sample_rate: is 0; a sample rate is a whole number of Hz from 1 to 768000\n" + inner +
            ":4:12: outputs.0: 'amp.in' is an input; a cable comes from an output\n" + inner +
            ":15:8: note.gate: is empty; at least one pair of on and off times makes a sound");
  CHECK(load_error_of(folder.write("outer.toml", playing("none.toml"))) ==
        outer + ":5:8: module.0.type: holds a rack that cannot be read: cannot read '" +
            folder.file("none.toml") + "': there is no such file");
  folder.write("voice.toml", "format = 2\noutputs = [\n");
  CHECK(load_error_of(folder.write("outer.toml", playing("voice.toml")))
            .find(outer + ":5:8: module.0.type: holds a rack that cannot be read: " + inner + ":") == 0);
}

TEST_CASE("a rack that names another may plug into it, so that alone it would lack a cable") {
  const Folder folder;
  folder.write("effect.toml",
               "format = 2\noutputs = ['amp.out']\nmodule = [{ name = 'amp', type = 'vca', level = 0.5 }]\n");
  const std::string outer =
      folder.write("outer.toml", playing("effect.toml") + "[[module]]\nname = 'osc'\ntype = 'oscillator'\n");
  CHECK(load_error_of(outer) ==
        folder.file("effect.toml") +
            ":3:11: module.0: has nothing plugged into its input in; a cable must go to lead.amp.in");
  CHECK_NOTHROW(parse_rack(with("outputs", "cables = [['osc.out', 'lead.amp.in']]\noutputs",
                                playing("effect.toml") + "[[module]]\nname = 'osc'\ntype = 'oscillator'\n"),
                           "outer.toml", {.folder = folder.path.string()}));
}

TEST_CASE(
    "racks within racks lie in the folder of the one that names them, or below, unless paths are allowed") {
  const Folder folder;
  folder.write("sine.toml", sine);
  folder.write("inside/sine.toml", sine);
  folder.write("inside/deeper/sine.toml", sine);
  const auto error = [&](const std::string& named, const RackFileOptions& options = {}) {
    return load_error_of(folder.write("inside/outer.toml", playing(named)), options);
  };
  for (const char* good :
       {"sine.toml", "./sine.toml", "deeper/sine.toml", "./deeper/../sine.toml", "deeper//sine.toml"}) {
    CAPTURE(good);
    CHECK(error(good) == "accepted");
  }
  std::filesystem::create_symlink("../sine.toml", folder.path / "inside" / "link.toml");
  std::filesystem::create_directory_symlink("..", folder.path / "inside" / "up");
  for (const std::string& bad :
       {std::string("../sine.toml"), std::string("../inside/sine.toml"),
        std::string("deeper/../../sine.toml"), folder.file("sine.toml"), folder.file("inside/sine.toml"),
        std::string("link.toml"), std::string("up/sine.toml")}) {
    CAPTURE(bad);
    CHECK(error(bad) ==
          folder.file("inside/outer.toml") + ":5:8: module.0.type: the file '" +
              (bad.size() > 64 ? bad.substr(0, 64) + "..." : bad) +
              "' lies outside the folder of this one; put it there or below, or allow paths (--allow-paths)");
    RackFileOptions options;
    options.allow_paths = true;
    CHECK(error(bad, options) == "accepted");
  }
  // One below cannot come up again.
  folder.write("inside/deeper/outer.toml", playing("../sine.toml"));
  CHECK(error("deeper/outer.toml").find("lies outside the folder of this one") != std::string::npos);
  // What a system would read of such a name is another than what was looked at.
  CHECK(load_error_of(folder.write("inside/zero.toml", with("'link.toml'", "\"link.toml\\u0000.toml\"",
                                                            playing("link.toml")))) != "accepted");
  // Of a text, the folder is what the caller says.
  RackFileOptions options;
  options.folder = (folder.path / "inside").string();
  CHECK_NOTHROW(parse_rack(playing("sine.toml"), "text", options));
  CHECK_THROWS_AS(parse_rack(playing("../sine.toml"), "text", options), FileError);
}

TEST_CASE("a rack that holds itself is refused, and so are racks that lie too deep in each other") {
  const Folder folder;
  const std::string itself = folder.write("a.toml", playing("a.toml"));
  CHECK(load_error_of(itself) == itself + ":5:8: module.0.type: the rack 'a.toml' holds itself");
  folder.write("a.toml", playing("./b.toml"));
  folder.write("b.toml", playing("c/../a.toml"));
  CHECK(load_error_of(itself) ==
        folder.file("b.toml") + ":5:8: module.0.type: the rack 'c/../a.toml' holds itself");
  std::filesystem::create_symlink("a.toml", folder.path / "b2.toml");
  folder.write("a.toml", playing("b2.toml"));
  CHECK(load_error_of(itself).find("b2.toml") != std::string::npos);  // it ends

  const auto chain = [&](int deep) {
    for (int i = 1; i < deep; ++i)
      folder.write("deep" + std::to_string(i) + ".toml", playing("deep" + std::to_string(i + 1) + ".toml"));
    folder.write("deep" + std::to_string(deep) + ".toml", sine);
    return load_error_of(folder.file("deep1.toml"));
  };
  CHECK(chain(deepest_nesting) == "accepted");
  CHECK(chain(deepest_nesting + 1) ==
        folder.file("deep16.toml") + ":5:8: module.0.type: racks lie in each other more than 16 deep");
}

TEST_CASE("racks that hold many that hold many are refused before they are there") {
  const Folder folder;
  // Sixteen to the power of fifteen of nothing, and of modules.
  for (const std::string& least : {std::string("format = 2\noutputs = ['note.gate']\nmodule = []\n"), sine}) {
    for (int i = 1; i < 15; ++i) {
      std::string text = "format = 2\noutputs = ['note.gate']\n";
      for (int m = 0; m < 16; ++m)
        text += "[[module]]\nname = 'm" + std::to_string(m) + "'\ntype = 'bomb" + std::to_string(i + 1) +
                ".toml'\n";
      folder.write("bomb" + std::to_string(i) + ".toml", text);
    }
    folder.write("bomb15.toml", least);
    const std::string error = load_error_of(folder.file("bomb1.toml"));
    CHECK(error.find("the racks that lie in this one hold more than 64 MiB together, each counted as often "
                     "as it is named and as 16 KiB at least") != std::string::npos);
  }
}

TEST_CASE("a file of mixers of very many inputs is refused before they are there") {
  std::string text = "format = 2\noutputs = ['note.gate']\n";
  for (int i = 0; i < 100000; ++i)
    text += "[[module]]\nname='" + std::to_string(i) + "'\ntype='mixer'\ninputs=1024\n";
  const std::string error = error_of(text);
  CHECK(error.find("is too large: modules, their parameters and their inputs are more than 2000000 in all") !=
        std::string::npos);
  CHECK(error.size() < 10000);
}

TEST_CASE("a hundred thousand mistakes take no longer to tell than to read") {
  std::string text = "format = 2\noutputs = ['m0.out']\ncables = [\n";
  for (int i = 0; i < 20000; ++i)
    text += "['n" + std::to_string(i) + ".out', 'm" + std::to_string(i) + ".iin'],\n";
  text += "]\n";
  for (int i = 0; i < 20000; ++i)
    text += "[[module]]\nname='m" + std::to_string(i) + "'\ntype='vca'\nlevle=1.0\n";
  const std::string error = error_of(text);
  CHECK(std::ranges::count(error, '\n') == 20);
  CHECK(error.find("more problems like these") != std::string::npos);
}

TEST_CASE("a list without the operator reads every other rack, and says of format 1 what is missing") {
  RackFileOptions options;
  options.modules.remove("fm_operator");
  CHECK(error_of(bass, options) == "accepted");
  const std::string old =
      "format = 1\nsample_rate = 8000\nduration = 1.0\nnote = { frequency = 300.0, gate = [[0.0, 0.5]] }\n"
      "fm.routing = []\nfm.operator = [{ ratio = 1.5, gain = 1.0, envelope = { attack = 0.2, decay = 0.4, "
      "sustain = 0.1, release = 0.4 } }]\n";
  CHECK(error_of(old, options).find("the list of modules has no fm_operator, of which FM synths are made") !=
        std::string::npos);
}
