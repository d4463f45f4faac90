// retrograd info: the program itself, or what a file holds.
#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/files/text_file.hpp>
#include <retrograd/math/simd.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/tape/executor.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include "build.hpp"
#include "command.hpp"
#include "fit_file.hpp"
#include "info.hpp"
#include "library_parts.hpp"
#include "options.hpp"
#include "recording_input.hpp"
#include "standard_streams.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

struct InfoOptions {
  std::optional<std::string> file;
  bool json = false;
  bool program = false;
};

Facts facts_of_program() {
  std::string devices = "cpu", gpu;
  Json device_list = Json::list({"cpu"});
  try {
    gpu = cuda::first_gpu().describe();
    devices += ", cuda";
    device_list.add("cuda");
  } catch (const DeviceError& error) {
    gpu = error.what();
    const std::string beginning = "device cuda is ";  // which the line's name says
    if (gpu.starts_with(beginning)) gpu.erase(0, beginning.size());
  }
  const int threads = ThreadPool().workers();
  Facts facts{{"retrograd", version, "version", version},
              {"compiler", compiler, "compiler", compiler},
              {"build", build_type, "build", build_type},
              {"SIMD level", math::name(math::simd_level()), "simd", math::name(math::simd_level())},
              {"best SIMD level", math::name(math::best_simd_level()), "best_simd",
               math::name(math::best_simd_level())},
              {"devices", devices, "devices", device_list},
              {"cuda", gpu, "cuda", gpu},
              {"threads", std::to_string(threads), "threads", threads}};
  for (Fact& fact : facts_of_library()) facts.push_back(std::move(fact));
  return facts;
}

/// What a file holds, told in one of both ways.
class Teller {
 public:
  explicit Teller(const InfoOptions& options)
      : name_(shown_input(*options.file)), json_(options.json), program_(options.program) {}

  void patch(const Rack& patch) const {
    if (program_) return print_programs(patch);
    say_doubts(patch, name_);
    for (const RackProblem& alias : find_aliases(patch))
      std::cerr << name_ << ": warning: " << alias.key << ": " << alias.message << '\n';
    if (!json_) {
      begin("a patch");
      return print_patch(patch);
    }
    Json object = named("patch");
    add_patch_to(object, patch);
    std::cout << object.lines() << '\n';
  }

  void facts(const std::string& kind, const std::string& words, const Facts& facts) const {
    if (!json_) {
      begin(words);
      return print_facts(facts);
    }
    Json object = named(kind);
    add_facts(object, facts);
    std::cout << object.lines() << '\n';
  }

  void fit(const SavedFit& fit) const {
    const auto at = std::ranges::min_element(fit.state.best_loss) - fit.state.best_loss.begin();
    const auto best = static_cast<std::size_t>(at);
    const Rack& patch = fit.state.best[best];
    Facts facts{{"steps done", std::to_string(fit.state.steps_done), "steps_done", fit.state.steps_done},
                {"restarts", std::to_string(fit.state.best.size()), "restarts", fit.state.best.size()},
                {"seed", std::to_string(fit.seed), "seed", fit.seed},
                {"best loss", number(fit.state.best_loss[best]), "best_loss", fit.state.best_loss[best]},
                {"recording", fit.recording + " (fingerprint)", "recording", fit.recording}};
    if (!json_) {
      begin("where a fit stopped");
      print_facts(facts);
      std::cout << "\nThe best patch:\n\n";
      print_facts(facts_of(patch));
      std::cout << '\n';
      return print_parameters(patch);
    }
    Json object = named("fit"), of_patch = Json::object();
    add_facts(object, facts);
    add_facts(of_patch, facts_of(patch));
    of_patch.add("parameters", json_of_parameters(patch));
    std::cout << object.add("patch", of_patch).lines() << '\n';
  }

 private:
  void begin(const std::string& words) const {
    if (program_ && words != "a patch")
      throw UsageError("info", "--program lists the steps of a patch; '" + name_ + "' is " + words);
    std::cout << name_ << ": " << words << "\n\n";
  }
  Json named(const std::string& kind) const { return Json::object({{"file", name_}, {"kind", kind}}); }

  std::string name_;
  bool json_, program_;
};

/// A sound; or a patch whose name does not say that it is one.
void tell_other_file(const std::string& path, const Teller& tell) {
  Sound sound;
  try {
    sound = read_recording(path);
  } catch (const FileError&) {
    std::optional<Rack> patch;
    try {
      patch = load_rack(path);
    } catch (const FileError&) {
    }
    if (!patch) throw;
    return tell.patch(*patch);
  }
  tell.facts("sound", "a sound", facts_of(sound, path));
}

/// Whether the bytes begin as a MIDI file does, or as one that is wrapped in RIFF.
bool is_midi(const std::string& beginning) {
  return beginning.starts_with("MThd") || (beginning.starts_with("RIFF") && beginning.substr(8, 4) == "RMID");
}

void tell_file(const std::string& path, const Teller& tell) {
  if (std::filesystem::path(path).extension() == ".toml") return tell.patch(load_rack(path));
  const std::string beginning = read_text(path, 4096);
  const std::size_t first = beginning.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && beginning[first] == '{') return tell.fit(load_fit(path));
  if (is_midi(beginning)) return tell.facts("midi", "a MIDI file", facts_of_midi(read_text(path), path));
  // So that a patch in a pipe is told what is wrong with it.
  if (beginning.find('\0') == std::string::npos && beginning.find("format") != std::string::npos)
    return tell.patch(load_rack(path));
  tell_other_file(path, tell);
}

ExitCode info(const InfoOptions& options) {
  if (options.program && !options.file)
    throw UsageError("info", "--program lists the steps of a patch; name its FILE");
  if (options.file) {
    tell_file(readable_name(*options.file), Teller(options));
  } else if (options.json) {
    Json object = Json::object();
    add_facts(object, facts_of_program());
    std::cout << object.lines() << '\n';
  } else {
    print_facts(facts_of_program());
  }
  return ExitCode::done;
}

}  // namespace

void add_info(Program& program) {
  const auto options = std::make_shared<InfoOptions>();
  Command command =
      program.add("info", "Show this program's build, or what a file holds and how it will run");
  command
      .option(
          "FILE", options->file,
          "A patch (.toml), a sound file, a MIDI file, or what 'fit --resume' wrote; - for standard input")
      .value_name("")
      .file({"*"});
  add_json_option(command, options->json, "Print one JSON object instead of lines");
  command.flag("--program", options->program, "Of a patch: list the steps of a tile, forwards and backwards")
      .excludes("--json");
  command.runs([options] { return info(*options); });
}

}  // namespace retrograd::tool
