// retrograd gradient: how a patch's distance from a recording changes with each of its parameters.
#include <retrograd/audio/resample.hpp>
#include <retrograd/losses/losses.hpp>
#include <retrograd/racks/finite.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/tape/tape.hpp>

#include <cmath>
#include <iostream>
#include <memory>

#include "command.hpp"
#include "files_in_use.hpp"
#include "json.hpp"
#include "options.hpp"
#include "recording_input.hpp"
#include "sound_endings.hpp"
#include "standard_streams.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

struct GradientOptions {
  PatchSource patch;
  std::vector<std::string> frozen;
  std::string target;
  std::string loss = "mse";
  std::string type = "f32";
  bool json = false;
  ComputeOptions compute;
};

/// The recording as the patch could play it: mono, at its rate, of its length. What was changed is said on
/// stderr.
std::vector<double> target_for(const Rack& patch, const std::string& target) {
  const Sound sound = read_recording(readable_name(target));
  const std::string path = shown_input(target);
  std::vector<double> samples = mono_of(sound, path);
  if (sound.channels > 1) std::cerr << path << ": " << count(sound.channels, "channel") << " mixed to one\n";
  const auto length = static_cast<std::size_t>(length_in_samples(patch));
  std::size_t size = samples.size();
  if (sound.sample_rate != patch.sample_rate) {
    try {
      size = resampled_size(samples.size(), sound.sample_rate, patch.sample_rate);
      samples = resample(samples, sound.sample_rate, patch.sample_rate, length);
    } catch (const DomainError& error) {
      raise<FileError>("cannot use '" + path + "': " + error.what());
    }
    std::cerr << path << ": resampled from " << number(sound.sample_rate) << " to "
              << number(patch.sample_rate) << " Hz\n";
  }
  if (size > length)
    std::cerr << path << ": " << count(static_cast<long long>(size), "sample") << " cut to the patch's "
              << length << '\n';
  if (size < length)
    std::cerr << path << ": " << count(static_cast<long long>(size), "sample")
              << " followed by silence, to the patch's " << length << '\n';
  samples.resize(length, 0.0);
  return samples;
}

ExitCode gradient(const GradientOptions& options) {
  FilesInUse().reads("PATCH", options.patch.file).reads("--target", options.target).check();
  const Device device = available_device(options.compute);
  Rack patch = read_patch(options.patch);
  say_doubts(patch, options.patch.file);
  const std::vector<char> frozen = frozen_parameters(patch, options.frozen);
  const std::vector<double> target = target_for(patch, options.target);

  ThreadPool threads(options.compute.threads);
  TapeOptions tape_of = tape_options(patch);
  tape_of.type = options.type == "f64" ? ElementType::f64 : ElementType::f32;
  tape_of.device = device;
  tape_of.executor = &threads;
  Tape tape(tape_of);
  const RecordedRack recorded = record(tape, patch);
  for (std::size_t p = 0; p < frozen.size(); ++p)
    if (frozen[p] != 0) tape.freeze(recorded.parameters[p]);
  const Var wanted = tape.input("target", Tensor(std::span(target)));
  const Var loss = options.loss == "mss" ? multi_resolution_stft_loss(recorded.audio, wanted)
                                         : mean_squared_loss(recorded.audio, wanted);
  tape.play({loss});
  tape.rewind(loss);
  try {
    if (std::isfinite(tape.value(loss).item()))
      check_gradients(tape, recorded);
    else
      check_loss(tape, recorded, loss, wanted);
  } catch (const NotFiniteError& error) {
    raise<NotFiniteError>(
        (options.patch.file ? "'" + shown_input(*options.patch.file) + "'" : "the built-in patch") +
        " against '" + shown_input(options.target) + "': " + error.what());
  }

  const double value = tape.value(loss).item();
  const std::vector<RackParameter> named = parameters(patch);
  if (options.json) {
    Json gradients = Json::object();
    for (std::size_t p = 0; p < named.size(); ++p)
      if (frozen[p] == 0) gradients.add(named[p].name, tape.gradient(recorded.parameters[p]).item());
    std::cout << Json::object({{"loss", value}, {"gradients", gradients}}).lines() << '\n';
    return ExitCode::done;
  }
  std::vector<std::vector<std::string>> rows;
  for (std::size_t p = 0; p < named.size(); ++p)
    if (frozen[p] == 0)
      rows.push_back({named[p].name, number(named[p].value), to_string(named[p].spec.unit),
                      number(tape.gradient(recorded.parameters[p]).item())});
  std::cout << "loss " << number(value) << "\n\n";
  print_table(std::cout, {{"parameter"}, {"value", true}, {"unit"}, {"gradient", true}}, rows);
  return ExitCode::done;
}

}  // namespace

void add_gradient(Program& program) {
  const auto options = std::make_shared<GradientOptions>();
  Command command = program.add("gradient", "Print a loss's gradient with respect to a patch's parameters");
  add_patch_argument(command, options->patch);
  add_patch_options(command, options->patch);
  add_note_of_patch_options(command, options->patch);
  add_freeze_option(command, options->frozen,
                    "A parameter whose gradient is left out, or a pattern of them, as in --freeze 'env.*'; "
                    "as often as needed");
  command.option("--target", options->target, "The recording the patch is compared with")
      .value_name("T.wav")
      .file(sound_endings())
      .required();
  command.option("--loss", options->loss, "mse: mean squared; mss: multi-resolution spectral")
      .value_name("LOSS")
      .one_of({"mse", "mss"})
      .by_default("mse");
  command.option("--dtype", options->type, "Of the signals: f32 or f64")
      .value_name("TYPE")
      .one_of({"f32", "f64"})
      .by_default("f32");
  add_json_option(command, options->json);
  add_compute_options(command, options->compute);
  command.footer(
      "The recording may be any file libsndfile reads. It is mixed to mono, resampled to the patch's rate, "
      "and cut or\nfollowed by silence to the patch's length.");
  command.runs([options] { return gradient(*options); });
}

}  // namespace retrograd::tool
