// The synth of the GPU's rows in what people have on a GPU: PyTorch, torch.compile, JAX (closed_form_fm.py), the same inputs.
#include <memory>
#include <optional>

#include "closed_form_fm_script.hpp"
#include "rows.hpp"
#include "synth.hpp"
#include "yardstick.hpp"

namespace retrograd::tool {
namespace {

constexpr int synths[] = {2, 6};  // operators

struct Form {
  const char* name;
  const char* title;
  const char* library;
};
constexpr Form forms[] = {{"eager", "eager PyTorch", "PyTorch"},
                          {"compiled", "torch.compile", "PyTorch"},
                          {"jax", "JAX under jit", "JAX"}};

SynthShape shape_of(int operators) {
  return {.operators = operators, .rows = 256, .length = 4 * bench_sample_rate, .device = Device::cuda};
}

// All synths in one run of the script: it takes longest to start.
nlohmann::json answers(const std::string& python, const Form& form) {
  nlohmann::json described = nlohmann::json::array();
  for (const int operators : synths) {
    Synth synth(shape_of(operators));
    const Var loss = synth.mean_squared_loss();
    synth.tape.play({loss});
    synth.tape.rewind(loss);
    described.push_back(description_of(synth));
    described.back()["losses"] = values_of(synth.tape.value(loss));
  }
  const SynthShape shape = shape_of(synths[0]);
  return run_task(python, closed_form_fm_script,
                  Task({{"form", form.name},
                        {"device", name(shape.device)},
                        {"rows", shape.rows},
                        {"length", shape.length},
                        {"held", shape.length / 2},
                        {"synths", described}}),
                  form.title, form.library);
}

}  // namespace

void add_closed_form_rows(Rows& rows, const BenchOptions& options) {
  for (const Form& form : forms) {
    const auto kept = std::make_shared<std::optional<nlohmann::json>>();
    const auto answer = [=, python = options.python, &form](std::size_t synth) -> const nlohmann::json& {
      if (!*kept) *kept = answers(python, form);
      const nlohmann::json& all = (**kept)["synths"];
      if (!all.is_array() || synth >= all.size()) throw LeftOut{std::string(form.title) + " gives no times"};
      return all[synth];
    };
    const auto figure = [=, &form](std::size_t synth, const char* name, double factor) {
      const nlohmann::json& of_synth = answer(synth);
      std::string apart = disagreement(of_synth, "loss_error", 1e-3, form.title);
      if (apart.empty()) apart = disagreement(of_synth, "gradient_error", 1e-2, form.title);
      return Figure(number_in(of_synth, name, form.title) * factor, apart);
    };
    for (std::size_t synth = 0; synth < std::size(synths); ++synth) {
      const std::string name = std::string("cuda: ") + form.title + ", fm " + std::to_string(synths[synth]) +
                               " operators, 256 rows x 4 s, ";
      rows.push_back({name + "forward", "ms", no_goal, [=] { return figure(synth, "forward", 1e3); }});
      rows.push_back({name + "forward + backward", "ms", no_goal,
                      [=] { return figure(synth, "forward_and_backward", 1e3); }});
    }
    rows.push_back({std::string("cuda: ") + form.title + ", fm 6 operators, forward + backward, peak memory",
                    "MB", no_goal, [=] { return figure(std::size(synths) - 1, "peak_bytes", 1e-6); }});
  }
}

}  // namespace retrograd::tool
