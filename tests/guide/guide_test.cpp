// The programs of the embedding guide, run as they stand there.
#include <doctest/doctest.h>
#include <retrograd/fit/fit.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/record.hpp>

#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace rg = retrograd;

namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What the program "render.c" writes to stdout; it must end well.
std::string output_of(std::string name, const std::string& arguments = "") {
  name[name.find('.')] = '_';
  const std::string command = std::string(RETROGRAD_GUIDE_PROGRAMS) + "/guide_" + name + " " + arguments;
  std::FILE* const pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  char block[4096];
  for (std::size_t read; (read = std::fread(block, 1, sizeof block, pipe)) > 0;) output.append(block, read);
  INFO(command);
  CHECK(pclose(pipe) == 0);
  return output;
}

std::vector<float> samples_of(const std::string& bytes) {
  std::vector<float> samples(bytes.size() / sizeof(float));
  std::memcpy(samples.data(), bytes.data(), samples.size() * sizeof(float));
  return samples;
}

std::vector<float> rendered(const rg::Rack& patch) {
  rg::Tape tape(rg::tape_options(patch));
  const rg::Var audio = rg::record(tape, patch).audio;
  tape.play({audio});
  const auto samples = tape.value(audio).as<float>();
  return {samples.begin(), samples.end()};
}

/// A folder for this test, gone after it.
struct Scratch {
  Scratch() { std::filesystem::create_directories(folder); }
  ~Scratch() { std::filesystem::remove_all(folder); }
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("retrograd-guide-" + std::to_string(getpid()));
};

}  // namespace

TEST_CASE("the programs in the guide are those that are compiled") {
  const std::string root = RETROGRAD_SOURCE_ROOT;
  const std::string guide =
      contents(root + "/lib/documentation/cpp.md") + contents(root + "/lib/documentation/c.md");
  for (const char* name : {"render.cpp", "stream.cpp", "fit.cpp", "render.c", "stream.c", "fit.c"}) {
    const std::string language = std::string(name).substr(std::string(name).find('.') + 1);
    INFO(name);
    CHECK(guide.find("```" + language + "\n" + contents(root + "/tests/guide/" + name) + "```\n") !=
          std::string::npos);
  }
}

TEST_CASE("the smallest renders write the patch's sound") {
  const Scratch scratch;
  rg::Rack patch = rg::default_rack();
  for (const char* name : {"render.cpp", "render.c"}) CHECK(samples_of(output_of(name)) == rendered(patch));
  patch.note.frequency = 123.0;
  patch.duration = 0.25;
  const std::string path = (scratch.folder / "patch.toml").string();
  std::ofstream(path) << rg::format_rack(patch);
  for (const char* name : {"render.cpp", "render.c"})
    CHECK(samples_of(output_of(name, path)) == rendered(patch));
}

TEST_CASE("the smallest streams play the patch live") {
  const std::string bytes = output_of("stream.cpp");
  CHECK(output_of("stream.c") == bytes);
  const std::vector<float> heard = samples_of(bytes);
  REQUIRE(heard.size() == 375 * 256);
  // Until its gain is changed it is the render at that rate.
  constexpr std::size_t unchanged = 100 * 256;
  rg::Rack patch = rg::default_rack();
  patch.sample_rate = 48000.0;
  patch.duration = unchanged / 48000.0;
  patch.note.gate = {{0.0, 10.0}};
  CHECK(std::vector<float>(heard.begin(), heard.begin() + unchanged) == rendered(patch));
  CHECK(*std::max_element(heard.end() - 256, heard.end()) < 0.1f);
}

TEST_CASE("the smallest fits write a patch that is nearer to the recording") {
  const Scratch scratch;
  std::vector<float> recording(8820);
  for (std::size_t n = 0; n < recording.size(); ++n) {
    const double t = static_cast<double>(n) / 44100.0;
    recording[n] =
        static_cast<float>(0.5 * std::exp(-8.0 * t) * std::sin(2.0 * 3.141592653589793 * 330.0 * t));
  }
  const std::string path = (scratch.folder / "recording.raw").string();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(recording.data()),
             static_cast<std::streamsize>(recording.size() * sizeof(float)));
  const std::string arguments = "< " + path + " 2> " + (scratch.folder / "words").string();
  const std::string text = output_of("fit.cpp", arguments);
  double before = 0.0, after = 0.0;
  const std::string words = contents((scratch.folder / "words").string());
  REQUIRE(std::sscanf(words.c_str(), "loss %lf before, %lf after", &before, &after) == 2);
  CHECK(after < 0.8 * before);
  CHECK(output_of("fit.c", arguments) == text);
  const rg::Rack fitted = rg::parse_rack(text, "fitted");
  CHECK(fitted.note.frequency == doctest::Approx(330.0).epsilon(0.01));
}
