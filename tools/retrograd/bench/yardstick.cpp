// What the rows that ask Python share.
#include "yardstick.hpp"

#include "../text.hpp"
#include "python.hpp"
#include "rows.hpp"

namespace retrograd::tool {
namespace {

constexpr int no_library = 3;  // a script's exit code

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

Task::Task(nlohmann::json description) : description_(std::move(description)) {
  description_["arrays"] = nlohmann::json::array();
}

void Task::add(const char* name, const TensorView& values) {
  nlohmann::json shape = nlohmann::json::array();
  for (int axis = 0; axis < values.shape.axes(); ++axis) shape.push_back(values.shape[axis]);
  description_["arrays"].push_back({name, shape});
  const Tensor floats = Tensor(values).to(Device::cpu).to(ElementType::f32);
  arrays_.append(static_cast<const char*>(floats.data()),
                 4 * static_cast<std::size_t>(floats.shape().elements()));
}

nlohmann::json run_task(const std::string& python, const char* script, const Task& task,
                        const std::string& what, const std::string& library) {
  const PythonResult result = run_python(python, script, task.text());
  if (result.exit_code == 127) throw LeftOut{"there is no " + python + " to compare with " + library};
  if (result.exit_code == no_library) throw LeftOut{python + " has no " + library + " to compare with"};
  const nlohmann::json answer = nlohmann::json::parse(last_line(result.out), nullptr, false);
  if (result.exit_code != 0 || !answer.is_object())
    throw LeftOut{what + " does not run with " + python + ": " + last_line(result.err)};
  return answer;
}

double number_in(const nlohmann::json& answer, const char* name, const std::string& what) {
  const auto found = answer.find(name);
  if (found == answer.end() || !found->is_number())
    throw LeftOut{what + " gives no number for '" + name + "'"};
  return found->get<double>();
}

std::string disagreement(const nlohmann::json& answer, const char* error, double allowed,
                         const std::string& what) {
  const double apart = number_in(answer, error, what);
  return apart <= allowed ? ""
                          : what + " and the tape disagree: " + error + " " + brief(apart) +
                                ", allowed are " + number(allowed);
}

nlohmann::json values_of(const TensorView& column) {
  nlohmann::json values = nlohmann::json::array();
  for (std::int64_t row = 0; row < column.shape.rows(); ++row) values.push_back(column.at(row));
  return values;
}

nlohmann::json description_of(Synth& synth) {
  nlohmann::json routes = nlohmann::json::array();
  for (const Route& route : bench_routing(synth.shape.operators))
    routes.push_back({route.modulator, route.carrier});
  const auto value = [&](Var var) { return values_of(synth.tape.value(var)); };
  const auto gradient = [&](Var var) { return values_of(synth.tape.gradient(var)); };
  return {{"sample_rate", bench_sample_rate},
          {"routing", routes},
          {"order", bench_order(synth.shape.operators)},
          {"audible", bench_audible(synth.shape.operators)},
          {"pitch", value(synth.pitch)},
          {"pitch_gradient", gradient(synth.pitch)},
          {"operators", per_operator(synth, value)},
          {"gradients", per_operator(synth, gradient)}};
}

}  // namespace retrograd::tool
