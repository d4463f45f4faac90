// Bad usage that shows only when a command runs.
#pragma once

#include <stdexcept>
#include <string>

namespace retrograd::tool {

/// Ends the program with exit code 2.
class UsageError : public std::runtime_error {
 public:
  /// `where` is the option or the command; `what` says what is wrong with it and what would be right.
  UsageError(const std::string& where, const std::string& what) : std::runtime_error(where + ": " + what) {}
};

}  // namespace retrograd::tool
