#include <retrograd/racks/rules.hpp>
#include <retrograd/racks/wording.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace retrograd {
namespace {

constexpr double highest_sample_rate = 768000.0;
constexpr double most_samples = 2147483648.0;  // 2^31

std::string written(const GatePair& pair) {
  return std::string("[") + retrograd::written(pair.on) + ", " + retrograd::written(pair.off) + "]";
}
using retrograd::written;

void check_length(const Rack& rack, std::vector<RackProblem>& problems) {
  const double rate = rack.sample_rate;
  const bool good_rate = rate >= 1.0 && rate <= highest_sample_rate && std::trunc(rate) == rate;
  if (!good_rate)
    problems.push_back({"sample_rate", "is " + written(rate) +
                                           "; a sample rate is a whole number of Hz from 1 to " +
                                           written(highest_sample_rate)});
  if (!std::isfinite(rack.duration) || rack.duration <= 0.0) {
    problems.push_back(
        {"duration", "is " + written(rack.duration) + "; a duration is a finite number of seconds above 0"});
    return;
  }
  if (!good_rate) return;
  const double samples = std::round(rack.duration * rate);
  if (samples < 1.0)
    problems.push_back({"duration", "of " + written(rack.duration) + " s is less than one sample; at " +
                                        written(rate) + " Hz it is " + written(1.0 / rate) + " s or more"});
  if (samples > most_samples)
    problems.push_back({"duration", "of " + written(rack.duration) + " s is more than 2^31 samples; at " +
                                        written(rate) + " Hz it is " + written(most_samples / rate) +
                                        " s or less"});
}

void check_note(const Note& note, std::vector<RackProblem>& problems) {
  const ParameterSpec frequency = describe(note_module(), {}).parameters[0];
  if (!frequency.domain.contains(note.frequency))
    problems.push_back({"note.frequency", "is " + written(note.frequency) + "; it must be " +
                                              what_lies_in(frequency.domain) + ", in Hz"});
  if (!unit_interval.contains(note.velocity))
    problems.push_back(
        {"note.velocity", "is " + written(note.velocity) + "; it must be " + what_lies_in(unit_interval)});
  if (note.gate.empty())
    problems.push_back({"note.gate", "is empty; at least one pair of on and off times makes a sound"});
  double end = 0.0;  // the latest off time so far
  for (std::size_t i = 0; i < note.gate.size(); ++i) {
    const auto [on, off] = note.gate[i];
    const std::string key = "note.gate." + std::to_string(i), pair = written(note.gate[i]);
    if (!std::isfinite(on) || !std::isfinite(off) || on < 0.0) {
      problems.push_back(
          {key, pair + " is not a pair of times; times are finite numbers of seconds, 0 or more"});
      continue;
    }
    if (on >= off) {
      problems.push_back(
          {key, pair + " does not end after it begins; a pair is the time on, then a later time off"});
      continue;
    }
    if (on < end)
      problems.push_back({key, pair + " begins before the pairs above it have ended, at " + written(end) +
                                   " s; pairs come one after the other and do not overlap"});
    end = std::max(end, off);
  }
}

// False where its values cannot even be looked at.
bool check_module(const Module& module, const std::string& key, std::size_t& parts,
                  std::vector<RackProblem>& problems) {
  const std::size_t before = problems.size();
  const auto report = [&](const std::string& message) { problems.push_back({key, message}); };
  if (module.type == nullptr) {
    report("has no type; see ModuleList");
    return false;
  }
  if (module.structure.size() != module.type->structure.size()) {
    report("has " + std::to_string(module.structure.size()) + " values of structure; a module of type " +
           module.type->name + " has " + std::to_string(module.type->structure.size()));
    return false;
  }
  for (std::size_t s = 0; s < module.structure.size(); ++s) {
    const Structure& rule = module.type->structure[s];
    const std::int64_t value = module.structure[s];
    const std::int64_t low = rule.choices.empty() ? rule.low : 0,
                       high = rule.choices.empty() ? rule.high
                                                   : static_cast<std::int64_t>(rule.choices.size()) - 1;
    if (value < low || value > high)
      problems.push_back({key + "." + rule.name, "is " + std::to_string(value) +
                                                     "; it must be a whole number from " +
                                                     std::to_string(low) + " to " + std::to_string(high)});
  }
  if (problems.size() > before) return false;
  const Description description = describe(*module.type, module.structure);
  parts += 1 + description.parameters.size() + description.inputs.size();
  if (module.values.size() != description.parameters.size()) {
    report("has " + std::to_string(module.values.size()) + " values; a module of type " + module.type->name +
           " has " + std::to_string(description.parameters.size()) + " parameters");
    return false;
  }
  for (std::size_t p = 0; p < module.values.size(); ++p) {
    const ParameterSpec& spec = description.parameters[p];
    if (spec.domain.contains(module.values[p])) continue;
    const char* unit = to_string(spec.unit);
    problems.push_back({module.name + "." + spec.name,
                        "is " + written(module.values[p]) + "; it must be " + what_lies_in(spec.domain) +
                            (*unit == '\0' ? "" : std::string(", in ") + unit)});
  }
  return true;
}

}  // namespace

std::string too_many_parts() {
  return "is too large: modules, their parameters and their inputs are more than " +
         std::to_string(most_parts) + " in all";
}

std::vector<RackProblem> find_problems(const Rack& rack) {
  std::vector<RackProblem> problems;
  check_length(rack, problems);
  check_note(rack.note, problems);
  bool are_whole = true;
  std::size_t parts = 0;
  for (std::size_t m = 0; m < rack.modules.size() && parts <= most_parts; ++m)
    are_whole &= check_module(rack.modules[m], "module." + std::to_string(m), parts, problems);
  if (parts > most_parts) problems.push_back({"module", too_many_parts()});
  if (rack.cables.size() > most_cables)
    problems.push_back({"cables", "are " + std::to_string(rack.cables.size()) + "; " +
                                      std::to_string(most_cables) + " at most"});
  if (!are_whole || parts > most_parts || rack.cables.size() > most_cables) return problems;
  const std::vector<RackProblem> of_wiring = Wiring(rack).problems();
  problems.insert(problems.end(), of_wiring.begin(), of_wiring.end());
  return problems;
}

std::vector<RackProblem> find_doubts(const Rack& rack) {
  std::vector<RackProblem> doubts;
  if (!find_problems(rack).empty()) return doubts;
  const auto length = static_cast<double>(length_in_samples(rack));
  for (std::size_t i = 0; i < rack.note.gate.size(); ++i) {
    if (std::round(rack.note.gate[i].on * rack.sample_rate) < length) continue;
    doubts.push_back({"note.gate." + std::to_string(i),
                      written(rack.note.gate[i]) + " lies after the end, at " + written(rack.duration) +
                          " s: it is not played" + (i == 0 ? ", and the patch is silent" : "")});
  }
  const Wiring wiring(rack);
  for (int module = 0; module < wiring.note(); ++module) {
    const auto is_an_output = [&](const Wiring::Place& output) { return output.module == module; };
    if (wiring.out_of(module).empty() && std::ranges::none_of(wiring.outputs(), is_an_output))
      doubts.push_back({"module." + std::to_string(module),
                        wiring.name(module) + " is plugged into nothing and is no output: it is not heard"});
  }
  return doubts;
}

std::vector<RackProblem> find_aliases(const Rack& rack) {
  std::vector<RackProblem> aliases;
  if (!find_problems(rack).empty()) return aliases;
  Rack copy = rack;
  for (const RackParameter& parameter : parameters(copy)) {
    const bool is_ratio = parameter.spec.role == Role::pitch_ratio;
    if (!is_ratio && parameter.spec.unit != Unit::hertz) continue;
    const double frequency = is_ratio ? rack.note.frequency * parameter.value : parameter.value;
    if (frequency < rack.sample_rate / 2.0 || parameter.spec.role == Role::note_frequency) continue;
    const double heard = std::abs(std::remainder(frequency, rack.sample_rate));
    aliases.push_back({parameter.name, "makes " + written(frequency) + " Hz, half the sample rate (" +
                                           written(rack.sample_rate / 2.0) + " Hz) or more: it aliases to " +
                                           written(heard) + " Hz"});
  }
  return aliases;
}

void validate(const Rack& rack, const std::string& where) {
  std::string lines;
  for (const RackProblem& problem : find_problems(rack))
    lines += (lines.empty() ? "" : "\n") + where + ": " + shown_key(problem.key) + ": " + problem.message;
  if (!lines.empty()) raise<DomainError>(lines);
}

}  // namespace retrograd
