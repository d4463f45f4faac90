#include <retrograd/optimizers/on_device.hpp>
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
      take_from_device();
      moving.rate = factor;
      is_changed_ = true;
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
      parameter.gradient[i] *= moves::clipping(norm, clip_);
      if (!std::isfinite(norm)) parameter.gradient[i] = std::numeric_limits<double>::quiet_NaN();
    }
}

void Optimizer::set_value(Moving& parameter) {
  for (std::size_t i = 0; i < parameter.free.size(); ++i) {
    if (!std::isfinite(parameter.gradient[i])) continue;
    const double value = from_free(parameter.domain, parameter.free[i]);
    if (parameter.value.type() == ElementType::f32)
      parameter.value.as<float>()[i] = moves::rounded_inside(parameter.domain, value);
    else
      parameter.value.as<double>()[i] = value;
  }
  tape_.set(parameter.var, parameter.value);
}

void Optimizer::step() {
  for (const Moving& parameter : parameters_) leaf_with_gradient(tape_.state(), parameter.var);
  if (steps_on_device()) {
    ++steps_;
    on_device_->step(*move_on_device(), learning_rate_, clip_);
    leaves_were_moved(tape_.state());
    return;
  }
  gather_gradients();
  clip_rows();
  ++steps_;
  for (Moving& parameter : parameters_) {
    for (std::size_t i = 0; i < parameter.free.size(); ++i)
      if (std::isfinite(parameter.gradient[i])) move(parameter, i);
    set_value(parameter);
  }
}

// Where the tape is on a GPU, the method is one of the library's, and no step can bring a parameter to a value that a
// node does not allow (that would have to be looked at).
bool Optimizer::steps_on_device() {
  if (tape_.options().device == Device::cpu || !move_on_device()) return false;
  for (Moving& parameter : parameters_)
    for (const Leaf::Reader& reader : leaf_of(tape_.state(), parameter.var).readers)
      if (!contains(reader.allowed->domain, parameter.domain)) {
        go_on_here();
        return false;
      }
  if (on_device_ != nullptr && !is_changed_) return true;
  std::vector<OptimizerOnDevice::Parameter> parameters;
  for (Moving& parameter : parameters_) {
    Leaf& leaf = leaf_of(tape_.state(), parameter.var);
    parameters.push_back({&leaf, parameter.domain, parameter.rate, parameter.row_length, &parameter.free,
                          &parameter.memory[0], &parameter.memory[1]});
  }
  if (on_device_ == nullptr)
    on_device_ = optimizer_on_device(tape_.options(), parameters, static_cast<std::int64_t>(rows_));
  else
    on_device_->update(parameters);
  is_changed_ = false;
  return true;
}

// From the next step on, after some on the device.
void Optimizer::go_on_here() {
  if (on_device_ == nullptr || is_changed_) return;
  take_from_device();
  for (Moving& parameter : parameters_) parameter.value.assign(tape_.value(parameter.var));
  is_changed_ = true;
}

void Optimizer::take_from_device() const {
  if (on_device_ != nullptr && !is_changed_) on_device_->fetch();
}

Optimizer::~Optimizer() = default;

std::optional<Move> Optimizer::move_on_device() const { return std::nullopt; }

namespace {

moves::AdamMove adam_move(const AdamOptions& options, std::int64_t steps_done) {
  const auto steps = static_cast<double>(steps_done);
  return {options.beta1, options.beta2, options.epsilon, 1.0 - std::pow(options.beta1, steps),
          1.0 - std::pow(options.beta2, steps)};
}

}  // namespace

void Sgd::move(Moving& parameter, std::size_t i) {
  double none = 0.0;
  parameter.free[i] -= moves::SgdMove{momentum_}(parameter.gradient[i], learning_rate() * parameter.rate,
                                                 parameter.memory[0][i], none);
}
std::optional<Move> Sgd::move_on_device() const { return Move{moves::SgdMove{momentum_}}; }

void Adam::move(Moving& parameter, std::size_t i) {
  parameter.free[i] -= adam_move(options_, steps_)(parameter.gradient[i], learning_rate() * parameter.rate,
                                                   parameter.memory[0][i], parameter.memory[1][i]);
}
std::optional<Move> Adam::move_on_device() const { return Move{adam_move(options_, steps_)}; }

OptimizerState Optimizer::save() const {
  take_from_device();
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
  is_changed_ = true;
  for (Moving& parameter : parameters_) {
    parameter.free = find(parameter.name + "/free", parameter.free.size());
    for (std::size_t m = 0; m < memory_names_.size(); ++m)
      parameter.memory[m] = find(parameter.name + "/" + memory_names_[m], parameter.free.size());
    set_value(parameter);
  }
}

}  // namespace retrograd
