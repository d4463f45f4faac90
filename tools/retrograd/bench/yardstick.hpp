// What the rows that ask Python share: a task for a script, and what its answer is worth.
#pragma once

#include <retrograd/tensor/tensor.hpp>

#include <nlohmann/json.hpp>
#include <string>

#include "synth.hpp"

namespace retrograd::tool {

/// The description of a task and the arrays that follow it.
class Task {
 public:
  explicit Task(nlohmann::json description);
  void add(const char* name, const TensorView& values);
  std::string text() const { return description_.dump() + '\n' + arrays_; }

 private:
  nlohmann::json description_;
  std::string arrays_;
};

/// The script's answer. LeftOut where there is no such Python, where it lacks `library`, and where the script fails.
nlohmann::json run_task(const std::string& python, const char* script, const Task& task,
                        const std::string& what, const std::string& library);

/// LeftOut where it is none.
double number_in(const nlohmann::json& answer, const char* name, const std::string& what);

/// "" or how far the yardstick is off.
std::string disagreement(const nlohmann::json& answer, const char* error, double allowed,
                         const std::string& what);

/// One number for each row.
nlohmann::json values_of(const TensorView& column);

/// Six numbers per operator, in the order of the scripts.
template <class Read>
nlohmann::json per_operator(Synth& synth, const Read& read) {
  nlohmann::json all = nlohmann::json::array();
  for (const Synth::OperatorParameters& p : synth.operators)
    all.push_back({read(p.ratio), read(p.gain), read(p.envelope.attack), read(p.envelope.decay),
                   read(p.envelope.sustain), read(p.envelope.release)});
  return all;
}

/// The routing, the parameters, and their gradients, of whatever was rewound last.
nlohmann::json description_of(Synth& synth);

}  // namespace retrograd::tool
