// Magnitudes of the short-time Fourier transform: |X[bin, frame]| of the frames of a signal, periodic Hann
// window, frames from sample 0 on without centring, the tail padded with zeros, unnormalised. The gradient of
// a magnitude at 0 is 0.
#pragma once

#include <retrograd/nodes/whole.hpp>

namespace retrograd {

struct StftMagnitude : Whole {
  static constexpr const char* name = "stft_magnitude";
  int window = 1024;
  int hop = 256;

  std::unique_ptr<WholeMemory> make_memory(const WholeCall& call) const;
  void forward(const WholeCall& call) const;
  void adjoint(const WholeCall& call) const;
  void tangent(const WholeCall& call) const;
  static Check check();
};

/// (..., samples) to (..., window/2 + 1 bins, frames). `window` is a power of two from 4 to 65536, `hop` from
/// 1 to it; 0: a quarter of the window. ShapeError otherwise.
Var stft_magnitude(Var x, int window, int hop = 0);

inline Check StftMagnitude::check() {
  return {.inputs = {anything},
          .cases = {{{{2, 50}}, [](std::span<const Var> x) { return stft_magnitude(x[0], 16); }},
                    {{{21}}, [](std::span<const Var> x) { return stft_magnitude(x[0], 8, 3); }},
                    {{{2, 1, 5}}, [](std::span<const Var> x) { return stft_magnitude(x[0], 32, 32); }}}};
}

}  // namespace retrograd
