// retrograd gradcheck: every node's adjoint against its derivative, or every parameter's gradient of a patch
// against differences.
#include <retrograd/gradcheck/node_check.hpp>
#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/racks/finite.hpp>
#include <retrograd/racks/record.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "command.hpp"
#include "json.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "standard_streams.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

struct GradcheckOptions {
  std::vector<std::string> what;
  bool list = false;
  bool json = false;
  PatchSource patch;
  std::vector<std::string> frozen;
  ComputeOptions compute;
};

ExitCode verdict(bool passed) { return passed ? ExitCode::done : ExitCode::check_failed; }

void print_json(const Json& json) { std::cout << json.lines() << '\n'; }

ExitCode list_nodes(bool json) {
  if (json) {
    print_json(Json::object({{"nodes", checkable_nodes()}}));
  } else {
    for (const std::string& name : checkable_nodes()) std::cout << name << '\n';
  }
  return ExitCode::done;
}

ExitCode check_nodes(const std::vector<std::string>& names, bool json, Device device) {
  const std::vector<std::string> known = checkable_nodes();
  for (const std::string& name : names)
    if (std::ranges::find(known, name) == known.end())
      throw UsageError("gradcheck", "'" + name +
                                        "' is neither a node ('retrograd gradcheck "
                                        "--list' names them) nor a patch file");
  std::vector<NodeReport> reports;
  {
    ProgressLine line;
    for (const std::string& name : names) {
      line.show("checking " + name + ", " + std::to_string(reports.size() + 1) + "/" +
                std::to_string(names.size()));
      reports.push_back(check_node(name, default_gradcheck_seeds, {.device = device}));
    }
  }
  const bool passed = std::ranges::all_of(reports, &NodeReport::passed);
  if (json) {
    Json nodes = Json::list();
    for (const NodeReport& report : reports)
      nodes.add(Json::object({{"node", report.node},
                              {"dot_product_cases", report.dot_product_cases},
                              {"worst_dot_product", report.worst_dot_product},
                              {"difference_cases", report.difference_cases},
                              {"worst_difference", report.worst_difference},
                              {"passed", report.passed},
                              {"failure", report.failure}}));
    print_json(Json::object({{"passed", passed},
                             {"dot_product_tolerance", dot_product_tolerance},
                             {"difference_tolerance", difference_tolerance},
                             {"nodes", nodes}}));
    return verdict(passed);
  }
  std::vector<std::vector<std::string>> rows;
  for (const NodeReport& report : reports)
    rows.push_back({report.node, std::to_string(report.dot_product_cases + report.difference_cases),
                    brief(report.worst_dot_product), brief(report.worst_difference),
                    report.passed ? "ok" : "FAIL"});
  print_table(std::cout, {{"node"}, {"cases", true}, {"dot product", true}, {"difference", true}, {"result"}},
              rows);
  std::cerr << "allowed: dot product " << brief(dot_product_tolerance) << ", difference "
            << brief(difference_tolerance) << ", of the sum of the terms' magnitudes\n";
  for (const NodeReport& report : reports)
    if (!report.passed) std::cerr << report.node << ": " << report.failure << '\n';
  return verdict(passed);
}

ExitCode check_patch(const std::string& path, const GradcheckOptions& options, Device device) {
  PatchSource source = options.patch;
  source.file = path;
  Rack patch = read_patch(source);
  const std::vector<char> frozen = frozen_parameters(patch, options.frozen);
  say_doubts(patch, shown_input(path));
  ThreadPool threads(options.compute.threads);
  TapeOptions tape_of = tape_options(patch);
  tape_of.type = ElementType::f64;
  tape_of.device = device;
  tape_of.executor = &threads;
  Tape tape(tape_of);
  const RecordedRack recorded = record(tape, patch);
  for (std::size_t p = 0; p < frozen.size(); ++p)
    if (frozen[p] != 0) tape.freeze(recorded.parameters[p]);
  const Var loss = mean_over_time(square(recorded.audio));
  tape.play({loss});
  try {
    check_loss(tape, recorded, loss);
  } catch (const NotFiniteError& error) {
    const std::string failure = "nothing to compare with: " + std::string(error.what());
    if (options.json)
      print_json(Json::object(
          {{"passed", false}, {"loss", "mean square"}, {"parameters", Json::list()}, {"failure", failure}}));
    else
      std::cout << "FAIL\n";
    std::cerr << path << ": " << failure << '\n';
    return ExitCode::check_failed;
  }
  std::vector<ParameterReport> reports;
  {
    ProgressLine line;
    line.show("checking " + count(std::ranges::count(frozen, 0), "parameter"));
    reports = check_parameters(tape, loss);
  }
  const auto passes = [](const ParameterReport& report) { return report.agreement != Agreement::disagrees; };
  const auto word = [](const ParameterReport& report) {
    return report.agreement == Agreement::agrees      ? "ok"
           : report.agreement == Agreement::disagrees ? "FAIL"
                                                      : "cannot tell";
  };
  const bool passed = std::ranges::all_of(reports, passes);
  const auto unclear = std::ranges::count(reports, Agreement::cannot_tell, &ParameterReport::agreement);
  if (options.json) {
    Json list = Json::list();
    for (const ParameterReport& report : reports)
      list.add(Json::object({{"name", report.name},
                             {"analytic", report.analytic},
                             {"numeric", report.numeric},
                             {"uncertainty", report.uncertainty},
                             {"relative_error", report.relative_error},
                             {"at_kink", report.at_kink},
                             {"result", word(report)},
                             {"passed", passes(report)}}));
    print_json(Json::object({{"passed", passed},
                             {"cannot_tell", unclear},
                             {"loss", "mean square"},
                             {"tolerance", parameter_tolerance},
                             {"parameters", list}}));
    return verdict(passed);
  }
  std::vector<std::vector<std::string>> rows;
  for (const ParameterReport& report : reports)
    rows.push_back({report.name, precise(report.analytic), precise(report.numeric),
                    brief(report.relative_error), word(report), report.at_kink ? "at a kink" : ""});
  std::cout << "gradients of the mean square of the sound, " << number(tape.value(loss).item())
            << ", in f64\n\n";
  print_table(
      std::cout,
      {{"parameter"}, {"analytic", true}, {"numeric", true}, {"relative error", true}, {"result"}, {""}},
      rows);
  std::cerr << "allowed: a relative error of " << brief(parameter_tolerance)
            << "; 0 stands for less than the differences may be off\n";
  if (unclear > 0)
    std::cerr << "cannot tell: of " << count(unclear, "parameter")
              << " the differences are worth too little, at any step, to say whether the gradient is right\n";
  return verdict(passed);
}

ExitCode gradcheck(const GradcheckOptions& options) {
  const Device device = available_device(options.compute);
  if (options.list) return list_nodes(options.json);
  const auto is_patch = [](const std::string& what) {
    std::error_code ignored;
    return is_standard_stream(what) || what.ends_with(".toml") || std::filesystem::exists(what, ignored);
  };
  const std::vector<std::string> known = checkable_nodes();
  for (const std::string& what : options.what) {
    if (std::ranges::find(known, what) != known.end() || !is_patch(what)) continue;
    if (options.what.size() > 1)
      throw UsageError("gradcheck", "'" + what + "' is a file, and a patch is checked alone");
    return check_patch(what, options, device);
  }
  if (!options.patch.sets.empty()) throw UsageError("--set", "changes a patch, and none is checked");
  if (!options.frozen.empty()) throw UsageError("--freeze", "is of a patch, and none is checked");
  return check_nodes(options.what.empty() ? known : options.what, options.json, device);
}

}  // namespace

void add_gradcheck(Program& program) {
  const auto options = std::make_shared<GradcheckOptions>();
  Command command = program.add("gradcheck", "Check gradients: of nodes, or of a patch");
  command.option("NODE", options->what, "Nodes by name, or one patch file; all nodes where none is given")
      .value_name("")
      .file({"toml"});
  add_patch_options(command, options->patch);
  add_freeze_option(command, options->frozen,
                    "A parameter of the patch that is not checked, or a pattern of them, as in --freeze "
                    "'env.*'; as often as needed");
  command.flag("--list", options->list, "Print the nodes' names and check nothing");
  add_json_option(command, options->json);
  add_compute_options(
      command, options->compute,
      "How many threads compute a patch; all cores where not given. Nodes are checked on one");
  command.footer(
      "Nodes are checked in f64 by the dot-product test, on dual numbers, and by central differences. For a "
      "patch, each\nparameter's gradient of the sound's mean square stands beside one from differences.\n"
      "Exits with 1 where a check failed; where differences cannot tell, it says so and exits with 0.");
  command.runs([options] { return gradcheck(*options); });
}

}  // namespace retrograd::tool
