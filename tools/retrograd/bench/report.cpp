// The result of a benchmark, as a table, as Markdown or as JSON.
#include "report.hpp"

#include <retrograd/math/simd.hpp>

#include <array>
#include <cstdio>
#include <fstream>
#include <thread>

#include "../build.hpp"
#include "../json.hpp"
#include "../text.hpp"

namespace retrograd::tool {
namespace {

std::string processor_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

// Three digits: more would be noise.
std::string digits(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

std::string text_of(const Goal& goal) {
  switch (goal.better) {
    case Goal::Better::lower:
      return "<= " + number(goal.value);
    case Goal::Better::higher:
      return ">= " + number(goal.value);
    case Goal::Better::neither:
      break;
  }
  return "";
}

const char* verdict(const Measured& row) {
  if (!row.figure.disagreement.empty()) return "disagrees";
  if (row.goal.better == Goal::Better::neither) return "";
  return row.goal.is_met_by(row.figure.value) ? "met" : "missed";
}

const char* name(Goal::Better better) {
  return better == Goal::Better::lower ? "lower" : better == Goal::Better::higher ? "higher" : "neither";
}

}  // namespace

Machine this_machine() {
  return {processor_model(), math::name(math::simd_level()),
          static_cast<int>(std::thread::hardware_concurrency())};
}

void print_text(std::ostream& out, const std::vector<Measured>& rows) {
  std::vector<std::vector<std::string>> cells;
  for (const Measured& row : rows)
    cells.push_back({row.name, digits(row.figure.value), text_of(row.goal), verdict(row), row.unit});
  print_table(out, {{"benchmark"}, {"measured", true}, {"goal", true}, {""}, {"unit"}}, cells);
}

void print_markdown(std::ostream& out, const std::vector<Measured>& rows, const Machine& machine,
                    const std::string& command) {
  out << "`" << command << "`, version " << version << ", " << machine.processor << ", "
      << count(machine.cores, "core") << ", SIMD level " << machine.simd << ", " << compiler << ":\n\n"
      << "| what | measured | goal | | unit |\n|---|---|---|---|---|\n";
  for (const Measured& row : rows)
    out << "| " << row.name << " | " << digits(row.figure.value) << " | " << text_of(row.goal) << " | "
        << verdict(row) << " | " << row.unit << " |\n";
}

void print_json(std::ostream& out, const std::vector<Measured>& rows, const Machine& machine, int threads) {
  Json list = Json::list();
  for (const Measured& row : rows) {
    const bool has_goal = row.goal.better != Goal::Better::neither;
    Json entry = Json::object({{"name", row.name},
                               {"unit", row.unit},
                               {"value", row.figure.value},
                               {"goal", has_goal ? Json(row.goal.value) : Json()},
                               {"better", name(row.goal.better)}});
    const std::string& disagreement = row.figure.disagreement;
    if (has_goal)
      entry.add("met", disagreement.empty() ? Json(row.goal.is_met_by(row.figure.value)) : Json());
    if (!disagreement.empty()) entry.add("disagrees", disagreement);
    list.add(entry);
  }
  out << Json::object({{"version", version},
                       {"processor", machine.processor},
                       {"cores", machine.cores},
                       {"simd", machine.simd},
                       {"threads", threads},
                       {"rows", list}})
             .lines()
      << '\n';
}

}  // namespace retrograd::tool
