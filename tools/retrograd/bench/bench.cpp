// retrograd bench: how fast the engine plays and rewinds, how that scales, and how much memory it takes, each
// beside its goal and beside yardsticks: a loop written by hand, PyTorch, FFTW, the machine itself.
#include <algorithm>
#include <iostream>
#include <memory>

#include "../command.hpp"
#include "../options.hpp"
#include "../progress.hpp"
#include "report.hpp"
#include "rows.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

std::string command_line(const BenchOptions& options) {
  std::string text = "retrograd bench";
  if (!options.filter.empty()) text += " '" + options.filter + "'";
  if (options.long_signals) text += " --long";
  if (options.compute.device != "cpu") text += " --device " + options.compute.device;
  if (options.compute.threads > 0) text += " --threads " + std::to_string(options.compute.threads);
  return text;
}

// Those with `filter` in their name; the one alone whose name it is.
void keep_asked_for(Rows& rows, const std::string& filter) {
  const bool is_a_name = std::ranges::find(rows, filter, &Row::name) != rows.end();
  std::erase_if(rows, [&](const Row& row) {
    return is_a_name ? row.name != filter : row.name.find(filter) == std::string::npos;
  });
}

ExitCode bench(const BenchOptions& options) {
  Rows rows = all_rows(options, available_device(options.compute));
  keep_asked_for(rows, options.filter);
  if (rows.empty()) {
    std::cerr << "retrograd: no benchmark has '" << options.filter << "' in its name\n";
    return ExitCode::bad_usage;
  }

  std::vector<Measured> measured;
  std::vector<std::string> reasons;  // why rows were left out
  {
    ProgressLine progress;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      progress.show(std::to_string(i + 1) + " of " + std::to_string(rows.size()) + ": " + rows[i].name);
      try {
        measured.push_back({rows[i].name, rows[i].unit, rows[i].goal, rows[i].measure()});
      } catch (const LeftOut& left_out) {
        if (std::ranges::find(reasons, left_out.why) == reasons.end()) reasons.push_back(left_out.why);
      } catch (const std::exception& error) {  // the other rows can be measured all the same
        reasons.push_back(rows[i].name + ": " + error.what());
      }
    }
  }

  const Machine machine = this_machine();
  if (options.json)
    print_json(std::cout, measured, machine, options.threads());
  else if (options.markdown)
    print_markdown(std::cout, measured, machine, command_line(options));
  else if (!measured.empty())
    print_text(std::cout, measured);
  for (const std::string& reason : reasons) std::cerr << "left out: " << reason << '\n';
  for (const Measured& row : measured)
    if (!row.figure.disagreement.empty())
      std::cerr << "disagrees: " << row.name << ": " << row.figure.disagreement << '\n';
  if (!options.json && !options.markdown)
    std::cerr << machine.processor << ", SIMD level " << machine.simd << "; times are medians of at least "
              << repetitions << " runs, memory is of one\n";
  return ExitCode::done;
}

}  // namespace

void add_bench(Program& program) {
  const auto options = std::make_shared<BenchOptions>();
  Command command = program.add("bench", "Measure speed and memory, each beside its goal");
  command.option(
      "FILTER", options->filter,
      "Only the benchmarks with this in their name (\"memory\", \"forward\"), or the one of this name");
  add_json_option(command, options->json);
  command.flag("--markdown", options->markdown, "Print the table as Markdown, with what it was measured on")
      .excludes("--json");
  command.flag("--long", options->long_signals, "Signals of 600 s too");
  command.option("--python", options->python, "The Python that is asked for PyTorch and JAX")
      .value_name("PROGRAM")
      .by_default(options->python);
  add_compute_options(command, options->compute,
                      "Threads of the rows that use several; 2 where not given, which the goals are for");
  command.runs([options] { return bench(*options); });
}

}  // namespace retrograd::tool
