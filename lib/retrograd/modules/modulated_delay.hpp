// A time that a sine moves: what a chorus and a flanger have in common.
#pragma once

#include <retrograd/modules/module.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>

namespace retrograd {

/// How often it goes up and down.
inline ParameterSpec sweep_rate(double usual) {
  const Draw draw{.kind = Draw::Kind::logarithmic, .low = 0.05, .high = 5.0};
  return {.name = "rate",
          .unit = Unit::hertz,
          .domain = range(0.0, 100.0),
          .usual = usual,
          .low_shown = 0.0,
          .high_shown = 10.0,
          .when_heard = draw,
          .when_modulating = draw,
          .fit_rate = 0.04,
          .summary = "of the sine that moves the time"};
}

/// How far, to each side.
inline ParameterSpec sweep_depth(double usual, double high) {
  const Draw draw{.kind = Draw::Kind::uniform, .low = 0.0, .high = usual};
  return {.name = "depth",
          .unit = Unit::seconds,
          .domain = range(0.0, high),
          .usual = usual,
          .role = Role::time,
          .low_shown = 0.0,
          .high_shown = high,
          .when_heard = draw,
          .when_modulating = draw,
          .summary = "how far the time moves to each side"};
}

/// time + depth sin(2 pi rate t), of the parameters of those names.
inline Var swept_time(Recorder& r) {
  const Var rate = r.value("rate");
  const Var sine = sinusoid(rate, std::nullopt, rate.is_signal() ? std::nullopt : r.length());
  return r.value("time") + r.value("depth") * sine;
}

}  // namespace retrograd
