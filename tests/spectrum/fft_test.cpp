// The batched Fourier transform against a direct sum in long double, against Eigen's, and against its own
// adjoint.
#include <retrograd/math/simd.hpp>
#include <retrograd/spectrum/fft.hpp>
#include <retrograd/tensor/errors.hpp>

#include <doctest/doctest.h>

#include <unsupported/Eigen/FFT>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

using namespace retrograd;
using namespace retrograd::spectrum;

namespace {

template <class Real>
AlignedArray<Real> noise(std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  AlignedArray<Real> values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<Real>(normal(generator));
  return values;
}

template <class Real>
std::size_t frames_size(int size) {
  return static_cast<std::size_t>(size) * lanes<Real>;
}

template <class Real>
std::size_t spectrum_size(int size) {
  return static_cast<std::size_t>(size / 2 + 1) * 2 * lanes<Real>;
}

// exp(-2 pi i k / size) for every k.
std::vector<std::complex<long double>> roots_of_unity(int size) {
  std::vector<std::complex<long double>> roots;
  for (int k = 0; k < size; ++k)
    roots.push_back(std::polar(1.0L, -2 * std::numbers::pi_v<long double> * static_cast<long double>(k) /
                                         static_cast<long double>(size)));
  return roots;
}

template <class Real>
std::complex<long double> direct_sum(const AlignedArray<Real>& frames, int lane, int bin,
                                     const std::vector<std::complex<long double>>& roots) {
  std::complex<long double> sum = 0;
  const std::size_t size = roots.size();
  for (std::size_t n = 0; n < size; ++n)
    sum += static_cast<long double>(frames[n * lanes<Real> + static_cast<std::size_t>(lane)]) *
           roots[n * static_cast<std::size_t>(bin) % size];
  return sum;
}

template <class Real>
std::complex<double> at(const AlignedArray<Real>& spectrum, int bin, int lane) {
  const std::size_t index = static_cast<std::size_t>(bin * 2 * lanes<Real> + lane);
  return {static_cast<double>(spectrum[index]), static_cast<double>(spectrum[index + lanes<Real>])};
}

// The largest error of the checked bins, relative to the size sqrt(N) that a bin of unit noise has.
template <class Real>
double worst_error(int size, const std::vector<int>& bins, const std::vector<int>& checked_lanes) {
  const FftPlan<Real> plan(size);
  const AlignedArray<Real> original = noise<Real>(frames_size<Real>(size), static_cast<unsigned>(size));
  AlignedArray<Real> frames = noise<Real>(frames_size<Real>(size), static_cast<unsigned>(size));
  AlignedArray<Real> spectrum(spectrum_size<Real>(size));
  plan.forward(frames.data(), spectrum.data());
  const auto roots = roots_of_unity(size);
  double worst = 0;
  for (const int lane : checked_lanes) {
    for (const int bin : bins) {
      const std::complex<long double> expected = direct_sum(original, lane, bin, roots);
      const std::complex<double> found = at(spectrum, bin, lane);
      const double error =
          static_cast<double>(std::hypot(found.real() - expected.real(), found.imag() - expected.imag()));
      worst = std::max(worst, error / std::sqrt(static_cast<double>(size)));
    }
  }
  return worst;
}

template <class Real>
double bound(int size) {
  return (sizeof(Real) == 4 ? 1e-7 : 2e-16) * std::log2(static_cast<double>(size));
}

// Calls `check` once for every SIMD level of this processor and returns to the one in use before.
template <class Check>
void at_every_level(Check check) {
  const math::SimdLevel before = math::simd_level();
  for (const math::SimdLevel level : {math::SimdLevel::plain, math::SimdLevel::v3, math::SimdLevel::v4})
    if (math::set_simd_level(level)) check(level);
  math::set_simd_level(before);
}

}  // namespace

TEST_CASE_TEMPLATE("every bin of every frame is the direct sum, sizes 4 to 256", Real, float, double) {
  at_every_level([](math::SimdLevel level) {
    for (int size = 4; size <= 256; size *= 2) {
      CAPTURE(size);
      CAPTURE(math::name(level));
      std::vector<int> bins, all_lanes;
      for (int bin = 0; bin <= size / 2; ++bin) bins.push_back(bin);
      for (int lane = 0; lane < lanes<Real>; ++lane) all_lanes.push_back(lane);
      CHECK(worst_error<Real>(size, bins, all_lanes) < bound<Real>(size));
    }
  });
}

TEST_CASE_TEMPLATE("bins of large transforms are the direct sum, sizes 512 to 65536", Real, float, double) {
  std::mt19937 generator(7);
  for (int size = 512; size <= largest_transform; size *= 2) {
    CAPTURE(size);
    std::vector<int> bins = {0, 1, size / 4, size / 2 - 1, size / 2};
    for (int i = 0; i < (size <= 1024 ? 100 : 12); ++i)
      bins.push_back(std::uniform_int_distribution<int>(0, size / 2)(generator));
    CHECK(worst_error<Real>(size, bins, {0, lanes<Real> - 1}) < bound<Real>(size));
  }
}

TEST_CASE("the spectrum agrees with Eigen's transform at 2048 samples") {
  constexpr int size = 2048;
  const FftPlan<double> plan(size);
  AlignedArray<double> frames = noise<double>(frames_size<double>(size), 3);
  std::vector<double> frame(size);
  for (std::size_t n = 0; n < frame.size(); ++n) frame[n] = frames[n * lanes<double> + 5];
  AlignedArray<double> spectrum(spectrum_size<double>(size));
  plan.forward(frames.data(), spectrum.data());
  Eigen::FFT<double> eigen;
  std::vector<std::complex<double>> expected;
  eigen.fwd(expected, frame);
  for (int bin = 0; bin <= size / 2; ++bin)
    REQUIRE(std::abs(at(spectrum, bin, 5) - expected[static_cast<std::size_t>(bin)]) < 1e-11);
}

TEST_CASE_TEMPLATE("<v, J x> = <J' v, x> for every size", Real, float, double) {
  at_every_level([](math::SimdLevel level) {
    for (int size = 4; size <= 8192; size *= 2) {
      CAPTURE(size);
      CAPTURE(math::name(level));
      const FftPlan<Real> plan(size);
      const AlignedArray<Real> x = noise<Real>(frames_size<Real>(size), 11);
      const AlignedArray<Real> v = noise<Real>(spectrum_size<Real>(size), 12);
      AlignedArray<Real> frames = noise<Real>(frames_size<Real>(size), 11);
      AlignedArray<Real> jx(spectrum_size<Real>(size)), jv(frames_size<Real>(size));
      plan.forward(frames.data(), jx.data());
      plan.adjoint(v.data(), jv.data());
      for (std::size_t lane = 0; lane < lanes<Real>; ++lane) {
        double forward = 0, backward = 0, terms = 0;
        for (std::size_t i = lane; i < v.size(); i += lanes<Real>) {
          forward += static_cast<double>(v[i]) * static_cast<double>(jx[i]);
          terms += std::abs(static_cast<double>(v[i]) * static_cast<double>(jx[i]));
        }
        for (std::size_t i = lane; i < x.size(); i += lanes<Real>)
          backward += static_cast<double>(jv[i]) * static_cast<double>(x[i]);
        REQUIRE(std::abs(forward - backward) < (sizeof(Real) == 4 ? 5e-7 : 1e-15) * terms);
      }
    }
  });
}

TEST_CASE_TEMPLATE("a frame does not notice what the other lanes hold", Real, float, double) {
  constexpr int size = 128;
  const FftPlan<Real> plan(size);
  AlignedArray<Real> frames = noise<Real>(frames_size<Real>(size), 21);
  AlignedArray<Real> alone = noise<Real>(frames_size<Real>(size), 21);
  for (std::size_t i = 0; i < alone.size(); ++i)
    if (i % lanes<Real> != 2) alone[i] = std::numeric_limits<Real>::quiet_NaN();
  AlignedArray<Real> spectrum(spectrum_size<Real>(size)), spectrum_alone(spectrum_size<Real>(size));
  plan.forward(frames.data(), spectrum.data());
  plan.forward(alone.data(), spectrum_alone.data());
  for (int bin = 0; bin <= size / 2; ++bin) REQUIRE(at(spectrum, bin, 2) == at(spectrum_alone, bin, 2));
}

TEST_CASE_TEMPLATE("levels with fused multiply-add give the same bits", Real, float, double) {
  for (const int size : {4, 8, 64, 128, 2048, 4096}) {
    const FftPlan<Real> plan(size);
    std::vector<AlignedArray<Real>> spectra, adjoints;
    at_every_level([&](math::SimdLevel level) {
      if (level == math::SimdLevel::plain) return;
      AlignedArray<Real> frames = noise<Real>(frames_size<Real>(size), 31);
      const AlignedArray<Real> v = noise<Real>(spectrum_size<Real>(size), 32);
      AlignedArray<Real> spectrum(spectrum_size<Real>(size)), adjoint(frames_size<Real>(size));
      plan.forward(frames.data(), spectrum.data());
      plan.adjoint(v.data(), adjoint.data());
      spectra.push_back(std::move(spectrum));
      adjoints.push_back(std::move(adjoint));
    });
    for (std::size_t level = 1; level < spectra.size(); ++level) {
      CHECK(std::equal(spectra[0].data(), spectra[0].data() + spectra[0].size(), spectra[level].data()));
      CHECK(std::equal(adjoints[0].data(), adjoints[0].data() + adjoints[0].size(), adjoints[level].data()));
    }
  }
}

TEST_CASE("a size that is no power of two from 4 to 65536 is a ShapeError that says so") {
  for (const int size : {-8, 0, 1, 2, 3, 6, 1000, 65537, 131072})
    CHECK_THROWS_AS(FftPlan<float>{size}, ShapeError);
  CHECK_THROWS_WITH(FftPlan<double>{1000},
                    "Fourier transform of 1000 samples: the size must be a power of two from 4 to 65536");
}
