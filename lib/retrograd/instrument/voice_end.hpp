// When a voice's sound has ended: by what it sounds like. It is looked at at marks of 64 samples, counted from the
// note's start, so that the blocks of a host change nothing. It has ended where the gate is low and every sample since
// 50 ms, and as long as the voice's delays are all together, lay under 1e-5 (-100 dB) of the note's loudest, or under 2^-100.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace retrograd::detail {

class VoiceEnd {
 public:
  static constexpr std::int64_t mark = 64;  ///< samples

  /// A note starts at sample `time`.
  void start(std::int64_t time) noexcept {
    started_ = time;
    peak_ = loudest_ = 0.0f;
    quiet_ = 0;
  }

  /// The voice's `count` samples from sample `time` on, in each of its channels in turn: those that lie in one mark's
  /// stretch. `samples` is one channel's.
  void hear(const float* samples, std::int64_t count) noexcept {
    for (std::int64_t i = 0; i < count; ++i) loudest_ = std::max(loudest_, std::abs(samples[i]));
  }
  /// Samples from `time` on up to the next mark.
  std::int64_t to_mark(std::int64_t time) const noexcept { return mark - (time - started_) % mark; }
  /// At a mark: whether the sound has ended there. `least_quiet`: samples that it must have been quiet for.
  bool ends_at_mark(bool gate_is_high, std::int64_t least_quiet) noexcept {
    peak_ = std::max(peak_, loudest_);
    const bool is_quiet = loudest_ <= std::max(1e-5f * peak_, 0x1p-100f);
    loudest_ = 0.0f;
    quiet_ = is_quiet && !gate_is_high ? quiet_ + mark : 0;
    return quiet_ >= least_quiet;
  }

 private:
  std::int64_t started_ = 0, quiet_ = 0;
  float peak_ = 0.0f, loudest_ = 0.0f;
};

}  // namespace retrograd::detail
