// retrograd fit: a patch that sounds like a recording.
#include <retrograd/files/atomic_file.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/patches/toml.hpp>

#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>

#include "command.hpp"
#include "files_in_use.hpp"
#include "fit_file.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "recording_input.hpp"
#include "rendering.hpp"
#include "sound_endings.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

struct FitCommand {
  std::string target;
  std::optional<std::string> patch;
  std::string output = "fitted.toml";
  std::string rendered = "fitted.wav";
  std::optional<std::string> resume;
  std::string frequency, gate;  // as written; empty where not given
  std::optional<double> loss_floor;
  std::string seed = "0";
  FitOptions fit;
  bool json = false;
  ComputeOptions compute;
};

std::optional<double> parse_frequency(std::string_view text) {
  const auto frequency = parse_number(text);
  return frequency && *frequency > 0.0 ? frequency : std::nullopt;
}

std::optional<GatePair> parse_gate(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto on = parse_number(text.substr(0, comma));
  const auto off = parse_number(text.substr(comma + 1));
  if (!on || !off || *on < 0.0 || *off <= *on) return std::nullopt;
  return GatePair{*on, *off};
}

std::optional<std::uint64_t> parse_seed(std::string_view text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seed;
}

/// No output may replace another or the recording, and each must be possible to write, before hours are spent
/// on what it will hold.
void check_outputs(const FitCommand& command) {
  FilesInUse files;
  files.reads("TARGET", command.target).reads("--patch", command.patch);
  files.writes("--output", command.output).writes("--render", command.rendered);
  files.updates("--resume", command.resume);
  files.check();
  files.check_can_write();
}

FitTarget read_target(const FitCommand& command, double patch_rate) {
  const Sound sound = read_recording(command.target);
  try {
    const std::vector<double> mono = mono_of(sound, command.target);
    std::optional<double> frequency;
    std::optional<GatePair> gate;
    if (!command.frequency.empty()) frequency = parse_frequency(command.frequency);
    if (!command.gate.empty()) gate = parse_gate(command.gate);
    return prepare_target(mono, sound.sample_rate, patch_rate, frequency, gate);
  } catch (const DomainError& error) {
    raise<FileError>("cannot fit to '" + command.target + "': " + error.what());
  }
}

/// Below this the pitch found may well not be the recording's.
constexpr double trusted_confidence = 0.5;

void describe(const FitCommand& command, const FitTarget& target) {
  const std::string confidence = "confidence " + number(std::round(target.confidence * 100) / 100);
  std::cerr << command.target << ": "
            << number(static_cast<double>(target.samples.size()) / target.sample_rate) << " s at "
            << number(target.sample_rate) << " Hz, pitch " << number(target.frequency) << " Hz"
            << (command.frequency.empty() ? " (" + confidence + ")" : " (given)") << ", gate "
            << number(target.gate.on) << " to " << number(target.gate.off) << " s"
            << (command.gate.empty() ? "" : " (given)") << '\n';
  if (target.confidence < trusted_confidence)
    std::cerr << command.target << ": warning: the pitch is uncertain (" << confidence
              << " of 1); if it is another, give it with --frequency HZ\n";
}

/// Where an earlier fit stopped, if the file is there. Raises a FileError where it is of something else.
std::optional<FitState> state_to_resume(const FitCommand& command, const SavedFit& now) {
  if (!command.resume || !fs::exists(*command.resume)) return std::nullopt;
  const SavedFit saved = load_fit(*command.resume);
  const auto refuse = [&](const std::string& why) {
    raise<FileError>("cannot go on from '" + *command.resume + "': " + why);
  };
  if (saved.recording != now.recording)
    refuse("it is of another recording, or of another pitch or gate in it");
  if (!(saved.initial == now.initial)) refuse("it began with another patch");
  if (saved.loss_floor != now.loss_floor)
    refuse("its --loss-floor was " + number(saved.loss_floor) + ", not " + number(now.loss_floor));
  if (saved.seed != now.seed)
    refuse("its seed was " + std::to_string(saved.seed) + ", not " + std::to_string(now.seed));
  if (saved.state.best.size() != static_cast<std::size_t>(command.fit.restarts))
    refuse("it has " + count(static_cast<long long>(saved.state.best.size()), "restart") + ", not " +
           std::to_string(command.fit.restarts));
  return saved.state;
}

/// Shows each step on a progress line, until there is a request to stop.
class Watcher {
 public:
  explicit Watcher(const Interrupt& interrupt) : interrupt_(interrupt) {
    line_.show("drawing the patches to begin with");
  }

  bool operator()(const FitProgress& progress) {
    if (progress.step == 1) first_ = Clock::now();
    if (line_.is_due() && progress.step > 1) {
      const std::chrono::duration<double> spent = Clock::now() - first_;
      const double rate = (progress.step - 1) / std::max(spent.count(), 1e-9);
      line_.show("step " + std::to_string(progress.step) + "/" + std::to_string(progress.steps) +
                 "  best loss " + number(progress.best_loss) + "  " + rounded(rate) + " steps/s  " +
                 duration_text((progress.steps - progress.step) / rate) + " left");
    }
    return !interrupt_.is_requested();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static std::string rounded(double rate) {
    return rate < 10.0 ? number(std::round(rate * 10.0) / 10.0) : number(std::round(rate));
  }
  const Interrupt& interrupt_;
  ProgressLine line_;
  Clock::time_point first_;  // when the first step was done: drawing the patches is no step
};

void report(const FitCommand& command, const FitTarget& target, Patch before, FitResult& result,
            const std::vector<std::string>& files, bool was_interrupted) {
  if (was_interrupted)
    std::cerr << "interrupted after " << count(result.steps_done, "step") << "; the best so far is kept\n";
  std::cerr << "loss " << number(result.loss_before) << " before, " << number(result.loss_after) << " after "
            << count(result.steps_done, "step") << '\n';

  if (result.rows_not_finite > 0)
    std::cerr << "warning: " << count(result.rows_not_finite, "restart") << " of " << command.fit.restarts
              << " ended in a loss that is not finite; the others went on\n";

  const std::vector<PatchParameter> old = parameters(before);
  const std::vector<PatchParameter> fitted = parameters(result.patch);
  if (command.json) {
    Json values = Json::object();
    for (const PatchParameter& parameter : fitted) values.add(parameter.name, parameter.value);
    const Json json = Json::object({{"loss_before", result.loss_before},
                                    {"loss_after", result.loss_after},
                                    {"steps", result.steps_done},
                                    {"interrupted", was_interrupted},
                                    {"parameters", values},
                                    {"frequency", target.frequency},
                                    {"gate", Json::list({target.gate.on, target.gate.off})},
                                    {"files", files}});
    std::cout << json.lines() << '\n';
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (std::size_t p = 0; p < fitted.size(); ++p)
    rows.push_back({fitted[p].name, number(old[p].value), number(fitted[p].value), unit_of(fitted[p].kind)});
  print_table(std::cout, {{"parameter"}, {"before", true}, {"after", true}, {"unit"}}, rows);
  std::cout << '\n';
  for (const std::string& file : files) std::cout << "wrote " << file << '\n';
}

ExitCode run_fit(FitCommand command) {
  const Device device = available_device(command.compute);
  const Interrupt interrupt;
  command.fit.seed = parse_seed(command.seed).value();
  command.fit.loss_floor = command.loss_floor.value_or(default_loss_floor);
  const Patch initial = command.patch ? load_patch(*command.patch) : default_patch_to_fit();
  check_outputs(command);
  const FitTarget target = read_target(command, initial.sample_rate);
  const Patch before = tuned_to(target, initial);
  say_doubts(before, command.target);
  SavedFit saved{fingerprint(target), command.fit.loss_floor, command.fit.seed, before, {}};
  const std::optional<FitState> resumed = state_to_resume(command, saved);
  describe(command, target);
  if (resumed)
    std::cerr << *command.resume << ": going on after " << count(resumed->steps_done, "step") << '\n';

  ThreadPool threads(command.compute.threads);
  command.fit.executor = &threads;
  command.fit.device = device;
  FitResult result;
  try {
    Watcher watcher(interrupt);
    result = fit(target, initial, command.fit, std::ref(watcher), resumed ? &*resumed : nullptr);
  } catch (const NotFiniteError& error) {
    raise<NotFiniteError>("cannot fit " +
                          (command.patch ? "'" + *command.patch + "'" : "the built-in patch") + " to '" +
                          command.target + "': " + error.what());
  } catch (const Error& error) {
    if (!resumed) throw;
    raise<FileError>("cannot go on from '" + *command.resume + "': " + error.what());
  }

  std::vector<std::string> files;
  write_text(command.output, format_patch(result.patch));
  files.push_back(command.output);
  if (command.resume && result.state.best.empty()) {
    std::cerr << *command.resume << ": not written; the fit ended before its first step, so begin it again\n";
  } else if (command.resume) {
    saved.state = result.state;
    write_text(*command.resume, format_fit(saved));
    files.push_back(*command.resume);
  }
  render_to_file(result.patch, command.rendered, WavFormat::f32, device, threads);
  files.push_back(command.rendered);
  report(command, target, before, result, files, interrupt.is_requested());
  return ExitCode::done;
}

}  // namespace

void add_fit(Program& program) {
  const auto options = std::make_shared<FitCommand>();
  Command command = program.add("fit", "Fit a patch to a recording");
  command.option("TARGET", options->target, "The recording: any file libsndfile reads")
      .value_name("")
      .file(sound_endings())
      .required();
  command.option("--patch", options->patch, "The patch to begin with; the built-in one where not given")
      .value_name("INIT")
      .file({"toml"});
  command.option("-o,--output", options->output, "The patch file to write")
      .value_name("OUT.toml")
      .file({"toml"})
      .by_default("fitted.toml");
  command.option("--render", options->rendered, "The fitted patch's sound, to write")
      .value_name("OUT.wav")
      .file({"wav"})
      .by_default("fitted.wav");
  command.option("--frequency", options->frequency, "The recording's pitch; detected where not given")
      .value_name("HZ")
      .checked([](const std::string& text) {
        return parse_frequency(text) ? "" : "'" + text + "' is not a frequency in Hz above 0";
      });
  command
      .option("--gate", options->gate,
              "When the note is on, in seconds from the recording's start; detected where not given")
      .value_name("ON,OFF")
      .checked([](const std::string& text) {
        return parse_gate(text) ? "" : "'" + text + "' is not two times in seconds, 0 <= ON < OFF";
      });
  command
      .option("--loss-floor", options->loss_floor,
              "How far under the recording's loudest partial sounds stop to count, in dB")
      .value_name("DB")
      .checked([](const std::string& text) {
        const auto decibels = parse_number(text);
        return decibels && is_loss_floor(*decibels) ? "" : "'" + text + "' is not a level from -200 to 0 dB";
      })
      .by_default(number(default_loss_floor));
  command.option("--steps", options->fit.steps, "Steps of gradient descent")
      .value_name("N")
      .within(1, 1000000000)
      .by_default("300");
  command.option("--restarts", options->fit.restarts, "Patches fitted side by side; the best one wins")
      .value_name("K")
      .within(1, 10000)
      .by_default("8");
  command.option("--seed", options->seed, "Draws the patches of the other restarts")
      .value_name("S")
      .checked([](const std::string& text) {
        return parse_seed(text) ? "" : "'" + text + "' is not a whole number from 0 to 2^64 - 1";
      })
      .by_default("0");
  command
      .option("--resume", options->resume,
              "Go on from this file if it is there; where the fit stopped is written to it")
      .value_name("F")
      .file({"json"});
  add_json_option(command, options->json);
  add_compute_options(command, options->compute);
  command.footer(
      "Ctrl-C ends the fit and keeps the best patch so far; a second one ends the program at once.");
  command.runs([options] { return run_fit(*options); });
}

}  // namespace retrograd::tool
