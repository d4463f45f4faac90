// One line on stderr that says how far the work is, overwritten in place.
#pragma once

#include <chrono>
#include <string>

namespace retrograd::tool {

/// Shows nothing where stderr is not a terminal. The line disappears with the object, so that what is printed
/// next starts on a clean line.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Whether a line shown now would appear: on a terminal, ten times a second. Saves composing the others.
  bool is_due() const;
  /// Replaces the line, cut to the terminal's width.
  void show(std::string text);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool is_terminal_;
  bool is_shown_ = false;
  Clock::time_point last_;
};

/// "12 s", "3 min 05 s", "2 h 10 min".
std::string duration_text(double seconds);

}  // namespace retrograd::tool
