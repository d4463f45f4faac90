// Where fits begin: a rack tuned to a recording, and random racks around it.
#pragma once

#include <retrograd/fit/target.hpp>
#include <retrograd/racks/rack.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace retrograd {

/// Draws racks for one target.
class RackDraws {
 public:
  /// `frozen`: patterns of parameters that keep their values; DomainError for one that names none.
  RackDraws(const FitTarget& target, const Rack& initial, std::span<const std::string> frozen = {});

  /// The initial rack at the target's frequency, gate, duration and rate, and as loud as the recording.
  Rack tuned() const;
  /// A random rack of the same modules and cables, tuned to the target: each parameter is drawn as its specification
  /// says. `index` numbers the draws of one seed; the same two give the same rack everywhere.
  Rack draw(std::uint64_t seed, int index) const;
  /// Of each parameter.
  const std::vector<char>& frozen() const { return frozen_; }

 private:
  Rack placed_;  // at the target's frequency, gate, duration and rate
  double loudness_, rise_, end_;
  std::vector<char> frozen_;
  std::vector<std::size_t> levels_;
};

}  // namespace retrograd
