// retrograd info: the program itself, or what a file holds.
#include <retrograd/audio/gate.hpp>
#include <retrograd/audio/pitch.hpp>
#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/files/text_file.hpp>
#include <retrograd/losses/losses.hpp>
#include <retrograd/math/simd.hpp>
#include <retrograd/patches/record.hpp>
#include <retrograd/patches/toml.hpp>
#include <retrograd/tape/tape.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>

#include "build.hpp"
#include "command.hpp"
#include "fit_file.hpp"
#include "options.hpp"
#include "recording_input.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

void print_lines(const Lines& lines) {
  std::size_t width = 0;
  for (const auto& [name, text] : lines) width = std::max(width, name.size());
  for (const auto& [name, text] : lines)
    std::cout << name << std::string(width + 2 - name.size(), ' ') << text << '\n';
}

void print_program() {
  std::string devices = "cpu", gpu;
  try {
    gpu = cuda::first_gpu().describe();
    devices += ", cuda";
  } catch (const DeviceError& error) {
    gpu = error.what();
    const std::string beginning = "device cuda is ";  // which the line's name says
    if (gpu.starts_with(beginning)) gpu.erase(0, beginning.size());
  }
  print_lines({{"retrograd", version},
               {"compiler", compiler},
               {"build", build_type},
               {"SIMD level", math::name(math::simd_level())},
               {"best SIMD level", math::name(math::best_simd_level())},
               {"devices", devices},
               {"cuda", gpu},
               {"threads", std::to_string(ThreadPool().workers())}});
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text.empty() ? "none" : text;
}

void print_patch(Patch patch) {
  std::vector<std::string> gates, routes, heard;
  for (const GatePair& pair : patch.note.gate)
    gates.push_back(number(pair.on) + " to " + number(pair.off) + " s");
  for (const Route& route : patch.fm.routing)
    routes.push_back(std::to_string(route.modulator) + " into " + std::to_string(route.carrier));
  for (const int index : audible_operators(patch)) heard.push_back(std::to_string(index));
  print_lines({{"sample rate", number(patch.sample_rate) + " Hz"},
               {"length", count(length_in_samples(patch), "sample") + " (" + number(patch.duration) + " s)"},
               {"gate", joined(gates)},
               {"operators", std::to_string(patch.fm.operators.size())},
               {"routing", joined(routes)},
               {"heard", joined(heard)}});
  std::cout << '\n';
  std::vector<std::vector<std::string>> rows;
  for (const PatchParameter& parameter : parameters(patch))
    rows.push_back({parameter.name, number(parameter.value), unit_of(parameter.kind)});
  print_table(std::cout, {{"parameter"}, {"value", true}, {"unit"}}, rows);
}

void print_plans(const Patch& patch) {
  Tape tape(tape_options(patch));
  const Var audio = record(tape, patch).audio;
  const Var target = tape.input("target", Tensor(audio.shape(), tape.options().type));
  const Var loss = mean_squared_loss(audio, target);
  std::cout << "\nHow it is rendered (f32):\n" << tape.describe_plan(std::span(&audio, 1));
  tape.play({loss});
  tape.rewind(loss);  // once, so that what the way back needs is there to be counted
  std::cout << "\nHow a loss (mean squared) and its gradient are computed (f32):\n"
            << tape.describe_plan(std::span(&loss, 1));
}

void print_sound(const std::string& path, const Sound& sound) {
  const auto frames = static_cast<long long>(sound.samples.size()) / sound.channels;
  double peak = 0.0;
  for (const double sample : sound.samples) peak = std::max(peak, std::abs(sample));
  const std::vector<double> mono = mono_of(sound, path);
  // What cannot be found is told, and is no error: the file is what it is.
  const auto found = [](const std::function<std::string()>& find) {
    try {
      return find();
    } catch (const DomainError& error) {
      return std::string("none found: ") + error.what();
    }
  };
  print_lines({{"sample rate", number(sound.sample_rate) + " Hz"},
               {"channels", std::to_string(sound.channels)},
               {"length", count(frames, "sample") + " (" +
                              number(static_cast<double>(frames) / sound.sample_rate) + " s)"},
               {"peak", number(peak)},
               {"pitch", found([&] {
                  const Pitch pitch = detect_pitch(mono, sound.sample_rate);
                  return number(pitch.frequency) + " Hz, confidence " +
                         number(std::round(pitch.confidence * 100) / 100);
                })},
               {"gate", found([&] {
                  const Gate gate = detect_gate(mono, sound.sample_rate);
                  return number(gate.on) + " to " + number(gate.off) + " s";
                })}});
}

void print_fit(const SavedFit& fit) {
  const auto best = std::ranges::min_element(fit.state.best_loss) - fit.state.best_loss.begin();
  print_lines({{"steps done", std::to_string(fit.state.steps_done)},
               {"restarts", std::to_string(fit.state.best.size())},
               {"seed", std::to_string(fit.seed)},
               {"best loss", number(fit.state.best_loss[static_cast<std::size_t>(best)])},
               {"recording", fit.recording + " (fingerprint)"}});
  std::cout << "\nThe best patch:\n\n";
  print_patch(fit.state.best[static_cast<std::size_t>(best)]);
}

void print_patch_file(const std::string& path, const Patch& patch) {
  std::cout << path << ": an FM patch\n\n";
  print_patch(patch);
  say_doubts(patch, path);
  for (const PatchProblem& alias : find_aliases(patch))
    std::cerr << path << ": " << alias.key << ": " << alias.message << '\n';
  print_plans(patch);
}

/// A sound; or a patch whose name does not say that it is one.
void print_other_file(const std::string& path) {
  Sound sound;
  try {
    sound = read_recording(path);
  } catch (const FileError&) {
    std::optional<Patch> patch;
    try {
      patch = load_patch(path);
    } catch (const FileError&) {
    }
    if (!patch) throw;
    return print_patch_file(path, *patch);
  }
  std::cout << path << ": a sound\n\n";
  print_sound(path, sound);
}

ExitCode print_file(const std::string& path) {
  if (std::filesystem::path(path).extension() == ".toml") {
    print_patch_file(path, load_patch(path));
    return ExitCode::done;
  }
  const std::string beginning = read_text(path, 4096);
  const std::size_t first = beginning.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && beginning[first] == '{') {
    const SavedFit fit = load_fit(path);
    std::cout << path << ": where a fit stopped\n\n";
    print_fit(fit);
    return ExitCode::done;
  }
  print_other_file(path);
  return ExitCode::done;
}

}  // namespace

void add_info(Program& program) {
  const auto file = std::make_shared<std::optional<std::string>>();
  Command command =
      program.add("info", "Show this program's build, or what a file holds and how it will run");
  command.option("FILE", *file, "A patch (.toml), a sound file, or what 'fit --resume' wrote")
      .value_name("")
      .file({"*"});
  command.runs([file] {
    if (*file) return print_file(**file);
    print_program();
    return ExitCode::done;
  });
}

}  // namespace retrograd::tool
