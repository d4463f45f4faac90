// Playing the stream from event to event, adding its voices up, and finding those whose sound has ended.
#include <retrograd/instrument/state.hpp>
#include <retrograd/math/floating_point.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace retrograd {

namespace {

/// A voice whose sound has ended becomes free at a multiple of these samples.
constexpr std::int64_t grid = detail::VoiceEnd::mark;
/// Seconds that it must have been quiet for.
constexpr double least_quiet = 0.05;

}  // namespace

bool Instrument::State::any_is_released() const noexcept {
  for (int v = 0; v < voices.count(); ++v)
    if (voices.phase(v) == VoicePhase::released) return true;
  return false;
}

// Listens to the `count` samples that were played last.
void Instrument::State::listen(std::int64_t count) noexcept {
  const std::int64_t start = position - count;
  const std::int64_t quiet = std::llround(least_quiet * stream.sample_rate()) + stream.memory_of_voices();
  const std::size_t rows = sounds.size(), first = has_mix_point ? static_cast<std::size_t>(channel_count) : 0;
  for (int v = 0; v < voices.count(); ++v) {
    if (voices.phase(v) == VoicePhase::free) continue;
    VoiceEnd& end = ends[static_cast<std::size_t>(v)];
    for (std::int64_t at = 0; at < count;) {
      const std::int64_t part = std::min(count - at, end.to_mark(start + at));
      const bool is_mark = part == end.to_mark(start + at);
      for (std::size_t row = first + static_cast<std::size_t>(v); row < outputs.size(); row += rows)
        end.hear(outputs[row] + at, part);
      at += part;
      if (is_mark && end.ends_at_mark(is_on(v), quiet) && sound_of(v).ended < 0)
        sound_of(v).ended = start + at;
    }
  }
}

// Frees the voices whose sound has ended, in the order in which they ended.
void Instrument::State::free_ended() noexcept {
  ended.clear();
  for (int v = 0; v < voices.count(); ++v) {
    VoiceSound& sound = sound_of(v);
    if (voices.phase(v) != VoicePhase::released) continue;
    if (sound.ended < 0 && sound.silent_at >= 0 && position >= sound.silent_at) sound.ended = sound.silent_at;
    if (sound.ended >= 0) ended.push_back(v);
  }
  std::ranges::sort(ended, {}, [&](int v) { return std::pair(sound_of(v).ended, v); });
  for (const int v : ended) {
    voices.end(v);
    send(StreamEvent::Kind::sleep, 0, v, 0.0);
  }
}

StreamStatus Instrument::State::process(float* const* output, int frames) noexcept {
  const math::DefaultFloatingPoint environment;
  StreamStatus worst = StreamStatus::ok;
  const std::int64_t first = position;
  for (int done = 0; done < frames;) {
    play_events();
    // Up to the next event; and where a voice may end to where that is looked at.
    std::int64_t part = frames - done;
    if (!waiting.empty()) part = std::min(part, waiting.front().time - position);
    if (any_is_released()) part = std::min(part, grid - position % grid);
    choose_heard();
    const StreamStatus status = stream.process(nullptr, heard.data(), static_cast<int>(part));
    if (status != StreamStatus::ok && status != StreamStatus::not_finite) {
      for (int c = 0; c < channel_count; ++c) std::fill_n(output[c], frames, 0.0f);
      reset();
      return status;
    }
    if (status == StreamStatus::not_finite) worst = status;
    position += part;
    for (int c = 0; c < channel_count; ++c) add_voices(c, output[c] + done, static_cast<int>(part));
    if (status == StreamStatus::not_finite) stop_bad_voices();
    listen(part);
    if (position % grid == 0) free_ended();
    done += static_cast<int>(part);
  }
  apply_level(output, frames, first);
  return worst;
}

// All but the rows of voices that are free, which nobody copies.
void Instrument::State::choose_heard() noexcept {
  const std::size_t rows = sounds.size(), first = has_mix_point ? static_cast<std::size_t>(channel_count) : 0;
  for (std::size_t row = first; row < outputs.size(); ++row) {
    const auto voice = static_cast<int>((row - first) % rows);
    heard[row] = voices.phase(voice) == VoicePhase::free ? nullptr : outputs[row];
  }
}

// Voice 0 first; of those that sleep nothing.
void Instrument::State::add_voices(int channel, float* output, int frames) const noexcept {
  const std::size_t rows = has_mix_point ? 1 : sounds.size(),
                    first = static_cast<std::size_t>(channel) * rows;
  bool is_first = true;
  for (std::size_t row = first; row < first + rows; ++row) {
    if (heard[row] == nullptr) continue;
    if (std::exchange(is_first, false))
      std::copy_n(heard[row], frames, output);
    else
      for (int i = 0; i < frames; ++i) output[i] += heard[row][i];
  }
  if (is_first) std::fill_n(output, frames, 0.0f);
}

void Instrument::State::stop_bad_voices() noexcept {
  const int first = has_mix_point ? channel_count : 0;
  for (const int channel : stream.bad_channels()) {
    if (channel < first) continue;
    const int voice = (channel - first) % voices.count();
    voices.stop(voice);
    sound_of(voice) = {};
    set_gate(voice, false);
    jump(frequency, voice, options.tuning);  // its own may have been too high
    send(StreamEvent::Kind::sleep, 0, voice, 0.0);
  }
}

void Instrument::State::apply_level(float* const* output, int frames, std::int64_t start) noexcept {
  if (level.take_announcement() && level.waits(0))
    level.go(0, level.target(0), start, start + std::llround(options.glide * stream.sample_rate()));
  int i = 0;
  for (; i < frames && level.is_moving(0, start + i); ++i)
    for (int c = 0; c < channel_count; ++c) output[c][i] *= static_cast<float>(level.at(0, start + i));
  const auto settled = static_cast<float>(level.at(0, start + i));
  if (settled == 1.0f) return;
  for (int c = 0; c < channel_count; ++c)
    for (int n = i; n < frames; ++n) output[c][n] *= settled;
}

}  // namespace retrograd
