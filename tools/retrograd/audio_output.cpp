// The computer's audio devices, through RtAudio.
#include "audio_output.hpp"

#include <RtAudio.h>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>

#include "hushed.hpp"

namespace retrograd::tool {
namespace {

/// Calls `body`; what RtAudio raises becomes a DeviceError.
template <class Body>
auto with_rtaudio_errors(const std::string& what, const Body& body) {
  const Hushed hushed;
  try {
    return body();
  } catch (const RtAudioError& error) {
    raise<DeviceError>(what + ": " + error.getMessage());
  }
}

std::vector<AudioDevice> devices_of(RtAudio& audio) {
  audio.showWarnings(false);
  std::vector<AudioDevice> devices;
  for (unsigned i = 0; i < audio.getDeviceCount(); ++i) {
    const RtAudio::DeviceInfo info = audio.getDeviceInfo(i);
    if (info.probed && info.outputChannels > 0)
      devices.push_back({static_cast<int>(i), info.name, info.isDefaultOutput});
  }
  return devices;
}

AudioDevice chosen(RtAudio& audio, std::optional<int> number) {
  const std::vector<AudioDevice> devices = devices_of(audio);
  if (devices.empty()) raise<DeviceError>("there is no audio device to play on");
  if (!number) {
    const auto usual = std::ranges::find_if(devices, &AudioDevice::is_default);
    return usual == devices.end() ? devices.front() : *usual;
  }
  const auto wanted = std::ranges::find(devices, *number, &AudioDevice::number);
  if (wanted == devices.end())
    raise<DeviceError>("there is no audio device " + std::to_string(*number) +
                       "; 'retrograd play --list' lists them");
  return *wanted;
}

}  // namespace

std::vector<AudioDevice> audio_devices() {
  return with_rtaudio_errors("cannot list the audio devices", [] {
    RtAudio audio;
    return devices_of(audio);
  });
}

struct AudioOutput::State {
  RtAudio audio;
  AudioDevice device{};
  unsigned channels = 1, sample_rate = 0, block = 0;
  std::atomic<long> underruns{0};
  Callback callback;

  void open(std::optional<int> number, double wanted_rate, int wanted_block) {
    device = chosen(audio, number);
    const RtAudio::DeviceInfo info = audio.getDeviceInfo(static_cast<unsigned>(device.number));
    channels = std::min(info.outputChannels, 2u);
    const auto wanted = static_cast<unsigned>(std::llround(wanted_rate));
    const bool has_rate = std::ranges::count(info.sampleRates, wanted) > 0;
    sample_rate = has_rate || info.preferredSampleRate == 0 ? wanted : info.preferredSampleRate;
    block = static_cast<unsigned>(wanted_block);
    RtAudio::StreamParameters parameters;
    parameters.deviceId = static_cast<unsigned>(device.number);
    parameters.nChannels = channels;
    RtAudio::StreamOptions options;
    options.flags = RTAUDIO_NONINTERLEAVED | RTAUDIO_MINIMIZE_LATENCY | RTAUDIO_SCHEDULE_REALTIME;
    options.streamName = "retrograd";
    audio.openStream(&parameters, nullptr, RTAUDIO_FLOAT32, sample_rate, &block, &fill, this, &options);
  }

  static int fill(void* output, void*, unsigned frames, double, RtAudioStreamStatus status, void* data) {
    State& state = *static_cast<State*>(data);
    if ((status & RTAUDIO_OUTPUT_UNDERFLOW) != 0) state.underruns.fetch_add(1, std::memory_order_relaxed);
    float* const first = static_cast<float*>(output);
    float* const outputs[] = {first, first + (state.channels > 1 ? frames : 0)};
    state.callback(outputs, static_cast<int>(state.channels), static_cast<int>(frames));
    return 0;
  }
};

AudioOutput::AudioOutput(std::optional<int> device, double sample_rate, int block)
    : state_(
          with_rtaudio_errors("cannot reach the audio devices", [] { return std::make_unique<State>(); })) {
  with_rtaudio_errors("cannot open the audio device", [&] { state_->open(device, sample_rate, block); });
}

AudioOutput::~AudioOutput() {
  try {
    if (state_->audio.isStreamRunning()) state_->audio.stopStream();
  } catch (const RtAudioError&) {
    // A device that has gone away has stopped.
  }
}

const std::string& AudioOutput::name() const { return state_->device.name; }
double AudioOutput::sample_rate() const { return state_->sample_rate; }
int AudioOutput::block() const { return static_cast<int>(state_->block); }
long AudioOutput::underruns() const { return state_->underruns.load(std::memory_order_relaxed); }

void AudioOutput::start(Callback callback) {
  state_->callback = std::move(callback);
  with_rtaudio_errors("cannot start the audio device", [&] { state_->audio.startStream(); });
}

}  // namespace retrograd::tool
