// Options that several subcommands share.
#include "options.hpp"

#include <retrograd/patches/toml.hpp>
#include <retrograd/tape/tape.hpp>

#include <charconv>
#include <cmath>

namespace retrograd::tool {

void add_compute_options(CLI::App& command, ComputeOptions& options) {
  command.add_option("--device", options.device, "Where to compute: cpu or cuda")
      ->type_name("DEVICE")
      ->check(CLI::IsMember({"cpu", "cuda"}).description(""))
      ->default_str("cpu");
  command.add_option("--threads", options.threads, "How many threads compute; all cores where not given")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""));
}

void add_json_option(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "Print one JSON object instead of a table");
}

void add_note_options(CLI::App& command, std::optional<std::string>& notes, int& voices) {
  command.add_option("--notes", notes, "Notes to play in place of the patch's own: a standard MIDI file")
      ->type_name("FILE.mid");
  command.add_option("--voices", voices, "How many of these notes sound at once")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""))
      ->capture_default_str();
}

Device available_device(const ComputeOptions& options) {
  const Device device = options.device == "cuda" ? Device::cuda : Device::cpu;
  const Tape probe({.device = device});
  return device;
}

Patch patch_or_default(const std::optional<std::string>& path) {
  return path ? load_patch(*path) : default_patch();
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace retrograd::tool
