// A build without RtAudio: no audio device.
#include <retrograd/tensor/errors.hpp>

#include "audio_output.hpp"

namespace retrograd::tool {
namespace {

[[noreturn]] void refuse_audio() {
  raise<DeviceError>(
      "this build reaches no audio device: it was made without RtAudio (Debian: librtaudio-dev); "
      "'retrograd render --notes' writes the sound to a file");
}

}  // namespace

std::vector<AudioDevice> audio_devices() { refuse_audio(); }

struct AudioOutput::State {
  std::string name;
};
AudioOutput::AudioOutput(std::optional<int>, double, int) { refuse_audio(); }
AudioOutput::~AudioOutput() = default;
const std::string& AudioOutput::name() const { return state_->name; }
double AudioOutput::sample_rate() const { return 0.0; }
int AudioOutput::block() const { return 0; }
void AudioOutput::start(Callback) {}
long AudioOutput::underruns() const { return 0; }

}  // namespace retrograd::tool
