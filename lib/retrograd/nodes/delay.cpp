#include <retrograd/nodes/delay.hpp>
#include <retrograd/tape/graph.hpp>
#include <retrograd/tape/length.hpp>

#include <sstream>

namespace retrograd {

namespace {

template <class Node>
Var record_delay(Var x, Var time, double longest, double shortest) {
  const std::array inputs{x, time};
  TapeState* tape = common_tape(inputs, Node::name);
  const std::optional<double> rate = options_of(tape).sample_rate;
  const double samples_per_unit = rate.value_or(1.0);
  const char* unit = rate ? " s" : " samples";
  const auto fail = [&](const auto&... parts) {
    std::ostringstream text;
    text << '[' << Node::name << "] ";
    (text << ... << parts);
    raise<DomainError>(text.str());
  };
  Node node;
  node.samples_per_unit = samples_per_unit;
  node.longest = longest * samples_per_unit;
  const Graph& graph = graph_of(static_cast<const TapeState*>(tape));
  const int loop = graph.nodes[static_cast<std::size_t>(x.id())].loop;
  const std::int64_t least_of_loop = loop < 0 ? 0 : graph.loops[static_cast<std::size_t>(loop)].least_samples;
  node.least = std::max(shortest * samples_per_unit, Node::least_possible);
  if (loop >= 0) node.least = std::max(node.least, static_cast<double>(least_of_loop) + Node::least_possible);
  if (!(node.longest >= node.least && node.longest <= static_cast<double>(Node::most_samples)))
    fail("the longest delay is ", longest, unit, ", and must be from ", node.least / samples_per_unit, " to ",
         static_cast<double>(Node::most_samples) / samples_per_unit, unit, " (", Node::most_samples,
         " samples)");
  if (!(shortest >= 0.0 && shortest <= longest))
    fail("the shortest delay is ", shortest, unit, ", and must be from 0 to the longest, ", longest, unit);
  // A whole number of samples, given in seconds, may be off in its last bits.
  constexpr double rounding = 1.0 - 0x1p-50;
  node.time.domain = range(node.least / samples_per_unit * rounding, longest);
  const RecordedNode& recorded = graph.nodes[static_cast<std::size_t>(time.id())];
  if (recorded.leaf >= 0 && !recorded.signal) {
    const Tensor& value = value_of(leaf_of(tape, time));
    for (std::int64_t i = 0; i < value.shape().elements(); ++i) {
      const double each = value.view().at(i);
      if (each > longest)
        fail("a delay of ", each, unit, " is longer than the longest, ", longest, unit,
             ", that it was recorded with");
      if (loop >= 0 && each < node.time.domain.low)
        fail("a delay of ", each, unit, " is too short for its loop, whose delays are ", node.time.domain.low,
             unit, " or longer: tape.feedback(shape, ", least_of_loop, ")");
      if (!node.time.domain.contains(each))
        fail("a delay of ", each, unit, "; it must be from ", node.time.domain.low, " to the longest, ",
             longest, unit);
    }
  }
  const Shape shape = broadcast(x.shape(), time.shape(), Node::name);
  return causal(node, inputs,
                shape.with_length(
                    signal_length(tape, shape, x.is_signal() || time.is_signal(), std::nullopt, Node::name)));
}

}  // namespace

Var delay(Var x, Var time, const DelayOptions& options) {
  if (options.interpolation == Interpolation::cubic)
    return record_delay<CubicDelay>(x, time, options.longest, options.shortest);
  return record_delay<Delay>(x, time, options.longest, options.shortest);
}

}  // namespace retrograd
