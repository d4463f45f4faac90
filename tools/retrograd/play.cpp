// retrograd play: a patch played live, by a MIDI keyboard or by a file of notes.
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>
#include <thread>
#include <vector>

#include "audio_output.hpp"
#include "command.hpp"
#include "files_in_use.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "midi_input.hpp"
#include "note_player.hpp"
#include "options.hpp"
#include "standard_streams.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

struct PlayOptions {
  PatchSource patch;
  NoteOptions notes;
  std::optional<int> audio, midi;
  int block = 256;
  bool list = false;
  bool json = false;
};

ExitCode list_devices(bool json) {
  const std::vector<AudioDevice> devices = audio_devices();
  if (devices.empty()) raise<DeviceError>("there is no audio device to play on");
  Json audio_list = Json::list(), midi_list = Json::list();
  std::vector<std::vector<std::string>> rows;
  for (const AudioDevice& device : devices) {
    rows.push_back(
        {"--audio " + std::to_string(device.number), device.name, device.is_default ? "the default" : ""});
    audio_list.add(
        Json::object({{"number", device.number}, {"name", device.name}, {"is_default", device.is_default}}));
  }
  try {
    const std::vector<std::string> inputs = midi_inputs();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      rows.push_back({"--midi " + std::to_string(i), inputs[i], ""});
      midi_list.add(Json::object({{"number", i}, {"name", inputs[i]}}));
    }
    if (inputs.empty()) std::cerr << "there is no MIDI input\n";
  } catch (const DeviceError& error) {
    std::cerr << error.what() << '\n';
  }
  if (json)
    std::cout << Json::object({{"audio", audio_list}, {"midi", midi_list}}).lines() << '\n';
  else
    print_table(std::cout, {{"option"}, {"device"}, {""}}, rows);
  return ExitCode::done;
}

/// What the audio thread plays: the keyboard's messages, and the file's.
struct Performance {
  Instrument instrument;
  std::optional<NotePlayer> file{};
  MessageQueue keyboard{};
  std::atomic<bool> is_done{false};
  std::atomic<bool> was_not_finite{false};
  std::atomic<std::int64_t> clipped{0}, passed_over{0};
  std::vector<float> samples{};
  std::vector<float*> sound{};  // of each channel

  /// Before playing: blocks of up to so many frames.
  void prepare(double sample_rate, int block) {
    instrument.prepare(sample_rate, block);
    const auto channels = static_cast<std::size_t>(instrument.channels()),
               frames = static_cast<std::size_t>(block);
    samples.assign(channels * frames, 0.0f);
    for (std::size_t c = 0; c < channels; ++c) sound.push_back(samples.data() + c * frames);
  }

  /// Fills the device's channels, 1 or 2.
  void play(float* const* outputs, int channels, int frames) noexcept {
    for (const ShortMessage* message; (message = keyboard.front()) != nullptr; keyboard.pop())
      // Where there is no room it waits for the next block; what is broken is passed over.
      if (!instrument.midi(message->bytes.data(), message->count) && instrument.room() < message->count)
        break;
    if (keyboard.was_full()) instrument.all_notes_off();  // a note off may be among what was lost
    const StreamStatus status =
        file ? file->process(instrument, sound.data(), frames) : instrument.process(sound.data(), frames);
    if (status == StreamStatus::not_finite)
      was_not_finite.store(true, std::memory_order_relaxed);
    else if (status != StreamStatus::ok)
      std::ranges::fill(samples, 0.0f);
    std::int64_t beyond = 0;
    for (int c = 0; c < channels; ++c) {
      mix(outputs[c], c, channels, frames);
      beyond += std::count_if(outputs[c], outputs[c] + frames, [](float y) { return std::abs(y) > 1.0f; });
    }
    clipped.store(clipped.load(std::memory_order_relaxed) + beyond, std::memory_order_relaxed);
    passed_over.store(instrument.passed_over(), std::memory_order_relaxed);
    if (file && file->is_done(instrument)) is_done.store(true, std::memory_order_relaxed);
  }

  /// A sound of one channel goes to all of the device's; a device of one gets the mean.
  void mix(float* output, int channel, int channels, int frames) const noexcept {
    if (sound.size() == 1 || channels > 1) {
      const std::size_t from = std::min(static_cast<std::size_t>(channel), sound.size() - 1);
      std::copy_n(sound[from], frames, output);
      return;
    }
    for (int i = 0; i < frames; ++i) {
      float sum = 0.0f;
      for (const float* each : sound) sum += each[i];
      output[i] = sum / static_cast<float>(sound.size());
    }
  }
};

ExitCode play(const PlayOptions& options) {
  if (options.list) return list_devices(options.json);
  FilesInUse().reads("PATCH", options.patch.file).reads("--notes", options.notes.file).check();
  const Rack patch = read_patch(options.patch);
  std::optional<MidiFile> notes;
  if (options.notes.file) notes = read_notes(options.notes);

  Performance performance{.instrument = Instrument(patch, {.voices = options.notes.voices})};
  AudioOutput output(options.audio, patch.sample_rate, options.block);
  performance.prepare(output.sample_rate(), output.block());
  if (notes) performance.file.emplace(*notes, output.sample_rate(), performance.instrument.channels());
  std::optional<MidiInput> keyboard;
  if (options.midi || !notes) keyboard.emplace(options.midi, performance.keyboard);
  std::cerr << output.name() << ": " << number(output.sample_rate()) << " Hz, blocks of " << output.block()
            << " (" << number(1000.0 * output.block() / output.sample_rate()) << " ms)\n";
  if (keyboard) std::cerr << keyboard->name() << ": listening\n";

  if (notes) say_notes(options.notes, *notes);

  const Interrupt interrupt;
  std::cerr << "Ctrl-C ends\n";
  output.start(
      [&](float* const* outputs, int channels, int frames) { performance.play(outputs, channels, frames); });
  while (!interrupt.is_requested() && !performance.is_done.load(std::memory_order_relaxed))
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (output.underruns() > 0)
    std::cerr << count(output.underruns(), "gap")
              << ": the sound was not there in time; a larger --block helps\n";
  if (performance.was_not_finite.load(std::memory_order_relaxed))
    std::cerr << "notes were not finite at times, and ended there\n";
  if (const std::int64_t clipped = performance.clipped.load(std::memory_order_relaxed); clipped > 0)
    std::cerr << count(clipped, "sample") << " beyond full scale: the device clipped them\n";
  if (const std::int64_t passed_over = performance.passed_over.load(std::memory_order_relaxed);
      keyboard && passed_over > 0)
    std::cerr << count(passed_over, "MIDI message") << " that mean nothing here passed over\n";
  return ExitCode::done;
}

}  // namespace

void add_play(Program& program) {
  const auto options = std::make_shared<PlayOptions>();
  Command command = program.add("play", "Play a patch live, by a MIDI keyboard or a file of notes");
  add_patch_argument(command, options->patch);
  add_note_options(command, options->notes);
  command.option("--audio", options->audio, "The audio device; the system's usual one where not given")
      .value_name("N")
      .within(0, 1000000);
  command.option("--midi", options->midi, "The MIDI input; the first where neither it nor --notes is given")
      .value_name("N")
      .within(0, 1000000);
  command.option("--block", options->block, "Samples that are played at a time: fewer answer sooner")
      .value_name("N")
      .within(16, 8192)
      .by_default(std::to_string(options->block));
  add_patch_options(command, options->patch);
  add_sample_rate_option(command, options->patch);
  command.flag("--list", options->list, "Only list the audio devices and MIDI inputs");
  add_json_option(command, options->json, "Print the list as one JSON object").needs("--list");
  command.runs([options] { return play(*options); });
}

}  // namespace retrograd::tool
