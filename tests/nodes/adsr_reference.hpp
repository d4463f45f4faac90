// The envelope's definition written once more, sample by sample in double, for tests to compare with. Shares
// no code with the library.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

/// Times in samples.
inline std::vector<double> adsr_reference(const std::vector<double>& gate, double attack, double decay,
                                          double sustain, double release) {
  const double a = attack < 1.0 ? 1.0 : attack;
  const double d = decay < 1.0 ? 1.0 : decay;
  const double r = release < 1.0 ? 1.0 : release;
  std::vector<double> y(gate.size());
  bool was_high = false;
  double level = 0.0;  // of the sample before
  double start = 0.0;  // of the segment
  double steps = 0.0;  // since the gate's last edge, the first sample after it counting 1
  for (std::size_t n = 0; n < gate.size(); ++n) {
    const bool is_high = gate[n] >= 0.5;
    if (is_high != was_high || n == 0) {
      start = level;
      steps = 0.0;
    }
    was_high = is_high;
    steps += 1.0;
    if (!is_high)
      level = start * std::exp(-steps / r);
    else if (steps <= a)
      level = start + (1.0 - start) * steps / a;
    else
      level = sustain + (1.0 - sustain) * std::exp(-(steps - a) / d);
    if (level < 0x1p-100) level = 0.0;
    y[n] = level;
  }
  return y;
}
