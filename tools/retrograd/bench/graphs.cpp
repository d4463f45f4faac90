// What a graph costs beside its arithmetic: the time to play a short block, and the time to record and plan.
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>

#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

constexpr std::int64_t block = 64;

// Five nodes per operator: frequency, phase, envelope, waveform and their product.
constexpr int nodes_per_operator = 5;

// The time to play a block, less what as many samples take inside a long signal.
double overhead_microseconds(void (Synth::*run)()) {
  constexpr std::int64_t more = 4096;
  Synth shortest({.operators = 20 / nodes_per_operator, .rows = 1, .length = block});
  Synth longer({.operators = 20 / nodes_per_operator, .rows = 1, .length = block + more});
  const Comparison times = compare([&] { (shortest.*run)(); }, [&] { (longer.*run)(); });
  const double per_sample = (times.b_nanoseconds - times.a_nanoseconds) / more;
  return (times.a_nanoseconds - per_sample * block) / 1e3;
}

// From nothing to the first result of a small FM synth, less a later play.
double recording_microseconds(int nodes, void (Synth::*run)()) {
  const SynthShape shape{.operators = nodes / nodes_per_operator, .rows = 1, .length = block};
  Synth recorded(shape);
  const Comparison times = compare(
      [&] {
        Synth fresh(shape);
        (fresh.*run)();
      },
      [&] { (recorded.*run)(); });
  return (times.a_nanoseconds - times.b_nanoseconds) / 1e3;
}

using Graph = Var (*)(Tape& tape, int nodes);

// Each node reads the one before it: as deep as a graph can be.
Var chain(Tape& tape, int nodes) {
  const Var start = tape.parameter("x", noise(Shape{block}));
  Var x = start;
  for (int i = 0; i < nodes; i += 2) x = sin(x + start);
  return x;
}

// A sum of oscillators: as wide as a graph can be. Phase, waveform and sum are three nodes.
Var voices(Tape& tape, int nodes) {
  const Var pitch = tape.parameter("pitch", 300.0);
  Var sum = sinusoid(pitch);
  for (int i = 2; i < nodes; i += 3) sum = sum + sinusoid(pitch);
  return sum;
}

void record_play_and_rewind(Graph graph, int nodes) {
  Tape tape({.sample_rate = static_cast<double>(bench_sample_rate), .length = block});
  const Var y = graph(tape, nodes);
  tape.play({y});
  tape.rewind(y);
}

double growth_of_recording(Graph graph) {
  constexpr int few = 10'000, many = 100'000;
  const double ratio =
      compare([&] { record_play_and_rewind(graph, many); }, [&] { record_play_and_rewind(graph, few); })
          .ratio;
  return ratio * few / many;
}

}  // namespace

void add_graph_rows(Rows& rows) {
  rows.push_back({"a block of 64 samples through 20 nodes, over the arithmetic, forward", "us", at_most(2.0),
                  [] { return overhead_microseconds(&Synth::forward); }});
  rows.push_back({"a block of 64 samples through 20 nodes, over the arithmetic, forward + backward", "us",
                  no_goal, [] { return overhead_microseconds(&Synth::forward_and_backward); }});
  rows.push_back({"recording and planning 100 nodes, forward", "us", at_most(100.0),
                  [] { return recording_microseconds(100, &Synth::forward); }});
  rows.push_back({"recording and planning 100 nodes, forward + backward", "us", no_goal,
                  [] { return recording_microseconds(100, &Synth::forward_and_backward); }});
  rows.push_back({"recording, planning and running 100,000 nodes over 10,000, a chain",
                  "ratio of times per node", at_most(1.3), [] { return growth_of_recording(chain); }});
  rows.push_back({"recording, planning and running 100,000 nodes over 10,000, voices",
                  "ratio of times per node", at_most(1.3), [] { return growth_of_recording(voices); }});
}

}  // namespace retrograd::tool
