// retrograd render: a patch, or notes played with it, as a sound file.
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/tape/tape.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <iostream>
#include <memory>

#include "command.hpp"
#include "files_in_use.hpp"
#include "options.hpp"
#include "rendering.hpp"
#include "standard_streams.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

struct RenderOptions {
  PatchSource patch;
  NoteOptions notes;
  std::string output;
  std::string format;  // empty where not given
  std::optional<double> gain, normalize;
  bool json = false;
  ComputeOptions compute;
};

ExitCode render(const RenderOptions& options) {
  FilesInUse files;
  files.reads("PATCH", options.patch.file)
      .reads("--notes", options.notes.file)
      .writes("--output", options.output);
  files.check();
  if (options.json && is_standard_stream(options.output))
    throw UsageError("--json", "standard output takes the sound already, as --output - asks");
  const SoundOutput output{writable_name(options.output),
                           format_for("--output", options.output, options.format), options.gain.value_or(0.0),
                           options.normalize};
  check_no_terminal("--output", options.output, "a sound");
  const Device device = available_device(options.compute);
  if (options.notes.file && device != Device::cpu)
    throw UsageError("render", "--notes plays block by block, which --device cpu alone does");
  if (options.notes.file && (options.patch.key || options.patch.velocity || options.patch.seconds))
    throw UsageError("--notes",
                     "the file's notes are played; --key, --velocity and --seconds are of one note");
  const Rack patch = read_patch(options.patch);
  if (!options.notes.file) say_doubts(patch, options.patch.file);
  Rendering written;
  if (options.notes.file) {
    const MidiFile notes = read_notes(options.notes);
    say_notes(options.notes, notes);
    written = render_notes_to_file(patch, notes, options.notes.voices, output);
  } else {
    ThreadPool threads(options.compute.threads);
    written = render_to_file(patch, output, device, threads);
  }
  tell_rendering(shown_output(options.output), output, written);
  if (options.json) std::cout << json_of(options.output, output, written).lines() << '\n';
  return ExitCode::done;
}

}  // namespace

void add_render(Program& program) {
  const auto options = std::make_shared<RenderOptions>();
  Command command = program.add("render", "Play a patch into a sound file");
  add_patch_argument(command, options->patch);
  command
      .option("-o,--output", options->output,
              "The sound file to write, of the kind that its name ends in; - for standard output, as WAV")
      .value_name("OUT.wav")
      .file(written_endings())
      .required();
  add_note_options(command, options->notes);
  command
      .option("--format", options->format,
              "Of the samples: f32, pcm16 or pcm24; f32 where not given, or the best the file holds")
      .value_name("FORMAT")
      .one_of(sample_format_names());
  add_level_options(command, options->gain, options->normalize);
  add_patch_options(command, options->patch);
  add_note_of_patch_options(command, options->patch);
  add_sample_rate_option(command, options->patch);
  add_json_option(command, options->json, "Print one JSON object of what was written");
  add_compute_options(command, options->compute);
  command.footer(
      "What can be written: WAV (.wav), FLAC (.flac), Ogg Vorbis (.ogg), Opus (.opus), MP3 (.mp3), AIFF "
      "(.aiff), AU "
      "(.au),\nCAF (.caf), W64 (.w64), RF64 (.rf64). A file that is there already is replaced.");
  command.runs([options] { return render(*options); });
}

}  // namespace retrograd::tool
