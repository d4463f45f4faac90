// How numbers and names stand in messages and files.
#pragma once

#include <retrograd/tape/domain.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retrograd {

/// The shortest digits that read back as the same double.
std::string written(double value);
/// Six digits of it, for what was computed.
std::string rounded(double value);
/// A name from a file, on one line and not without end.
std::string shown(std::string_view name, std::size_t most = 64);
/// The same of a key, which may be the path of a module within modules.
inline std::string shown_key(std::string_view key) { return shown(key, 128); }
/// "did you mean cutoff?", or else "the inputs are a, b, c", `kind` being "inputs". Of very many names the first are
/// looked at.
std::string did_you_mean(std::string_view unknown, std::span<const std::string> known,
                         const std::string& kind);
/// "a number above 0", "a number from 0 to 1".
std::string what_lies_in(const Domain& domain);

}  // namespace retrograd
