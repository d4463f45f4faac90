#include <retrograd/optimizers/optimizer.hpp>
#include <retrograd/optimizers/parameter_space.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace retrograd {

Optimizer::Optimizer(Tape& tape, std::span<const Var> parameters, double learning_rate, double clip,
                     std::vector<std::string> memory_names)
    : tape_(tape), learning_rate_(learning_rate), clip_(clip), memory_names_(std::move(memory_names)) {
  if (!(learning_rate > 0.0 && std::isfinite(learning_rate)))
    raise<DomainError>("the learning rate is " + std::to_string(learning_rate) +
                       ", but must be positive and finite");
  if (!(clip > 0.0))
    raise<DomainError>("the clipping norm is " + std::to_string(clip) + ", but must be positive");
  std::vector<Var> chosen(parameters.begin(), parameters.end());
  if (chosen.empty())
    std::ranges::copy_if(tape.parameters(), std::back_inserter(chosen),
                         [&](Var var) { return !tape.is_frozen(var); });
  for (const Var var : chosen) {
    const Tensor value(tape.value(var));
    Moving moving(var, tape.domain(var), tape.name(var), value);
    const auto elements = static_cast<std::size_t>(value.shape().elements());
    moving.row_length = value.shape().length();
    rows_ = std::max(rows_, static_cast<std::size_t>(value.shape().rows()));
    for (std::size_t i = 0; i < elements; ++i)
      moving.free.push_back(to_free(moving.domain, value.view().at(static_cast<std::int64_t>(i))));
    moving.gradient.resize(elements);
    for (std::size_t m = 0; m < memory_names_.size(); ++m) moving.memory[m].resize(elements);
    parameters_.push_back(std::move(moving));
  }
  row_norm_.resize(rows_ + 1);
}

void Optimizer::scale_rate(Var parameter, double factor) {
  for (Moving& moving : parameters_)
    if (moving.var.tape() == parameter.tape() && moving.var.id() == parameter.id()) {
      moving.rate = factor;
      return;
    }
  raise<TapeError>("a learning rate was scaled for a Var that is no parameter of this optimiser");
}

void Optimizer::gather_gradients() {
  for (Moving& parameter : parameters_) {
    const TensorView gradient = tape_.gradient(parameter.var);
    for (std::size_t i = 0; i < parameter.free.size(); ++i)
      parameter.gradient[i] =
          gradient.at(static_cast<std::int64_t>(i)) * slope_at(parameter.domain, parameter.free[i]);
  }
}

void Optimizer::clip_rows() {
  std::ranges::fill(row_norm_, 0.0);
  const auto row_of = [&](const Moving& parameter, std::size_t i) {
    const std::size_t row = i / static_cast<std::size_t>(parameter.row_length);
    const bool is_shared =
        parameter.free.size() == static_cast<std::size_t>(parameter.row_length) && rows_ > 1;
    return is_shared ? rows_ : row;
  };
  for (const Moving& parameter : parameters_)
    for (std::size_t i = 0; i < parameter.free.size(); ++i)
      row_norm_[row_of(parameter, i)] += parameter.gradient[i] * parameter.gradient[i];
  for (Moving& parameter : parameters_)
    for (std::size_t i = 0; i < parameter.free.size(); ++i) {
      const double norm = std::sqrt(row_norm_[row_of(parameter, i)]);
      if (norm > clip_) parameter.gradient[i] *= clip_ / norm;
      if (!std::isfinite(norm)) parameter.gradient[i] = std::numeric_limits<double>::quiet_NaN();
    }
}

namespace {

// The float nearest to `value` that does not leave the domain.
float rounded_inside(const Domain& domain, double value) {
  const auto nearest = static_cast<float>(value);
  if (domain.contains(static_cast<double>(nearest))) return nearest;
  const double inwards = static_cast<double>(nearest) > value ? -INFINITY : INFINITY;
  return std::nextafter(nearest, static_cast<float>(inwards));
}

}  // namespace

void Optimizer::set_value(Moving& parameter) {
  for (std::size_t i = 0; i < parameter.free.size(); ++i) {
    if (!std::isfinite(parameter.gradient[i])) continue;
    const double value = from_free(parameter.domain, parameter.free[i]);
    if (parameter.value.type() == ElementType::f32)
      parameter.value.as<float>()[i] = rounded_inside(parameter.domain, value);
    else
      parameter.value.as<double>()[i] = value;
  }
  tape_.set(parameter.var, parameter.value);
}

void Optimizer::step() {
  gather_gradients();
  clip_rows();
  ++steps_;
  for (Moving& parameter : parameters_) {
    for (std::size_t i = 0; i < parameter.free.size(); ++i)
      if (std::isfinite(parameter.gradient[i])) move(parameter, i);
    set_value(parameter);
  }
}

void Sgd::move(Moving& parameter, std::size_t i) {
  double& velocity = parameter.memory[0][i];
  velocity = momentum_ * velocity + parameter.gradient[i];
  parameter.free[i] -= learning_rate() * parameter.rate * velocity;
}

void Adam::move(Moving& parameter, std::size_t i) {
  const double g = parameter.gradient[i];
  double &first = parameter.memory[0][i], &second = parameter.memory[1][i];
  first = options_.beta1 * first + (1.0 - options_.beta1) * g;
  second = options_.beta2 * second + (1.0 - options_.beta2) * g * g;
  // The moments began at zero: what is missing of their weights.
  const auto steps = static_cast<double>(steps_);
  const double first_weight = 1.0 - std::pow(options_.beta1, steps);
  const double second_weight = 1.0 - std::pow(options_.beta2, steps);
  parameter.free[i] -= learning_rate() * parameter.rate * (first / first_weight) /
                       (std::sqrt(second / second_weight) + options_.epsilon);
}

OptimizerState Optimizer::save() const {
  OptimizerState state;
  state["/steps"] = {static_cast<double>(steps_)};
  for (const Moving& parameter : parameters_) {
    state[parameter.name + "/free"] = parameter.free;
    for (std::size_t m = 0; m < memory_names_.size(); ++m)
      state[parameter.name + "/" + memory_names_[m]] = parameter.memory[m];
  }
  return state;
}

void Optimizer::load(const OptimizerState& state) {
  const auto find = [&](const std::string& key, std::size_t elements) -> const std::vector<double>& {
    const auto found = state.find(key);
    if (found == state.end()) raise<TapeError>("the optimiser's saved state has no '" + key + "'");
    if (found->second.size() != elements)
      raise<TapeError>("the optimiser's saved state has " + std::to_string(found->second.size()) +
                       " values for '" + key + "', and the tape has " + std::to_string(elements));
    return found->second;
  };
  for (const Moving& parameter : parameters_) {  // look before anything changes
    find(parameter.name + "/free", parameter.free.size());
    for (const std::string& name : memory_names_) find(parameter.name + "/" + name, parameter.free.size());
  }
  steps_ = static_cast<std::int64_t>(find("/steps", 1)[0]);
  for (Moving& parameter : parameters_) {
    parameter.free = find(parameter.name + "/free", parameter.free.size());
    for (std::size_t m = 0; m < memory_names_.size(); ++m)
      parameter.memory[m] = find(parameter.name + "/" + memory_names_[m], parameter.free.size());
    set_value(parameter);
  }
}

}  // namespace retrograd
