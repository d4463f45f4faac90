// Scripts by which a shell completes the program's command line, made of its description: whoever adds an option
// has nothing to do here.
#include "completion.hpp"

#include <iostream>
#include <memory>

#include "command.hpp"

namespace retrograd::tool {
namespace {

/// Within single quotes of a shell.
std::string shell_word(const std::string& text) {
  std::string made = "'";
  for (const char c : text) made += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return made + "'";
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

bool takes_any_file(const OptionDescription& option) {
  return option.endings.size() == 1 && option.endings[0] == "*";
}
bool takes_folder(const OptionDescription& option) {
  return option.endings.size() == 1 && option.endings[0] == "/";
}

/// What bash runs to list an option's values; nothing where it has no idea.
std::string bash_values(const OptionDescription& option) {
  if (!option.words.empty())
    return "COMPREPLY=($(compgen -W " + shell_word(joined(option.words, " ")) + " -- \"$word\"))";
  if (takes_folder(option)) return "_retrograd_folders";
  if (takes_any_file(option)) return "_retrograd_files ''";
  if (!option.endings.empty()) return "_retrograd_files " + shell_word(joined(option.endings, "|"));
  return "";
}

std::string for_bash(const std::deque<CommandDescription>& commands) {
  std::string names, cases;
  for (const CommandDescription& command : commands) {
    if (command.is_hidden) continue;
    names += (names.empty() ? "" : " ") + command.name;
    std::string options = "-h --help", values, argument;
    for (const OptionDescription& option : command.options) {
      for (const std::string& name : option.names) options += " " + name;
      if (option.names.empty()) argument = bash_values(option);
      if (!option.names.empty() && option.takes_value && !option.alone) {
        const std::string list = bash_values(option);
        values +=
            "        " + joined(option.names, "|") + ") " + (list.empty() ? ":" : list) + "; return ;;\n";
      }
    }
    if (command.name == "help") argument = "COMPREPLY=($(compgen -W \"$commands\" -- \"$word\"))";
    cases += "    " + command.name + ")\n";
    if (!values.empty()) cases += "      case \"$before\" in\n" + values + "      esac\n";
    cases += "      if [[ $word == -* ]]; then\n        COMPREPLY=($(compgen -W " + shell_word(options) +
             " -- \"$word\"))\n";
    if (!argument.empty()) cases += "      else\n        " + argument + "\n";
    cases += "      fi\n      ;;\n";
  }
  return R"(# Completion of retrograd for bash; made by 'retrograd completion bash'.
_retrograd_files() {  # those with one of the endings, or any; and folders
  local IFS=$'\n'
  compopt -o filenames 2>/dev/null
  local name
  COMPREPLY=($(compgen -d -- "$word"))
  while read -r name; do
    [[ -z $1 || ${name##*.} =~ ^($1)$ ]] && [[ ! -d $name ]] && COMPREPLY+=("$name")
  done < <(compgen -f -- "$word")
}
_retrograd_folders() {
  local IFS=$'\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -d -- "$word"))
}
_retrograd() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local commands=)" +
         shell_word(names) + R"(
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "$commands -h --help --version" -- "$word"))
    return
  fi
  case ${COMP_WORDS[1]} in
)" + cases +
         R"(  esac
}
complete -F _retrograd retrograd
)";
}

/// A text inside a pair of brackets of zsh's _arguments.
std::string zsh_help(const std::string& text) {
  std::string made;
  for (const char c : text.substr(0, text.find('\n')))
    made += c == '[' || c == ']' || c == ':' ? std::string("\\") + c : std::string(1, c);
  return made;
}

std::string zsh_values(const OptionDescription& option) {
  if (!option.words.empty()) return ":value:(" + joined(option.words, " ") + ")";
  if (takes_folder(option)) return ":folder:_files -/";
  if (takes_any_file(option)) return ":file:_files";
  if (!option.endings.empty()) return ":file:_files -g \"*.(" + joined(option.endings, "|") + ")(-.)\"";
  return ":value: ";
}

std::string for_zsh(const std::deque<CommandDescription>& commands) {
  std::string names, cases;
  for (const CommandDescription& command : commands) {
    if (command.is_hidden) continue;
    names += "    " + shell_word(command.name + ":" + command.help) + "\n";
    cases += "    " + command.name + ")\n      _arguments '(-h --help)'{-h,--help}'[show the help]'";
    for (const OptionDescription& option : command.options) {
      const std::string values = option.takes_value && !option.alone ? zsh_values(option) : "";
      for (const std::string& name : option.names)
        cases += " \\\n        " + shell_word(name + "[" + zsh_help(option.help) + "]" + values);
      if (!option.names.empty()) continue;
      cases += " \\\n        " + shell_word(command.name == "help"
                                                ? "*::subcommand:(" +
                                                      [&] {
                                                        std::string all;
                                                        for (const CommandDescription& other : commands)
                                                          if (!other.is_hidden)
                                                            all += (all.empty() ? "" : " ") + other.name;
                                                        return all;
                                                      }() +
                                                      ")"
                                                : "*" + zsh_values(option));
    }
    cases += "\n      ;;\n";
  }
  return "#compdef retrograd\n# Completion of retrograd for zsh; made by 'retrograd completion "
         "zsh'.\n_retrograd() {\n"
         "  local -a commands=(\n" +
         names +
         "  )\n  if ((CURRENT == 2)); then\n    _describe subcommand commands\n"
         "    _arguments '(-h --help)'{-h,--help}'[show the help]' '--version[show the version]'\n    "
         "return\n  fi\n"
         "  local command=$words[2]\n  shift words\n  ((CURRENT--))\n  case $command in\n" +
         cases + "  esac\n}\n_retrograd \"$@\"\n";
}

std::string fish_values(const OptionDescription& option) {
  if (!option.takes_value || option.alone) return "";
  if (!option.words.empty()) return " -x -a " + shell_word(joined(option.words, " "));
  if (takes_folder(option)) return " -x -a '(__fish_complete_directories)'";
  if (takes_any_file(option)) return " -r -F";
  if (option.endings.empty()) return " -x";
  return " -x -a " + shell_word("(__retrograd_files '" + joined(option.endings, "|") + "')");
}

std::string for_fish(const std::deque<CommandDescription>& commands) {
  std::string lines =
      R"(# Completion of retrograd for fish; made by 'retrograd completion fish'.
function __retrograd_is -a name  # the subcommand; a later word may be its name and something else
  set -l words (commandline -opc)
  test (count $words) -ge 2; and test $words[2] = $name
end
function __retrograd_files -a endings  # those with one of the endings; and folders
  set -l word (string replace -r '^--[^=]*=' '' -- (commandline -ct))
  __fish_complete_path $word | string match -r '^(?:[^\t]*/|[^\t]*\.(?:'$endings'))(?:\t.*)?$'
end
complete -c retrograd -f
)";
  const std::string alone = "complete -c retrograd -n __fish_use_subcommand ";
  lines += alone + "-s h -l help -d 'Show the help'\n" + alone + "-l version -d 'Show the version'\n";
  std::string names;
  for (const CommandDescription& command : commands)
    if (!command.is_hidden) names += (names.empty() ? "" : " ") + command.name;
  for (const CommandDescription& command : commands) {
    if (command.is_hidden) continue;
    lines += alone + "-a " + command.name + " -d " + shell_word(command.help) + "\n";
    const std::string seen = "complete -c retrograd -n '__retrograd_is " + command.name + "'";
    lines += seen + " -s h -l help -d 'Show the help'\n";
    for (const OptionDescription& option : command.options) {
      lines += seen;
      for (const std::string& name : option.names)
        lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (command.name == "help" && option.names.empty())
        lines += " -a " + shell_word(names);
      else
        lines += fish_values(option);
      lines += " -d " + shell_word(option.help.substr(0, option.help.find('\n'))) + "\n";
    }
  }
  return lines;
}

}  // namespace

std::string completion_for(const std::string& shell, const Program& program) {
  if (shell == "bash") return for_bash(program.commands());
  if (shell == "zsh") return for_zsh(program.commands());
  return for_fish(program.commands());
}

void add_completion(Program& program) {
  const auto shell = std::make_shared<std::string>();
  Command command =
      program.add_hidden("completion", "Print a shell's completion of this program's command line");
  command.option("SHELL", *shell, "bash, zsh or fish").one_of({"bash", "zsh", "fish"}).required();
  command.runs([&program, shell] {
    std::cout << completion_for(*shell, program);
    return ExitCode::done;
  });
}

}  // namespace retrograd::tool
