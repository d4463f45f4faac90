// No file that a command writes may be another that it reads or writes, whatever its name.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <retrograd/tensor/errors.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "../../tools/retrograd/files_in_use.hpp"
#include "../../tools/retrograd/usage_error.hpp"
#include "scratch.hpp"

namespace fs = std::filesystem;
using namespace retrograd;
using namespace retrograd::tool;

namespace {

/// What is wrong with it; empty for nothing.
std::string problem_of(const FilesInUse& files) {
  try {
    files.check();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

/// A current directory of its own.
struct Workplace : Scratch {
  fs::path before = fs::current_path();
  Workplace() {
    fs::current_path(path);
    put("patch.toml", "a patch");
    fs::create_directory("folder");
    fs::create_symlink("patch.toml", "link");
    fs::create_symlink("link", "link-of-link");
    fs::create_symlink("folder", "folder-link");
    fs::create_symlink("folder/new", "link-to-new");
    fs::create_hard_link("patch.toml", "hard");
  }
  ~Workplace() { fs::current_path(before); }
};

std::string of_pair(const std::string& read, const std::string& written) {
  FilesInUse files;
  files.reads("PATCH", read).writes("--output", written);
  return problem_of(files);
}

std::string of_outputs(const std::string& one, const std::string& other) {
  FilesInUse files;
  files.writes("--output", one).writes("--render", other);
  return problem_of(files);
}

}  // namespace

TEST_CASE("an output that is an input under any name is refused, and the message names both") {
  const Workplace place;
  for (const std::string name : {"patch.toml", "./patch.toml", "folder/../patch.toml", "link", "link-of-link",
                                 "hard", "folder-link/../patch.toml"})
    CHECK_MESSAGE(of_pair("patch.toml", name) != "", name);
  CHECK(of_pair("patch.toml", (place / "patch.toml").string()) != "");
  CHECK(of_pair("link", "hard") != "");
  CHECK(of_pair("patch.toml", "patch.toml") ==
        "--output: 'patch.toml' would replace what PATCH reads; name another file");
  CHECK(of_pair("patch.toml", "link") ==
        "--output: 'link' would replace what PATCH reads, 'patch.toml'; name another file");
}

TEST_CASE("two outputs of one name are refused, there already or not") {
  const Workplace place;
  CHECK(of_outputs("new", "./new") ==
        "--render: './new' would replace what --output writes, 'new'; name another file");
  CHECK(of_outputs("folder/new", "folder-link/new") != "");
  CHECK(of_outputs("link-to-new", "folder/new") != "");
  CHECK(of_outputs("patch.toml", "link") != "");
}

TEST_CASE("different files, devices and pipes are let through") {
  const Workplace place;
  CHECK(of_pair("patch.toml", "new") == "");
  CHECK(of_pair("patch.toml", "folder/patch.toml") == "");
  CHECK(of_pair("missing", "new") == "");
  CHECK(of_pair("-", "-") == "");
  CHECK(of_pair("/dev/null", "/dev/null") == "");
  CHECK(of_outputs("/dev/null", "/dev/null") == "");
  REQUIRE(::mkfifo("pipe", 0600) == 0);
  CHECK(of_outputs("pipe", "pipe") == "");
  FilesInUse inputs;
  inputs.reads("PATCH", "patch.toml").reads("--notes", "patch.toml");
  CHECK(problem_of(inputs) == "");
}

TEST_CASE("standard input is read once and standard output written once") {
  FilesInUse inputs, outputs, both;
  inputs.reads("PATCH", "-").reads("--notes", "-");
  CHECK(problem_of(inputs) == "--notes: standard input can be read once, and PATCH reads it");
  outputs.writes("--output", "-").writes("--render", "-");
  CHECK(problem_of(outputs) == "--render: standard output takes one file, and --output writes to it");
  both.updates("--resume", std::optional<std::string>("-"));
  CHECK(problem_of(both) == "--resume: '-' cannot be both read and written; name a file");
}

TEST_CASE("a file that is there is not replaced unless that is asked for; one that goes on is") {
  const Workplace place;
  const auto refused = [](const FilesInUse& files) {
    try {
      files.check_none_is_replaced();
    } catch (const FileError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  FilesInUse there, fresh, going_on, special;
  CHECK(refused(there.writes("--output", "link")) ==
        "cannot write 'link': it is there already; --force replaces it");
  CHECK(refused(fresh.writes("--output", "new")) == "");
  CHECK(refused(going_on.updates("--resume", std::optional<std::string>("patch.toml"))) == "");
  CHECK(refused(special.writes("--output", "/dev/null").writes("--render", "-")) == "");
}
