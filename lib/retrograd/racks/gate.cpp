#include <retrograd/racks/gate.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <vector>

namespace retrograd {

namespace {

/// Samples, from the one that is high first to the one that is low first.
struct Held {
  std::int64_t on, off;
};

void check(const GatePair& pair, double end) {
  if (pair.on >= end && pair.off > pair.on) return;
  std::ostringstream text;
  text << "[gate] the pair " << pair.on << ", " << pair.off << " after " << end
       << ": times must ascend, each on before its off, and pairs must not overlap";
  raise<DomainError>(text.str());
}

// What begins at `length` or later is not played.
std::vector<Held> in_samples(std::span<const GatePair> pairs, double rate, std::int64_t length) {
  const auto sample = [&](double time) {
    return static_cast<std::int64_t>(std::min(std::round(time * rate), 0x1p61));
  };
  std::vector<Held> held;
  for (const GatePair& pair : pairs) {
    Held next{sample(pair.on), sample(pair.off)};
    if (!held.empty()) {
      Held& before = held.back();
      before.off = std::max(before.on + 1, std::min(before.off, next.on - 1));
      next.on = std::max(next.on, before.off + 1);
    }
    next.off = std::max(next.off, next.on + 1);
    if (next.on >= length) break;
    held.push_back(next);
  }
  return held;
}

}  // namespace

Tensor gate(std::span<const GatePair> pairs, const Tape& tape) {
  if (!tape.options().length)
    raise<LengthMismatchError>(
        "[gate] the tape has no length; make it with one, or fill a tensor of 0 and 1 yourself");
  double end = 0.0;
  for (const GatePair& pair : pairs) {
    check(pair, end);
    end = pair.off;
  }
  const std::int64_t length = *tape.options().length;
  Tensor signal(Shape{length}, tape.options().type);
  for (const auto [on, off] : in_samples(pairs, tape.options().sample_rate.value_or(1.0), length))
    for (std::int64_t n = on; n < std::min(off, length); ++n) {
      if (signal.type() == ElementType::f32)
        static_cast<float*>(signal.data())[n] = 1.0f;
      else
        static_cast<double*>(signal.data())[n] = 1.0;
    }
  return signal;
}

Tensor gate(std::initializer_list<GatePair> pairs, const Tape& tape) {
  return gate(std::span(pairs.begin(), pairs.size()), tape);
}

}  // namespace retrograd
