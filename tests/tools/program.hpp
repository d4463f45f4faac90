// The program, run as its users run it.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <nlohmann/json.hpp>
#include <numbers>
#include <string>
#include <vector>

#include "../../tools/retrograd/sound_file.hpp"
#include "scratch.hpp"

using namespace retrograd;
using namespace retrograd::tool;
using Json = nlohmann::ordered_json;

using Arguments = std::vector<std::string>;

/// Becomes the program; only in a process of its own.
[[noreturn]] inline void become_program(const Arguments& arguments) {
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

inline int exit_code_of(pid_t child) {
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

inline Outcome run(const Scratch& directory, const Arguments& arguments) {
  return run_after([] {}, directory, arguments);
}

/// One JSON object and nothing else.
inline Json json_of(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  REQUIRE_MESSAGE(json.is_object(), text);
  return json;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A tenth of a second of two operators at 8 kHz.
inline constexpr const char* small_patch = R"(format = 1
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
inline std::vector<double> struck(double frequency, double seconds, double rate) {
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

inline const Arguments quick_fit{"fit",     "bell.wav", "--patch",    "small.toml",
                                 "--steps", "12",       "--restarts", "3"};

inline Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}
