// Peak resident memory, and how it grows with the number of operators.
#include <retrograd/tensor/errors.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "rows.hpp"
#include "synth.hpp"

namespace retrograd::tool {
namespace {

struct Memory {
  double peak;          // bytes resident at once: program, output and target included
  double saved_states;  // 16 bytes per causal node, row and tile
};

// The largest tile of the plan: what stands after "in tiles of" where the tape describes it.
std::int64_t tile_of(const std::string& plan) {
  constexpr std::string_view before = "in tiles of ";
  const std::size_t found = plan.find(before);
  if (found == std::string::npos) raise<Error>("[bench] the plan names no tile");
  return std::stoll(plan.substr(found + before.size()));
}

Memory play_and_rewind(int operators) {
  Synth synth({.operators = operators, .length = 10 * bench_sample_rate});
  const Var loss = synth.mean_squared_loss();
  const Var outputs[] = {synth.audio, loss};
  synth.tape.play(outputs);
  synth.tape.rewind(loss);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const std::int64_t tile = tile_of(synth.tape.describe_plan(outputs));
  const std::int64_t tiles = (synth.shape.length + tile - 1) / tile;
  constexpr int causal_nodes_per_operator = 2;  // a phase and an envelope
  return {static_cast<double>(usage.ru_maxrss) * 1024.0,
          16.0 * static_cast<double>(operators * causal_nodes_per_operator * synth.shape.rows * tiles)};
}

// In a process that does nothing else. It begins as a copy of this one, so that these rows come first, while
// this one is small and has no threads.
Memory memory_of(int operators) {
  int channel[2];
  if (pipe(channel) != 0) raise<Error>("[bench] no pipe for the memory benchmark");
  const pid_t child = fork();
  if (child < 0) raise<Error>("[bench] no process for the memory benchmark");
  if (child == 0) {
    bool told = false;
    try {
      const Memory memory = play_and_rewind(operators);
      told = write(channel[1], &memory, sizeof(memory)) == static_cast<ssize_t>(sizeof(memory));
    } catch (const std::exception&) {  // the parent says so
    }
    _exit(told ? 0 : 1);
  }
  close(channel[1]);
  Memory memory{};
  const bool heard = read(channel[0], &memory, sizeof(memory)) == static_cast<ssize_t>(sizeof(memory));
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!heard || status != 0) raise<Error>("[bench] the memory benchmark's process failed");
  return memory;
}

}  // namespace

void add_memory_rows(Rows& rows) {
  rows.push_back({"memory, fm 6 operators, 16 rows x 10 s, mean squared error, play + rewind", "MB",
                  at_most(100.0), [] { return memory_of(6).peak / 1e6; }});
  rows.push_back(
      {"memory, what 60 operators add to 6, over the saved states they add", "ratio", at_most(1.1), [] {
         const Memory few = memory_of(6), many = memory_of(60);
         return (many.peak - few.peak) / (many.saved_states - few.saved_states);
       }});
}

}  // namespace retrograd::tool
