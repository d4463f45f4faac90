// retrograd bench: how fast the engine plays and rewinds, and how much memory it takes, each beside its goal.
#include <benchmark/benchmark.h>
#include <retrograd/losses/losses.hpp>
#include <retrograd/math/simd.hpp>
#include <retrograd/nodes/gate.hpp>
#include <retrograd/optimizers/optimizer.hpp>
#include <retrograd/synths/fm_synth.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "build.hpp"
#include "command.hpp"
#include "options.hpp"
#include "text.hpp"

namespace retrograd::tool {
namespace {

constexpr double sample_rate = 44100.0;

struct BenchOptions {
  std::string filter;
  bool json = false;
  ComputeOptions compute;
};

// An FM synth with parameters of its own for each row, and a target to compare it with.
struct Synth {
  Synth(int operators, std::initializer_list<Route> routing, std::int64_t rows, double seconds, bool spectral,
        Executor* executor)
      : tape({.sample_rate = sample_rate,
              .length = static_cast<std::int64_t>(seconds * sample_rate),
              .executor = executor}) {
    const auto parameter = [&](const std::string& name, double low, double high, const Domain& domain) {
      Tensor value(Shape{rows, 1});
      for (std::int64_t row = 0; row < rows; ++row)
        value.as<double>()[static_cast<std::size_t>(row)] =
            low + (high - low) * static_cast<double>(row) / static_cast<double>(rows);
      return tape.parameter(name, value, domain);
    };
    const Var held = tape.input("gate", gate({{0.0, seconds / 2}}, tape));
    const Var pitch = parameter("pitch", 200.0, 400.0, positive);
    std::vector<FMOperatorParameters> parameters;
    for (int i = 0; i < operators; ++i) {
      const std::string of = " of operator " + std::to_string(i);
      parameters.push_back(
          {parameter("ratio" + of, 1.0 + i, 1.1 + i, positive),
           parameter("gain" + of, 0.5, 1.0, positive),
           {parameter("attack" + of, 0.1, 0.2, positive), parameter("decay" + of, 0.3, 0.4, positive),
            parameter("sustain" + of, 0.1, 0.4, unit_interval),
            parameter("release" + of, 0.2, 0.4, positive)}});
    }
    audio = FMSynth(operators, routing)(held, pitch, parameters);
    const Var target = tape.input("target", Tensor(Shape{rows, *tape.options().length}, ElementType::f32));
    loss = spectral ? multi_resolution_stft_loss(audio, target) : mean_squared_loss(audio, target);
  }
  Tape tape;
  Var audio, loss;
};

const std::initializer_list<Route> two_operators{{1, 0}};
const std::initializer_list<Route> six_operators{{1, 0}, {2, 1}, {4, 3}, {5, 4}};

constexpr int repetitions = 7;  // of what is timed; memory is measured once

// One line of the result: what is measured, in which unit, and the goal it is held against.
struct Row {
  std::string name, unit;
  double goal;
  double per_run;  // divides a run's time, in the unit
  std::function<void(benchmark::State&)> run;
};

std::vector<Row> timed_rows(Executor& threads) {
  std::vector<Row> rows;
  for (const int operators : {2, 6}) {
    const auto& routing = operators == 2 ? two_operators : six_operators;
    const double operator_samples = operators * 16 * sample_rate;
    const std::string name = "fm " + std::to_string(operators) + " operators, 16 rows x 1 s, 1 thread, ";
    rows.push_back(
        {name + "forward", "ns per operator and sample", 1.5, operator_samples, [=](benchmark::State& state) {
           Synth synth(operators, routing, 16, 1.0, false, nullptr);
           synth.tape.play({synth.audio});
           for (auto _ : state) synth.tape.play({synth.audio});
         }});
    rows.push_back({name + "forward + backward", "ns per operator and sample", 4.0, operator_samples,
                    [=](benchmark::State& state) {
                      Synth synth(operators, routing, 16, 1.0, false, nullptr);
                      const auto once = [&] {
                        synth.tape.play({synth.loss});
                        synth.tape.rewind(synth.loss);
                      };
                      once();
                      for (auto _ : state) once();
                    }});
  }
  rows.push_back({"fit step, fm 2 operators, 16 rows x 1 s, spectral loss, all threads", "ms", 70.0, 1e6,
                  [&threads](benchmark::State& state) {
                    Synth synth(2, two_operators, 16, 1.0, true, &threads);
                    Adam adam(synth.tape);
                    const auto once = [&] {
                      synth.tape.play({synth.loss});
                      synth.tape.rewind(synth.loss);
                      adam.step();
                    };
                    once();
                    for (auto _ : state) once();
                  }});
  return rows;
}

constexpr const char* memory_name =
    "memory, fm 6 operators, 16 rows x 10 s, mean squared error, play + rewind";

// Peak resident memory of a process that does nothing else: program, output and target included.
double peak_megabytes() {
  int channel[2];
  if (pipe(channel) != 0) raise<Error>("[bench] no pipe for the memory benchmark");
  const pid_t child = fork();
  if (child < 0) raise<Error>("[bench] no process for the memory benchmark");
  if (child == 0) {
    Synth synth(6, six_operators, 16, 10.0, false, nullptr);
    synth.tape.play({synth.audio, synth.loss});
    synth.tape.rewind(synth.loss);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const double megabytes = static_cast<double>(usage.ru_maxrss) * 1024.0 / 1e6;
    const bool told =
        write(channel[1], &megabytes, sizeof(megabytes)) == static_cast<ssize_t>(sizeof(megabytes));
    _exit(told ? 0 : 1);
  }
  double megabytes = 0.0;
  const bool heard =
      read(channel[0], &megabytes, sizeof(megabytes)) == static_cast<ssize_t>(sizeof(megabytes));
  close(channel[0]);
  close(channel[1]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!heard || status != 0) raise<Error>("[bench] the memory benchmark's process failed");
  return megabytes;
}

// Collects the real time of each repetition, by name.
class Times final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs)
      if (run.run_type == Run::RT_Iteration)
        nanoseconds_[run.run_name.function_name].push_back(run.real_accumulated_time /
                                                           static_cast<double>(run.iterations) * 1e9);
  }
  double median(const std::string& name) {
    std::vector<double>& times = nanoseconds_[name];
    std::ranges::sort(times);
    return times[times.size() / 2];
  }

 private:
  std::map<std::string, std::vector<double>> nanoseconds_;
};

ExitCode bench(const BenchOptions& options) {
  available_device(options.compute);
  const auto is_wanted = [&](const std::string& name) {
    return name.find(options.filter) != std::string::npos;
  };
  struct Measured {
    std::string name, unit;
    double value, goal;
    int runs;  // the value is their median
  };
  std::vector<Measured> measured;
  // First, while this process is small and has no threads.
  if (is_wanted(memory_name)) measured.push_back({memory_name, "MB", peak_megabytes(), 150.0, 1});

  ThreadPool threads(options.compute.threads);
  std::vector<Row> rows = timed_rows(threads);
  std::erase_if(rows, [&](const Row& row) { return !is_wanted(row.name); });
  for (const Row& row : rows)
    benchmark::RegisterBenchmark(row.name.c_str(), row.run)
        ->Repetitions(repetitions)
        ->UseRealTime()
        ->MinTime(0.2);
  if (!rows.empty()) {
    Times times;
    benchmark::RunSpecifiedBenchmarks(&times);
    for (const Row& row : rows)
      measured.push_back({row.name, row.unit, times.median(row.name) / row.per_run, row.goal, repetitions});
  }
  if (measured.empty()) {
    std::cerr << "retrograd: no benchmark has '" << options.filter << "' in its name\n";
    return ExitCode::bad_usage;
  }

  const std::string level = math::name(math::simd_level());
  if (options.json) {
    nlohmann::json report{{"version", version}, {"simd", level}, {"threads", threads.workers()}};
    for (const Measured& row : measured)
      report["rows"].push_back({{"name", row.name},
                                {"unit", row.unit},
                                {"median", row.value},
                                {"goal", row.goal},
                                {"runs", row.runs}});
    std::cout << report.dump(2) << '\n';
    return ExitCode::done;
  }
  std::vector<std::vector<std::string>> cells;
  for (const Measured& row : measured)
    cells.push_back({row.name, number(row.value), number(row.goal), row.unit});
  print_table(std::cout, {{"benchmark"}, {"measured", true}, {"goal", true}, {"unit"}}, cells);
  std::cerr << "SIMD level " << level << "; times are medians of " << repetitions
            << " runs, memory is of one\n";
  return ExitCode::done;
}

}  // namespace

void add_bench(CLI::App& program, Action& action) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App* command = program.add_subcommand("bench", "Measure speed and memory, each beside its goal");
  command->add_option("FILTER", options->filter,
                      "Only the benchmarks with this in their name: \"memory\", \"forward\"");
  add_json_option(*command, options->json);
  add_compute_options(*command, options->compute);
  command->callback([options, &action] { action = [options] { return bench(*options); }; });
}

}  // namespace retrograd::tool
