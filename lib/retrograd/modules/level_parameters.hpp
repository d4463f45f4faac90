// Parameters that modules have which look at a level, and levels in dB.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/nodes/all.hpp>

namespace retrograd {

/// 20 log10 |x|, and -120 for what is lower, where it has no slope.
inline Var to_decibels(Var x) { return log(max(abs(x), 1e-6)) * 8.685889638065037; }
/// 10^(decibels / 20).
inline Var from_decibels(Var decibels) { return exp(decibels * 0.11512925464970229); }

/// A number of dB, drawn over the knob.
inline ParameterSpec decibels(const char* name, double usual, double low, double high, const char* summary) {
  return {.name = name,
          .unit = Unit::decibels,
          .domain = range(low, high),
          .usual = usual,
          .low_shown = low,
          .high_shown = high,
          .summary = summary};
}
/// What a gain is raised by after all.
inline ParameterSpec makeup() { return decibels("makeup", 0.0, -24.0, 48.0, "added to what comes out"); }
/// The level from which on something is done.
inline ParameterSpec threshold(double usual, const char* summary) {
  return decibels("threshold", usual, -100.0, 20.0, summary);
}
/// How softly it begins.
inline ParameterSpec knee(double usual) {
  return decibels("knee", usual, 0.0, 40.0, "how far around the threshold the curve bends");
}
/// A time constant of a level that is followed.
inline ParameterSpec follow_time(const char* name, double usual, const char* summary) {
  const Draw draw{.kind = Draw::Kind::logarithmic, .low = 0.001, .high = 0.3};
  return {.name = name,
          .unit = Unit::seconds,
          .domain = range(0.0, 100.0),
          .usual = usual,
          .role = Role::time,
          .is_logarithmic = true,
          .low_shown = 0.0001,
          .high_shown = 5.0,
          .when_heard = draw,
          .when_modulating = draw,
          .summary = summary};
}

/// How far `over` lies above 0, in dB, with a parabola over `knee` dB around it (D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic
/// range compressor design", JAES 60 (2012)).
inline Var above_knee(Var over, Var knee) {
  const Var width = max(knee, 1e-3), half = width * 0.5;
  return square(clamp(over + half, 0.0, width)) / (2.0 * width) + max(over - half, 0.0);
}

/// The input times 10^((makeup - r) / 20), r being `of_over` times how far the level lies above the threshold, followed in dB.
inline void record_gain_reduction(Recorder& r, std::optional<Var> of_over) {
  const Var in = r.in("in");
  const Var heard = r.has("sidechain") ? r.in("sidechain") : in;
  const Var over = above_knee(to_decibels(heard) - r.value("threshold"), r.value("knee"));
  const Var reduction = follow(of_over ? over * *of_over : over, r.value("attack"), r.value("release"));
  r.out("out", in * from_decibels(r.value("makeup") - reduction));
}

}  // namespace retrograd
