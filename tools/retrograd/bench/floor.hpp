// The floor: the FM synth of synth.hpp as a loop written by hand for exactly that patch, with the accuracy, the
// SIMD dispatch and the tiles of the engine and none of its generality. The tape is measured as a share of it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace retrograd::tool {

/// One value per row each; as gradients, of the same.
struct FloorOperator {
  std::vector<double> ratio, gain, attack, decay, sustain, release;  ///< times in seconds
};

/// The pitch in Hz: one value per row, or where it varies over time a signal [rows][length]; the other is empty.
/// As gradients, of the same.
struct FloorValues {
  std::vector<double> pitch;
  std::vector<float> pitch_signal;
  std::vector<FloorOperator> operators;
};

/// What a tape of the synth is recorded from.
struct FloorParameters {
  std::int64_t rows = 1, length = 0;
  double sample_rate = 44100.0;
  std::int64_t gate_on = 0, gate_off = 0;  ///< samples; high from gate_on up to, without, gate_off
  FloorValues values;
};

/// Two operators (1 into 0), or six (2 into 1 into 0, 5 into 4 into 3; 0 and 3 are heard).
class Floor {
 public:
  /// Allocates all it will need. `parameters` says how many operators and whether the pitch varies.
  explicit Floor(const FloorParameters& parameters);
  ~Floor();
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;

  /// audio: [rows][length], overwritten. Keeps what `backward` starts its tiles from, as playing a tape does.
  void forward(float* audio);
  /// gy: [rows][length], the audio's adjoint. `gradients` has its sizes already and is overwritten. Follows a
  /// `forward`, any number of times.
  void backward(const float* gy, FloorValues& gradients);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retrograd::tool
