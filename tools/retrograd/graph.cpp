// retrograd graph: a patch as a picture.
#include <retrograd/files/atomic_file.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "command.hpp"
#include "files_in_use.hpp"
#include "graph_svg.hpp"
#include "options.hpp"
#include "standard_streams.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

struct GraphOptions {
  PatchSource patch;
  std::string output;
  bool spectrogram = false;
};

ExitCode graph(const GraphOptions& options) {
  const std::string ending = std::filesystem::path(options.output).extension().string();
  if (!is_standard_stream(options.output) && !ending.empty() && ending != ".svg")
    throw UsageError("--output", "'" + options.output + "': a drawing is SVG; the name may end in .svg");
  FilesInUse files;
  files.reads("PATCH", options.patch.file).writes("--output", options.output);
  files.check();
  const Rack rack = read_patch(options.patch);
  say_doubts(rack, options.patch.file);
  std::optional<Spectrogram> spectrogram;
  if (options.spectrogram) spectrogram = spectrogram_of(rack);
  write_text(writable_name(options.output), graph_as_svg(rack, spectrogram ? &*spectrogram : nullptr));
  std::cerr << shown_output(options.output) << ": "
            << count(static_cast<long long>(rack.modules.size()), "module") << ", "
            << count(static_cast<long long>(rack.cables.size()), "cable") << '\n';
  return ExitCode::done;
}

}  // namespace

void add_graph(Program& program) {
  const auto options = std::make_shared<GraphOptions>();
  Command command = program.add("graph", "Draw a patch: modules as boxes, cables as lines");
  add_patch_argument(command, options->patch);
  command.option("-o,--output", options->output, "The SVG file to write; - for standard output")
      .value_name("OUT.svg")
      .file({"svg"})
      .required();
  command.flag("--spectrogram", options->spectrogram, "Draw under it what the patch sounds like");
  add_patch_options(command, options->patch);
  command.footer(
      "Lines are cables, dashed where they modulate a parameter, with their amounts; dotted is what is "
      "plugged in\n"
      "without a cable.");
  command.runs([options] { return graph(*options); });
}

}  // namespace retrograd::tool
