// Numbers that any thread sets and that the audio thread lets glide: the parameters of a stream.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace retrograd::detail {

class Glides {
 public:
  explicit Glides(std::vector<double> values)
      : moves_(values.size()), targets_(std::make_unique<std::atomic<double>[]>(values.size())) {
    for (std::size_t i = 0; i < values.size(); ++i) targets_[i].store(values[i], std::memory_order_relaxed);
    rest();
  }

  // --- on any thread: where a number is to go; `announce` after one or several ---

  void set(std::size_t i, double value) noexcept { targets_[i].store(value, std::memory_order_relaxed); }
  void announce() noexcept { was_set_.store(true, std::memory_order_release); }
  double target(std::size_t i) const noexcept { return targets_[i].load(std::memory_order_relaxed); }

  // --- on the audio thread ---

  /// Whether anything was announced since the last call.
  bool take_announcement() noexcept { return was_set_.exchange(false, std::memory_order_acquire); }
  /// Number `i` was set and has not begun to go there.
  bool waits(std::size_t i) const noexcept { return target(i) != moves_[i].to; }
  /// Goes evenly from where it is at sample `from` to `value` at sample `until`; returns `until`.
  std::int64_t go(std::size_t i, double value, std::int64_t from, std::int64_t until) noexcept {
    moves_[i] = {at(i, from), value, from, until};
    return until;
  }
  double at(std::size_t i, std::int64_t sample) const noexcept {
    const Move& move = moves_[i];
    if (sample >= move.until) return move.to;
    const auto passed = static_cast<double>(sample - move.start),
               whole = static_cast<double>(move.until - move.start);
    return move.from + (move.to - move.from) * (passed / whole);
  }
  bool is_moving(std::size_t i, std::int64_t sample) const noexcept { return sample < moves_[i].until; }
  /// Every number is where it was to go, from sample 0 on.
  void rest() noexcept {
    take_announcement();
    for (std::size_t i = 0; i < moves_.size(); ++i) moves_[i] = {0.0, target(i), 0, 0};
  }

 private:
  struct Move {
    double from = 0.0, to = 0.0;
    std::int64_t start = 0, until = 0;
  };
  std::vector<Move> moves_;
  std::unique_ptr<std::atomic<double>[]> targets_;
  std::atomic<bool> was_set_{false};
  static_assert(std::atomic<double>::is_always_lock_free);
};

}  // namespace retrograd::detail
