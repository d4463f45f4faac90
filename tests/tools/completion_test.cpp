// Each shell's completion knows every subcommand and option that --help has.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>

#include "program.hpp"

namespace {

/// The words after two spaces at the beginning of the lines of a part of the help.
std::set<std::string> listed(const std::string& help, const std::string& title) {
  std::set<std::string> words;
  std::istringstream lines(help.substr(std::min(help.find(title), help.size())));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && !line.empty()) {
    if (!line.starts_with("  ") || line[2] == ' ') continue;
    std::istringstream names(line.substr(2, line.find(' ', 2) - 2));
    for (std::string name; std::getline(names, name, ',');) words.insert(name);
  }
  return words;
}

/// What bash offers for the last of the words, in the order of their lines.
std::set<std::string> offered(const Scratch& place, const std::string& words) {
  const std::string command =
      "cd '" + place.path.string() + "'; '" + RETROGRAD_PROGRAM +
      "' completion bash > completion; bash -c 'source completion; COMP_WORDS=(retrograd " + words +
      "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _retrograd; printf \"%s\\n\" "
      "\"${COMPREPLY[@]}\"' > offered";
  REQUIRE(std::system(command.c_str()) == 0);
  std::set<std::string> found;
  std::istringstream lines(content(place / "offered"));
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) found.insert(line);
  return found;
}

}  // namespace

TEST_CASE(
    "bash completes every subcommand and every option, the words that a value can be, and files by their "
    "kind") {
  const Workplace place;
  if (std::system("bash --version > /dev/null 2>&1") != 0) {
    MESSAGE("skipped: there is no bash");
    return;
  }
  const std::set<std::string> commands = listed(run(place, {"--help"}).out, "Subcommands:");
  REQUIRE(commands.size() >= 9);
  for (const std::string& name : commands) CHECK(offered(place, name.substr(0, 2)).contains(name));
  for (const std::string& name : commands) {
    CAPTURE(name);
    CHECK(offered(place, name + " -") == listed(run(place, {name, "--help"}).out, "Options:"));
  }
  CHECK(offered(place, "render --device \"\"") == std::set<std::string>{"cpu", "cuda"});
  CHECK(offered(place, "render --format pcm") == std::set<std::string>{"pcm16", "pcm24"});
  CHECK(offered(place, "render s") == std::set<std::string>{"small.toml"});
  CHECK(offered(place, "fit b") == std::set<std::string>{"bell.wav"});
  CHECK(offered(place, "fit small") == std::set<std::string>{});
  CHECK(offered(place, "help g") == std::set<std::string>{"gradient", "gradcheck"});
}

TEST_CASE("the completions of zsh and fish name every subcommand and every option") {
  const Workplace place;
  const std::string zsh = run(place, {"completion", "zsh"}).out;
  const std::string fish = run(place, {"completion", "fish"}).out;
  CHECK(zsh.starts_with("#compdef retrograd\n"));
  for (const std::string& name : listed(run(place, {"--help"}).out, "Subcommands:")) {
    CHECK_MESSAGE(contains(zsh, "'" + name + ":"), name);
    CHECK_MESSAGE(contains(fish, " -a " + name + " "), name);
    for (const std::string& option : listed(run(place, {name, "--help"}).out, "Options:")) {
      if (!option.starts_with("--")) continue;
      CHECK_MESSAGE((option == "--help" || contains(zsh, "'" + option + "[")), option);
      CHECK_MESSAGE(contains(fish, "-l " + option.substr(2)), option);
    }
  }
  CHECK(!contains(run(place, {"--help"}).out, "completion"));
}
