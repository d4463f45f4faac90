// The command line, read by CLI11.
#include "command_line.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>

namespace retrograd::tool {
namespace {

/// The arguments, in which an option whose value may be left out has it: "--normalize p.toml" becomes
/// "--normalize=0 p.toml". CLI11 would take the next argument for the value, whatever it is.
std::vector<std::string> with_lone_options(const std::deque<CommandDescription>& commands, int argc,
                                           const char* const* argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) return arguments;
  for (const CommandDescription& command : commands) {
    if (command.name != arguments.front()) continue;
    for (const OptionDescription& option : command.options) {
      if (!option.alone) continue;
      for (auto at = arguments.begin(); at != arguments.end() && *at != "--"; ++at) {
        if (std::ranges::find(option.names, *at) == option.names.end()) continue;
        const auto next = std::next(at);
        if (next != arguments.end() && parse_number(*next)) {
          *at += "=" + *next;
          arguments.erase(next);
        } else {
          *at += "=" + *option.alone;
        }
      }
    }
  }
  return arguments;
}

void describe_option(OptionDescription& described, const CLI::Option& option, const std::string& help) {
  described.help = help;
  for (const std::string& name : option.get_snames()) described.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) described.names.push_back("--" + name);
}

}  // namespace

Option& Option::value_name(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Option& Option::by_default(const std::string& value) {
  option_->default_str(value);
  return *this;
}

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::excludes(const std::string& other) {
  option_->excludes(app_->get_option(other));
  return *this;
}

Option& Option::needs(const std::string& other) {
  option_->needs(app_->get_option(other));
  return *this;
}

Option& Option::one_of(const std::vector<std::string>& words) {
  option_->check(CLI::IsMember(words).description(""));
  description_->words = words;
  return *this;
}

Option& Option::within(int lowest, int highest) {
  option_->check(CLI::Range(lowest, highest).description(""));
  return *this;
}

Option& Option::checked(std::function<std::string(const std::string&)> problem) {
  option_->check(std::move(problem));
  return *this;
}

Option& Option::or_alone(const std::string& value) {
  description_->alone = value;
  return *this;
}

Option& Option::takes_one_each() {
  option_->allow_extra_args(false);
  return *this;
}

Option& Option::file(const std::vector<std::string>& endings) {
  description_->endings = endings;
  return *this;
}

template <class Value>
Option Command::add(const std::string& names, Value& value, const std::string& help) {
  CLI::Option* const option = app_->add_option(names, value, help);
  OptionDescription& described = description_->options.emplace_back();
  describe_option(described, *option, help);
  return Option(*app_, *option, described);
}

Option Command::option(const std::string& names, std::string& value, const std::string& help) {
  return add(names, value, help);
}
Option Command::option(const std::string& names, std::optional<std::string>& value, const std::string& help) {
  return add(names, value, help);
}
Option Command::option(const std::string& names, int& value, const std::string& help) {
  return add(names, value, help);
}
Option Command::option(const std::string& names, std::optional<int>& value, const std::string& help) {
  return add(names, value, help);
}
Option Command::option(const std::string& names, std::optional<double>& value, const std::string& help) {
  return add(names, value, help).checked([](const std::string& text) {
    return parse_number(text) ? "" : "'" + text + "' is not a number";
  });
}
Option Command::option(const std::string& names, std::vector<std::string>& values, const std::string& help) {
  return add(names, values, help);
}

Option Command::flag(const std::string& names, bool& value, const std::string& help) {
  CLI::Option* const option = app_->add_flag(names, value, help);
  OptionDescription& described = description_->options.emplace_back();
  describe_option(described, *option, help);
  described.takes_value = false;
  return Option(*app_, *option, described);
}

void Command::footer(const std::string& text) { app_->footer(text); }

void Command::runs(Action action) {
  app_->callback([chosen = chosen_, action = std::move(action)] { *chosen = action; });
}

Program::Program(const std::string& description, const std::string& version)
    : app_(std::make_unique<CLI::App>(description, "retrograd")) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->failure_message([](const CLI::App* app, const CLI::Error& error) {
    return "retrograd: " + CLI::FailureMessage::simple(app, error);
  });
  app_->get_formatter()->column_width(34);
}

Program::~Program() = default;

Command Program::add(const std::string& name, const std::string& help) {
  CommandDescription& described = commands_.emplace_back();
  described.name = name;
  described.help = help;
  return Command(*app_->add_subcommand(name, help), described, chosen_);
}

Command Program::add_hidden(const std::string& name, const std::string& help) {
  const Command command = add(name, help);
  command.app_->group("");  // CLI11's way to hide
  command.description_->is_hidden = true;
  return command;
}

void Program::footer(const std::string& text) { app_->footer(text); }

ExitCode Program::run(int argc, const char* const* argv) {
  std::vector<std::string> arguments = with_lone_options(commands_, argc, argv);
  const std::string first = arguments.empty() ? "" : arguments.front();
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app_->parse(arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_name() == "RequiredError" && app_->get_subcommands().empty() && !first.empty()) {
      std::cerr << "retrograd: '" << first
                << "' is neither a subcommand nor an option; 'retrograd --help' lists them" << std::endl;
      return ExitCode::bad_usage;
    }
    return app_->exit(error) == 0 ? ExitCode::done : ExitCode::bad_usage;
  }
  return chosen_();
}

std::optional<std::string> Program::help_of(const std::string& name) const {
  app_->clear();  // or the help would be that of the subcommand that asks
  if (name.empty()) return app_->help();
  for (const CommandDescription& command : commands_)
    if (command.name == name) return app_->get_subcommand(name)->help(app_->get_name());
  return std::nullopt;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0.0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace retrograd::tool
