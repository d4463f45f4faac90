// What every analysis asks of a recording first.
#include <retrograd/audio/recording.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <sstream>
#include <string>

#include <retrograd/tensor/errors.hpp>

namespace retrograd {

void check_finite(std::span<const double> samples) {
  if (samples.empty()) raise<DomainError>("the recording is empty: it has no samples");
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (std::isfinite(samples[i])) continue;
    const std::string what = std::isnan(samples[i]) ? "NaN" : "infinite";
    raise<DomainError>("the recording is damaged: sample " + std::to_string(i) + " is " + what);
  }
}

double check_recording(std::span<const double> samples) {
  check_finite(samples);
  double peak = 0;
  for (const double x : samples) peak = std::max(peak, std::abs(x));
  if (peak == 0) raise<DomainError>("the recording is silent: its peak is 0");
  return peak;
}

void check_sample_rate(double sample_rate) {
  if (std::isfinite(sample_rate) && sample_rate > 0) return;
  std::ostringstream message;
  message << "a sample rate must be a finite number of Hz above 0, not " << sample_rate;
  raise<DomainError>(message.str());
}

}  // namespace retrograd
