// The tape beside PyTorch: gradrack's formulas (torch_fm.py), the same inputs, one thread each.
#include <retrograd/losses/losses.hpp>

#include <map>
#include <nlohmann/json.hpp>

#include "../text.hpp"
#include "python.hpp"
#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"
#include "torch_script.hpp"

namespace retrograd::tool {
namespace {

using Json = nlohmann::json;

constexpr int no_torch = 3;  // the script's exit code

// The description of a task and the arrays that follow it.
class Task {
 public:
  explicit Task(Json description) : description_(std::move(description)) {
    description_["arrays"] = Json::array();
  }
  void add(const char* name, const TensorView& values) {
    Json shape = Json::array();
    for (int axis = 0; axis < values.shape.axes(); ++axis) shape.push_back(values.shape[axis]);
    description_["arrays"].push_back({name, shape});
    const Tensor floats = Tensor(values).to(Device::cpu).to(ElementType::f32);
    arrays_.append(static_cast<const char*>(floats.data()),
                   4 * static_cast<std::size_t>(floats.shape().elements()));
  }
  std::string text() const { return description_.dump() + '\n' + arrays_; }

 private:
  Json description_;
  std::string arrays_;
};

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

Json run_task(const std::string& python, const Task& task, const std::string& what) {
  const PythonResult result = run_python(python, torch_script, task.text());
  if (result.exit_code == 127) throw LeftOut{"there is no " + python + " to compare with PyTorch"};
  if (result.exit_code == no_torch) throw LeftOut{python + " has no PyTorch to compare with"};
  const Json answer = Json::parse(last_line(result.out), nullptr, false);
  if (result.exit_code != 0 || !answer.is_object())
    throw LeftOut{what + " does not run with " + python + ": " + last_line(result.err)};
  return answer;
}

double number_in(const Json& answer, const char* name, const std::string& what) {
  const auto found = answer.find(name);
  if (found == answer.end() || !found->is_number())
    throw LeftOut{what + " gives no number for '" + name + "'"};
  return found->get<double>();
}

// "" or how far the yardstick is off.
std::string disagreement(const Json& answer, const char* error, double allowed, const std::string& what) {
  const double apart = number_in(answer, error, what);
  return apart <= allowed ? ""
                          : what + " and the tape disagree: " + error + " " + brief(apart) +
                                ", allowed are " + number(allowed);
}

Json values_of(const TensorView& column) {
  Json values = Json::array();
  for (std::int64_t row = 0; row < column.shape.rows(); ++row) values.push_back(column.at(row));
  return values;
}

// Six numbers per operator, in the order of the script.
template <class Read>
Json per_operator(const Synth& synth, const Read& read) {
  Json all = Json::array();
  for (const Synth::OperatorParameters& p : synth.operators)
    all.push_back({read(p.ratio), read(p.gain), read(p.envelope.attack), read(p.envelope.decay),
                   read(p.envelope.sustain), read(p.envelope.release)});
  return all;
}

// How the script computes the synth. "lean" has the closed form of an envelope in place of gradrack's masks and
// running products, the best that eager PyTorch does; "compiled" is that through torch.compile.
struct Form {
  const char* name;
  const char* title;
  Goal goal;  // forward + backward
};
constexpr Form forms[] = {{"gradrack", "eager PyTorch", at_least(300.0)},
                          {"lean", "eager PyTorch with lean envelopes", no_goal},
                          {"compiled", "torch.compile with lean envelopes", no_goal}};

struct Seconds {
  double forward, forward_and_backward;
  std::string disagreement;
};

Seconds time_synth(const std::string& python, const SynthShape& shape, const Form& form) {
  const int operators = shape.operators;
  Synth synth(shape);
  synth.forward_and_backward();
  const std::vector<Route> routing = bench_routing(operators);
  Json routes = Json::array();
  for (const Route& route : routing) routes.push_back({route.modulator, route.carrier});
  const auto value = [&](Var var) { return values_of(synth.tape.value(var)); };
  const auto gradient = [&](Var var) { return values_of(synth.tape.gradient(var)); };
  Task task({{"what", "synth"},
             {"form", form.name},
             {"device", name(shape.device)},
             {"sample_rate", bench_sample_rate},
             {"routing", routes},
             {"order", bench_order(operators)},
             {"audible", bench_audible(operators)},
             {"pitch", value(synth.pitch)},
             {"pitch_gradient", gradient(synth.pitch)},
             {"operators", per_operator(synth, value)},
             {"gradients", per_operator(synth, gradient)}});
  task.add("gate", synth.tape.value(synth.tape.find("gate")));
  task.add("adjoint", synth.adjoint());
  task.add("audio", synth.tape.value(synth.audio));
  const Json answer = run_task(python, task, form.title);
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
  const Json answer = run_task(python, task, "the spectral loss in eager PyTorch");
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
                      const Seconds theirs = time_synth(python, shape, forms[0]);
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
  for (const Form& form : forms)
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
