// How fast the engine plays and rewinds: the FM synth, its precision and odd lengths, the spectral loss, a
// whole step of a fit.
#include <retrograd/losses/losses.hpp>
#include <retrograd/optimizers/optimizer.hpp>

#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

void add_fm(Rows& rows) {
  for (const int operators : {2, 6}) {
    const std::string name = "fm " + std::to_string(operators) + " operators, 16 rows x 1 s, 1 thread, ";
    rows.push_back({name + "forward", "ns per operator and sample", at_most(1.5), [=] {
                      Synth synth({.operators = operators});
                      return nanoseconds([&] { synth.forward(); }) / synth.shape.operator_samples();
                    }});
    rows.push_back({name + "forward + backward", "ns per operator and sample", at_most(4.0), [=] {
                      Synth synth({.operators = operators});
                      const Var loss = synth.mean_squared_loss();
                      const auto once = [&] {
                        synth.tape.play({loss});
                        synth.tape.rewind(loss);
                      };
                      return nanoseconds(once) / synth.shape.operator_samples();
                    }});
  }
}

// The time per operator and sample of one synth over that of another.
double ratio(const SynthShape& a_shape, const SynthShape& b_shape, void (Synth::*run)()) {
  Synth a(a_shape), b(b_shape);
  return compare([&] { (a.*run)(); }, [&] { (b.*run)(); }).ratio * b_shape.operator_samples() /
         a_shape.operator_samples();
}

void add_variants(Rows& rows) {
  const SynthShape usual, wide{.type = ElementType::f64};
  // Neither rows nor tiles of an odd length start on a vector's boundary; 44032 is a whole number of tiles.
  const SynthShape odd{.length = 44101}, even{.length = 44032};
  rows.push_back({"f64 over f32, fm 2 operators, 16 rows x 1 s, forward", "ratio of times", at_most(3.0),
                  [=] { return ratio(wide, usual, &Synth::forward); }});
  rows.push_back({"f64 over f32, fm 2 operators, 16 rows x 1 s, forward + backward", "ratio of times",
                  at_most(3.0), [=] { return ratio(wide, usual, &Synth::forward_and_backward); }});
  rows.push_back({"44101 over 44032 samples, fm 2 operators, 16 rows, forward", "ratio of times per sample",
                  at_most(1.05), [=] { return ratio(odd, even, &Synth::forward); }});
  rows.push_back({"44101 over 44032 samples, fm 2 operators, 16 rows, forward + backward",
                  "ratio of times per sample", at_most(1.05),
                  [=] { return ratio(odd, even, &Synth::forward_and_backward); }});
}

double spectral_loss_milliseconds_per_row() {
  constexpr std::int64_t rows = 16;
  const Shape shape{rows, bench_sample_rate};
  Tape tape({.sample_rate = static_cast<double>(bench_sample_rate), .length = bench_sample_rate});
  const Var sound = tape.parameter("sound", noise(shape));
  const Var target = tape.input("target", Tensor(shape, ElementType::f32));
  const Var loss = multi_resolution_stft_loss(sound, target);
  const auto once = [&] {
    tape.play({loss});
    tape.rewind(loss);
  };
  return nanoseconds(once) / 1e6 / rows;
}

double fit_step_milliseconds(int workers) {
  ThreadPool threads(workers);
  Synth synth({.executor = &threads});
  const Var loss = synth.spectral_loss();
  Adam adam(synth.tape);
  const auto once = [&] {
    synth.tape.play({loss});
    synth.tape.rewind(loss);
    adam.step();
  };
  return nanoseconds(once) / 1e6;
}

}  // namespace

void add_speed_rows(Rows& rows, const BenchOptions& options) {
  add_fm(rows);
  add_variants(rows);
  rows.push_back({"spectral loss, six windows, forward + backward, 1 thread", "ms per row of 1 s",
                  at_most(7.0), spectral_loss_milliseconds_per_row});
  rows.push_back({"fit step, fm 2 operators, 16 rows x 1 s, spectral loss, " +
                      std::to_string(options.threads()) + " threads",
                  "ms", at_most(70.0), [=] { return fit_step_milliseconds(options.threads()); }});
}

}  // namespace retrograd::tool
