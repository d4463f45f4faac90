#include <retrograd/modules/note.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/exp.hpp>
#include <retrograd/nodes/mix.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/racks/wiring.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace retrograd {

namespace {

using Index = std::size_t;
using Kind = Wiring::Kind;
using Place = Wiring::Place;

constexpr double ln2 = 0.6931471805599453;
/// The least that modulation makes of a value that must lie above 0.
constexpr double least_above_zero = 0x1p-100;

/// The one module that all others see while it is recorded is `module_`.
class RackRecorder final : public Recorder {
 public:
  RackRecorder(Tape& tape, const Rack& rack, const RecordOptions& options)
      : tape_(tape),
        rack_(rack),
        wiring_(rack_),
        options_(options),
        outputs_(rack.modules.size() + 1),
        sums_(outputs_.size()) {
    played_ = {options.gate ? *options.gate : tape.input("note.gate", gate(rack.note.gate, tape)),
               options.key, options.velocity, options.bend, options.pressure};
    if (!played_.velocity && rack.note.velocity != 1.0)
      played_.velocity = constant(tape.state(), Tensor({rack.note.velocity}));
    for (Index m = 0; m < outputs_.size(); ++m) {
      const Description& description = wiring_.description(static_cast<int>(m));
      outputs_[m].resize(description.outputs.size());
      sums_[m].resize(description.inputs.size());
    }
    record_parameters();
  }

  RecordedRack run() {
    module_ = wiring_.note();
    NoteModule::record_first(*this);
    for (const int module : wiring_.order()) {
      module_ = module;
      if (module == wiring_.note()) {
        NoteModule::record_pitch(*this);
        continue;
      }
      const ModuleType& type = *rack_.modules[static_cast<Index>(module)].type;
      type.record(type.data, *this);
    }
    close_loops();
    for (const Place& output : wiring_.outputs()) recorded_.outputs.push_back(as_signal(of(output)));
    if (!wiring_.has_voices() && !velocity_is_read())
      for (Var& output : recorded_.outputs) output = at_velocity(output);
    if (recorded_.voices.empty()) recorded_.voices = recorded_.outputs;
    Var sum = recorded_.outputs[0];
    for (Index o = 1; o < recorded_.outputs.size(); ++o) sum = sum + recorded_.outputs[o];
    recorded_.audio =
        recorded_.outputs.size() == 1 ? sum : sum * (1.0 / static_cast<double>(recorded_.outputs.size()));
    return std::move(recorded_);
  }

  // ---- what a module sees

  bool has(std::string_view input) const override {
    const Place place = this->input(input);
    return is_plugged(place) || wiring_.normal_of(place).kind == Kind::output;
  }

  Var in(std::string_view input) override {
    const Place place = this->input(input);
    std::optional<Var>& sum = sums_[static_cast<Index>(module_)][static_cast<Index>(place.index)];
    if (spec(place).is_heard && wiring_.begins_loop(module_) && is_plugged(place)) {
      // What comes in is not recorded yet.
      const std::int64_t rows =
          options_.rows_are_voices && !wiring_.is_of_each_note(module_) ? 1 : options_.rows;
      const std::int64_t samples = length().value_or(tape_.options().length.value_or(1));
      loops_.push_back({place, tape_.feedback(rows == 1 ? Shape{samples} : Shape{rows, samples}, 1)});
      return loops_.back().loop.value;
    }
    if (!spec(place).is_heard) {
      sum.reset();
      for (const int wire : wiring_.into(module_))
        if (const Wiring::Wire& w = wiring_.wires()[static_cast<Index>(wire)]; w.to == place)
          add(sum, of(w.from));
    }
    if (sum) return *sum;
    if (const Place normal = wiring_.normal_of(place); normal.kind == Kind::output) return of(normal);
    return detail::zero(tape_.state());
  }

  Var value(std::string_view parameter) override {
    const auto& specs = wiring_.description(module_).parameters;
    const auto found = std::ranges::find(specs, parameter, &ParameterSpec::name);
    if (found == specs.end()) refuse("parameter", parameter);
    const Place place{Kind::parameter, module_, static_cast<int>(found - specs.begin())};
    const Var base =
        parameters_[static_cast<Index>(first_parameter_[static_cast<Index>(module_)] + place.index)];
    std::optional<Var> sum;
    for (const int wire : wiring_.into(module_))
      if (const Wiring::Wire& w = wiring_.wires()[static_cast<Index>(wire)]; w.to == place)
        add(sum, of(w.from) * amount_of(wire));
    if (!sum) return base;
    return inside(found->domain, found->modulation, modulated(base, *sum, found->modulation));
  }

  std::int64_t structure(std::string_view name) const override {
    const Module& module = rack_.modules[static_cast<Index>(module_)];
    const auto found = std::ranges::find(module.type->structure, name, &Structure::name);
    if (found == module.type->structure.end()) refuse("structure", name);
    return module.structure[static_cast<Index>(found - module.type->structure.begin())];
  }

  bool is_read(std::string_view output) const override { return wiring_.is_read(this->output(output)); }

  void out(std::string_view name, Var value) override {
    const Place place = output(name);
    of(place) = value;
    // What is heard is added up as it comes, so that any number of sources needs little scratch.
    for (const int wire : wiring_.out_of(module_)) {
      const auto& [from, to] = wiring_.wires()[static_cast<Index>(wire)];
      if (from == place && to.kind == Kind::input && spec(to).is_heard)
        add(sums_[static_cast<Index>(to.module)][static_cast<Index>(to.index)], value);
    }
  }

  Tape& tape() override { return tape_; }
  std::optional<std::int64_t> length() const override {
    return played_.gate.is_signal() ? std::optional(played_.gate.shape().length()) : std::nullopt;
  }
  const Played& played() const override { return played_; }
  Var mix_voices(Var signal) override {
    const Var voice = velocity_is_read() ? signal : at_velocity(signal);
    recorded_.voices.push_back(as_signal(voice));
    return options_.rows_are_voices ? mix(recorded_.voices.back()) : voice;
  }

 private:
  void record_parameters() {
    first_parameter_.assign(outputs_.size(), 0);
    amounts_.resize(rack_.cables.size());
    std::vector<RackParameter> all = parameters(rack_);
    for (Index m = 0, next = 1; m < rack_.modules.size(); next += rack_.modules[m++].values.size())
      first_parameter_[m] = static_cast<int>(next);
    std::unordered_map<std::string_view, Var> given;
    for (const auto& [name, var] : options_.given) {
      find_parameter(rack_, name);
      given.emplace(name, var);
    }
    for (const RackParameter& parameter : all) {
      if (const auto found = given.find(parameter.name); found != given.end()) {
        parameters_.push_back(found->second);
        continue;
      }
      const bool is_shared = options_.rows_are_voices && !wiring_.is_of_each_note(parameter.module);
      Tensor value(options_.rows > 1 && !is_shared ? Shape{options_.rows, 1} : Shape{1});
      value.fill(parameter.value);
      parameters_.push_back(tape_.parameter(
          parameter.name, value, options_.domain_of ? options_.domain_of(parameter) : parameter.domain()));
    }
    Index next = parameters_.size();
    for (Index c = rack_.cables.size(); c-- > 0;)
      if (wiring_.wires()[c].modulates()) amounts_[c] = parameters_[--next];
    recorded_.parameters = parameters_;
  }

  struct Loop {
    Place input;
    Feedback loop;
  };
  void close_loops() {
    for (const Loop& loop : loops_) {
      Var sum = *sums_[static_cast<Index>(loop.input.module)][static_cast<Index>(loop.input.index)];
      const Shape& shape = loop.loop.value.shape();
      if (!sum.is_signal()) sum = played_.gate * 0.0 + sum;
      if (sum.shape() != shape && shape.rows() > 1) sum = parameters_[0] * 0.0 + sum;
      tape_.close(loop.loop, sum);
    }
  }

  // With what other cables bring to it.
  Var amount_of(int cable) {
    std::optional<Var> sum;
    for (const int wire : wiring_.into(module_))
      if (const Wiring::Wire& w = wiring_.wires()[static_cast<Index>(wire)];
          w.to == Place{Kind::amount, module_, cable})
        add(sum, of(w.from) * amount_of(wire));
    const Var amount = amounts_[static_cast<Index>(cable)];
    return sum ? amount + *sum : amount;
  }

  static Var modulated(Var base, Var sum, Modulation modulation) {
    switch (modulation) {
      case Modulation::octaves:
        return base * exp(sum * ln2);
      case Modulation::factor:
        return base * (sum + 1.0);
      case Modulation::adds:
        break;
    }
    return base + sum;
  }
  // Octaves keep what is above 0 there.
  static Var inside(const Domain& domain, Modulation modulation, Var value) {
    const bool stays_above = modulation == Modulation::octaves && domain.low == 0.0;
    if (std::isfinite(domain.low) && !stays_above)
      value = max(value, domain.low_is_open ? domain.low + least_above_zero : domain.low);
    return std::isfinite(domain.high) ? min(value, domain.high) : value;
  }

  static void add(std::optional<Var>& sum, Var value) { sum = sum ? *sum + value : value; }

  bool velocity_is_read() const {
    return std::ranges::any_of(wiring_.out_of(wiring_.note()), [&](int wire) {
      return wiring_.path_of(wiring_.wires()[static_cast<Index>(wire)].from) == "note.velocity";
    });
  }
  Var at_velocity(Var signal) const { return played_.velocity ? signal * *played_.velocity : signal; }

  // In tiles, as everything else is.
  Var as_signal(Var value) const {
    const std::int64_t rows = options_.rows_are_voices ? 1 : options_.rows;
    if (!value.is_signal()) value = played_.gate * 0.0 + value;
    return value.shape().rows() < rows ? parameters_[0] * 0.0 + value : value;
  }

  bool is_plugged(const Place& input) const {
    return std::ranges::any_of(wiring_.into(input.module), [&](int wire) {
      return wiring_.wires()[static_cast<Index>(wire)].to == input;
    });
  }
  const PortSpec& spec(const Place& input) const {
    return wiring_.description(input.module).inputs[static_cast<Index>(input.index)];
  }
  Place input(std::string_view name) const {
    const auto& inputs = wiring_.description(module_).inputs;
    const auto found = std::ranges::find(inputs, name, &PortSpec::name);
    if (found == inputs.end()) refuse("input", name);
    return {Kind::input, module_, static_cast<int>(found - inputs.begin())};
  }
  Place output(std::string_view name) const {
    const auto& outputs = wiring_.description(module_).outputs;
    const auto found = std::ranges::find(outputs, name);
    if (found == outputs.end()) refuse("output", name);
    return {Kind::output, module_, static_cast<int>(found - outputs.begin())};
  }
  Var& of(const Place& output) {
    return outputs_[static_cast<Index>(output.module)][static_cast<Index>(output.index)];
  }
  [[noreturn]] void refuse(const char* kind, std::string_view name) const {
    raise<TapeError>("[rack] module " + wiring_.name(module_) + " has described no " + kind + " named " +
                     std::string(name));
  }

  Tape& tape_;
  Rack rack_;
  const Wiring wiring_;
  const RecordOptions& options_;
  Played played_;
  int module_ = 0;
  std::vector<int> first_parameter_;                   // by module, in parameters_; the note's is 0
  std::vector<Var> parameters_, amounts_;              // amounts: by cable
  std::vector<std::vector<Var>> outputs_;              // by module and output
  std::vector<std::vector<std::optional<Var>>> sums_;  // by module and input
  std::vector<Loop> loops_;
  RecordedRack recorded_;
};

}  // namespace

TapeOptions tape_options(const Rack& rack) {
  TapeOptions options;
  options.sample_rate = rack.sample_rate;
  options.length = length_in_samples(rack);
  return options;
}

RecordedRack record(Tape& tape, const Rack& rack, const RecordOptions& options) {
  validate(rack, "the rack");
  return RackRecorder(tape, rack, options).run();
}

void read_parameters(const Tape& tape, const RecordedRack& recorded, std::int64_t row, Rack& rack) {
  std::size_t i = 0;
  for (const RackParameter& parameter : parameters(rack)) {
    const TensorView value = tape.value(recorded.parameters[i++]);
    parameter.value = value.at(value.shape.rows() > 1 ? row : 0);
  }
}

}  // namespace retrograd
