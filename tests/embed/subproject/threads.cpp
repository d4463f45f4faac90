// Two tapes on two threads never meet: each thread records, plays, rewinds and learns on a tape of its own, and comes to the bits that it
// comes to alone. Built under ThreadSanitizer, which ends the program where they share what one of them writes.
#include <retrograd/retrograd.hpp>

#include <cstdio>
#include <thread>

namespace rg = retrograd;

static std::vector<float> learn(double frequency, rg::Executor* executor) {
  rg::Rack patch = rg::default_rack();
  patch.note.frequency = frequency;
  patch.duration = 0.1;
  patch.note.gate = {{0.0, 0.05}};
  rg::TapeOptions options = rg::tape_options(patch);
  options.executor = executor;
  rg::Tape tape(options);
  const rg::RecordedRack synth = rg::record(tape, patch, 3);
  const rg::Var target = tape.input("target", rg::Tensor(rg::Shape{*options.length}));
  const rg::Var loss =
      rg::multi_resolution_stft_loss(synth.audio, target) + rg::mean_squared_loss(synth.audio, target);
  rg::Adam adam(tape);
  for (int step = 0; step < 5; ++step) {
    tape.play({loss});
    tape.rewind(loss);
    adam.step();
  }
  tape.play({synth.audio});
  const std::span<const float> audio = tape.value(synth.audio).as<float>();
  return {audio.begin(), audio.end()};
}

int main() {
  // First together, so that what is made when first used is made by both.
  std::vector<float> together[2];
  std::thread other([&] { together[1] = learn(220.0, nullptr); });
  together[0] = learn(330.0, nullptr);
  other.join();

  rg::ThreadPool pool(2);  // one tape on two threads
  const bool same = together[0] == learn(330.0, &pool) && together[1] == learn(220.0, nullptr);
  if (!same) std::fprintf(stderr, "failed: a tape has the bits it has alone\n");
  return same ? 0 : 1;
}
