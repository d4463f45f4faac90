// The computer's audio devices, through RtAudio. A build without it has none and says so.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace retrograd::tool {

struct AudioDevice {
  int number;  ///< what --audio takes
  std::string name;
  bool is_default;
};

/// Those that sound comes out of. Raises a DeviceError in a build without RtAudio; empty where there is none.
std::vector<AudioDevice> audio_devices();

/// An audio device that plays what a function gives it.
class AudioOutput {
 public:
  /// Fills `frames` samples, at most block(), of each of the device's channels, of which there are one or two. Called on a
  /// thread of the device's: it must not wait.
  using Callback = std::function<void(float* const* outputs, int channels, int frames)>;

  /// Opens the device, or the default one, at `sample_rate` (Hz) where it can, for blocks of about `block`
  /// frames. Raises a DeviceError that says why it cannot.
  AudioOutput(std::optional<int> device, double sample_rate, int block);
  /// Stops.
  ~AudioOutput();
  AudioOutput(const AudioOutput&) = delete;
  AudioOutput& operator=(const AudioOutput&) = delete;

  const std::string& name() const;
  double sample_rate() const;  ///< Hz, that it plays at
  int block() const;           ///< frames at most

  /// From now on calls `callback`. Raises a DeviceError where the device refuses.
  void start(Callback callback);
  /// How often the sound was not there in time.
  long underruns() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retrograd::tool
