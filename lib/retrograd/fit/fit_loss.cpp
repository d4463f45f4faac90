#include <retrograd/fit/fit_loss.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace retrograd {

namespace {

// See fit_loss.hpp for what chose these.
constexpr double noise_factor = 2.0;
constexpr double highest_noise = -50.0;  // dB under the peak: what is louder is the sound, not its noise
constexpr double linear_share = 0.1;

// So that floors and magnitudes are far from the ends of single precision.
constexpr double lowest_peak = 1e-20, highest_peak = 1e20;

// What one window shows of a recording, in normalised magnitudes.
struct Levels {
  double peak = 0.0;            // the largest
  double mean = 0.0;            // of all bins and frames
  std::vector<double> medians;  // of each frame's bins
};

Levels levels_of(std::span<const double> samples, const spectrum::StftShape& shape, double scale) {
  constexpr std::int64_t frames_at_once = 64;
  const spectrum::Stft<double> stft(shape);
  spectrum::SpectrumWorkspace<double> workspace;
  const auto length = static_cast<std::int64_t>(samples.size());
  const auto bins = static_cast<std::size_t>(shape.bins());
  Levels levels;
  std::vector<double> magnitudes, frame(bins);
  for (std::int64_t first = 0; first < shape.frames(length); first += frames_at_once) {
    const std::int64_t frames = std::min(frames_at_once, shape.frames(length) - first);
    const std::int64_t from = first * shape.hop;
    magnitudes.resize(bins * static_cast<std::size_t>(frames));
    stft.magnitude(samples.data() + from, std::min((frames - 1) * shape.hop + shape.window, length - from),
                   magnitudes.data(), workspace);
    for (std::size_t f = 0; f < static_cast<std::size_t>(frames); ++f) {
      for (std::size_t bin = 0; bin < bins; ++bin)
        frame[bin] = magnitudes[bin * static_cast<std::size_t>(frames) + f] / scale;
      for (const double x : frame) {
        levels.peak = std::max(levels.peak, x);
        levels.mean += x;
      }
      const auto middle = frame.begin() + static_cast<std::ptrdiff_t>(bins / 2);
      std::nth_element(frame.begin(), middle, frame.end());
      levels.medians.push_back(*middle);
    }
  }
  levels.mean /= static_cast<double>(bins * levels.medians.size());
  return levels;
}

// The level of what is there at all times: the median of the bins, in the quietest tenth of the frames. Frames of
// silence do not count, which says nothing of the noise that comes with the note.
double noise_of(Levels& levels) {
  constexpr double silence = 1e-7;  // of the peak: -140 dB
  constexpr double quietest = 0.1;
  std::vector<double>& medians = levels.medians;
  std::erase_if(medians, [&](double median) { return median < silence * levels.peak; });
  if (medians.empty()) return 0.0;
  const auto at = static_cast<std::ptrdiff_t>(quietest * static_cast<double>(medians.size()));
  std::nth_element(medians.begin(), medians.begin() + at, medians.end());
  return medians[static_cast<std::size_t>(at)];
}

double linear_of(double decibels) { return std::pow(10.0, decibels / 20.0); }

}  // namespace

SpectralLossOptions fit_loss(const FitTarget& target, const SpectralLossOptions& windows, double floor) {
  if (!is_loss_floor(floor))
    raise<DomainError>("the floor of a fit's loss is " + std::to_string(floor) + " dB; it must lie between " +
                       std::to_string(lowest_loss_floor) + " and 0");
  const spectrum::SpectralLoss<float> checks_the_options(windows);
  double peak = 0.0;
  for (const double sample : target.samples) peak = std::max(peak, std::abs(sample));
  if (!(peak > lowest_peak && peak < highest_peak)) {
    std::ostringstream message;
    message << "the recording's peak is " << peak << "; a fit needs one between " << lowest_peak << " and "
            << highest_peak;
    raise<DomainError>(message.str());
  }

  SpectralLossOptions loss = windows;
  loss.normalised = true;
  loss.floors.clear();
  loss.linear_weights.clear();
  const auto from = static_cast<std::size_t>(first_compared(target, windows));
  for (const auto& transform : checks_the_options.transforms()) {
    const spectrum::StftShape shape = transform.shape();
    Levels levels = levels_of(std::span(target.samples).subspan(from), shape, loss.scale(shape.window));
    // A note whose frames before `from` are all there is of it is no note; the floor of silence is the peak's.
    if (levels.peak == 0.0) levels.peak = levels.mean = peak;
    const double under_peak = levels.peak * linear_of(floor);
    const double over_noise =
        std::min(noise_factor * noise_of(levels), levels.peak * linear_of(highest_noise));
    loss.floors.push_back(std::max(under_peak, over_noise));
    loss.linear_weights.push_back(linear_share * windows.linear_weight / levels.mean);
  }
  return loss;
}

std::int64_t first_compared(const FitTarget& target, const SpectralLossOptions& windows) {
  const int window = *std::ranges::max_element(windows.windows);
  const auto hop = std::max<std::int64_t>(1, std::lround(windows.hop_fraction * window));
  const auto on = std::min(static_cast<std::int64_t>(target.gate.on * target.sample_rate),
                           static_cast<std::int64_t>(target.samples.size()) - 1);
  return std::max<std::int64_t>(0, (on - window) / hop * hop);
}

}  // namespace retrograd
