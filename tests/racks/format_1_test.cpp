// Files of format 1, an FM synth, which are read for ever: what they hold, and every mistake with its file, line and
// key. What is written is format 2.
#include <doctest/doctest.h>

#include <retrograd/racks/fm.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

// What default_rack() is, as README shows it.
const std::string built_in_patch = R"(format = 1
sample_rate = 44100
duration = 1.0

[note]
frequency = 300.0
gate = [[0.0, 0.5]]                 # pairs of on and off times; several pairs retrigger

[fm]
routing = [[1, 0]]                  # operator 1 into operator 0's phase

[[fm.operator]]
ratio = 1.0
gain = 1.0
envelope = { attack = 0.2, decay = 0.4, sustain = 0.1, release = 0.4 }

[[fm.operator]]
ratio = 2.0
gain = 0.7
envelope = { attack = 0.1, decay = 0.5, sustain = 0.3, release = 0.7 }
)";

// The text above with its first `from` replaced.
std::string with(const std::string& from, const std::string& to, std::string text = built_in_patch) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string error_of(const std::string& text) {
  try {
    parse_rack(text, "p.toml");
  } catch (const FileError& error) {
    return error.what();
  }
  return "accepted";
}

std::string load_error_of(const std::string& path) {
  try {
    load_rack(path);
  } catch (const FileError& error) {
    return error.what();
  }
  return "accepted";
}

// A folder of its own for a test, removed at its end.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("retrograd_toml_test_" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

}  // namespace

TEST_CASE("the documented patch is the default patch") {
  CHECK(parse_rack(built_in_patch, "built_in.toml") == default_rack());
}

TEST_CASE("what is read from format 1 is written as format 2, and that is the same rack") {
  std::string text = with("[fm]", "[fm]\naudible = [1, 0]");
  for (const std::string& patch : {built_in_patch, text}) {
    const Rack read = parse_rack(patch, "p.toml");
    const std::string written = format_rack(read);
    CHECK(written.starts_with("format = 2\n"));
    CHECK(parse_rack(written, "p.toml") == read);
  }
}

TEST_CASE("integers are numbers, and audible operators may be named") {
  std::string text = with("duration = 1.0", "duration = 1");
  text = with("[[0.0, 0.5]]", "[[0, 1]]", text);
  text = with("ratio = 2.0", "ratio = 2", text);
  text = with("sample_rate = 44100", "sample_rate = 44100.0", text);
  text = with("[fm]", "[fm]\naudible = [1, 0]", text);
  Rack expected = default_rack();
  expected.note.gate = {{0.0, 1.0}};
  const std::vector<FMOperator> operators{{1.0, 1.0, {0.2, 0.4, 0.1, 0.4}}, {2.0, 0.7, {0.1, 0.5, 0.3, 0.7}}};
  const std::vector<Route> routing{{1, 0}};
  const std::vector<int> audible{1, 0};
  const Rack heard = fm_rack(operators, routing, audible);
  expected.modules = heard.modules;
  expected.cables = heard.cables;
  expected.outputs = heard.outputs;
  CHECK(parse_rack(text, "p.toml") == expected);
}

TEST_CASE("tables may be written in any of TOML's ways, with a mark of byte order and Windows line ends") {
  const std::string text =
      "\xEF\xBB\xBF"
      "format = 1\r\nsample_rate = 44100\r\nduration = 1.0\r\n"
      "note = { frequency = 300.0, gate = [[0.0, 0.5]] }\r\n"
      "fm.routing = [[1, 0]]\r\n"
      "fm.operator = [\r\n"
      "  { ratio = 1.0, gain = 1.0, envelope = { attack = 0.2, decay = 0.4, sustain = 0.1, release = 0.4 } "
      "},\r\n"
      "  { ratio = 2.0, gain = 0.7, envelope.attack = 0.1, envelope.decay = 0.5, envelope.sustain = 0.3,"
      " envelope.release = 0.7 },\r\n]\r\n";
  CHECK(parse_rack(text, "p.toml") == default_rack());
}

TEST_CASE("an unknown key is refused where it stands, with the nearest known one") {
  CHECK(error_of(with("frequency = 300.0", "frequency = 300.0\nfrequenzy = 1")) ==
        "p.toml:7:1: note.frequenzy: unknown key; did you mean frequency?");
  CHECK(error_of(with("gain = 0.7", "gain = 0.7\nfeedback = 0.1")) ==
        "p.toml:20:1: fm.operator.1.feedback: unknown key; the keys here are ratio, gain, envelope");
  CHECK(error_of(with("attack = 0.2", "attack = 0.2, atack = 0.1")) ==
        "p.toml:15:28: fm.operator.0.envelope.atack: unknown key; did you mean attack?");
  CHECK(error_of(with("[fm]", "[effects]\nreverb = 1\n[fm]")) ==
        "p.toml:9:2: effects: unknown key; the keys here are format, sample_rate, duration, note, fm");
}

TEST_CASE("every key but fm.audible must be there") {
  CHECK(error_of(with("format = 1\n", "")) ==
        "p.toml:1:1: format: missing key; a patch begins with format = 2");
  CHECK(error_of(with("sample_rate = 44100\n", "")) ==
        "p.toml:1:1: sample_rate: missing key; every patch has it");
  CHECK(error_of(with("duration = 1.0\n", "")) == "p.toml:1:1: duration: missing key; every patch has it");
  CHECK(error_of(with("frequency = 300.0\n", "")) ==
        "p.toml:5:1: note.frequency: missing key; every patch has it");
  CHECK(error_of(with("gate = [[0.0, 0.5]]", "")) ==
        "p.toml:5:1: note.gate: missing key; every patch has it");
  CHECK(error_of(with("routing = [[1, 0]]", "")) ==
        "p.toml:9:1: fm.routing: missing key; every patch has it");
  CHECK(error_of(with("ratio = 1.0\n", "")) ==
        "p.toml:12:1: fm.operator.0.ratio: missing key; every patch has it");
  CHECK(error_of(with("gain = 0.7\n", "")) ==
        "p.toml:17:1: fm.operator.1.gain: missing key; every patch has it");
  CHECK(error_of(with(", release = 0.7", "")) ==
        "p.toml:20:12: fm.operator.1.envelope.release: missing key; every patch has it");
  CHECK(error_of(built_in_patch.substr(0, built_in_patch.find("[fm]"))) ==
        "p.toml:1:1: fm: missing key; every patch has it");
  CHECK(error_of(built_in_patch.substr(0, built_in_patch.find("[[fm.operator]]"))) ==
        "p.toml:9:1: fm.operator: missing key; every patch has it");
}

TEST_CASE("a wrong type is named with what is there and what would be right") {
  CHECK(error_of(with("300.0", "\"A4\"")) == "p.toml:6:13: note.frequency: is a string; it must be a number");
  CHECK(error_of(with("sample_rate = 44100", "sample_rate = true")) ==
        "p.toml:2:15: sample_rate: is a boolean; it must be a number");
  CHECK(error_of(with("duration = 1.0", "duration = 00:00:01")) ==
        "p.toml:3:12: duration: is a date or time; it must be a number");
  CHECK(error_of(with("attack = 0.2", "attack = [0.2]")) ==
        "p.toml:15:23: fm.operator.0.envelope.attack: is an array; it must be a number");
  CHECK(error_of(with("{ attack = 0.2, decay = 0.4, sustain = 0.1, release = 0.4 }", "0.5")) ==
        "p.toml:15:12: fm.operator.0.envelope: is a number with a fraction; it must be a table of keys and "
        "values");
  CHECK(error_of(with("[[1, 0]]", "1")) ==
        "p.toml:10:11: fm.routing: is the integer 1; it must be [[modulator, carrier], ...], or [] for none");
  CHECK(error_of(with("[[0.0, 0.5]]", "0.5")) ==
        "p.toml:7:8: note.gate: is a number with a fraction; it must be [[on, off], ...] in seconds");
  const std::string head = built_in_patch.substr(0, built_in_patch.find("[[fm.operator]]"));
  CHECK(error_of(head + "[fm.operator]\nratio = 1.0\n") ==
        "p.toml:12:1: fm.operator: is a table; it must be a list of tables, each begun by [[fm.operator]]");
  CHECK(error_of(with("[[1, 0]]", "[]", head) + "operator = [3]\n") ==
        "p.toml:12:13: fm.operator.0: is the integer 3; it must be a table, begun by [[fm.operator]]");
  CHECK(error_of("format = 1\nsample_rate = 44100\nduration = 1.0\nnote = 3\nfm = []\n") ==
        "p.toml:4:8: note: is the integer 3; it must be a table of keys and values\n"
        "p.toml:5:6: fm: is an array; it must be a table of keys and values");
}

TEST_CASE("a value out of range is refused where it stands") {
  CHECK(error_of(with("300.0", "-300.0")) ==
        "p.toml:6:13: note.frequency: is -300; it must be a finite number above 0, in Hz");
  CHECK(error_of(with("ratio = 2.0", "ratio = 0")) ==
        "p.toml:18:9: fm.operator.1.ratio: is 0; it must be a finite number above 0");
  CHECK(error_of(with("gain = 0.7", "gain = nan")) ==
        "p.toml:19:8: fm.operator.1.gain: is nan; it must be a finite number, 0 or more");
  CHECK(error_of(with("gain = 0.7", "gain = -0.7")) ==
        "p.toml:19:8: fm.operator.1.gain: is -0.7; it must be a finite number, 0 or more");
  CHECK(error_of(with("release = 0.4", "release = inf")) ==
        "p.toml:15:66: fm.operator.0.envelope.release: is inf; it must be a finite number, 0 or more, in s");
  CHECK(error_of(with("sustain = 0.3", "sustain = 1.3")) ==
        "p.toml:20:51: fm.operator.1.envelope.sustain: is 1.3; it must be a number from 0 to 1");
  CHECK(error_of(with("44100", "44100.5")) ==
        "p.toml:2:15: sample_rate: is 44100.5; a sample rate is a whole number of Hz from 1 to 768000");
  CHECK(error_of(with("duration = 1.0", "duration = 0.00001")) ==
        "p.toml:3:12: duration: of 1e-05 s is less than one sample; at 44100 Hz it is 2.2675736961451248e-05 "
        "s or more");
}

TEST_CASE("a bad gate is refused at its pair") {
  const auto gate_error = [](const std::string& gate) { return error_of(with("[[0.0, 0.5]]", gate)); };
  CHECK(gate_error("[]") ==
        "p.toml:7:8: note.gate: is empty; at least one pair of on and off times makes a sound");
  CHECK(gate_error("[[0.0, 0.5], [0.25, 0.75]]") ==
        "p.toml:7:21: note.gate.1: [0.25, 0.75] begins before the pairs above it have ended, at 0.5 s; pairs "
        "come one "
        "after the other and do not overlap");
  CHECK(gate_error("[\n[0.5, 0.25]]") ==
        "p.toml:8:1: note.gate.0: [0.5, 0.25] does not end after it begins; a pair is the time on, then a "
        "later time off");
  CHECK(gate_error("[[-1, 1]]") ==
        "p.toml:7:9: note.gate.0: [-1, 1] is not a pair of times; times are finite numbers of seconds, 0 or "
        "more");
  const std::string right = "; it must be a pair of times [on, off] in seconds";
  CHECK(gate_error("[0.0, 0.5]") == "p.toml:7:9: note.gate.0: is a number with a fraction" + right);
  CHECK(gate_error("[[0.0, 0.5], [1.0]]") == "p.toml:7:21: note.gate.1: has length 1" + right);
  CHECK(gate_error("[[0.0, 0.5, 1.0]]") == "p.toml:7:9: note.gate.0: has length 3" + right);
  CHECK(gate_error("[[0.0, 'x']]") ==
        "p.toml:7:9: note.gate.0: holds a number with a fraction and a string" + right);
}

TEST_CASE("a bad routing is refused at its route, and a loop is named") {
  const auto routing_error = [](const std::string& routing) { return error_of(with("[[1, 0]]", routing)); };
  CHECK(routing_error("[]") == "accepted");
  const std::string leave = "; leave one of its cables out (a loop needs a delay)";
  CHECK(routing_error("[[1, 0], [0, 1]]") ==
        "p.toml:10:20: fm.routing.1: closes the loop fm.operator.0 -> fm.operator.1 -> fm.operator.0" +
            leave);
  CHECK(routing_error("[[1, 1]]") ==
        "p.toml:10:12: fm.routing.0: closes the loop fm.operator.1 -> fm.operator.1" + leave);
  CHECK(routing_error("[[1, 0],\n [2, 0]]") ==
        "p.toml:11:3: fm.routing.1: route [2, 0] names operator 2; there are 2, counted from 0");
  CHECK(routing_error("[[1, 0], [1, 0]]") ==
        "p.toml:10:20: fm.routing.1: goes from fm.operator.1.out to fm.operator.0.phase a second time; once "
        "is enough");
  const std::string right = "; it must be a pair of operators [modulator, carrier], counted from 0";
  CHECK(routing_error("[1, 0]") == "p.toml:10:12: fm.routing.0: is the integer 1" + right);
  CHECK(routing_error("[[1, 0, 0]]") == "p.toml:10:12: fm.routing.0: has length 3" + right);
  CHECK(routing_error("[[1, -1]]") ==
        "p.toml:10:16: fm.routing.0: route [1, -1] names operator -1; there are 2, counted from 0");
  CHECK(routing_error("[[1.0, 0]]") ==
        "p.toml:10:12: fm.routing.0: holds a number with a fraction and the integer 0" + right);
  CHECK(routing_error("[[4294967297, 0]]") ==
        "p.toml:10:13: fm.routing.0: route [4294967297, 0] names operator 4294967297; there are 2, counted "
        "from 0");
}

TEST_CASE("audible operators are checked one by one") {
  const auto audible_error = [](const std::string& audible) {
    return error_of(with("[fm]\n", "[fm]\naudible = " + audible + "\n"));
  };
  CHECK(audible_error("[0, 2]") ==
        "p.toml:10:15: fm.audible.1: names operator 2; there are 2, counted from 0");
  CHECK(audible_error("[0, 0]") ==
        "p.toml:10:15: fm.audible.1: names operator 0 a second time; once is enough");
  CHECK(audible_error("[]") ==
        "p.toml:10:11: fm.audible: is empty; name the operators that are heard, or leave it out to hear "
        "those that "
        "modulate nobody");
  CHECK(audible_error("[0.5]") ==
        "p.toml:10:12: fm.audible.0: is a number with a fraction; it must be an operator, counted from 0");
  CHECK(audible_error("0") ==
        "p.toml:10:11: fm.audible: is the integer 0; it must be a list of operators, as in [0, 2]");
}

TEST_CASE("a patch has at least one operator") {
  CHECK(error_of(built_in_patch.substr(0, built_in_patch.find("[[fm.operator]]")) + "operator = []\n") ==
        "p.toml:12:12: fm.operator: is empty; an FM synth has at least one operator");
}

TEST_CASE("another format is refused before anything else") {
  CHECK(error_of(with("format = 1", "format = 3\nnew_key = 3")) ==
        "p.toml:1:10: format: this file is format 3; this version of retrograd reads formats 1 and 2");
  CHECK(error_of(with("format = 1", "format = 0")) ==
        "p.toml:1:10: format: this file is format 0; this version of retrograd reads formats 1 and 2");
  CHECK(error_of(with("format = 1", "format = \"1\"\nnew_key = 3")) ==
        "p.toml:1:10: format: is a string; it must be the integer 1 or 2");
}

TEST_CASE("format 1 knows no modules, and format 2 no operators") {
  CHECK(error_of(with("[fm]", "[[module]]\nname = 'a'\ntype = 'vca'\n[fm]")) ==
        "p.toml:9:3: module: unknown key; the keys here are format, sample_rate, duration, note, fm");
  CHECK(error_of(with("format = 1", "format = 2")).find("p.toml:9:2: fm: unknown key; ") !=
        std::string::npos);
}

TEST_CASE("all mistakes are reported, in the order of the file, each once") {
  std::string text = with("300.0", "0");
  text = with("[[1, 0]]", "[[0, 1], [1, 0]]", text);
  text = with("gain = 0.7", "gian = 0.7", text);
  text = with("duration = 1.0", "duration = 'long'", text);
  CHECK(error_of(text) ==
        "p.toml:3:12: duration: is a string; it must be a number\n"
        "p.toml:6:13: note.frequency: is 0; it must be a finite number above 0, in Hz\n"
        "p.toml:10:20: fm.routing.1: closes the loop fm.operator.0 -> fm.operator.1 -> fm.operator.0; leave "
        "one of its "
        "cables out (a loop needs a delay)\n"
        "p.toml:17:1: fm.operator.1.gain: missing key; every patch has it\n"
        "p.toml:19:1: fm.operator.1.gian: unknown key; did you mean gain?");
}

TEST_CASE("of very many mistakes the first twenty are shown and the others counted") {
  std::string text = built_in_patch;
  for (int i = 0; i < 50; ++i) text += "unknown_" + std::to_string(i) + " = 1\n";
  const std::string error = error_of(text);
  CHECK(std::count(error.begin(), error.end(), '\n') == 20);
  CHECK(error.find("p.toml:21:1: fm.operator.1.unknown_0: unknown key;") == 0);
  CHECK(error.find("\np.toml: and 30 more problems like these") != std::string::npos);
}

TEST_CASE("text that is not TOML is refused at its line and column") {
  CHECK(error_of(with("frequency = 300.0", "frequency 300.0")).find("p.toml:6:11: is not TOML: ") == 0);
  CHECK(error_of(with("gain = 1.0", "ratio = 1.0")).find("p.toml:14:") == 0);  // a key twice
  CHECK(error_of(built_in_patch.substr(0, built_in_patch.find("0.5]]"))).find("p.toml:7:") == 0);  // cut off
  CHECK(error_of("RIFF\x24\x01WAVEfmt ").find("p.toml:1:5: is not TOML: ") == 0);
  CHECK(error_of("\xff\xfe\x00").find("p.toml:1:1: is not TOML: ") == 0);
  for (const char* header : {"[[[", "[[[a]]]", "[=]", "[ # ]", "[[", "[", "[.]", "[a.]", "[\"", "[\n]"}) {
    CAPTURE(header);
    CHECK(error_of(header).find("p.toml:1:") == 0);
  }
  CHECK(error_of("format = 1\nx = " + std::string(5000, '[')).find("p.toml:2:") == 0);
  CHECK(error_of(with("ratio = 1.0", "ratio = 1e999")).find("p.toml:13:") == 0);
  for (const char* text : {"", " \n\t\r\n"}) {
    CHECK(error_of(text) == "p.toml:1:1: is empty; a patch begins with format = 2");
  }
}

TEST_CASE("the text that is written to a file is the patch that is loaded from it") {
  Folder folder;
  Rack patch = default_rack();
  patch.note.frequency = 440.0 / 3.0;
  std::ofstream(folder.file("patch.toml")) << format_rack(patch);
  CHECK(load_rack(folder.file("patch.toml")) == patch);
}

TEST_CASE("a file that cannot be read is named with the reason") {
  Folder folder;
  CHECK(load_error_of(folder.path.string()) ==
        "cannot read '" + folder.path.string() + "': it is a directory");
  CHECK(load_error_of(folder.file("none.toml")) ==
        "cannot read '" + folder.file("none.toml") + "': there is no such file");
  std::ofstream(folder.file("empty.toml")).close();
  CHECK(load_error_of(folder.file("empty.toml")) ==
        folder.file("empty.toml") + ":1:1: is empty; a patch begins with format = 2");
  std::ofstream(folder.file("bad.toml")) << with("300.0", "nan");
  CHECK(load_error_of(folder.file("bad.toml"))
            .find(folder.file("bad.toml") + ":6:13: note.frequency: is nan;") == 0);
  if (getuid() != 0) {  // root may read everything
    std::filesystem::permissions(folder.file("bad.toml"), std::filesystem::perms::none);
    CHECK(load_error_of(folder.file("bad.toml")) ==
          "cannot read '" + folder.file("bad.toml") + "': Permission denied");
  }
  CHECK(load_error_of("/dev/zero") ==
        "cannot read '/dev/zero': it is larger than 16 MiB; a patch is a text file in TOML");
}
