// How long something takes, and how long two things take beside each other.
#pragma once

#include <functional>

namespace retrograd::tool {

using Run = std::function<void()>;

/// Repetitions of which `nanoseconds` takes the median.
inline constexpr int repetitions = 7;

/// Nanoseconds of one run, the median of seven repetitions. google-benchmark chooses how many runs a
/// repetition has.
double nanoseconds(const Run& run);

/// The same of a run that asks a GPU and does not wait: of one among several that are asked for together and waited for
/// once.
double nanoseconds_on_gpu(const Run& run);

/// Medians over rounds; the ratio is a's time over b's, round by round.
struct Comparison {
  double a_nanoseconds, b_nanoseconds, ratio;
};

/// Times a and b in turns: a, b, a, b, ... google-benchmark would finish one before it starts the other, and
/// what else the machine does in between (another program, a clock that slows down as it gets warm) would
/// appear in the ratio. In turns it reaches both, and the median of the rounds' ratios passes over the rounds
/// that it hits unevenly.
Comparison compare(const Run& a, const Run& b);

}  // namespace retrograd::tool
