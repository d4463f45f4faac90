// retrograd render: a patch, or notes played with it, as a WAV file.
#include <retrograd/stream/instrument.hpp>
#include <retrograd/tape/tape.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>

#include "command.hpp"
#include "files_in_use.hpp"
#include "options.hpp"
#include "rendering.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

struct RenderOptions {
  std::optional<std::string> patch;
  NoteOptions notes;
  std::string output;
  std::string format = "f32";
  ComputeOptions compute;
};

const std::map<std::string, WavFormat> formats{
    {"f32", WavFormat::f32}, {"pcm16", WavFormat::pcm16}, {"pcm24", WavFormat::pcm24}};

ExitCode render(const RenderOptions& options) {
  FilesInUse files;
  files.reads("PATCH", options.patch).reads("--notes", options.notes.file).writes("--output", options.output);
  files.check();
  const Device device = available_device(options.compute);
  if (options.notes.file && device != Device::cpu)
    throw UsageError("render", "--notes plays block by block, which --device cpu alone does");
  const Patch patch = patch_or_default(options.patch);
  if (!options.notes.file) say_doubts(patch, options.patch);
  Rendering written;
  if (options.notes.file) {
    const MidiFile notes = read_notes(options.notes);
    say_notes(options.notes, notes);
    written =
        render_notes_to_file(patch, notes, options.notes.voices, options.output, formats.at(options.format));
  } else {
    ThreadPool threads(options.compute.threads);
    written = render_to_file(patch, options.output, formats.at(options.format), device, threads);
  }
  std::cerr << options.output << ": " << count(written.samples, "sample") << " ("
            << number(static_cast<double>(written.samples) / patch.sample_rate) << " s) at "
            << number(patch.sample_rate) << " Hz, " << options.format << ", peak " << number(written.peak)
            << '\n';
  if (written.clipped > 0)
    std::cerr << options.output << ": " << count(static_cast<long long>(written.clipped), "sample")
              << " beyond full scale clipped\n";
  return ExitCode::done;
}

}  // namespace

void add_render(Program& program) {
  const auto options = std::make_shared<RenderOptions>();
  Command command = program.add("render", "Play a patch into a WAV file");
  add_patch_argument(command, options->patch);
  command.option("-o,--output", options->output, "The WAV file to write")
      .value_name("OUT.wav")
      .file({"wav"})
      .required();
  add_note_options(command, options->notes);
  command.option("--format", options->format, "Of the samples: f32, pcm16 or pcm24")
      .value_name("FORMAT")
      .one_of({"f32", "pcm16", "pcm24"})
      .by_default("f32");
  add_compute_options(command, options->compute);
  command.runs([options] { return render(*options); });
}

}  // namespace retrograd::tool
