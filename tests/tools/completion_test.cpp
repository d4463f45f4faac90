// Each shell's completion knows every subcommand and option that --help has.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
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

/// What a shell offers for the last word of a command line.
std::set<std::string> offered(const std::string& shell, const Scratch& place, const std::string& line) {
  const std::string source = RETROGRAD_SOURCE_ROOT;
  const std::string folder = place.path.string();
  // The file that holds the completion, and how the shell is asked.
  std::string script = "completion", asked;
  if (shell == "bash") {
    const std::string words = line.substr(line.find(' ') + 1) + (line.ends_with(' ') ? "\"\"" : "");
    asked = "bash -c 'source ./completion; COMP_WORDS=(retrograd " + words +
            "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _retrograd; printf \"%s\\n\" \"${COMPREPLY[@]}\"'";
  } else if (shell == "zsh") {
    script = "_retrograd";
    asked = "timeout 60 zsh -f '" + source + "/tests/tools/offered.zsh' . '" + line + "'";
  } else {
    asked =
        "mkdir -p .home; HOME=.home XDG_CONFIG_HOME=.home XDG_DATA_HOME=.home fish --no-config -c \"source "
        "./completion; complete -C '" +
        line + "'\" | cut -f 1";
  }
  const std::string command = "cd '" + folder + "'; '" + RETROGRAD_PROGRAM + "' completion " + shell + " > " +
                              script + " && " + asked + " > offered";
  REQUIRE(std::system(command.c_str()) == 0);
  std::set<std::string> found;
  std::istringstream lines(content(place / "offered"));
  for (std::string candidate; std::getline(lines, candidate);) {
    if (candidate.ends_with('/')) candidate.pop_back();  // of a folder; shells differ
    if (!candidate.empty()) found.insert(candidate);
  }
  return found;
}

bool has(const std::string& shell) {
  if (std::system((shell + " --version > /dev/null 2>&1").c_str()) == 0) return true;
  MESSAGE("skipped: there is no ", shell);
  return false;
}

}  // namespace

TEST_CASE(
    "bash, zsh and fish complete every subcommand and every option, the words that a value can be, and files "
    "by "
    "their kind") {
  const Workplace place;
  std::filesystem::create_directory(place / "sounds");
  const std::set<std::string> commands = listed(run(place, {"--help"}).out, "Subcommands:");
  REQUIRE(commands.size() >= 9);
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    if (!has(shell)) continue;
    CAPTURE(shell);
    const auto offers = [&](const std::string& words) { return offered(shell, place, "retrograd " + words); };
    for (const std::string& name : commands) CHECK(offers(name.substr(0, 2)).contains(name));
    for (const std::string& name : commands) {
      CAPTURE(name);
      CHECK(offers(name + " -") == listed(run(place, {name, "--help"}).out, "Options:"));
    }
    CHECK(offers("render --device ") == std::set<std::string>{"cpu", "cuda"});
    CHECK(offers("render --format pcm") == std::set<std::string>{"pcm16", "pcm24"});
    CHECK(offers("render sm") == std::set<std::string>{"small.toml"});
    CHECK(offers("fit b") == std::set<std::string>{"bell.wav"});
    CHECK(offers("fit ") == std::set<std::string>{"bell.wav", "sounds"});
    CHECK(offers("fit --output-dir ") == std::set<std::string>{"sounds"});
    CHECK(offers("help g") == std::set<std::string>{"gradient", "gradcheck", "graph"});
    CHECK(!offers("help fit -").contains("--steps"));
  }
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
