// What nvcc and its assembler say of the kernels: none spills registers into memory, each is compiled for every
// architecture, what keeps arrays in local memory is known, and the PTX asks for the CPU's arithmetic.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <retrograd/backends/cuda/kernels.hpp>

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <typeinfo>
#include <vector>

using namespace retrograd::cuda;

namespace {

std::vector<std::string> arguments;  // architectures, "--", reports

struct Use {
  int registers = 0, stack = 0, spills = 0;
};
using Report = std::map<std::pair<std::string, std::string>, Use>;  // by kernel and architecture

std::string demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  const std::string result = status == 0 ? text : name;
  std::free(text);
  return result;
}

/// "void retrograd::cuda::kernel<BODY>(...)" is BODY.
std::string body_of(const std::string& kernel) {
  const std::string before = "void retrograd::cuda::kernel<";
  const std::size_t first = kernel.find(before), end = kernel.rfind(">(");
  if (first != 0 || end == std::string::npos) return kernel;
  std::string body = kernel.substr(before.size(), end - before.size());
  while (!body.empty() && body.back() == ' ') body.pop_back();
  return body;
}

/// Calls `take` for each line of the reports.
template <class Take>
void for_each_line(const Take& take) {
  bool are_reports = false;
  for (const std::string& file : arguments) {
    if (!are_reports) {
      are_reports = file == "--";
      continue;
    }
    std::ifstream lines(file);
    REQUIRE_MESSAGE(lines, file);
    for (std::string line; std::getline(lines, line);) take(line);
  }
}

Report read_reports() {
  const std::regex entry(R"(ptxas info\s*: Compiling entry function '(\w+)' for 'sm_(\w+)')"),
      memory(R"(\s*(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads)"),
      used(R"(ptxas info\s*: Used (\d+) registers.*)");
  Report report;
  Use* use = nullptr;
  std::smatch found;
  for_each_line([&](const std::string& line) {
    if (std::regex_match(line, found, entry))
      use = &report[{body_of(demangled(found.str(1).c_str())), found.str(2)}];
    if (use == nullptr) return;
    // Once for the kernel and once for each function that is called in it.
    if (std::regex_match(line, found, memory)) {
      use->stack = std::max(use->stack, std::stoi(found.str(1)));
      use->spills += std::stoi(found.str(2)) + std::stoi(found.str(3));
    }
    if (std::regex_match(line, found, used)) use->registers = std::stoi(found.str(1));
  });
  return report;
}

template <class... Bodies>
std::set<std::string> names(KernelList<Bodies...>) {
  return {demangled(typeid(Bodies).name())...};
}

}  // namespace

TEST_CASE("every kernel is compiled for every architecture") {
  const Report report = read_reports();
  for (const std::string& arch : arguments) {
    if (arch == "--") break;
    std::set<std::string> compiled;
    for (const auto& [kernel, use] : report)
      if (kernel.second == arch) compiled.insert(kernel.first);
    CHECK_MESSAGE(compiled == names(AllKernels()), "sm_" << arch);
  }
}

TEST_CASE("no kernel spills, and only those known keep arrays in local memory") {
  // A lane's few states, of which a program's instruction names one, and what the interpreters hand to their nodes:
  // bytes of each thread. The registers of an interpreter leave room for several blocks on a multiprocessor, for
  // which a few numbers that its steps share, but not its loops over samples, may go there and back; filters, whose
  // functions are called where a program has them, keep part of a block's maps there.
  struct Known {
    int stack, spills, registers;
  };
  const std::map<std::string, Known> with_memory{
      {"ScanStates<float>", {64, 0, 255}},     {"ScanStates<double>", {128, 0, 255}},
      {"PlayTiles<float>", {256, 512, 96}},    {"PlayTiles<double>", {512, 1024, 128}},
      {"RewindTiles<float>", {512, 3072, 96}}, {"RewindTiles<double>", {640, 3584, 128}}};
  for (const auto& entry : read_reports()) {
    const auto& kernel = entry.first;
    const Use& use = entry.second;
    INFO(kernel.first << " for sm_" << kernel.second << ": " << use.registers << " registers, " << use.stack
                      << " bytes of stack, " << use.spills << " bytes of spills");
    const auto found = with_memory.find(kernel.first.substr(std::string("retrograd::cuda::").size()));
    const Known known = found == with_memory.end() ? Known{0, 0, 255} : found->second;
    CHECK(use.registers > 0);
    CHECK(use.registers <= known.registers);
    CHECK(use.spills <= known.spills);
    CHECK(use.stack <= known.stack);
  }
}

// A driver may fuse a product and a sum that do not say how each rounds, whatever nvcc was told.
TEST_CASE("every operation on floats rounds by itself, floats of 32 bits flush, and nothing is approximate") {
  const std::set<std::string> rounding{"add", "sub", "mul", "div", "fma", "sqrt", "rcp"},
      flushing{"add", "sub", "mul", "div", "fma", "sqrt", "rcp", "neg", "abs", "setp", "min", "max"},
      moving{"mov", "ld", "st", "selp", "setp", "cvt", "neg", "abs", "copysign", "min", "max"};
  const std::regex instruction(R"(ptx ((\w+)\S*) \d+)");
  std::set<std::string> seen;
  for_each_line([&](const std::string& line) {
    std::smatch found;
    if (!std::regex_match(line, found, instruction)) return;
    const std::string whole = found.str(1) + ".", name = found.str(2);
    INFO(found.str(1));
    seen.insert(name);
    const auto has = [&](const char* part) { return whole.find(part) != std::string::npos; };
    if (rounding.count(name) != 0)
      CHECK(has(".rn."));
    else
      CHECK(moving.count(name) != 0);
    if (flushing.count(name) != 0 && has(".f32.")) CHECK(has(".ftz."));
    CHECK(!has(".approx."));
    CHECK(!has(".full."));
  });
  for (const char* name : {"add", "mul", "div", "fma", "sqrt"}) CHECK_MESSAGE(seen.count(name) == 1, name);
}

int main(int argc, char** argv) {
  arguments.assign(argv + 1, argv + argc);
  if (arguments.empty()) {
    std::puts("skipped: nothing was compiled by nvcc; this build has no CUDA");
    return 77;
  }
  return doctest::Context().run();
}
