// Every rule about a rack: what it may hold, and what is valid and yet hardly meant.
#pragma once

#include <retrograd/racks/wiring.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace retrograd {

/// The most that a rack holds: its modules, their parameters and their inputs, each counted as one. A hundred thousand
/// operators are half of it.
inline constexpr std::size_t most_parts = 2'000'000;
/// The most cables.
inline constexpr std::size_t most_cables = 2'000'000;
/// What is said of a rack that holds more.
std::string too_many_parts();

/// Everything wrong with a rack; empty when it is valid. Of loops the first is found.
std::vector<RackProblem> find_problems(const Rack& rack);

/// What is valid and yet hardly meant: pairs of the gate that lie after the end, which are not played; modules that
/// nothing reads. Empty for a rack that is not valid.
std::vector<RackProblem> find_doubts(const Rack& rack);

/// Oscillators whose frequency is half the sample rate or more: it aliases to the one below that the samples cannot tell
/// from it. Empty for a rack that is not valid.
std::vector<RackProblem> find_aliases(const Rack& rack);

/// Throws DomainError with a line "where: key: problem" for each problem of the rack. A rack that passes can be written
/// to a file and read back.
void validate(const Rack& rack, const std::string& where);

}  // namespace retrograd
