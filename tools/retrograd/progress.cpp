// One line on stderr that says how far the work is, overwritten in place.
#include "progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>

namespace retrograd::tool {

ProgressLine::ProgressLine() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() { clear(); }

bool ProgressLine::is_due() const {
  return is_terminal_ && (!is_shown_ || Clock::now() - last_ >= std::chrono::milliseconds(100));
}

void ProgressLine::show(std::string text) {
  if (!is_due()) return;
  winsize window{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 && text.size() >= window.ws_col)
    text.resize(window.ws_col - 1u);  // a line that wraps could not be overwritten
  std::cerr << "\r" << text << "\x1b[K" << std::flush;
  is_shown_ = true;
  last_ = Clock::now();
}

void ProgressLine::clear() {
  if (is_shown_) std::cerr << "\r\x1b[K" << std::flush;
  is_shown_ = false;
}

std::string duration_text(double seconds) {
  const double whole = std::round(std::min(std::max(seconds, 0.0), 1e9));
  const auto total = static_cast<long long>(whole);
  std::array<char, 64> text{};
  if (total < 60)
    std::snprintf(text.data(), text.size(), "%lld s", total);
  else if (total < 3600)
    std::snprintf(text.data(), text.size(), "%lld min %02lld s", total / 60, total % 60);
  else
    std::snprintf(text.data(), text.size(), "%lld h %02lld min", total / 3600, total / 60 % 60);
  return text.data();
}

}  // namespace retrograd::tool
