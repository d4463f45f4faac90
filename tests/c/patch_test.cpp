// Patches through the C interface.
#include <doctest/doctest.h>
#include <retrograd/c.h>
#include <retrograd/racks/rack_file.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace rg = retrograd;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// The default patch, closed at the end of the test.
struct DefaultPatch {
  DefaultPatch() { REQUIRE(rg_patch_default(&handle) == RG_OK); }
  ~DefaultPatch() { CHECK(rg_patch_close(handle) == RG_OK); }
  operator rg_patch() const { return handle; }
  rg_patch handle{};
};

std::string text_of(rg_patch patch) {
  size_t length = 0;
  REQUIRE(rg_patch_text(patch, nullptr, 0, &length) == RG_OK);
  std::string text(length + 1, '?');
  REQUIRE(rg_patch_text(patch, text.data(), text.size(), nullptr) == RG_OK);
  CHECK(text.back() == '\0');
  text.pop_back();
  return text;
}

bool last_error_says(const std::string& words) {
  INFO("the message: ", rg_last_error());
  const bool is_said = std::string(rg_last_error()).find(words) != std::string::npos;
  CHECK(is_said);
  return is_said;
}

}  // namespace

TEST_CASE("the built-in patches are the library's own") {
  const DefaultPatch patch;
  CHECK(text_of(patch) == rg::format_rack(rg::default_rack()));
  rg_patch to_fit{};
  REQUIRE(rg_patch_default_to_fit(&to_fit) == RG_OK);
  CHECK(text_of(to_fit) == rg::format_rack(rg::default_rack_to_fit()));
  rg_patch_close(to_fit);
}

TEST_CASE("what is said of a patch is what it holds") {
  const DefaultPatch patch;
  rg_patch_info info;
  info.size = sizeof info;
  REQUIRE(rg_patch_get_info(patch, &info) == RG_OK);
  CHECK(info.size == sizeof info);
  CHECK(info.sample_rate == 44100.0);
  CHECK(info.duration == 1.0);
  CHECK(info.length == 44100);
  CHECK(info.parameters == 13);
  CHECK(info.modules == 2);
  CHECK(info.cables == 1);
  CHECK(info.channels == 1);
  CHECK(info.gate_pairs == 1);
}

TEST_CASE("parameters have names, units and domains, and are found by name") {
  const DefaultPatch patch;
  rg::Rack same = rg::default_rack();
  const std::vector<rg::RackParameter> expected = rg::parameters(same);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    rg_parameter_info info;
    info.size = sizeof info;
    REQUIRE(rg_patch_parameter_info(patch, static_cast<int>(i), &info) == RG_OK);
    CHECK(info.name == expected[i].name);
    CHECK(info.unit == std::string(rg::to_string(expected[i].spec.unit)));
    CHECK(info.value == expected[i].value);
    CHECK(info.low == expected[i].domain().low);
    CHECK(info.high == expected[i].domain().high);
    CHECK(info.low_is_open == (expected[i].domain().low_is_open ? 1 : 0));
    CHECK(info.rows == 1);
    CHECK(info.name_length == expected[i].name.size());
    CHECK(info.low_shown == expected[i].spec.low_shown);
    CHECK(info.high_shown == expected[i].spec.high_shown);
    CHECK(info.knob_is_logarithmic == (expected[i].spec.is_logarithmic ? 1 : 0));
    int index = -1;
    CHECK(rg_patch_parameter(patch, info.name, &index) == RG_OK);
    CHECK(index == static_cast<int>(i));
  }
}

TEST_CASE("parameters are read and written by index, by name and all at once") {
  const DefaultPatch patch;
  double value = 0.0;
  CHECK(rg_patch_set(patch, 0, 440.0) == RG_OK);
  CHECK(rg_patch_get_named(patch, "note.frequency", &value) == RG_OK);
  CHECK(value == 440.0);
  CHECK(rg_patch_set_named(patch, "fm.operator.1.gain", 0.25) == RG_OK);
  CHECK(rg_patch_get(patch, 8, &value) == RG_OK);
  CHECK(value == 0.25);
  std::vector<double> values(13);
  CHECK(rg_patch_get_values(patch, values.data(), 13) == RG_OK);
  CHECK(values[0] == 440.0);
  CHECK(values[8] == 0.25);
  values[1] = 3.0;
  CHECK(rg_patch_set_values(patch, values.data(), 13) == RG_OK);
  CHECK(rg_patch_get(patch, 1, &value) == RG_OK);
  CHECK(value == 3.0);
}

TEST_CASE("a value outside its domain is refused and changes nothing") {
  const DefaultPatch patch;
  const std::string before = text_of(patch);
  for (const double bad : {not_a_number, infinity, -infinity, 0.0, -1.0})
    CHECK(rg_patch_set_named(patch, "note.frequency", bad) == RG_BAD_VALUE);
  CHECK(rg_patch_set_named(patch, "fm.operator.0.envelope.sustain", 1.5) == RG_BAD_VALUE);
  last_error_says("fm.operator.0.envelope.sustain");
  CHECK(rg_patch_set_named(patch, "fm.operator.0.envelope.attack", -0.1) == RG_BAD_VALUE);
  std::vector<double> values(13);
  rg_patch_get_values(patch, values.data(), 13);
  values[0] = 500.0;
  values[12] = -1.0;
  CHECK(rg_patch_set_values(patch, values.data(), 13) == RG_BAD_VALUE);
  for (const double bad : {not_a_number, 0.0, 0.5, 44100.5, 1e9})
    CHECK(rg_patch_set_sample_rate(patch, bad) == RG_BAD_VALUE);
  for (const double bad : {not_a_number, 0.0, -1.0, 1e9, 1e-9})
    CHECK(rg_patch_set_duration(patch, bad) == RG_BAD_VALUE);
  const double backwards[] = {0.5, 0.1}, overlapping[] = {0.0, 0.5, 0.4, 0.6}, broken[] = {0.0, not_a_number};
  CHECK(rg_patch_set_gate(patch, backwards, 1) == RG_BAD_VALUE);
  CHECK(rg_patch_set_gate(patch, overlapping, 2) == RG_BAD_VALUE);
  CHECK(rg_patch_set_gate(patch, broken, 1) == RG_BAD_VALUE);
  CHECK(rg_patch_set_gate(patch, broken, 0) == RG_BAD_VALUE);
  CHECK(rg_patch_set_gate(patch, broken, -1) == RG_BAD_VALUE);
  CHECK(text_of(patch) == before);
}

TEST_CASE("rate, duration and gate can be set") {
  const DefaultPatch patch;
  CHECK(rg_patch_set_sample_rate(patch, 48000.0) == RG_OK);
  CHECK(rg_patch_set_duration(patch, 0.5) == RG_OK);
  const double gate[] = {0.0, 0.1, 0.2, 0.3};
  CHECK(rg_patch_set_gate(patch, gate, 2) == RG_OK);
  rg_patch_info info;
  info.size = sizeof info;
  CHECK(rg_patch_get_info(patch, &info) == RG_OK);
  CHECK(info.length == 24000);
  CHECK(info.gate_pairs == 2);
  double read[4] = {};
  CHECK(rg_patch_get_gate(patch, read, 2) == RG_OK);
  CHECK(read[3] == 0.3);
  CHECK(rg_patch_get_gate(patch, read, 1) == RG_BAD_SHAPE);
}

TEST_CASE("what is not there is named, with what there is") {
  const DefaultPatch patch;
  int index = 7;
  CHECK(rg_patch_parameter(patch, "note.frequenzy", &index) == RG_BAD_ARGUMENT);
  CHECK(index == 7);
  last_error_says("'note.frequenzy'");
  last_error_says("note.frequency");
  double value = 0.0;
  CHECK(rg_patch_get(patch, -1, &value) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_get(patch, 13, &value) == RG_BAD_ARGUMENT);
  last_error_says("13");
  CHECK(rg_patch_set(patch, 13, 1.0) == RG_BAD_ARGUMENT);
  std::vector<double> values(14);
  CHECK(rg_patch_get_values(patch, values.data(), 14) == RG_BAD_SHAPE);
  CHECK(rg_patch_set_values(patch, values.data(), 12) == RG_BAD_SHAPE);
}

TEST_CASE("null pointers are refused by name") {
  const DefaultPatch patch;
  CHECK(rg_patch_default(nullptr) == RG_BAD_ARGUMENT);
  rg_patch other{};
  CHECK(rg_patch_load(nullptr, &other) == RG_BAD_ARGUMENT);
  last_error_says("path");
  CHECK(rg_patch_parse(nullptr, &other) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_copy(patch, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_save(patch, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_text(patch, nullptr, 10, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_get_info(patch, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_parameter(patch, nullptr, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_parameter_info(patch, 0, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_get(patch, 0, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_get_named(patch, nullptr, nullptr) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_set_named(patch, nullptr, 1.0) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_get_values(patch, nullptr, 13) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_set_values(patch, nullptr, 13) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_get_gate(patch, nullptr, 1) == RG_BAD_ARGUMENT);
  CHECK(rg_patch_set_gate(patch, nullptr, 1) == RG_BAD_ARGUMENT);
}

TEST_CASE("a file that is saved is read as the same patch") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                       ("retrograd-c-" + std::to_string(std::hash<std::string>()(__TIME__)));
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "saved.toml").string();
  const DefaultPatch patch;
  rg_patch_set(patch, 0, 1.0 / 3.0);
  REQUIRE(rg_patch_save(patch, path.c_str()) == RG_OK);
  rg_patch read{};
  REQUIRE(rg_patch_load(path.c_str(), &read) == RG_OK);
  CHECK(text_of(read) == text_of(patch));
  rg_patch_close(read);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  CHECK(rg_patch_save(patch, (folder / "no" / "such.toml").c_str()) == RG_BAD_FILE);
  CHECK(rg_patch_save(patch, folder.c_str()) == RG_BAD_FILE);
  CHECK(rg_patch_load(folder.c_str(), &read) == RG_BAD_FILE);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a copy does not follow its original") {
  const DefaultPatch patch;
  rg_patch copy{};
  REQUIRE(rg_patch_copy(patch, &copy) == RG_OK);
  rg_patch_set(patch, 0, 100.0);
  double value = 0.0;
  CHECK(rg_patch_get(copy, 0, &value) == RG_OK);
  CHECK(value == 300.0);
  rg_patch_close(copy);
}

TEST_CASE("a patch of a newer version is refused with both formats named") {
  const DefaultPatch patch;
  std::string text = text_of(patch);
  const std::size_t at = text.find("format = 2");
  REQUIRE(at != std::string::npos);
  text.replace(at, 10, "format = 3");
  rg_patch newer{5};
  CHECK(rg_patch_parse(text.c_str(), &newer) == RG_BAD_FILE);
  CHECK(newer.id == 0);
  last_error_says("format 3");
  last_error_says("formats 1 and 2");
}

TEST_CASE("a file that is no patch is refused with its line and key") {
  rg_patch patch{};
  CHECK(rg_patch_parse("format = 1\nsample_rate = \"fast\"\n", &patch) == RG_BAD_FILE);
  last_error_says("patch:2:");
  last_error_says("sample_rate");
  CHECK(rg_patch_parse("", &patch) == RG_BAD_FILE);
  CHECK(rg_patch_parse("\xff\xfe not toml [", &patch) == RG_BAD_FILE);
}

TEST_CASE("a message that is too long is cut at a whole character") {
  const DefaultPatch patch;
  std::string name;
  while (name.size() < 6000) name += "\xc3\xa9";  // an e with an accent
  double value = 0.0;
  for (const std::string& start : {std::string(), std::string("x")}) {
    CHECK(rg_patch_get_named(patch, (start + name).c_str(), &value) == RG_BAD_ARGUMENT);
    const std::string message = rg_last_error();
    CHECK(message.size() >= 4090);
    CHECK(message.size() < 4096);
    CHECK(message.back() == '\xa9');
  }
}

TEST_CASE("a name longer than its field is cut there and whole where it is asked for") {
  std::string module;
  while (module.size() < 300) module += "r\xc3\xb6hre_";  // a letter of two bytes
  const std::string text = "format = 2\noutputs = [\"" + module + ".out\"]\n[[module]]\nname = \"" + module +
                           "\"\ntype = \"oscillator\"\n";
  rg_patch patch{};
  INFO(rg_last_error());
  REQUIRE(rg_patch_parse(text.c_str(), &patch) == RG_OK);
  rg_parameter_info info;
  info.size = sizeof info;
  REQUIRE(rg_patch_parameter_info(patch, 1, &info) == RG_OK);
  const std::string whole = module + ".ratio";
  CHECK(info.name_length == whole.size());
  CHECK(whole.starts_with(info.name));
  CHECK(std::strlen(info.name) >= 62);
  CHECK((static_cast<unsigned char>(whole[std::strlen(info.name)]) & 0xC0) != 0x80);
  std::size_t length = 0;
  CHECK(rg_patch_parameter_name(patch, 1, nullptr, 0, &length) == RG_OK);
  CHECK(length == whole.size());
  std::string name(length + 1, '?');
  CHECK(rg_patch_parameter_name(patch, 1, name.data(), length, nullptr) == RG_BAD_SHAPE);
  REQUIRE(rg_patch_parameter_name(patch, 1, name.data(), name.size(), nullptr) == RG_OK);
  CHECK(name.c_str() == whole);
  int index = -1;
  CHECK(rg_patch_parameter(patch, name.c_str(), &index) == RG_OK);
  CHECK(index == 1);
  CHECK(rg_patch_parameter_name(patch, 2, name.data(), name.size(), nullptr) == RG_BAD_ARGUMENT);

  rg_stream stream{};
  REQUIRE(rg_stream_open(patch, nullptr, &stream) == RG_OK);
  name.assign(length + 1, '?');
  REQUIRE(rg_stream_parameter(stream, whole.c_str(), &index) == RG_OK);
  REQUIRE(rg_stream_parameter_name(stream, index, name.data(), name.size(), nullptr) == RG_OK);
  CHECK(name.c_str() == whole);
  CHECK(rg_stream_parameter_name(stream, 2, name.data(), name.size(), nullptr) == RG_BAD_ARGUMENT);
  rg_instrument instrument{};
  REQUIRE(rg_instrument_open(patch, nullptr, &instrument) == RG_OK);
  name.assign(length + 1, '?');
  REQUIRE(rg_instrument_parameter(instrument, whole.c_str(), &index) == RG_OK);
  REQUIRE(rg_instrument_parameter_name(instrument, index, name.data(), name.size(), nullptr) == RG_OK);
  CHECK(name.c_str() == whole);
  CHECK(rg_instrument_parameter_name(instrument, -1, name.data(), name.size(), nullptr) == RG_BAD_ARGUMENT);
  rg_instrument_close(instrument);
  rg_stream_close(stream);
  rg_patch_close(patch);
}

TEST_CASE("the parameters of 20,000 modules are listed, set and read in less than three seconds") {
  std::string text = "format = 2\noutputs = [\"sum.out\"]\ncables = [";
  std::string modules = "[[module]]\nname = \"sum\"\ntype = \"sum\"\n";
  for (int i = 0; i < 20000; ++i) {
    const std::string name = "m" + std::to_string(i);
    text += "[\"" + name + ".out\", \"sum.in\"],\n";
    modules += "[[module]]\nname = \"" + name + "\"\ntype = \"constant\"\n";
  }
  rg_patch patch{};
  REQUIRE(rg_patch_parse((text + "]\n" + modules).c_str(), &patch) == RG_OK);
  const auto start = std::chrono::steady_clock::now();
  rg_patch_info info;
  info.size = sizeof info;
  REQUIRE(rg_patch_get_info(patch, &info) == RG_OK);
  CHECK(info.parameters == 20001);
  for (int i = 1; i < info.parameters; ++i) {
    rg_parameter_info parameter;
    parameter.size = sizeof parameter;
    double value = 0.0;
    int index = 0;
    REQUIRE(rg_patch_parameter_info(patch, i, &parameter) == RG_OK);
    REQUIRE(rg_patch_parameter(patch, parameter.name, &index) == RG_OK);
    REQUIRE(rg_patch_set(patch, index, i) == RG_OK);
    REQUIRE(rg_patch_get_named(patch, parameter.name, &value) == RG_OK);
    REQUIRE(value == i);
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(3));
  rg_patch_close(patch);
}

TEST_CASE("text that does not fit is not written, and how much is needed is said") {
  const DefaultPatch patch;
  char small[10] = "as it was";
  size_t length = 0;
  CHECK(rg_patch_text(patch, small, sizeof small, &length) == RG_BAD_SHAPE);
  CHECK(std::string(small) == "as it was");
  CHECK(length == text_of(patch).size());
}

TEST_CASE("a host of an older version gets no more than its struct has room for") {
  const DefaultPatch patch;
  struct {
    rg_patch_info info;
    unsigned char behind;
  } host;
  std::memset(&host, 0x5A, sizeof host);
  host.info.size = offsetof(rg_patch_info, length);
  REQUIRE(rg_patch_get_info(patch, &host.info) == RG_OK);
  CHECK(host.info.size == offsetof(rg_patch_info, length));
  CHECK(host.info.duration == 1.0);
  CHECK(host.info.length == 0x5A5A5A5A5A5A5A5A);
  host.info.size = 0;
  CHECK(rg_patch_get_info(patch, &host.info) == RG_BAD_ARGUMENT);
  last_error_says("sizeof(rg_patch_info)");
  host.info.size = sizeof host;
  CHECK(rg_patch_get_info(patch, &host.info) == RG_OK);
  CHECK(host.behind == 0x5A);
}

TEST_CASE("a gate after the end is a doubt, in words") {
  rg_patch patch{};
  REQUIRE(rg_patch_default(&patch) == RG_OK);
  char text[200] = "x";
  std::size_t length = 5;
  CHECK(rg_patch_doubts(patch, text, sizeof text, &length) == RG_OK);
  CHECK(length == 0);
  CHECK(text[0] == 0);
  const double gate[] = {2.0, 2.5};
  REQUIRE(rg_patch_set_gate(patch, gate, 1) == RG_OK);
  CHECK(rg_patch_doubts(patch, text, sizeof text, &length) == RG_OK);
  CHECK(std::string(text) ==
        "note.gate.0: [2, 2.5] lies after the end, at 1 s: it is not played, and the patch is silent\n");
  CHECK(rg_patch_doubts(patch, text, 3, nullptr) == RG_BAD_SHAPE);
  CHECK(rg_patch_close(patch) == RG_OK);
}
