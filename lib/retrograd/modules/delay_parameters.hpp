// Parameters and structure that modules with delays share, and loops around what they hear.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/nodes/all.hpp>

#include <initializer_list>

namespace retrograd {

/// The longest delay, in milliseconds: what memory is kept for.
constexpr Structure longest_delay(std::int64_t usual) {
  return {
      .name = "longest", .low = 10, .high = 60000, .usual = usual, .summary = "ms, what the time is at most"};
}
/// The shortest, in milliseconds: a loop goes so long at a time.
constexpr Structure shortest_delay(std::int64_t usual) {
  return {
      .name = "shortest", .low = 0, .high = 10, .usual = usual, .summary = "ms, what the time is at least"};
}

/// How long a sound takes through a delay, from `low` to `high` seconds.
inline ParameterSpec delay_time(double usual, double low, double high) {
  const Draw draw{.kind = Draw::Kind::keep};
  return {.name = "time",
          .unit = Unit::seconds,
          .domain = range(low, high),
          .usual = std::min(usual, high),
          .role = Role::time,
          .is_logarithmic = low > 0.0,
          .low_shown = low,
          .high_shown = high,
          .when_heard = draw,
          .when_modulating = draw,
          .summary = "how late it is heard"};
}

/// A part of what comes out that goes in again.
inline ParameterSpec feedback(double usual) {
  const Draw draw{.kind = Draw::Kind::uniform, .low = 0.0, .high = 0.9};
  return {.name = "feedback",
          .domain = range(-0.999, 0.999),
          .usual = usual,
          .low_shown = -0.999,
          .high_shown = 0.999,
          .when_heard = draw,
          .when_modulating = draw,
          .summary = "the part of it that goes in again"};
}

/// How loud what is delayed is beside what comes in.
inline ParameterSpec wet_level(double usual) {
  const Draw draw{.kind = Draw::Kind::uniform, .low = 0.1, .high = 1.0};
  return {.name = "level",
          .domain = range(-4.0, 4.0),
          .usual = usual,
          .low_shown = 0.0,
          .high_shown = 1.0,
          .when_heard = draw,
          .when_modulating = draw,
          .summary = "of what is delayed, beside what comes in"};
}

/// A loop of the shape that these make together.
inline Feedback loop_around(Recorder& r, std::initializer_list<Var> vars) {
  Shape shape{r.length().value_or(r.tape().options().length.value_or(1))};
  for (const Var var : vars) shape = broadcast(shape, var.shape(), "feedback");
  return r.tape().feedback(shape, 1);
}

}  // namespace retrograd
