// The distance of two signals in short-time spectra of several resolutions, one number per row:
//
//     sum over windows of   linear_weight * mean | |X| - |Y| |
//                         + log_weight * mean | log(|X| + eps) - log(|Y| + eps) |
//
// with means over bins and frames; SpectralLossOptions can normalise the windows and give each a floor and a linear
// weight of its own. Stores no spectrogram but the target's, which is kept between plays while
// the target is an input that does not change. Source: the multi-scale spectral loss of DDSP (Engel et al.,
// 2020).
#pragma once

#include <retrograd/nodes/whole.hpp>
#include <retrograd/spectrum/stft.hpp>

namespace retrograd {

struct MultiResolutionStft : Whole {
  static constexpr const char* name = "multi_resolution_stft";
  spectrum::SpectralLossOptions options;

  std::unique_ptr<WholeMemory> make_memory(const WholeCall& call) const;
  void forward(const WholeCall& call) const;
  void adjoint(const WholeCall& call) const;
  void tangent(const WholeCall& call) const;
  static Check check();
};

/// `x` and `y` are signals of one length whose rows broadcast; the result is (rows, 1). LengthMismatchError
/// for lengths that differ.
Var multi_resolution_stft(Var x, Var y, const spectrum::SpectralLossOptions& options = {});

// With a large epsilon, so that bins close to silence do not amplify rounding.
inline Check MultiResolutionStft::check() {
  constexpr auto distance = [](std::span<const Var> x) {
    return multi_resolution_stft(x[0], x[1], {.windows = {16, 8, 4}, .log_weight = 0.3, .epsilon = 0.1});
  };
  constexpr auto floored = [](std::span<const Var> x) {
    return multi_resolution_stft(x[0], x[1],
                                 {.windows = {16, 8, 4},
                                  .normalised = true,
                                  .floors = {0.03, 0.1, 0.2},
                                  .linear_weights = {2.0, 0.5, 1.0}});
  };
  return {.inputs = {anything, anything},
          .cases = {{{{2, 50}, {2, 50}}, distance},
                    {{{3, 40}, {1, 40}}, distance},
                    {{{30}, {2, 3, 30}}, distance},
                    {{{2, 1, 30}, {3, 30}}, distance},
                    {{{2, 50}, {2, 50}}, floored},
                    {{{3, 40}, {1, 40}}, floored}}};
}

}  // namespace retrograd
