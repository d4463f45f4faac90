// What Ctrl-C and its kind do to the program's parts: processes of their own, each sent its signals.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <retrograd/files/atomic_file.hpp>
#include <retrograd/files/partial_files.hpp>

#include <csignal>
#include <string>

#include "../../tools/retrograd/interrupt.hpp"
#include "scratch.hpp"

using namespace retrograd;
using namespace retrograd::tool;

namespace {

/// Runs `body` in a process of its own; returns its wait status. The body's value is the exit code.
template <class Body>
int in_own_process(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGHUP, SIG_DFL);
    ::_exit(body());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

}  // namespace

TEST_CASE("the first signal that asks to end is noted, whichever it is, and the second ends the program") {
  for (const int first : {SIGINT, SIGTERM, SIGHUP})
    for (const int second : {0, SIGINT, SIGTERM, SIGHUP}) {
      const int status = in_own_process([&] {
        const Interrupt interrupt;
        if (interrupt.is_requested()) return 1;
        std::raise(first);
        if (second != 0) std::raise(second);
        return interrupt.is_requested() ? 0 : 2;
      });
      CHECK(WIFEXITED(status) == (second == 0));
      if (second == 0) CHECK(WEXITSTATUS(status) == 0);
      if (second != 0) CHECK(WTERMSIG(status) == second);
    }
}

TEST_CASE("a Ctrl-C that a shell has told to be ignored stays ignored") {
  const int status = in_own_process([] {
    std::signal(SIGINT, SIG_IGN);
    remove_partial_files_on_signals();
    const Interrupt interrupt;
    std::raise(SIGINT);
    std::raise(SIGINT);
    return interrupt.is_requested() ? 1 : 0;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a program ended while it writes leaves the old file and no other") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const Scratch scratch;
    put(scratch / "a.toml", "old");
    const int status = in_own_process([&] {
      remove_partial_files_on_signals();
      AtomicFile file(scratch / "a.toml");
      file.write("new");
      if (scratch.files() != 2) return 1;
      std::raise(signal);
      return 0;
    });
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == signal);
    CHECK(content(scratch / "a.toml") == "old");
    CHECK(scratch.files() == 1);
  }
}

TEST_CASE("a second Ctrl-C while the outputs are written leaves no partial file") {
  const Scratch scratch;
  const int status = in_own_process([&] {
    remove_partial_files_on_signals();
    const Interrupt interrupt;
    std::raise(SIGINT);
    AtomicFile file(scratch / "a.toml");
    file.write("new");
    std::raise(SIGINT);
    return 0;
  });
  CHECK(WIFSIGNALED(status));
  CHECK(scratch.files() == 0);
}

TEST_CASE("what has been written whole stays when the program is ended later") {
  const Scratch scratch;
  const int status = in_own_process([&] {
    remove_partial_files_on_signals();
    write_text(scratch / "a.toml", "new");
    std::raise(SIGTERM);
    return 0;
  });
  CHECK(WIFSIGNALED(status));
  CHECK(content(scratch / "a.toml") == "new");
  CHECK(scratch.files() == 1);
}
