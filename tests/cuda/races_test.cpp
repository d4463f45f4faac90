// Tapes on a GPU whose lanes are threads, watched by ThreadSanitizer: every node and every kind of stage once, on
// lengths at which few barriers are met.
#include <doctest/doctest.h>

#include "emulated_gpu.hpp"
#include "random_node.hpp"

#include <retrograd/nodes/oscillator.hpp>

using namespace retrograd;
using namespace retrograd::cuda;

TEST_CASE("no node's lanes race") {
  EmulatedGpu one({.threads = true, .multiprocessors = 1}), many({.threads = true, .multiprocessors = 24});
  unsigned seed = 0;
  for (const gradcheck::CheckedNode& node : gradcheck::checked_nodes()) {
    if (node.type->reach != nullptr) continue;  // the CPU's alone, so far
    INFO(node.type->name);
    // Where time is split is another matter for causal nodes alone.
    const bool splits = std::string_view(node.type->name).find("oscillator") != std::string_view::npos ||
                        std::string_view(node.type->name) == "adsr" ||
                        std::string_view(node.type->name) == "phase";
    for (EmulatedGpu* gpu : splits ? std::vector{&one, &many} : std::vector{&many}) {
      Tape tape({.device = Device::cuda, .length = 700, .gpu = gpu});
      const Recorded recorded = record_random_node(tape, node, ++seed, 700);
      tape.play(recorded.outputs);
      tape.rewind(recorded.outputs[0]);
    }
  }
}

TEST_CASE("the lanes of a synth and its loss do not race") {
  for (const ElementType type : {ElementType::f32, ElementType::f64})
    for (const int multiprocessors : {1, 24}) {
      EmulatedGpu gpu({.threads = true, .multiprocessors = multiprocessors});
      Tape tape({.type = type, .device = Device::cuda, .sample_rate = 44100.0, .length = 1300, .gpu = &gpu});
      Tensor gate(Shape{1300});
      for (std::size_t i = 0; i < 700; ++i) gate.as<double>()[i] = 1.0;
      const Var envelope =
          adsr(tape.input("gate", gate), {tape.parameter("attack", 0.001), tape.parameter("decay", 0.01),
                                          tape.parameter("sustain", 0.5), tape.parameter("release", 0.01)});
      const Var pitch = tape.parameter("pitch", Tensor{300.0, 500.0}.reshaped(Shape{2, 1}));
      const Var vibrato = pitch * (1.0 + 0.01 * sinusoid(tape.parameter("rate", 6.0)));
      const Var audio = sinusoid(vibrato, sinusoid(pitch * 2.0) * envelope) * envelope;
      const Var loss = mean(square(audio)) + mean(stft_magnitude(audio, 64));
      for (int play = 0; play < 2; ++play) {
        tape.play({loss});
        tape.rewind(loss);
      }
    }
}
