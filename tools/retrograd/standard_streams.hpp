// "-" in place of a file's name: standard input, or standard output.
#pragma once

#include <optional>
#include <string>

namespace retrograd::tool {

inline bool is_standard_stream(const std::string& name) { return name == "-"; }

/// A name under which what `name` stands for can be read, as often as one likes: "/dev/stdin" for "-", and the
/// name itself for any other. All of a pipe is read first. Raises a FileError where that fails.
std::string readable_name(const std::string& name);
std::optional<std::string> readable_name(const std::optional<std::string>& name);

/// A name under which AtomicFile writes to what `name` stands for: "/dev/stdout" for "-".
std::string writable_name(const std::string& name);

/// How messages call it: "standard input", "standard output", or the name.
std::string shown_input(const std::string& name);
std::string shown_output(const std::string& name);

/// A message of the library's with the names above called so.
std::string in_words(std::string message);

/// Raises a UsageError where `name`, of `option`, is standard output and that is a terminal: `what` is no text
/// for people.
void check_no_terminal(const std::string& option, const std::string& name, const std::string& what);

}  // namespace retrograd::tool
