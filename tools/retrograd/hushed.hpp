// Libraries that write to stderr what their caller is told anyway.
#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace retrograd::tool {

/// While it lives, nothing that is written to stderr appears: ALSA and PulseAudio write a page about each
/// device that is not there.
class Hushed {
 public:
  Hushed() : kept_(::dup(STDERR_FILENO)) {
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (kept_ >= 0 && nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
    if (nowhere >= 0) ::close(nowhere);
  }
  ~Hushed() {
    if (kept_ < 0) return;
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
  }
  Hushed(const Hushed&) = delete;
  Hushed& operator=(const Hushed&) = delete;

 private:
  int kept_;
};

}  // namespace retrograd::tool
