// The tape beside PyTorch: gradrack's formulas (torch_fm.py), the same inputs, one thread each.
#include <retrograd/losses/losses.hpp>

#include <memory>
#include <optional>

#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"
#include "torch_fm_script.hpp"
#include "yardstick.hpp"

namespace retrograd::tool {
namespace {

nlohmann::json run_torch(const std::string& python, const Task& task, const std::string& what) {
  return run_task(python, torch_fm_script, task, what, "PyTorch");
}

// How the script computes the synth. "lean" has the closed form of an envelope in place of gradrack's masks and
// running products, the best that eager PyTorch does; "compiled" is that through torch.compile.
struct EagerForm {
  const char* name;
  const char* title;
  Goal goal;  // forward + backward
};
constexpr EagerForm eager_forms[] = {{"gradrack", "eager PyTorch", at_least(300.0)},
                                     {"lean", "eager PyTorch with lean envelopes", no_goal},
                                     {"compiled", "torch.compile with lean envelopes", no_goal}};

struct Seconds {
  double forward, forward_and_backward;
  std::string disagreement;
};

Seconds time_synth(const std::string& python, const SynthShape& shape, const EagerForm& form) {
  Synth synth(shape);
  synth.forward_and_backward();
  nlohmann::json description = description_of(synth);
  description.update({{"what", "synth"}, {"form", form.name}, {"device", name(shape.device)}});
  Task task(std::move(description));
  task.add("gate", synth.tape.value(synth.tape.find("gate")));
  task.add("adjoint", synth.adjoint());
  task.add("audio", synth.tape.value(synth.audio));
  const nlohmann::json answer = run_torch(python, task, form.title);
  // Its phase is a running sum of floats that is never wrapped: after a second it has lost three digits.
  std::string apart = disagreement(answer, "audio_error", 1e-3, form.title);
  if (apart.empty()) apart = disagreement(answer, "gradient_error", 1e-2, form.title);
  return {number_in(answer, "forward", form.title), number_in(answer, "forward_and_backward", form.title),
          apart};
}

Figure time_loss(const std::string& python, Tape& tape, Var sound, Var target, Var loss) {
  Task task(
      {{"what", "loss"}, {"windows", SpectralLossOptions{}.windows}, {"loss", values_of(tape.value(loss))}});
  task.add("sound", tape.value(sound));
  task.add("target", tape.value(target));
  const nlohmann::json answer = run_torch(python, task, "the spectral loss in eager PyTorch");
  const char* what = "the spectral loss in eager PyTorch";
  return {number_in(answer, "forward_and_backward", what), disagreement(answer, "loss_error", 1e-3, what)};
}

Figure spectral_loss_ratio(const std::string& python) {
  const Shape shape{16, bench_sample_rate};
  Tape tape({.sample_rate = static_cast<double>(bench_sample_rate), .length = bench_sample_rate});
  Tensor quieter = noise(shape);
  for (float& value : quieter.as<float>()) value *= 0.25f;
  const Var sound = tape.parameter("sound", noise(shape));
  const Var target = tape.input("target", quieter);
  const Var loss = multi_resolution_stft_loss(sound, target);
  const auto once = [&] {
    tape.play({loss});
    tape.rewind(loss);
  };
  once();
  const Figure theirs = time_loss(python, tape, sound, target, loss);
  return {theirs.value * 1e9 / nanoseconds(once), theirs.disagreement};
}

}  // namespace

void add_torch_on_gpu_rows(Rows& rows, const BenchOptions& options) {
  for (const int operators : {2, 6})
    rows.push_back({"cuda: against eager PyTorch on the GPU, fm " + std::to_string(operators) +
                        " operators, 64 rows x 1 s, forward + backward",
                    "times as fast", at_least(100.0), [operators, python = options.python] {
                      const SynthShape shape{.operators = operators, .rows = 64, .device = Device::cuda};
                      const Seconds theirs = time_synth(python, shape, eager_forms[0]);
                      Synth synth(shape);
                      return Figure(theirs.forward_and_backward * 1e9 /
                                        nanoseconds_on_gpu([&] { synth.forward_and_backward(); }),
                                    theirs.disagreement);
                    }});
}

// Not in turns, as other ratios are: a run of PyTorch takes as long as hundreds of the tape's, and the goal
// is far from where noise would decide.
void add_torch_rows(Rows& rows, const BenchOptions& options) {
  const std::string python = options.python;
  for (const EagerForm& form : eager_forms)
    for (const int operators : {2, 6}) {
      // Both rows come from one run of the script.
      const auto measured = std::make_shared<std::optional<Seconds>>();
      const auto times = [=] {
        if (!*measured) *measured = time_synth(python, {.operators = operators}, form);
        return **measured;
      };
      const std::string name = std::string("against ") + form.title + ", fm " + std::to_string(operators) +
                               " operators, 16 rows x 1 s, 1 thread, ";
      rows.push_back({name + "forward", "times as fast", no_goal, [=] {
                        const Seconds theirs = times();
                        Synth synth({.operators = operators});
                        return Figure(theirs.forward * 1e9 / nanoseconds([&] { synth.forward(); }),
                                      theirs.disagreement);
                      }});
      rows.push_back({name + "forward + backward", "times as fast", form.goal, [=] {
                        const Seconds theirs = times();
                        Synth synth({.operators = operators});
                        return Figure(theirs.forward_and_backward * 1e9 /
                                          nanoseconds([&] { synth.forward_and_backward(); }),
                                      theirs.disagreement);
                      }});
    }
  rows.push_back({"against eager PyTorch, spectral loss, 16 rows x 1 s, 1 thread, forward + backward",
                  "times as fast", no_goal, [=] { return spectral_loss_ratio(python); }});
}

}  // namespace retrograd::tool
