// retrograd fit, interrupted and resumed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <retrograd/racks/rack_file.hpp>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "program.hpp"

TEST_CASE("forty steps are twenty and, resumed, another twenty") {
  const Workplace place;
  const auto fit_of = [&](const std::string& steps, const std::string& name, const std::string& state) {
    return run(place, {"fit", "bell.wav", "--patch", "small.toml", "--restarts", "3", "--steps", steps, "-o",
                       name + ".toml", "--render", name + ".wav", "--resume", state, "--json"});
  };
  const Outcome whole = fit_of("40", "whole", "whole.json");
  const Outcome half = fit_of("20", "half", "parts.json");
  const Outcome rest = fit_of("20", "rest", "parts.json");
  CHECK(whole.code == 0);
  CHECK(half.code == 0);
  CHECK(rest.code == 0);
  CHECK(!contains(half.err, "going on"));
  CHECK(contains(rest.err, "parts.json: going on after 20 steps"));
  CHECK(json_of(whole.out).at("steps") == 40);
  CHECK(json_of(rest.out).at("steps") == 40);
  CHECK(json_of(rest.out).at("loss_after") == json_of(whole.out).at("loss_after"));
  CHECK(content(place / "rest.toml") == content(place / "whole.toml"));
  CHECK(content(place / "rest.wav") == content(place / "whole.wav"));
  CHECK(content(place / "parts.json") == content(place / "whole.json"));
  CHECK(content(place / "half.toml") != content(place / "whole.toml"));
}

TEST_CASE("a fit goes on only from a file of the same fit, and leaves any other as it was") {
  const Workplace place;
  const Arguments fit = with(quick_fit, {"--resume", "state.json"});
  REQUIRE(run(place, fit).code == 0);
  const std::string state = content(place / "state.json");
  const std::string fitted = content(place / "fitted.toml");
  const auto refused = [&](const Arguments& arguments) {
    const std::string there = content(place / "state.json");
    const Outcome outcome = run(place, arguments);
    CHECK(outcome.code == 3);
    CHECK(outcome.out.empty());
    CHECK(content(place / "state.json") == there);
    CHECK(content(place / "fitted.toml") == fitted);
    return outcome.err;
  };
  CHECK(contains(refused(with(fit, {"--seed", "1"})), "'state.json': its seed was 0, not 1"));
  CHECK(contains(refused(with(fit, {"--frequency", "399"})), "'state.json': it is of another recording"));
  CHECK(contains(refused({"fit", "bell.wav", "--patch", "small.toml", "--resume", "state.json"}),
                 "it has 3 restarts, not 8"));
  put(place / "other.toml", replaced(small_patch, "ratio = 2.0", "ratio = 3.0"));
  CHECK(contains(
      refused({"fit", "bell.wav", "--patch", "other.toml", "--restarts", "3", "--resume", "state.json"}),
      "it began with another patch"));

  struct Damage {
    std::string from, to, message;
  };
  for (const Damage& damage : std::vector<Damage>{
           {state, "", "not JSON"},
           {state, state.substr(0, state.size() / 2), "not JSON"},
           {state, "[]", "must be an object"},
           {"\"format\": 2", "\"format\": 1", "format: 1 is an older version's"},
           {"\"format\": 2", "\"format\": 3", "format: must be 2"},
           {"\"loss_floor\": -60.0", "\"loss_floor\": true", "loss_floor: must be a number"},
           {"\"seed\"", "\"sede\"", "sede: unknown key"},
           {"\"seed\": 0,", "", "seed: the key is missing"},
           {"\"seed\": 0", "\"seed\": -1", "seed: must be a whole number"},
           {"\"steps_done\": 12", "\"steps_done\": 1.5", "steps_done: must be a whole number"},
           {"\"loss\": ", "\"loss\": true, \"x\": ", "unknown key"},
           {"gain = ", "gain = -", "rows.0.patch"},
           {"\"/steps\"", "\"/stops\"", "/steps"},
           {"\"note.frequency/free\": [", "\"note.frequency/free\": [1, ", "note.frequency/free"},
           {"\"note.frequency/free\": [", "\"note.frequency/free\": [null, ", "must be a number"},
       }) {
    const std::string &from = damage.from, &to = damage.to, &message = damage.message;
    CAPTURE(message);
    std::string damaged = state;
    if (message == "rows.0.patch") {
      const std::size_t at = damaged.find(from, damaged.find("\"rows\""));
      damaged.replace(at, from.size(), to);
    } else {
      damaged = replaced(damaged, from, to);
    }
    put(place / "state.json", damaged);
    const std::string told = refused(fit);
    CHECK_MESSAGE(contains(told, message), told);
    CHECK_MESSAGE(contains(told, "state.json"), told);
  }
}

TEST_CASE("on a terminal fit shows its progress; Ctrl-C keeps the best so far and exits with 0") {
  const Workplace place;
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  REQUIRE(::grantpt(terminal) == 0);
  REQUIRE(::unlockpt(terminal) == 0);
  const std::string other_side = ::ptsname(terminal);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(place.path.c_str()) != 0) ::_exit(126);
    ::dup2(::open("out", O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    ::dup2(::open(other_side.c_str(), O_RDWR | O_NOCTTY), STDERR_FILENO);
    ::close(terminal);
    std::signal(SIGINT, SIG_DFL);
    become_program({"fit", "bell.wav", "--patch", "small.toml", "--steps", "100000000", "--restarts", "3",
                    "--resume", "state.json", "--json"});
  }
  std::string seen;
  bool is_interrupted = false;
  for (;;) {
    pollfd waiting{terminal, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, 20000);
    CHECK_MESSAGE(ready > 0, "nothing from the program for twenty seconds");
    if (ready <= 0) {
      ::kill(child, SIGKILL);
      break;
    }
    char block[4096];
    const ssize_t size = ::read(terminal, block, sizeof block);
    if (size <= 0) break;  // the other side is closed
    seen.append(block, static_cast<std::size_t>(size));
    if (!is_interrupted && contains(seen, " left")) {
      is_interrupted = true;
      ::kill(child, SIGINT);
    }
  }
  const int code = exit_code_of(child);
  ::close(terminal);
  CHECK(code == 0);
  CHECK(is_interrupted);
  CHECK(contains(seen, "\rstep "));
  CHECK(contains(seen, "/100000000  best loss "));
  CHECK(contains(seen, " steps/s  "));
  CHECK(contains(seen, "interrupted after "));
  const Json json = json_of(content(place / "out"));
  CHECK(json.at("interrupted") == true);
  CHECK(json.at("loss_after").get<double>() < json.at("loss_before").get<double>());
  const int steps = json.at("steps").get<int>();
  CHECK(steps >= 1);
  CHECK(load_rack((place / "fitted.toml").string()).modules.size() == 2);
  CHECK(read_sound(place / "fitted.wav").samples.size() > 0);
  CHECK(place.files() == 6);  // the patch, the recording, the output; two results and the state

  // The state is as good as one of a fit that was not interrupted.
  const Outcome resumed = run(place, with({"fit", "bell.wav", "--patch", "small.toml", "--restarts", "3"},
                                          {"--steps", "1", "--resume", "state.json", "--json"}));
  CHECK(resumed.code == 0);
  CHECK(json_of(resumed.out).at("steps") == steps + 1);
}

TEST_CASE("Ctrl-C while a fit draws the patches to begin with ends it at once, with the best of those") {
  const Workplace place;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(place.path.c_str()) != 0) ::_exit(126);
    ::dup2(::open("out", O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    ::dup2(::open("err", O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    std::signal(SIGINT, SIG_DFL);
    // Eighty thousand patches to draw: minutes.
    become_program({"fit", "bell.wav", "--patch", "small.toml", "--steps", "1", "--restarts", "10000",
                    "--resume", "state.json", "--json"});
  }
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto started = now();
  while (!contains(content(place / "err"), "bell.wav: ") && now() - started < std::chrono::seconds(20))
    ::usleep(10000);
  ::kill(child, SIGINT);
  const auto asked = now();
  CHECK(exit_code_of(child) == 0);
  CHECK(now() - asked < std::chrono::seconds(20));
  const std::string told = content(place / "err");
  CHECK_MESSAGE(contains(told, "interrupted after 0 steps"), told);
  CHECK_MESSAGE(contains(told, "state.json: not written"), told);
  CHECK_FALSE(std::filesystem::exists(place / "state.json"));
  const Json json = json_of(content(place / "out"));
  CHECK(json.at("interrupted") == true);
  CHECK(json.at("loss_after").get<double>() <= json.at("loss_before").get<double>());
  CHECK(load_rack((place / "fitted.toml").string()).modules.size() == 2);
  CHECK(read_sound(place / "fitted.wav").samples.size() > 0);
}

TEST_CASE("fit goes on from a state of the same --loss-floor alone") {
  const Workplace place;
  CHECK(run(place, with(quick_fit, {"--loss-floor", "-70", "--resume", "state.json"})).code == 0);
  CHECK(run(place, with(quick_fit, {"--loss-floor", "-70", "--resume", "state.json"})).code == 0);
  const Outcome other = run(place, with(quick_fit, {"--resume", "state.json"}));
  CHECK(other.code == 3);
  CHECK(contains(other.err, "its --loss-floor was -70, not -60"));
  for (const std::string floor : {"1", "-201", "quiet", "nan"}) {
    const Outcome wrong = run(place, with(quick_fit, {"--loss-floor", floor}));
    CHECK(wrong.code == 2);
    CHECK(contains(wrong.err, "'" + floor + "' is not a "));
  }
}
