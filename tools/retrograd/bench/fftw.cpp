// Our Fourier transform beside FFTW's. A program linked with FFTW is under the GPL: only a build with
// -Dfftw=enabled has this file; without_fftw.cpp stands in for it elsewhere.
#include <fftw3.h>
#include <retrograd/spectrum/fft.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

using spectrum::AlignedArray;

constexpr int frames = spectrum::lanes<float>;

// The real transform of a batch of frames, planned by trying (FFTW_MEASURE). Frames lie one after the other,
// or side by side as ours do.
class Fftw {
 public:
  Fftw(int size, bool side_by_side)
      : samples_(static_cast<std::size_t>(frames * size)),
        spectrum_(static_cast<std::size_t>(frames * (size + 2))),
        plan_(fftwf_plan_many_dft_r2c(
            1, &size, frames, samples_.data(), nullptr, side_by_side ? frames : 1, side_by_side ? 1 : size,
            reinterpret_cast<fftwf_complex*>(spectrum_.data()), nullptr, side_by_side ? frames : 1,
            side_by_side ? 1 : size / 2 + 1, FFTW_MEASURE | FFTW_DESTROY_INPUT)) {
    if (!plan_) raise<Error>("[bench] FFTW has no plan for " + std::to_string(size) + " samples");
    std::fill_n(samples_.data(), samples_.size(), 0.0f);  // planning wrote on them
  }
  float* samples() { return samples_.data(); }
  const float* spectrum() const { return spectrum_.data(); }
  void forward() { fftwf_execute(plan_.get()); }

 private:
  struct Destroy {
    void operator()(fftwf_plan plan) const { fftwf_destroy_plan(plan); }
  };
  AlignedArray<float> samples_, spectrum_;
  std::unique_ptr<std::remove_pointer_t<fftwf_plan>, Destroy> plan_;
};

// Both transform the same noise: "" or by how much a bin differs, where that is too much of the root of a frame's energy.
std::string disagreement(int size) {
  const spectrum::FftPlan<float> ours(size);
  Fftw theirs(size, false);
  AlignedArray<float> samples(static_cast<std::size_t>(size * frames)),
      bins(static_cast<std::size_t>(ours.bins() * 2 * frames));
  const Tensor values = noise(Shape{size});
  for (int n = 0; n < size; ++n)
    for (int lane = 0; lane < frames; ++lane)
      samples[static_cast<std::size_t>(n * frames + lane)] = theirs.samples()[lane * size + n] =
          values.as<float>()[static_cast<std::size_t>(n)];
  ours.forward(samples.data(), bins.data());
  theirs.forward();
  float worst = 0.0f;
  for (int part = 0; part < 2 * ours.bins(); ++part)
    worst =
        std::max(worst, std::abs(bins[static_cast<std::size_t>(part * frames)] - theirs.spectrum()[part]));
  if (worst <= 1e-5f * std::sqrt(static_cast<float>(size))) return "";
  return "our transform and FFTW's of " + std::to_string(size) + " samples differ by " +
         std::to_string(worst);
}

// FFTW's time over ours. The frames are silent: ours overwrites its input, and silence stays silence.
Figure rate(int size) {
  const std::string apart = disagreement(size);
  const spectrum::FftPlan<float> ours(size);
  AlignedArray<float> samples(static_cast<std::size_t>(size * frames)),
      bins(static_cast<std::size_t>(ours.bins() * 2 * frames));
  double least = INFINITY;  // against the layout that suits FFTW better
  for (const bool side_by_side : {false, true}) {
    Fftw theirs(size, side_by_side);
    const Comparison times =
        compare([&] { theirs.forward(); }, [&] { ours.forward(samples.data(), bins.data()); });
    least = std::min(least, times.ratio);
  }
  return {least, apart};
}

}  // namespace

void add_fft_rows(Rows& rows) {
  for (const int size : {2048, 1024, 512, 256, 128, 64})
    rows.push_back({"against FFTW, real transform of " + std::to_string(size) + " samples", "of FFTW's rate",
                    at_least(0.7), [size] { return rate(size); }});
}

}  // namespace retrograd::tool
