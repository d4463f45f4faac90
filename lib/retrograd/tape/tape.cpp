#include <retrograd/math/floating_point.hpp>
#include <retrograd/math/simd.hpp>
#include <retrograd/tape/backend.hpp>
#include <retrograd/tape/tape.hpp>

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_map>

namespace retrograd {

struct TapeState {
  TapeOptions options;
  Graph graph;
  std::vector<Var> parameters;
  std::optional<Var> zero;
  std::unordered_map<std::string_view, int> leaf_by_name;  // -> node id; the names are the leaves' own

  struct PlannedOutputs {
    std::vector<int> outputs;
    std::unique_ptr<CompiledPlan> plan;
  };
  std::vector<PlannedOutputs> plans;
  std::unique_ptr<CompiledPlan> outdated;  // the played plan, where a leaf was frozen or a value kept since
  CompiledPlan* played = nullptr;          // the plan whose values can be read
  bool rewound = false;
  bool stale = false;  // something was set since the last play

  RecordedNode& node(int id) { return graph.nodes[static_cast<std::size_t>(id)]; }
  Leaf& leaf(Var var) { return graph.leaves[static_cast<std::size_t>(node(own(var)).leaf)]; }
  int own(Var var) const;
  int own_leaf(Var var, const char* operation);
  int played_index(Var var);
  void forget_plans();
};

namespace {

constexpr NodeType input_type{"input", NodeKind::leaf, 0, false, false, 0, false};
constexpr NodeType parameter_type{"parameter", NodeKind::leaf, 0, false, false, 0, false};
constexpr NodeType constant_type{"constant", NodeKind::leaf, 0, false, false, 0, false};
constexpr NodeType feedback_type{"feedback", NodeKind::leaf, 0, false, false, 0, false};

void check_own(const TapeState* state, Var var, const char* operation) {
  if (var.tape() == nullptr)
    raise<TapeError>(
        std::string("[") + operation +
        "] a Var that belongs to no tape; Vars come from tape.input, tape.parameter and the nodes");
  if (var.tape() != state)
    raise<TapeError>(std::string("[") + operation +
                     "] a Var of another tape; one operation works on the Vars of one tape");
}

// What `value` is on the CPU, for those who have to look.
TensorView on_cpu(const TensorView& value, std::optional<Tensor>& copy) {
  if (value.gpu == nullptr) return value;
  copy = Tensor(value).to(Device::cpu);
  return copy->view();
}

// Gives a leaf its value, from the CPU or from the GPU that the tape is on.
void take_value(const TapeState& state, Leaf& leaf, const TensorView& value) {
  if (value.gpu == nullptr) {
    leaf.value.assign(value);
    if (leaf.on_device != nullptr) leaf.on_device->value_is_newer = false;
  } else {
    if (value.gpu != gpu_of(state.options))
      raise<DeviceError>("'" + leaf.name + "' was given a tensor on device cuda, and its tape computes on " +
                         (state.options.device == Device::cpu ? "cpu" : "another GPU") +
                         "; tensor.to(Device::cpu) copies it");
    if (value.type != leaf.value.type())
      raise<TapeError>("'" + leaf.name + "' is of " + retrograd::name(leaf.value.type()) +
                       " and was given a tensor of " + retrograd::name(value.type) +
                       " on device cuda; convert it on the CPU");
    if (leaf.on_device == nullptr) leaf.on_device = leaf_on_device(state.options, leaf);
    leaf.on_device->assign(value.data);
    leaf.on_device->value_is_newer = true;
  }
  ++leaf.version;
}

Var record_leaf(TapeState& state, const NodeType& type, const std::string& name, const TensorView& value,
                const Domain& domain) {
  const bool signal = value.shape.length() > 1;
  const bool is_parameter = &type == &parameter_type;
  const int id = static_cast<int>(state.graph.nodes.size());
  Leaf leaf{name, Tensor(value.shape, signal ? state.options.type : ElementType::f64), domain, is_parameter,
            !is_parameter};
  take_value(state, leaf, value);
  const Leaf& kept = state.graph.leaves.emplace_back(std::move(leaf));
  RecordedNode node{&type, NodeData(), 0, 0, value.shape, signal};
  node.leaf = static_cast<int>(state.graph.leaves.size()) - 1;
  state.graph.nodes.push_back(std::move(node));
  if (!name.empty() && !state.leaf_by_name.emplace(kept.name, id).second) {
    state.graph.nodes.pop_back();
    state.graph.leaves.pop_back();
    raise<TapeError>("the tape has an input or parameter named '" + name + "' already; names are unique");
  }
  const Var var(&state, id);
  if (is_parameter) state.parameters.push_back(var);
  return var;
}

}  // namespace

int TapeState::own(Var var) const {
  check_own(this, var, "tape");
  return var.id();
}

int TapeState::own_leaf(Var var, const char* operation) {
  check_own(this, var, operation);
  if (node(var.id()).leaf < 0)
    raise<TapeError>(std::string("[") + operation +
                     "] wants an input or a parameter, and this Var is the output of '" +
                     node(var.id()).type->name + "'");
  return var.id();
}

// The values of the last play can be read, and views of them are valid, until the next.
void TapeState::forget_plans() {
  for (PlannedOutputs& planned : plans)
    if (planned.plan.get() == played) outdated = std::move(planned.plan);
  plans.clear();
  rewound = false;
}

const Shape& Var::shape() const {
  if (tape_ == nullptr) raise<TapeError>("a Var that belongs to no tape has no shape");
  return tape_->node(id_).shape;
}

bool Var::is_signal() const {
  if (tape_ == nullptr) raise<TapeError>("a Var that belongs to no tape has no value");
  return tape_->node(id_).signal;
}

Tape::Tape(const TapeOptions& options) : state_(std::make_unique<TapeState>()) {
  check_device(options);
  if (const std::string wrong = math::wrong_simd_wish(); !wrong.empty()) raise<DomainError>(wrong);
  if (options.sample_rate && !(*options.sample_rate > 0 && *options.sample_rate - *options.sample_rate == 0))
    raise<DomainError>("the sample rate is " + std::to_string(*options.sample_rate) +
                       " Hz, but must be positive and finite");
  if (options.length && *options.length < 1)
    raise<DomainError>("the length is " + std::to_string(*options.length) +
                       " samples, but must be at least 1");
  if (options.tile != 0 && options.tile != 128 && options.tile != 256 && options.tile != 512 &&
      options.tile != 1024)
    raise<DomainError>("a tile of " + std::to_string(options.tile) +
                       " samples; it must be 128, 256, 512 or 1024, or 0 to have it chosen");
  state_->options = options;
  // Room for a small synth, so that nothing of it has to move.
  constexpr std::size_t nodes = 256;
  state_->graph.nodes.reserve(nodes);
  state_->graph.inputs.reserve(2 * nodes);
  state_->leaf_by_name.reserve(nodes / 2);
}

Tape::~Tape() = default;
Tape::Tape(Tape&&) noexcept = default;
Tape& Tape::operator=(Tape&&) noexcept = default;

const TapeOptions& Tape::options() const { return state_->options; }
const TapeOptions& options_of(const TapeState* tape) { return tape->options; }
const Graph& graph_of(const TapeState* tape) { return tape->graph; }
Graph& graph_of(TapeState* tape) { return tape->graph; }

Var Tape::input(const std::string& name, const TensorView& value) {
  const math::DefaultFloatingPoint environment;
  if (name.empty()) raise<TapeError>("an input needs a name; tape.constant needs none");
  return record_leaf(*state_, input_type, name, value, real);
}

Var Tape::parameter(const std::string& name, const Tensor& value, const Domain& domain) {
  const math::DefaultFloatingPoint environment;
  if (name.empty()) raise<TapeError>("a parameter needs a name");
  std::optional<Tensor> copy;
  const TensorView here = on_cpu(value, copy);
  if (!contains(domain, here)) check_domain(domain, here, "parameter '" + name + "'");
  return record_leaf(*state_, parameter_type, name, value, domain);
}

Var Tape::constant(const Tensor& value) { return retrograd::constant(state_.get(), value); }

Var constant(TapeState* tape, const Tensor& value) {
  const math::DefaultFloatingPoint environment;
  if (tape == nullptr) raise<TapeError>("[constant] a Var that belongs to no tape was mixed with a number");
  return record_leaf(*tape, constant_type, "", value, real);
}

Var detail::zero(TapeState* tape) {
  if (tape != nullptr && tape->zero) return *tape->zero;
  const Var zero = constant(tape, 0.0);
  tape->zero = zero;
  return zero;
}

Feedback Tape::feedback(const Shape& shape, std::int64_t least_samples) {
  if (shape.length() == 1)
    raise<ShapeError>("[feedback] a loop of shape " + to_string(shape) +
                      "; what goes round is a signal, of more than one sample");
  if (least_samples < 1)
    raise<DomainError>("[feedback] a least delay of " + std::to_string(least_samples) +
                       " samples; what goes round is delayed by 1 sample at least");
  Graph& graph = state_->graph;
  RecordedNode node{&feedback_type, NodeData(), graph.inputs.size(), 0, shape, true};
  node.loop = static_cast<int>(graph.loops.size());
  graph.loops.push_back({least_samples});
  graph.nodes.push_back(std::move(node));
  return {Var(state_.get(), static_cast<int>(graph.nodes.size()) - 1)};
}

void Tape::close(const Feedback& loop, Var y) {
  check_own(state_.get(), loop.value, "close");
  check_own(state_.get(), y, "close");
  const RecordedNode &value = state_->node(loop.value.id()), &closing = state_->node(y.id());
  if (value.loop < 0)
    raise<TapeError>(std::string("[close] the output of '") + value.type->name +
                     "' is no loop's value; loops come from tape.feedback");
  RecordedLoop& recorded = state_->graph.loops[static_cast<std::size_t>(value.loop)];
  if (recorded.closed_by >= 0)
    raise<TapeError>(std::string("[close] the loop was closed already, with the output of '") +
                     state_->node(recorded.closed_by).type->name + "'; a loop is closed once");
  if (closing.loop >= 0 || closing.leaf >= 0)
    raise<TapeError>(std::string("[close] a loop is closed with what is computed from it; this is ") +
                     (closing.leaf >= 0 ? "an input or a parameter" : "a loop's own value"));
  if (closing.shape != value.shape || !closing.signal)
    raise<ShapeError>("[close] the loop has the shape " + to_string(value.shape) + " and is closed with '" +
                      closing.type->name + "' of shape " + to_string(closing.shape));
  recorded.closed_by = y.id();
}

void Tape::set(Var var, const TensorView& value) {
  const math::DefaultFloatingPoint environment;
  state_->own_leaf(var, "set");
  Leaf& leaf = state_->leaf(var);
  if (value.shape != leaf.value.shape())
    raise<ShapeError>("[set] '" + leaf.name + "' has the shape " + to_string(leaf.value.shape()) +
                      " and was given a value of shape " + to_string(value.shape));
  std::optional<Tensor> copy;
  if (leaf.is_parameter || !leaf.readers.empty()) {
    const TensorView here = on_cpu(value, copy);
    if (leaf.is_parameter && !contains(leaf.domain, here))  // a message costs an allocation
      check_domain(leaf.domain, here, "parameter '" + leaf.name + "'");
    for (const Leaf::Reader& reader : leaf.readers) check_input(*reader.node, *reader.allowed, here);
  }
  take_value(*state_, leaf, value);
  state_->stale = true;
}

void Tape::freeze(Var var) {
  state_->own_leaf(var, "freeze");
  Leaf& leaf = state_->leaf(var);
  if (leaf.frozen) return;
  leaf.frozen = true;
  state_->forget_plans();
}

void Tape::unfreeze(Var var) {
  state_->own_leaf(var, "unfreeze");
  Leaf& leaf = state_->leaf(var);
  if (!leaf.frozen) return;
  leaf.frozen = false;
  state_->forget_plans();
}

bool Tape::is_frozen(Var var) const {
  state_->own_leaf(var, "is_frozen");
  return state_->leaf(var).frozen;
}

void Tape::keep(Var var) {
  state_->own(var);
  if (state_->node(var.id()).kept) return;
  state_->node(var.id()).kept = true;
  state_->forget_plans();
}

namespace {

CompiledPlan& plan_for(TapeState& state, std::span<const Var> outputs) {
  const math::DefaultFloatingPoint environment;  // windows and tables are made here
  if (outputs.empty()) raise<TapeError>("[play] no outputs; name the values to compute");
  for (const Var output : outputs) check_own(&state, output, "play");
  for (TapeState::PlannedOutputs& planned : state.plans) {
    const bool same = planned.outputs.size() == outputs.size() && std::ranges::all_of(outputs, [&](Var var) {
                        return std::ranges::find(planned.outputs, var.id()) != planned.outputs.end();
                      });
    if (same) return *planned.plan;
  }
  TapeState::PlannedOutputs planned;
  for (const Var output : outputs) planned.outputs.push_back(output.id());
  planned.plan = compile(state.graph, make_plan(state.graph, planned.outputs), state.options);
  state.plans.push_back(std::move(planned));
  return *state.plans.back().plan;
}

}  // namespace

void Tape::play(std::span<const Var> outputs) {
  if (state_->outdated != nullptr) {  // first: its memory is the new plan's
    state_->played = nullptr;
    state_->outdated.reset();
  }
  CompiledPlan& plan = plan_for(*state_, outputs);
  state_->played = nullptr;  // a play that throws leaves values of two plays
  plan.play();
  state_->played = &plan;
  state_->stale = false;
}

void Tape::rewind(Var y) { rewind(y, TensorView{}); }

void Tape::rewind(Var y, const TensorView& seed) {
  check_own(state_.get(), y, "rewind");
  if (state_->played == nullptr)
    raise<TapeError>("[rewind] a gradient was asked for before a play; play the value first");
  if (state_->stale) raise<TapeError>("[rewind] a value was set since the last play; play again first");
  if (state_->outdated != nullptr)
    raise<TapeError>(
        "[rewind] an input or a parameter was frozen or unfrozen, or a value kept, since the last play; play "
        "again first");
  const std::vector<int>& index_of = state_->played->plan().index_of;
  const auto id = static_cast<std::size_t>(y.id());
  const int index = id < index_of.size() ? index_of[id] : -1;
  if (index < 0 || !state_->played->plan().nodes[static_cast<std::size_t>(index)].stored)
    raise<TapeError>(std::string("[rewind] the output of '") + state_->node(y.id()).type->name +
                     "' was not played; name it in play, or keep it");
  if (seed.data != nullptr && seed.shape != y.shape())
    raise<ShapeError>("[rewind] the seed has the shape " + to_string(seed.shape) + " and the value " +
                      to_string(y.shape()));
  if (seed.gpu != nullptr && seed.gpu != gpu_of(state_->options))
    raise<DeviceError>("[rewind] the seed is on device cuda, and the tape computes on " +
                       std::string(state_->options.device == Device::cpu ? "cpu" : "another GPU") +
                       "; tensor.to(Device::cpu) copies it");
  state_->rewound = false;  // a rewind that throws leaves gradients of two
  state_->played->rewind(index, seed.data != nullptr ? &seed : nullptr);
  state_->rewound = true;
}

// The place in the last play's plan of a value that it stored.
int TapeState::played_index(Var var) {
  const RecordedNode& recorded = node(var.id());
  if (played == nullptr) raise<TapeError>("[value] nothing has been played yet");
  const auto id = static_cast<std::size_t>(var.id());
  const int index = id < played->plan().index_of.size() ? played->plan().index_of[id] : -1;
  if (index < 0 || !played->plan().nodes[static_cast<std::size_t>(index)].stored)
    raise<TapeError>(std::string("[value] the output of '") + recorded.type->name +
                     "' was not stored by the last play; name it in play, or keep it");
  return index;
}

TensorView Tape::value(Var var) const {
  check_own(state_.get(), var, "value");
  if (state_->node(var.id()).leaf >= 0) {
    return value_of(state_->leaf(var));
  }
  const int index = state_->played_index(var);
  return state_->played->value(index);
}

const Tensor& value_of(Leaf& leaf) {
  if (leaf.on_device != nullptr && leaf.on_device->value_is_newer) leaf.on_device->fetch_value(leaf.value);
  return leaf.value;
}

const void* value_on_device(TapeState* tape, Var var) {
  check_own(tape, var, "value");
  const int index = tape->played_index(var);
  return tape->played->value_on_device(index);
}

TensorView Tape::value_on_device(Var var) const {
  check_own(state_.get(), var, "value_on_device");
  cuda::Gpu* gpu = gpu_of(state_->options);
  if (gpu == nullptr) return value(var);
  const RecordedNode& node = state_->node(var.id());
  const ElementType type = node.signal ? state_->options.type : ElementType::f64;
  if (node.leaf < 0) return {retrograd::value_on_device(state_.get(), var), node.shape, type, gpu};
  Leaf& leaf = state_->leaf(var);
  if (leaf.on_device == nullptr) leaf.on_device = leaf_on_device(state_->options, leaf);
  leaf.on_device->update(leaf);
  return {leaf.on_device->value_there(), node.shape, type, gpu};
}

TensorView Tape::gradient_on_device(Var var) const {
  cuda::Gpu* gpu = gpu_of(state_->options);
  if (gpu == nullptr) return gradient(var);
  const Leaf& leaf = leaf_with_gradient(state_.get(), var);
  if (leaf.on_device == nullptr || leaf.on_device->gradient_there() == nullptr) return *leaf.gradient;
  return {leaf.on_device->gradient_there(), leaf.value.shape(), leaf.value.type(), gpu};
}

Leaf& leaf_of(TapeState* tape, Var var) {
  tape->own_leaf(var, "leaf");
  return tape->leaf(var);
}

Leaf& leaf_with_gradient(TapeState* tape, Var var) {
  tape->own_leaf(var, "gradient");
  Leaf& leaf = tape->leaf(var);
  if (leaf.frozen)
    raise<TapeError>("[gradient] '" + leaf.name +
                     "' has no gradient: it is frozen (inputs are until they are unfrozen)");
  if (!tape->rewound || !leaf.gradient)
    raise<TapeError>("[gradient] a gradient of '" + leaf.name +
                     "' was asked for before a play and a rewind; freeze, unfreeze and keep want both again");
  return leaf;
}

void leaves_were_moved(TapeState* tape) { tape->stale = true; }

TensorView Tape::gradient(Var var) const {
  Leaf& leaf = leaf_with_gradient(state_.get(), var);
  if (leaf.on_device != nullptr && leaf.on_device->gradient_is_newer)
    leaf.on_device->fetch_gradient(*leaf.gradient);
  return *leaf.gradient;
}

const std::vector<Var>& Tape::parameters() const { return state_->parameters; }

const std::string& Tape::name(Var var) const {
  state_->own_leaf(var, "name");
  return state_->leaf(var).name;
}

const Domain& Tape::domain(Var var) const {
  state_->own_leaf(var, "domain");
  return state_->leaf(var).domain;
}

Var Tape::find(const std::string& name) const {
  const auto found = state_->leaf_by_name.find(name);
  if (found != state_->leaf_by_name.end()) return Var(state_.get(), found->second);
  std::vector<std::string> names;
  for (const auto& [other, id] : state_->leaf_by_name) names.emplace_back(other);
  std::ranges::sort(names);
  std::string known;
  for (const std::string& other : names) known += (known.empty() ? "" : ", ") + other;
  raise<TapeError>("the tape has no input or parameter named '" + name +
                   "'; it has: " + (known.empty() ? "none" : known));
}

std::string Tape::describe_plan(std::span<const Var> outputs) {
  return plan_for(*state_, outputs).describe();
}

Var record_node(TapeState* tape, const NodeType& type, NodeData data, std::span<const Var> inputs,
                const Shape& shape, bool signal) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_own(tape, inputs[i], type.name);
    if (tape->node(inputs[i].id()).loop >= 0 && !(i == 0 && type.reach != nullptr))
      raise<TapeError>(std::string("[") + type.name +
                       "] reads the value of a loop, which is not computed yet; it goes through a delay "
                       "first: delay(loop.value, ...)");
  }
  const auto leaf_of = [&](const InputDomain& allowed) -> Leaf* {
    const RecordedNode& input = tape->node(inputs[allowed.input].id());
    return input.leaf < 0 || input.signal ? nullptr
                                          : &tape->graph.leaves[static_cast<std::size_t>(input.leaf)];
  };
  const std::span<const InputDomain> domains = domains_of(type, data.get());
  for (const InputDomain& allowed : domains)
    if (Leaf* leaf = leaf_of(allowed)) check_input(type, allowed, value_of(*leaf));
  for (const InputDomain& allowed : domains)
    if (Leaf* leaf = leaf_of(allowed)) leaf->readers.push_back({&type, &allowed});
  if (shape.rows() > std::numeric_limits<int>::max())
    raise<ShapeError>(std::string("[") + type.name + "] a value of shape " + to_string(shape) + " has " +
                      std::to_string(shape.rows()) + " rows; what is computed has 2147483647 at most");
  Graph& graph = tape->graph;
  const std::size_t first_input = graph.inputs.size();
  for (const Var input : inputs) graph.inputs.push_back(input.id());
  graph.nodes.push_back({&type, std::move(data), first_input, inputs.size(), shape, signal});
  return Var(tape, static_cast<int>(graph.nodes.size()) - 1);
}

TapeState* common_tape(std::span<const Var> inputs, const char* operation) {
  TapeState* tape = inputs.empty() ? nullptr : inputs.front().tape();
  if (inputs.empty())
    raise<TapeError>(std::string("[") + operation + "] no inputs; at least one Var is needed");
  for (const Var input : inputs) check_own(tape, input, operation);
  return tape;
}

}  // namespace retrograd
