#include <retrograd/racks/fm.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>

namespace retrograd {

namespace {

std::string name_of_operator(int i) { return "fm.operator." + std::to_string(i); }

const ModuleType& type_named(const ModuleList& modules, const char* name) {
  const ModuleType* type = modules.find(name);
  if (type == nullptr)
    raise<RoutingError>(std::string("[fm] the list of modules has no ") + name +
                        ", of which FM synths are made");
  return *type;
}

}  // namespace

Rack fm_rack(std::span<const FMOperator> operators, std::span<const Route> routing,
             std::span<const int> audible, const ModuleList& modules) {
  const auto count = static_cast<int>(operators.size());
  if (count == 0) raise<RoutingError>("[fm] there are 0 operators; an FM synth needs at least one");
  const auto check = [&](int index) {
    if (index < 0 || index >= count)
      raise<RoutingError>("[fm] operator " + std::to_string(index) + " is named, but there are " +
                          std::to_string(count) + ", counted from 0");
  };
  const ModuleType& type = type_named(modules, "fm_operator");
  Rack rack;
  rack.note.gate = {{0.0, 0.5}};
  for (int i = 0; i < count; ++i) {
    const auto& [ratio, gain, envelope] = operators[static_cast<std::size_t>(i)];
    rack.modules.push_back(
        {name_of_operator(i),
         &type,
         {ratio, gain, envelope.attack, envelope.decay, envelope.sustain, envelope.release},
         {}});
  }
  std::vector<char> modulates(operators.size());
  for (const auto [modulator, carrier] : routing) {
    check(modulator);
    check(carrier);
    modulates[static_cast<std::size_t>(modulator)] = 1;
    rack.cables.push_back({name_of_operator(modulator) + ".out", name_of_operator(carrier) + ".phase"});
  }
  std::vector<int> heard(audible.begin(), audible.end());
  for (const int i : heard) check(i);
  for (int i = 0; i < count && audible.empty(); ++i)
    if (modulates[static_cast<std::size_t>(i)] == 0) heard.push_back(i);
  std::ranges::sort(heard);
  if (heard.size() == 1) {
    rack.outputs = {name_of_operator(heard[0]) + ".out"};
    return rack;
  }
  rack.modules.push_back(make_module("fm.sum", type_named(modules, "sum")));
  for (const int i : heard) rack.cables.push_back({name_of_operator(i) + ".out", "fm.sum.in"});
  rack.outputs = {"fm.sum.out"};
  return rack;
}

}  // namespace retrograd
