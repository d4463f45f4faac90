// What a rack's parts are called, and the racks that serve where none is given.
#include <retrograd/racks/fm.hpp>
#include <retrograd/racks/wiring.hpp>
#include <retrograd/racks/wording.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>

namespace retrograd {

namespace {

Rack played_at_300_hertz(Rack rack) {
  rack.sample_rate = 44100.0;
  rack.duration = 1.0;
  rack.note = {.frequency = 300.0, .gate = {{.on = 0.0, .off = 0.5}}};
  return rack;
}

constexpr FMOperator usual_carrier{
    .ratio = 1.0, .gain = 1.0, .envelope = {.attack = 0.2, .decay = 0.4, .sustain = 0.1, .release = 0.4}};
constexpr FMOperator usual_modulator{
    .ratio = 2.0, .gain = 0.7, .envelope = {.attack = 0.1, .decay = 0.5, .sustain = 0.3, .release = 0.7}};

// A knob of a cable: from as far down as up.
ParameterSpec spec_of_amount() {
  const Draw draw{.kind = Draw::Kind::keep};
  return {.name = "",
          .usual = 1.0,
          .low_shown = -4.0,
          .high_shown = 4.0,
          .when_heard = draw,
          .when_modulating = draw,
          .summary = "how far the cable modulates"};
}

bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::vector<std::string> names_of(const std::vector<RackParameter>& parameters) {
  std::vector<std::string> names;
  for (const RackParameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

}  // namespace

Module make_module(std::string name, const ModuleType& type, StructureValues structure) {
  const StructureValues usual = usual_structure(type);
  structure.insert(structure.end(),
                   usual.begin() + static_cast<std::ptrdiff_t>(std::min(structure.size(), usual.size())),
                   usual.end());
  Module module{std::move(name), &type, {}, std::move(structure)};
  for (const ParameterSpec& spec : describe(type, module.structure).parameters)
    module.values.push_back(spec.usual);
  return module;
}

std::string name_of(const Cable& cable) {
  return cable.name.empty() ? cable.from + ">" + cable.to : cable.name;
}

Rack default_rack(const ModuleList& modules) {
  const FMOperator operators[] = {usual_carrier, usual_modulator};
  const Route routing[] = {{.modulator = 1, .carrier = 0}};
  return played_at_300_hertz(fm_rack(operators, routing, {}, modules));
}

Rack default_rack_to_fit(const ModuleList& modules) {
  std::vector<FMOperator> operators;
  std::vector<Route> routing;
  for (int pair = 0; pair < 3; ++pair) {
    routing.push_back({2 * pair + 1, 2 * pair});
    operators.push_back(usual_carrier);
    operators.back().ratio = pair + 1;
    operators.push_back(usual_modulator);
  }
  return played_at_300_hertz(fm_rack(operators, routing, {}, modules));
}

std::int64_t length_in_samples(const Rack& rack) {
  return static_cast<std::int64_t>(std::llround(rack.duration * rack.sample_rate));
}

std::vector<RackParameter> parameters(Rack& rack) {
  const Wiring wiring(rack);
  std::vector<RackParameter> list;
  const ParameterSpec& frequency = wiring.description(wiring.note()).parameters[0];
  list.push_back({"note." + frequency.name, rack.note.frequency, frequency, true, wiring.note()});
  for (int m = 0; m < wiring.note(); ++m) {
    Module& module = rack.modules[static_cast<std::size_t>(m)];
    const std::vector<ParameterSpec>& specs = wiring.description(m).parameters;
    for (std::size_t p = 0; p < std::min(specs.size(), module.values.size()); ++p)
      list.push_back({module.name + "." + specs[p].name, module.values[p], specs[p], wiring.is_heard(m), m});
  }
  for (std::size_t c = 0; c < rack.cables.size(); ++c)
    if (wiring.wires()[c].modulates())
      list.push_back({name_of(rack.cables[c]), rack.cables[c].amount, spec_of_amount(), false,
                      wiring.wires()[c].to.module});
  return list;
}

RackParameter find_parameter(Rack& rack, std::string_view name) {
  const std::vector<RackParameter> all = parameters(rack);
  for (const RackParameter& parameter : all)
    if (parameter.name == name) return parameter;
  raise<DomainError>("the patch has no parameter " + shown(name) + "; " +
                     did_you_mean(name, names_of(all), "parameters"));
}

std::vector<char> parameters_named(Rack& rack, std::span<const std::string> patterns) {
  const std::vector<RackParameter> all = parameters(rack);
  std::vector<char> named(all.size());
  for (const std::string& pattern : patterns) {
    bool names_any = false;
    for (std::size_t p = 0; p < all.size(); ++p)
      if (matches(pattern, all[p].name)) named[p] = names_any = true;
    if (!names_any)
      raise<DomainError>("no parameter of the patch is named " + shown(pattern) + "; " +
                         did_you_mean(pattern, names_of(all), "parameters"));
  }
  return named;
}

}  // namespace retrograd
