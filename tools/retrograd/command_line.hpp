// The command line: subcommands and their options, described once, for reading, for --help and for a shell's
// completion.
//
// CLI11 reads it. Its header takes seconds to compile: command_line.cpp alone includes it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exit_codes.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace retrograd::tool {

/// What the command line asked for, run when all of it has been read. May raise any Error of the library, and
/// a UsageError.
using Action = std::function<ExitCode()>;

/// What a shell needs to know of an option, or of an argument that has no option's name.
struct OptionDescription {
  std::vector<std::string> names;    ///< "-o", "--output"; none for an argument without an option's name
  std::string help;                  ///< one line
  bool takes_value = true;           ///< a flag takes none
  std::vector<std::string> words;    ///< the values there are, where they are a few words
  std::optional<std::string> alone;  ///< the value where it is left out, if it may be
  std::vector<std::string>
      endings;  ///< of the files that fit, where the value is a file: "toml"; "*" for any
};

struct CommandDescription {
  std::string name, help;
  bool is_hidden = false;
  std::deque<OptionDescription> options;
};

/// An option of a subcommand, being described. Each call returns it again.
class Option {
 public:
  /// What stands for the value in the help: "FILE.mid"; nothing where it is empty.
  Option& value_name(const std::string& name);
  /// What the help says is taken where the option is not given.
  Option& by_default(const std::string& value);
  Option& required();
  Option& excludes(const std::string& other);
  Option& needs(const std::string& other);
  Option& one_of(const std::vector<std::string>& words);
  /// A whole number from `lowest` to `highest`.
  Option& within(int lowest, int highest);
  /// `problem` returns what is wrong with a value, or nothing.
  Option& checked(std::function<std::string(const std::string& value)> problem);
  /// The value may be left out, as in "--normalize": then it is `value`. Only for numbers: what follows the
  /// option and is none is an argument of its own.
  Option& or_alone(const std::string& value);
  /// Of an option that may be given several times: each time it takes one value.
  Option& takes_one_each();
  /// The value is a file with one of these endings, or "*"; only a shell's completion asks.
  Option& file(const std::vector<std::string>& endings);

 private:
  friend class Command;
  Option(CLI::App& app, CLI::Option& option, OptionDescription& description)
      : app_(&app), option_(&option), description_(&description) {}
  CLI::App* app_;
  CLI::Option* option_;
  OptionDescription* description_;
};

/// A subcommand. Names are as CLI11 has them: "-o,--output" for an option, "PATCH" for an argument that has no
/// option's name. What `value` holds before the command line is read stays where the option is not given.
class Command {
 public:
  Option option(const std::string& names, std::string& value, const std::string& help);
  Option option(const std::string& names, std::optional<std::string>& value, const std::string& help);
  Option option(const std::string& names, int& value, const std::string& help);
  Option option(const std::string& names, std::optional<int>& value, const std::string& help);
  Option option(const std::string& names, std::vector<std::string>& values, const std::string& help);
  Option option(const std::string& names, std::optional<double>& value, const std::string& help);
  Option flag(const std::string& names, bool& value, const std::string& help);
  void footer(const std::string& text);
  /// What the command does; the last call is the one that counts.
  void runs(Action action);

 private:
  friend class Program;
  Command(CLI::App& app, CommandDescription& description, Action& chosen)
      : app_(&app), description_(&description), chosen_(&chosen) {}
  template <class Value>
  Option add(const std::string& names, Value& value, const std::string& help);
  CLI::App* app_;
  CommandDescription* description_;
  Action* chosen_;
};

/// The whole command line.
class Program {
 public:
  Program(const std::string& description, const std::string& version);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  Command add(const std::string& name, const std::string& help);
  /// A subcommand that --help does not list.
  Command add_hidden(const std::string& name, const std::string& help);
  /// Below the list of subcommands; after all of them have been added.
  void footer(const std::string& text);

  /// Reads the command line and runs what it asks for. Tells help, and what is wrong, itself.
  ExitCode run(int argc, const char* const* argv);

  const std::deque<CommandDescription>& commands() const { return commands_; }
  /// The help of the subcommand, or of the program where the name is empty; nothing where there is none such.
  std::optional<std::string> help_of(const std::string& name) const;

 private:
  std::unique_ptr<CLI::App> app_;
  std::deque<CommandDescription> commands_;
  Action chosen_;
};

/// A number, all of `text` and finite; nothing where it holds anything else.
std::optional<double> parse_number(std::string_view text);

}  // namespace retrograd::tool
