// Oscillators of steady frequency, with no modulation, a constant one and one that varies: each takes a path of its own.
#pragma once

#include "on_both.hpp"

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>

#include <cmath>
#include <optional>

namespace retrograd::cuda {

inline constexpr int steady_oscillators = 12;

/// One of them, by number; its length is drawn from that too.
inline Recorded record_steady_oscillator(Tape& tape, int number) {
  const std::int64_t length = 1 + (number * 7919 + 1300) % 2600;
  const std::int64_t rows = number % 2 == 0 ? 1 : 3;
  Tensor frequencies(Shape{rows, 1});
  for (std::int64_t row = 0; row < rows; ++row)
    frequencies.as<double>()[static_cast<std::size_t>(row)] = 0.031 + 0.4 * static_cast<double>(row);
  const Var frequency = tape.parameter("frequency", frequencies);
  std::optional<Var> modulation;
  if (number % 3 == 1) modulation = tape.parameter("modulation", 0.7);
  if (number % 3 == 2) {
    Tensor values(Shape{length});
    for (std::int64_t i = 0; i < length; ++i)
      values.as<double>()[static_cast<std::size_t>(i)] = std::sin(0.01 * static_cast<double>(i));
    modulation = tape.parameter("modulation", values);
  }
  const std::optional<std::int64_t> wanted = number % 3 == 2 ? std::nullopt : std::optional(length);
  const bool is_phase = number / 6 % 2 == 1;
  const Var y = is_phase ? phase(frequency, modulation, wanted) : sinusoid(frequency, modulation, wanted);
  return {{sum_over_time(y * 0.7 + square(y)), y}};
}

}  // namespace retrograd::cuda
