#include <retrograd/synths/fm_synth.hpp>

namespace retrograd {

FMSynth::FMSynth(int operators, std::span<const Route> routing, std::span<const int> audible)
    : operators_(operators), modulators_(static_cast<std::size_t>(std::max(operators, 0))) {
  order_ = order_of_operators(routing, operators);
  audible_.assign(audible.begin(), audible.end());
  if (audible_.empty()) audible_ = audible_operators(routing, operators);
  for (const int i : audible_)
    if (i < 0 || i >= operators)
      raise<RoutingError>("[fm] operator " + std::to_string(i) + " is named as audible, but there are " +
                          std::to_string(operators) + " operators, counted from 0");
  for (const Route& route : routing)
    modulators_[static_cast<std::size_t>(route.carrier)].push_back(route.modulator);
}

Var FMSynth::operator()(Var gate, Var pitch, std::span<const FMOperatorParameters> operators) const {
  if (operators.size() != static_cast<std::size_t>(operators_))
    raise<RoutingError>("[fm] parameters of " + std::to_string(operators.size()) +
                        " operators for a synth of " + std::to_string(operators_));
  const auto sum_of = [](const std::vector<int>& which, const std::vector<Var>& outputs) {
    std::optional<Var> sum;
    for (const int i : which) {
      const Var output = outputs[static_cast<std::size_t>(i)];
      sum = sum ? *sum + output : output;
    }
    return sum;
  };
  // With a constant pitch nothing but the gate says how long a modulator that nobody modulates is; a gate
  // that is a number holds for the tape's length.
  const std::optional<std::int64_t> length =
      gate.is_signal() ? std::optional(gate.shape().length()) : std::nullopt;
  std::vector<Var> outputs(operators.size());
  std::optional<Var> audio;
  for (const int i : order_) {
    const FMOperatorParameters& parameters = operators[static_cast<std::size_t>(i)];
    const std::optional<Var> modulation = sum_of(modulators_[static_cast<std::size_t>(i)], outputs);
    const Var frequency = pitch * parameters.ratio;
    const bool varies = frequency.is_signal() || (modulation && modulation->is_signal());
    const Var wave = oscillator_(frequency, modulation, varies ? std::nullopt : length);
    const Var output = wave * adsr(gate, parameters.envelope) * parameters.gain;
    outputs[static_cast<std::size_t>(i)] = output;
    // Added up as they come, so that a tile of any number of carriers needs little scratch.
    if (std::ranges::count(audible_, i) > 0) audio = audio ? *audio + output : output;
  }
  return *audio;
}

}  // namespace retrograd
