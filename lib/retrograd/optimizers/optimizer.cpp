#include <retrograd/optimizers/clipping.hpp>
#include <retrograd/optimizers/on_device.hpp>
#include <retrograd/optimizers/optimizer.hpp>
#include <retrograd/optimizers/parameter_space.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace retrograd {

namespace {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();  // no version of a value
constexpr double most_steps = 9007199254740992.0;  // 2^53: a double counts no further

bool is_rate(double rate) { return rate >= 0.0 && std::isfinite(rate); }

void check_memory_names(const std::vector<std::string>& names) {
  for (std::size_t m = 0; m < names.size(); ++m)
    if (names[m] == "free" || names[m] == "steps" ||
        std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(m), names[m]) !=
            names.begin() + static_cast<std::ptrdiff_t>(m))
      raise<TapeError>("an optimiser's memory is named '" + names[m] +
                       "'; names must differ from one another and from 'free' and 'steps'");
}

}  // namespace

Optimizer::Optimizer(Tape& tape, std::span<const Var> parameters, double learning_rate, double clip,
                     std::vector<std::string> memory_names, ClipBy clip_by)
    : tape_(tape),
      learning_rate_(learning_rate),
      clip_(clip),
      clip_by_(clip_by),
      memory_names_(std::move(memory_names)) {
  if (!(learning_rate > 0.0 && std::isfinite(learning_rate)))
    raise<DomainError>("the learning rate is " + std::to_string(learning_rate) +
                       ", but must be positive and finite");
  if (!(clip > 0.0))
    raise<DomainError>("the clipping norm is " + std::to_string(clip) + ", but must be positive");
  check_memory_names(memory_names_);
  std::vector<Var> chosen(parameters.begin(), parameters.end());
  if (chosen.empty())
    std::ranges::copy_if(tape.parameters(), std::back_inserter(chosen),
                         [&](Var var) { return !tape.is_frozen(var); });
  if (chosen.empty())
    raise<TapeError>("an optimiser with nothing to move: the tape has no parameter yet that is not frozen");
  for (const Var var : chosen) add(var);
  prepare();
}

void Optimizer::add(Var var) {
  const Leaf& leaf = leaf_of(tape_.state(), var);
  if (leaf.name.empty())
    raise<TapeError>("an optimiser was given a constant; record it as a parameter, with a name");
  if (std::ranges::any_of(parameters_, [&](const Moving& known) { return known.var.id() == var.id(); }))
    raise<TapeError>("an optimiser was given the parameter '" + leaf.name + "' twice");
  const Tensor value(tape_.value(var));
  Moving moving(var, tape_.domain(var), leaf.name, value);
  const auto elements = static_cast<std::size_t>(value.shape().elements());
  for (std::size_t i = 0; i < elements; ++i)
    moving.free.push_back(to_free(moving.domain, value.view().at(static_cast<std::int64_t>(i))));
  moving.gradient.resize(elements);
  moving.memory.assign(memory_names_.size(), std::vector<double>(elements));
  moving.version = leaf.version;
  moving.is_frozen = leaf.frozen;
  go_on_here();
  on_device_ = nullptr;  // the next step makes one with all of them
  parameters_.push_back(std::move(moving));
  nodes_grouped_ = 0;
}

void Optimizer::scale_rate(Var parameter, double factor) {
  if (!is_rate(factor))
    raise<DomainError>("a learning rate was scaled by " + std::to_string(factor) +
                       ", but the factor must be 0 or more and finite");
  for (Moving& moving : parameters_)
    if (moving.var.tape() == parameter.tape() && moving.var.id() == parameter.id()) {
      take_from_device();
      moving.rate = factor;
      is_changed_ = true;
      return;
    }
  raise<TapeError>("a learning rate was scaled for a Var that is no parameter of this optimiser");
}

void Optimizer::set_learning_rate(double rate) {
  if (!is_rate(rate))
    raise<DomainError>("the learning rate is " + std::to_string(rate) + ", but must be 0 or more and finite");
  learning_rate_ = rate;
}

// Looks at what the tape has become since the last step: what is frozen, and what reads the parameters.
void Optimizer::prepare() {
  for (const Moving& parameter : parameters_)
    if (leaf_of(tape_.state(), parameter.var).frozen != parameter.is_frozen) {
      go_on_here();
      on_device_ = nullptr;
      break;
    }
  for (Moving& parameter : parameters_) parameter.is_frozen = leaf_of(tape_.state(), parameter.var).frozen;
  if (nodes_grouped_ != graph_of(tape_.state()).nodes.size()) group_elements();
}

void Optimizer::group_elements() {
  std::vector<Var> vars;
  for (const Moving& parameter : parameters_) vars.push_back(parameter.var);
  const Graph& graph = graph_of(tape_.state());
  std::vector<ClipGroups> groups = clip_groups(graph, vars, clip_by_);
  nodes_grouped_ = graph.nodes.size();
  if (groups == groups_) return;
  go_on_here();
  on_device_ = nullptr;
  groups_ = std::move(groups);
  std::int64_t count = 1;
  for (std::size_t p = 0; p < parameters_.size(); ++p)
    count = std::max(count, groups_[p].of(static_cast<std::int64_t>(parameters_[p].free.size()) - 1) + 1);
  group_norm_.resize(static_cast<std::size_t>(count));
}

// A value that was set since the last step is where this one begins.
void Optimizer::look_at_value(Moving& parameter) const {
  Leaf& leaf = leaf_of(tape_.state(), parameter.var);
  if (leaf.version == parameter.version) return;
  parameter.value.assign(value_of(leaf));
  for (std::size_t i = 0; i < parameter.free.size(); ++i)
    parameter.free[i] =
        parameter.value.type() == ElementType::f32
            ? moves::present_free(parameter.domain, parameter.free[i], parameter.value.as<float>()[i])
            : moves::present_free(parameter.domain, parameter.free[i], parameter.value.as<double>()[i]);
  parameter.version = leaf.version;
}

void Optimizer::gather_gradients() {
  for (Moving& parameter : parameters_) {
    if (parameter.is_frozen) continue;
    const TensorView gradient = tape_.gradient(parameter.var);
    for (std::size_t i = 0; i < parameter.free.size(); ++i)
      parameter.gradient[i] =
          gradient.at(static_cast<std::int64_t>(i)) * slope_at(parameter.domain, parameter.free[i]);
  }
}

void Optimizer::clip_gradients() {
  std::ranges::fill(group_norm_, 0.0);
  const auto norm_of = [&](std::size_t p, std::size_t i) -> double& {
    return group_norm_[static_cast<std::size_t>(groups_[p].of(static_cast<std::int64_t>(i)))];
  };
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    const Moving& parameter = parameters_[p];
    if (parameter.is_frozen) continue;
    for (std::size_t i = 0; i < parameter.free.size(); ++i)
      norm_of(p, i) += parameter.gradient[i] * parameter.gradient[i];
  }
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    Moving& parameter = parameters_[p];
    if (parameter.is_frozen) continue;
    for (std::size_t i = 0; i < parameter.free.size(); ++i) {
      const double norm = std::sqrt(norm_of(p, i));
      parameter.gradient[i] *= moves::clipping(norm, clip_);
      if (!std::isfinite(norm)) parameter.gradient[i] = std::numeric_limits<double>::quiet_NaN();
    }
  }
}

// Elements whose gradient is not finite keep the value they have.
void Optimizer::set_value(Moving& parameter) {
  for (std::size_t i = 0; i < parameter.free.size(); ++i) {
    if (!std::isfinite(parameter.gradient[i])) continue;
    if (parameter.value.type() == ElementType::f32)
      moves::value_of_free(parameter.domain, parameter.free[i], parameter.value.as<float>()[i]);
    else
      moves::value_of_free(parameter.domain, parameter.free[i], parameter.value.as<double>()[i]);
  }
  parameter.version = never;  // where a node refuses the value, the next step looks at what is there
  tape_.set(parameter.var, parameter.value);
  parameter.version = leaf_of(tape_.state(), parameter.var).version;
}

void Optimizer::step() {
  prepare();
  for (const Moving& parameter : parameters_)
    if (!parameter.is_frozen) leaf_with_gradient(tape_.state(), parameter.var);
  if (steps_on_device()) {
    step_on_device();
    return;
  }
  for (Moving& parameter : parameters_) look_at_value(parameter);
  gather_gradients();
  clip_gradients();
  ++steps_;
  for (Moving& parameter : parameters_) {
    if (parameter.is_frozen) continue;
    ++parameter.steps;
    for (std::size_t i = 0; i < parameter.free.size(); ++i)
      if (std::isfinite(parameter.gradient[i])) move(parameter, i);
    set_value(parameter);
  }
}

// Where the tape is on a GPU, the method is one of the library's, and no step can bring a parameter to a value that a
// node does not allow (that would have to be looked at).
bool Optimizer::steps_on_device() {
  if (tape_.options().device == Device::cpu || !move_on_device(1)) return false;
  for (Moving& parameter : parameters_)
    for (const Leaf::Reader& reader : leaf_of(tape_.state(), parameter.var).readers)
      if (!parameter.is_frozen && !contains(reader.allowed->domain, parameter.domain)) {
        go_on_here();
        return false;
      }
  if (on_device_ != nullptr && !is_changed_) return true;
  std::vector<OptimizerOnDevice::Parameter> parameters;
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    Moving& parameter = parameters_[p];
    const auto memory = [&](std::size_t m) {
      return m < parameter.memory.size() ? &parameter.memory[m] : nullptr;
    };
    parameters.push_back({&leaf_of(tape_.state(), parameter.var), parameter.domain, parameter.rate,
                          parameter.is_frozen, groups_[p].first, groups_[p].length, &parameter.free,
                          memory(0), memory(1)});
  }
  if (on_device_ == nullptr)
    on_device_ =
        optimizer_on_device(tape_.options(), parameters, static_cast<std::int64_t>(group_norm_.size()));
  else
    on_device_->update(parameters);
  is_changed_ = false;
  return true;
}

void Optimizer::step_on_device() {
  ++steps_;
  bool are_set = false, are_apart = false;
  std::int64_t steps = -1;
  for (Moving& parameter : parameters_) {
    if (parameter.is_frozen) continue;
    ++parameter.steps;
    are_apart = are_apart || (steps >= 0 && steps != parameter.steps);
    steps = parameter.steps;
    are_set = are_set || parameter.version != leaf_of(tape_.state(), parameter.var).version;
  }
  moves_.clear();
  if (are_apart)
    for (const Moving& parameter : parameters_)
      moves_.push_back(*move_on_device(std::max<std::int64_t>(parameter.steps, 1)));
  else
    moves_.push_back(*move_on_device(std::max<std::int64_t>(steps, 1)));
  on_device_->step(moves_, learning_rate_, clip_, are_set);
  for (Moving& parameter : parameters_)
    if (!parameter.is_frozen) parameter.version = leaf_of(tape_.state(), parameter.var).version;
  leaves_were_moved(tape_.state());
}

// From the next step on, after some on the device.
void Optimizer::go_on_here() {
  if (on_device_ == nullptr || is_changed_) return;
  take_from_device();
  for (Moving& parameter : parameters_)
    parameter.version = never;  // values are looked at, and scratch is filled
  is_changed_ = true;
}

void Optimizer::take_from_device() const {
  if (on_device_ != nullptr && !is_changed_) on_device_->fetch();
}

Optimizer::~Optimizer() = default;

std::optional<Move> Optimizer::move_on_device(std::int64_t) const { return std::nullopt; }

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
std::optional<Move> Sgd::move_on_device(std::int64_t) const { return Move{moves::SgdMove{momentum_}}; }

void Adam::move(Moving& parameter, std::size_t i) {
  parameter.free[i] -=
      adam_move(options_, parameter.steps)(parameter.gradient[i], learning_rate() * parameter.rate,
                                           parameter.memory[0][i], parameter.memory[1][i]);
}
std::optional<Move> Adam::move_on_device(std::int64_t steps) const {
  return Move{adam_move(options_, steps)};
}

OptimizerState Optimizer::save() const {
  take_from_device();
  OptimizerState state;
  state["/steps"] = {static_cast<double>(steps_)};
  for (const Moving& parameter : parameters_) {
    Leaf& leaf = leaf_of(tape_.state(), parameter.var);
    std::vector<double>& free = state[parameter.name + "/free"] = parameter.free;
    if (leaf.version != parameter.version) {
      Moving now = parameter;
      look_at_value(now);
      free = now.free;
    }
    if (parameter.steps != steps_) state[parameter.name + "/steps"] = {static_cast<double>(parameter.steps)};
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
  const auto steps_in = [&](const std::string& key) {
    const double steps = find(key, 1)[0];
    if (!(steps >= 0.0 && steps <= most_steps && steps == std::floor(steps)))
      raise<TapeError>("the optimiser's saved state has " + std::to_string(steps) + " for '" + key +
                       "', which is no count of steps");
    return static_cast<std::int64_t>(steps);
  };
  const auto own_steps = [&](const std::string& name) {
    return steps_in(state.contains(name + "/steps") ? name + "/steps" : "/steps");
  };
  for (const Moving& parameter : parameters_) {  // look before anything changes
    const std::string key = parameter.name + "/free";
    for (const double free : find(key, parameter.free.size()))
      if (std::isnan(free)) raise<TapeError>("the optimiser's saved state has a NaN in '" + key + "'");
    own_steps(parameter.name);
    for (const std::string& name : memory_names_) find(parameter.name + "/" + name, parameter.free.size());
  }
  steps_ = steps_in("/steps");
  is_changed_ = true;
  for (Moving& parameter : parameters_) {
    parameter.steps = own_steps(parameter.name);
    parameter.free = find(parameter.name + "/free", parameter.free.size());
    for (std::size_t m = 0; m < memory_names_.size(); ++m)
      parameter.memory[m] = find(parameter.name + "/" + memory_names_[m], parameter.free.size());
    std::ranges::fill(parameter.gradient, 0.0);  // all of it is set
    set_value(parameter);
  }
}

}  // namespace retrograd
