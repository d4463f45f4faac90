// What a patch may hold: the default one, the list of its parameters, and every rule about their values.
#include <retrograd/patches/patch.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

namespace retrograd {
namespace {

constexpr double highest_sample_rate = 768000.0;
constexpr double most_samples = 2147483648.0;  // 2^31

std::string written(double value) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

std::string what_is_right(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::frequency:
      return "a frequency is a finite number of Hz above 0";
    case ParameterKind::ratio:
      return "a ratio is a finite number above 0";
    case ParameterKind::gain:
      return "a gain is a finite number, 0 or more";
    case ParameterKind::time:
      return "a time is a finite number of seconds, 0 or more";
    case ParameterKind::level:
      return "a level is a number from 0 to 1";
  }
  return "";
}

// Calls visit(name, value, kind) for every parameter of a Patch or const Patch.
template <class AnyPatch, class Visit>
void for_each_parameter(AnyPatch& patch, Visit visit) {
  visit("note.frequency", patch.note.frequency, ParameterKind::frequency);
  for (std::size_t i = 0; i < patch.fm.operators.size(); ++i) {
    auto& fm_operator = patch.fm.operators[i];
    const std::string path = "fm.operator." + std::to_string(i) + ".";
    visit(path + "ratio", fm_operator.ratio, ParameterKind::ratio);
    visit(path + "gain", fm_operator.gain, ParameterKind::gain);
    visit(path + "envelope.attack", fm_operator.envelope.attack, ParameterKind::time);
    visit(path + "envelope.decay", fm_operator.envelope.decay, ParameterKind::time);
    visit(path + "envelope.sustain", fm_operator.envelope.sustain, ParameterKind::level);
    visit(path + "envelope.release", fm_operator.envelope.release, ParameterKind::time);
  }
}

void check_length(const Patch& patch, std::vector<PatchProblem>& problems) {
  const double rate = patch.sample_rate;
  const bool good_rate = rate >= 1.0 && rate <= highest_sample_rate && std::trunc(rate) == rate;
  if (!good_rate) {
    problems.push_back({"sample_rate", "is " + written(rate) +
                                           "; a sample rate is a whole number of Hz from 1 to " +
                                           written(highest_sample_rate)});
  }
  if (!std::isfinite(patch.duration) || patch.duration <= 0.0) {
    problems.push_back(
        {"duration", "is " + written(patch.duration) + "; a duration is a finite number of seconds above 0"});
    return;
  }
  if (!good_rate) return;
  const double samples = std::round(patch.duration * rate);
  if (samples < 1.0) {
    problems.push_back({"duration", "of " + written(patch.duration) + " s is less than one sample; at " +
                                        written(rate) + " Hz it is " + written(1.0 / rate) + " s or more"});
  }
  if (samples > most_samples) {
    problems.push_back({"duration", "of " + written(patch.duration) + " s is more than 2^31 samples; at " +
                                        written(rate) + " Hz it is " + written(most_samples / rate) +
                                        " s or less"});
  }
}

void check_gate(const std::vector<GatePair>& gate, std::vector<PatchProblem>& problems) {
  if (gate.empty()) {
    problems.push_back({"note.gate", "is empty; at least one pair of on and off times makes a sound"});
  }
  double end = 0.0;  // the latest off time so far
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const auto [on, off] = gate[i];
    const std::string key = "note.gate." + std::to_string(i);
    const std::string pair = std::string("[") + written(on) + ", " + written(off) + "]";
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
    if (on < end) {
      problems.push_back({key, pair + " begins before the pairs above it have ended, at " + written(end) +
                                   " s; pairs come one after the other and do not overlap"});
    }
    end = std::max(end, off);
  }
}

void check_operators(const FM& fm, std::vector<PatchProblem>& problems) {
  const auto count = static_cast<int>(fm.operators.size());
  if (count == 0) {
    problems.push_back({"fm.operator", "is empty; an FM synth has at least one operator"});
    return;
  }
  if (const auto problem = find_routing_problem(fm.routing, count)) {
    problems.push_back({"fm.routing." + std::to_string(problem->route), problem->message});
  }
  std::set<int> seen;
  for (std::size_t i = 0; i < fm.audible.size(); ++i) {
    const int index = fm.audible[i];
    const std::string key = "fm.audible." + std::to_string(i);
    if (index < 0 || index >= count) {
      problems.push_back({key, "names operator " + std::to_string(index) + "; there are " +
                                   std::to_string(count) + ", counted from 0"});
    } else if (!seen.insert(index).second) {
      problems.push_back({key, "names operator " + std::to_string(index) + " a second time; once is enough"});
    }
  }
}

}  // namespace

Patch default_patch() {
  Patch patch;
  patch.sample_rate = 44100.0;
  patch.duration = 1.0;
  patch.note = {.frequency = 300.0, .gate = {{.on = 0.0, .off = 0.5}}};
  patch.fm.routing = {{.modulator = 1, .carrier = 0}};
  patch.fm.operators = {
      {.ratio = 1.0, .gain = 1.0, .envelope = {.attack = 0.2, .decay = 0.4, .sustain = 0.1, .release = 0.4}},
      {.ratio = 2.0, .gain = 0.7, .envelope = {.attack = 0.1, .decay = 0.5, .sustain = 0.3, .release = 0.7}},
  };
  return patch;
}

Patch default_patch_to_fit() {
  Patch patch = default_patch();
  const FMOperator carrier = patch.fm.operators[0], modulator = patch.fm.operators[1];
  patch.fm.routing.clear();
  patch.fm.operators.clear();
  for (int pair = 0; pair < 3; ++pair) {
    patch.fm.routing.push_back({2 * pair + 1, 2 * pair});
    patch.fm.operators.push_back(carrier);
    patch.fm.operators.back().ratio = pair + 1;
    patch.fm.operators.push_back(modulator);
  }
  return patch;
}

std::int64_t length_in_samples(const Patch& patch) {
  return static_cast<std::int64_t>(std::llround(patch.duration * patch.sample_rate));
}

std::vector<int> audible_operators(const Patch& patch) {
  if (patch.fm.audible.empty()) {
    return audible_operators(patch.fm.routing, static_cast<int>(patch.fm.operators.size()));
  }
  std::vector<int> audible = patch.fm.audible;
  std::sort(audible.begin(), audible.end());
  return audible;
}

Domain domain_of(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::frequency:
    case ParameterKind::ratio:
      return positive;
    case ParameterKind::gain:
    case ParameterKind::time:
      return range(0.0, std::numeric_limits<double>::infinity());
    case ParameterKind::level:
      return unit_interval;
  }
  return real;
}

std::string unit_of(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::frequency:
      return "Hz";
    case ParameterKind::time:
      return "s";
    case ParameterKind::ratio:
    case ParameterKind::gain:
    case ParameterKind::level:
      return "";
  }
  return "";
}

std::vector<PatchParameter> parameters(Patch& patch) {
  std::vector<PatchParameter> list;
  for_each_parameter(patch, [&](const std::string& name, double& value, ParameterKind kind) {
    list.push_back({name, value, kind});
  });
  return list;
}

std::vector<PatchProblem> find_problems(const Patch& patch) {
  std::vector<PatchProblem> problems;
  check_length(patch, problems);
  check_gate(patch.note.gate, problems);
  for_each_parameter(patch, [&](const std::string& name, const double& value, ParameterKind kind) {
    if (domain_of(kind).contains(value)) return;
    problems.push_back({name, "is " + written(value) + "; " + what_is_right(kind)});
  });
  check_operators(patch.fm, problems);
  return problems;
}

std::vector<PatchProblem> find_doubts(const Patch& patch) {
  std::vector<PatchProblem> doubts;
  if (!find_problems(patch).empty()) return doubts;
  const auto length = static_cast<double>(length_in_samples(patch));
  for (std::size_t i = 0; i < patch.note.gate.size(); ++i) {
    const auto [on, off] = patch.note.gate[i];
    if (std::round(on * patch.sample_rate) < length) continue;
    doubts.push_back({"note.gate." + std::to_string(i), std::string("[") + written(on) + ", " + written(off) +
                                                            "] lies after the end, at " +
                                                            written(patch.duration) + " s: it is not played" +
                                                            (i == 0 ? ", and the patch is silent" : "")});
  }
  return doubts;
}

std::vector<PatchProblem> find_aliases(const Patch& patch) {
  std::vector<PatchProblem> aliases;
  if (!find_problems(patch).empty()) return aliases;
  for (std::size_t i = 0; i < patch.fm.operators.size(); ++i) {
    const double frequency = patch.note.frequency * patch.fm.operators[i].ratio;
    if (frequency < patch.sample_rate / 2.0) continue;
    const double heard = std::abs(std::remainder(frequency, patch.sample_rate));
    aliases.push_back({"fm.operator." + std::to_string(i) + ".ratio",
                       "makes " + written(frequency) + " Hz, half the sample rate (" +
                           written(patch.sample_rate / 2.0) + " Hz) or more: it aliases to " +
                           written(heard) + " Hz"});
  }
  return aliases;
}

void validate(const Patch& patch, const std::string& where) {
  std::string lines;
  for (const PatchProblem& problem : find_problems(patch)) {
    if (!lines.empty()) lines += '\n';
    lines += where + ": " + problem.key + ": " + problem.message;
  }
  if (!lines.empty()) raise<DomainError>(lines);
}

}  // namespace retrograd
