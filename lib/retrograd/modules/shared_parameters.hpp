// Parameters that several modules have: the ratio to the note's pitch, a level, the times and the level of an envelope, a
// filter's cutoff and gain.
#pragma once

#include <retrograd/modules/module.hpp>

namespace retrograd {

/// Times the note's frequency. Fits draw small whole numbers: what is heard mostly carries the pitch itself; modulators
/// also go below it, and far above it, where bells have them. A partial that moves by more than the width of a bin sees
/// no slope towards where it came from, so that tuning is slow, and that of what is heard the slowest.
inline ParameterSpec pitch_ratio() {
  static constexpr double heard[] = {1, 1, 1, 1, 2, 2, 3, 4};
  static constexpr double modulating[] = {0.5, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 9};
  return {.name = "ratio",
          .domain = positive,
          .usual = 1.0,
          .role = Role::pitch_ratio,
          .is_logarithmic = true,
          .low_shown = 0.125,
          .high_shown = 16.0,
          .when_heard = {.kind = Draw::Kind::one_of, .values = heard},
          .when_modulating = {.kind = Draw::Kind::one_of, .values = modulating, .spread = 0.005},
          .fit_rate = 0.04,
          .fit_rate_heard = 0.0005,
          .modulation = Modulation::octaves,
          .summary = "of the note's frequency"};
}

/// A linear factor of what is heard.
inline ParameterSpec level(const std::string& name) {
  const Draw draw{.kind = Draw::Kind::logarithmic, .low = 0.1, .high = 1.0};
  return {.name = name,
          .domain = range(0.0, infinity),
          .usual = 1.0,
          .role = Role::level,
          .high_shown = 2.0,
          .when_heard = draw,
          .when_modulating = draw,
          .summary = "linear"};
}

/// Where a filter begins to work. Cables move it by octaves.
inline ParameterSpec cutoff(const std::string& name, double usual) {
  return {.name = name,
          .unit = Unit::hertz,
          .domain = positive,
          .usual = usual,
          .is_logarithmic = true,
          .low_shown = 20.0,
          .high_shown = 20000.0,
          .when_heard = {.kind = Draw::Kind::logarithmic, .low = 100.0, .high = 8000.0},
          .when_modulating = {.kind = Draw::Kind::keep},
          .modulation = Modulation::octaves,
          .summary = "up to 0.49 of the sample rate"};
}

/// How much of what it lets through a filter hears again.
inline ParameterSpec resonance(const char* summary) {
  return {.name = "resonance",
          .domain = unit_interval,
          .usual = 0.3,
          .when_heard = {.kind = Draw::Kind::uniform, .low = 0.0, .high = 0.8},
          .when_modulating = {.kind = Draw::Kind::keep},
          .summary = summary};
}

/// What a filter adds to a band, in dB.
inline ParameterSpec gain(const std::string& name) {
  return {.name = name,
          .unit = Unit::decibels,
          .usual = 6.0,
          .low_shown = -24.0,
          .high_shown = 24.0,
          .when_heard = {.kind = Draw::Kind::uniform, .low = -12.0, .high = 12.0},
          .when_modulating = {.kind = Draw::Kind::keep},
          .summary = "of the band"};
}

/// Attack, decay, sustain and release, their names behind `prefix`. A fit draws attacks of up to 30 ms at least, so that
/// the parts of a sound that begins at once need not all begin at once.
inline void add_envelope(Description& description, const std::string& prefix) {
  const auto time = [&](const char* name, double usual, const Draw& draw, const char* summary) {
    description.parameters.push_back({.name = prefix + name,
                                      .unit = Unit::seconds,
                                      .domain = range(0.0, infinity),
                                      .usual = usual,
                                      .role = Role::time,
                                      .is_logarithmic = true,
                                      .low_shown = 0.001,
                                      .high_shown = 10.0,
                                      .when_heard = draw,
                                      .when_modulating = draw,
                                      .is_latched = true,
                                      .summary = summary});
  };
  using Kind = Draw::Kind;
  using Raised = Draw::Raised;
  time("attack", 0.01, {.kind = Kind::logarithmic, .low = 0.0005, .high = 0.03, .raised = Raised::to_rise},
       "from where it is to 1, in a straight line");
  time("decay", 0.2, {.kind = Kind::logarithmic, .low = 0.01, .high = 0.02, .raised = Raised::to_end},
       "time constant towards the sustain");
  description.parameters.push_back({.name = prefix + "sustain",
                                    .domain = unit_interval,
                                    .usual = 0.7,
                                    .low_shown = 0.0,
                                    .high_shown = 1.0,
                                    .when_heard = {.kind = Kind::uniform, .low = 0.0, .high = 0.7},
                                    .when_modulating = {.kind = Kind::uniform, .low = 0.0, .high = 0.7},
                                    .is_latched = true,
                                    .summary = "level while the gate is high"});
  time("release", 0.2, {.kind = Kind::logarithmic, .low = 0.01, .high = 0.02, .raised = Raised::to_end},
       "time constant towards 0");
}

}  // namespace retrograd
