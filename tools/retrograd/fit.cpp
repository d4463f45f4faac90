// retrograd fit: a patch that sounds like a recording.
#include <retrograd/files/atomic_file.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/fit/random_rack.hpp>
#include <retrograd/racks/rack_file.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <utility>

#include "command.hpp"
#include "files_in_use.hpp"
#include "fit_command.hpp"
#include "fit_file.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "recording_input.hpp"
#include "rendering.hpp"
#include "sound_endings.hpp"
#include "standard_streams.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

std::optional<double> parse_positive(std::string_view text) {
  const auto value = parse_number(text);
  return value && *value > 0.0 ? value : std::nullopt;
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
/// on what it will hold. What is there already stays, unless it is asked to be replaced or the fit goes on from
/// it.
void check_outputs(const FitCommand& command, const FitJob& job) {
  FilesInUse files;
  files.reads("TARGET", job.target).reads("--patch", command.patch.file);
  files.writes("--output", job.output).writes("--render", job.rendered);
  files.updates("--resume", job.resume);
  files.check();
  std::error_code ignored;
  const bool goes_on = job.resume && fs::exists(*job.resume, ignored);
  if (!command.force && !goes_on) files.check_none_is_replaced();
  files.check_can_write();
}

FitTarget read_target(const FitCommand& command, const FitJob& job, double patch_rate) {
  const Sound sound = read_recording(readable_name(job.target));
  try {
    const std::vector<double> mono = mono_of(sound, shown_input(job.target));
    std::optional<double> frequency;
    std::optional<GatePair> gate;
    if (!command.frequency.empty()) frequency = parse_positive(command.frequency);
    if (!command.gate.empty()) gate = parse_gate(command.gate);
    return prepare_target(mono, sound.sample_rate, patch_rate, frequency, gate);
  } catch (const DomainError& error) {
    raise<FileError>("cannot fit to '" + shown_input(job.target) + "': " + error.what());
  }
}

/// Below this the pitch found may well not be the recording's.
constexpr double trusted_confidence = 0.5;

void say_what_is_fitted(const FitCommand& command, const FitJob& job, const FitTarget& target) {
  const std::string name = shown_input(job.target);
  const std::string confidence = "confidence " + number(std::round(target.confidence * 100) / 100);
  if (!job.is_one_of_many)
    std::cerr << name << ": " << number(static_cast<double>(target.samples.size()) / target.sample_rate)
              << " s at " << number(target.sample_rate) << " Hz, pitch " << number(target.frequency) << " Hz"
              << (command.frequency.empty() ? " (" + confidence + ")" : " (given)") << ", gate "
              << number(target.gate.on) << " to " << number(target.gate.off) << " s"
              << (command.gate.empty() ? "" : " (given)") << '\n';
  if (target.confidence < trusted_confidence)
    std::cerr << name << ": warning: the pitch is uncertain (" << confidence
              << " of 1); if it is another, give it with --frequency HZ\n";
}

/// Where an earlier fit stopped, if the file is there. Raises a FileError where it is of something else.
std::optional<FitState> state_to_resume(const FitCommand& command, const FitJob& job, const SavedFit& now) {
  if (!job.resume || !fs::exists(*job.resume)) return std::nullopt;
  const SavedFit saved = load_fit(*job.resume);
  const auto refuse = [&](const std::string& why) {
    raise<FileError>("cannot go on from '" + *job.resume + "': " + why);
  };
  if (saved.recording != now.recording)
    refuse("it is of another recording, or of another pitch or gate in it");
  if (!(saved.initial == now.initial)) refuse("it began with another patch");
  if (saved.loss_floor != now.loss_floor)
    refuse("its --loss-floor was " + number(saved.loss_floor) + ", not " + number(now.loss_floor));
  if (saved.frozen != now.frozen) refuse("another --freeze was given");
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
  /// `about` begins the line.
  Watcher(const Interrupt& interrupt, std::string about) : interrupt_(interrupt), about_(std::move(about)) {
    line_.show(about_ + "drawing the patches to begin with");
  }

  bool operator()(const FitProgress& progress) {
    if (progress.step == 1) first_ = Clock::now();
    if (line_.is_due() && progress.step > 1) {
      const std::chrono::duration<double> spent = Clock::now() - first_;
      const double rate = (progress.step - 1) / std::max(spent.count(), 1e-9);
      line_.show(about_ + "step " + std::to_string(progress.step) + "/" + std::to_string(progress.steps) +
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
  std::string about_;
  ProgressLine line_;
  Clock::time_point first_;  // when the first step was done: drawing the patches is no step
};

/// The parameters before and after. On stdout, unless that takes the patch itself.
void report(const FitCommand& command, const FitJob& job, Fitted& fitted) {
  const FitResult& result = fitted.result;
  if (fitted.was_interrupted)
    std::cerr << "interrupted after " << count(result.steps_done, "step") << "; the best so far is kept\n";
  std::cerr << "loss " << number(result.loss_before) << " before, " << number(result.loss_after) << " after "
            << count(result.steps_done, "step") << '\n';
  if (result.rows_not_finite > 0)
    std::cerr << "warning: " << count(result.rows_not_finite, "restart") << " of " << command.fit.restarts
              << " ended in a loss that is not finite; the others went on\n";
  if (command.json) {
    std::cout << json_of(fitted).lines() << '\n';
    return;
  }
  const std::vector<RackParameter> before = parameters(fitted.before);
  const std::vector<RackParameter> after = parameters(fitted.result.rack);
  std::vector<std::vector<std::string>> rows;
  for (std::size_t p = 0; p < after.size(); ++p)
    rows.push_back(
        {after[p].name, number(before[p].value), number(after[p].value), to_string(after[p].spec.unit)});
  const bool is_taken = is_standard_stream(job.output) || is_standard_stream(job.rendered);
  std::ostream& out = is_taken ? std::cerr : std::cout;
  print_table(out, {{"parameter"}, {"before", true}, {"after", true}, {"unit"}}, rows);
  out << '\n';
  for (const std::string& file : fitted.files) out << "wrote " << shown_output(file) << '\n';
}

bool is_folder(const std::string& name) {
  std::error_code ignored;
  return fs::is_directory(name, ignored);
}

/// Raises a UsageError where options that are for one recording meet several, or the other way round.
void check_usage(const FitCommand& command) {
  const auto folder = std::ranges::find_if(command.targets, is_folder);
  if (command.directory) {
    for (const auto& [option, name] : {std::pair{"--output", command.output},
                                       {"--render", command.rendered},
                                       {"--resume", command.resume}})
      if (name)
        throw UsageError(option, "'" + *name + "' is of one recording, and --output-dir names its own files");
    if (std::ranges::find(command.targets, "-") != command.targets.end())
      throw UsageError("TARGET", "'-' has no name that its patch in --output-dir could have; use --output");
  } else if (folder != command.targets.end()) {
    throw UsageError("TARGET", "'" + *folder + "' is a folder; --output-dir DIR says where its patches go");
  } else if (command.targets.size() > 1) {
    throw UsageError("TARGET", std::to_string(command.targets.size()) +
                                   " recordings; --output-dir DIR says where their patches go");
  }
}

ExitCode run_fit(FitCommand command) {
  check_usage(command);
  const Device device = available_device(command.compute);
  const Interrupt interrupt;
  command.fit.seed = parse_seed(command.seed).value();
  command.fit.loss_floor = command.loss_floor.value_or(default_loss_floor);
  if (!command.learning_rate.empty())
    command.fit.learning_rate = parse_positive(command.learning_rate).value();
  ThreadPool threads(command.compute.threads);
  FitJob job{command.targets.front(), command.output.value_or("fitted.toml"),
             command.rendered.value_or("fitted.wav"), command.resume};
  if (!command.directory) {
    check_outputs(command, job);
    if (command.json && (is_standard_stream(job.output) || is_standard_stream(job.rendered)))
      throw UsageError("--json", "standard output takes a file already, as - asks");
    format_for("--render", job.rendered, "");
    check_no_terminal("--render", job.rendered, "a sound");
  }
  FitEngine engine{device, {}, threads, interrupt};
  if (command.patch.file) {
    engine.initial = read_patch(command.patch);
  } else {
    engine.initial = default_rack_to_fit();
    apply(command.patch, engine.initial);
  }
  frozen_parameters(engine.initial, command.fit.frozen);
  if (command.directory) return fit_many(command, engine);
  Fitted fitted = fit_one(command, job, engine);
  report(command, job, fitted);
  return ExitCode::done;
}

}  // namespace

Fitted fit_one(const FitCommand& command, const FitJob& job, FitEngine& engine) {
  const FitTarget target = read_target(command, job, engine.initial.sample_rate);
  const Rack before = RackDraws(target, engine.initial, command.fit.frozen).tuned();
  say_doubts(before, shown_input(job.target));
  SavedFit saved{
      fingerprint(target), command.fit.loss_floor, command.fit.seed, command.fit.frozen, before, {}};
  const std::optional<FitState> resumed = state_to_resume(command, job, saved);
  say_what_is_fitted(command, job, target);
  if (resumed && !job.is_one_of_many)
    std::cerr << *job.resume << ": going on after " << count(resumed->steps_done, "step") << '\n';

  FitOptions options = command.fit;
  if (resumed && job.is_one_of_many) options.steps = std::max(0, options.steps - resumed->steps_done);
  options.executor = &engine.threads;
  options.device = engine.device;
  Fitted fitted{target, before, {}, false, {}};
  FitResult& result = fitted.result;
  try {
    Watcher watcher(engine.interrupt, job.is_one_of_many ? job.target + ": " : "");
    result = fit(target, engine.initial, options, std::ref(watcher), resumed ? &*resumed : nullptr);
  } catch (const NotFiniteError& error) {
    raise<NotFiniteError>(
        "cannot fit " +
        (command.patch.file ? "'" + shown_input(*command.patch.file) + "'" : "the built-in patch") + " to '" +
        shown_input(job.target) + "': " + error.what());
  } catch (const Error& error) {
    if (!resumed) throw;
    raise<FileError>("cannot go on from '" + *job.resume + "': " + error.what());
  }
  fitted.was_interrupted = engine.interrupt.is_requested();

  write_text(writable_name(job.output), format_rack(result.rack));
  fitted.files.push_back(job.output);
  if (job.resume && result.state.best.empty()) {
    std::cerr << *job.resume << ": not written; the fit ended before its first step, so begin it again\n";
  } else if (job.resume) {
    saved.state = result.state;
    write_text(*job.resume, format_fit(saved));
    fitted.files.push_back(*job.resume);
  }
  const SoundOutput output{writable_name(job.rendered), format_for("--render", job.rendered, "")};
  tell_clipping(shown_output(job.rendered), output,
                render_to_file(result.rack, output, engine.device, engine.threads));
  fitted.files.push_back(job.rendered);
  return fitted;
}

Json json_of(Fitted& fitted) {
  Json values = Json::object();
  for (const RackParameter& parameter : parameters(fitted.result.rack))
    values.add(parameter.name, parameter.value);
  return Json::object({{"loss_before", fitted.result.loss_before},
                       {"loss_after", fitted.result.loss_after},
                       {"steps", fitted.result.steps_done},
                       {"interrupted", fitted.was_interrupted},
                       {"parameters", values},
                       {"frequency", fitted.target.frequency},
                       {"gate", Json::list({fitted.target.gate.on, fitted.target.gate.off})},
                       {"files", fitted.files}});
}

void add_fit(Program& program) {
  const auto options = std::make_shared<FitCommand>();
  Command command = program.add("fit", "Fit a patch to a recording, or one to each of many");
  command
      .option("TARGET", options->targets,
              "The recording, any file libsndfile reads, or - for standard input; with --output-dir several, "
              "and\nfolders of them")
      .value_name("")
      .file(sound_endings())
      .required();
  command.option("--patch", options->patch.file, "The patch to begin with; the built-in one where not given")
      .value_name("INIT")
      .file({"toml"});
  command.option("-o,--output", options->output, "The patch file to write")
      .value_name("OUT.toml")
      .file({"toml"})
      .by_default("fitted.toml");
  command.option("--render", options->rendered, "The fitted patch's sound, to write")
      .value_name("OUT.wav")
      .file(written_endings())
      .by_default("fitted.wav");
  command
      .option("--output-dir", options->directory,
              "Where each of several recordings gets its patch and its sound, named after it")
      .value_name("DIR")
      .file({"/"});
  command.flag("--force", options->force,
               "Replace files that are there already; fit to what has been fitted to before");
  command.option("--frequency", options->frequency, "The recording's pitch; detected where not given")
      .value_name("HZ")
      .checked([](const std::string& text) {
        return parse_positive(text) ? "" : "'" + text + "' is not a frequency in Hz above 0";
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
      .within(0, 1000000000)
      .by_default("300");
  command.option("--restarts", options->fit.restarts, "Patches fitted side by side; the best one wins")
      .value_name("K")
      .within(1, 10000)
      .by_default("8");
  command
      .option("--learning-rate", options->learning_rate,
              "How far the parameters move in a step, at first; it falls with the steps")
      .value_name("RATE")
      .checked([](const std::string& text) {
        const auto rate = parse_positive(text);
        return rate && *rate <= 100.0 ? "" : "'" + text + "' is not a number above 0, up to 100";
      })
      .by_default(number(options->fit.learning_rate));
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
  add_patch_options(command, options->patch);
  add_freeze_option(command, options->fit.frozen,
                    "A parameter that keeps the patch's value, or a pattern of them, as in --freeze 'env.*'; "
                    "as often as needed");
  add_sample_rate_option(command, options->patch);
  add_json_option(
      command, options->json,
      "Print one JSON object instead of a table; with --output-dir one a line for each recording");
  add_compute_options(command, options->compute);
  command.footer(
      "Ctrl-C, or SIGTERM or SIGHUP, ends the fit and keeps the best patch so far; a second one ends the "
      "program at once.\nWith --output-dir what has been fitted is passed over, what was interrupted goes "
      "on, and "
      "where a recording cannot be\nfitted the others are; then the exit code is 3.");
  command.runs([options] { return run_fit(*options); });
}

}  // namespace retrograd::tool
