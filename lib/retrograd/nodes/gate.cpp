#include <retrograd/nodes/gate.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace retrograd {

Tensor gate(std::span<const GatePair> pairs, const Tape& tape) {
  if (!tape.options().length)
    raise<LengthMismatchError>(
        "[gate] the tape has no length; make it with one, or fill a tensor of 0 and 1 yourself");
  const std::int64_t length = *tape.options().length;
  Tensor signal(Shape{length}, tape.options().type);
  double end = 0.0;
  for (const GatePair& pair : pairs) {
    if (!(pair.on >= end && pair.off > pair.on)) {
      std::ostringstream text;
      text << "[gate] the pair " << pair.on << ", " << pair.off << " after " << end
           << ": times must ascend, each on before its off, and pairs must not overlap";
      raise<DomainError>(text.str());
    }
    end = pair.off;
    const double rate = tape.options().sample_rate.value_or(1.0);
    const auto sample = [&](double time) {
      return static_cast<std::int64_t>(std::min(std::round(time * rate), static_cast<double>(length)));
    };
    for (std::int64_t n = sample(pair.on); n < sample(pair.off); ++n) {
      if (signal.type() == ElementType::f32)
        static_cast<float*>(signal.data())[n] = 1.0f;
      else
        static_cast<double*>(signal.data())[n] = 1.0;
    }
  }
  return signal;
}

Tensor gate(std::initializer_list<GatePair> pairs, const Tape& tape) {
  return gate(std::span(pairs.begin(), pairs.size()), tape);
}

}  // namespace retrograd
