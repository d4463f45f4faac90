// The FM synth that the rows share: parameters of its own for each row, everything differentiable.
#pragma once

#include <retrograd/nodes/adsr.hpp>
#include <retrograd/racks/fm.hpp>
#include <retrograd/tape/tape.hpp>

#include <optional>
#include <vector>

namespace retrograd::tool {

inline constexpr std::int64_t bench_sample_rate = 44100;

struct SynthShape {
  int operators = 2;
  std::int64_t rows = 16;
  std::int64_t length = bench_sample_rate;  ///< samples; the gate is high for the first half
  bool pitch_varies = false;  ///< the pitch is a signal (rows, length) with a gradient of its own
  ElementType type = ElementType::f32;
  Device device = Device::cpu;
  Executor* executor = nullptr;
  cuda::Gpu* gpu = nullptr;  ///< the machine's first where it is null

  double operator_samples() const { return static_cast<double>(operators * rows * length); }
};

/// Operator 1 into 0; of six operators two stacks of three; of more, or another number, pairs.
std::vector<Route> bench_routing(int operators);
/// Modulators before their carriers.
std::vector<int> bench_order(int operators);
/// The operators that modulate nobody.
std::vector<int> bench_audible(int operators);

/// Noise between -1 and 1, the same on every machine: an adjoint that gives no gradient a sum which cancels.
Tensor noise(const Shape& shape);

struct Synth {
  explicit Synth(const SynthShape& shape);

  void forward() { tape.play({audio}); }
  /// The audio, then the gradients of all parameters for adjoint() of the audio.
  void forward_and_backward() {
    forward();
    tape.rewind(audio, adjoint());
  }
  /// Noise of the audio's shape, made when first asked for, where the tape computes.
  const Tensor& adjoint();

  /// Records the loss against a silent target.
  Var mean_squared_loss();
  Var spectral_loss();

  SynthShape shape;
  Tape tape;
  Var pitch;
  struct OperatorParameters {
    Var ratio, gain;
    EnvelopeParameters envelope;
  };
  std::vector<OperatorParameters> operators;
  Var audio;

 private:
  void record_audio(Var held);
  std::optional<Tensor> adjoint_;
};

}  // namespace retrograd::tool
