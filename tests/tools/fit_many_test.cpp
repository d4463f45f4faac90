// retrograd fit of many recordings: one patch each, whatever happens to the others.
#include <doctest/doctest.h>
#include <retrograd/racks/rack_file.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "program.hpp"

namespace fs = std::filesystem;

namespace {

/// Recordings in folders, one of them broken, beside what is none.
struct Recordings : Workplace {
  Recordings() {
    fs::create_directories(*this / "samples/deep/.hidden");
    for (const std::string name : {"samples/a.wav", "samples/deep/b.wav", "samples/deep/.hidden/c.wav"})
      write_wav(*this / name, struck(400, 0.1, 8000), 1, 8000, WavFormat::f32);
    put(*this / "samples/broken.flac", "no sound");
    put(*this / "samples/notes.txt", "words");
  }
  Outcome fit(const Arguments& more) const {
    return run(*this, with({"fit", "samples", "--output-dir", "out", "--patch", "small.toml", "--steps", "2",
                            "--restarts", "2"},
                           more));
  }
};

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json_of(line));
  return lines;
}

}  // namespace

TEST_CASE("fit gives each recording of a folder its patch, goes on after a bad one, and says so at the end") {
  const Recordings place;
  const Outcome first = place.fit({});
  CHECK(first.code == 3);
  CHECK(std::ranges::count(first.out, '\n') == 2);
  CHECK(contains(first.out, "samples/a.wav: loss "));
  CHECK(contains(first.out, "out/deep/b.toml\n"));
  CHECK(contains(first.err, "cannot read 'samples/broken.flac': it is not a sound file"));
  CHECK(contains(first.err, "samples: 1 file passed over, no recording by its name\n"));
  CHECK(first.err.ends_with("2 fitted, 0 there already, 1 failed\n"));
  for (const std::string name : {"out/a", "out/deep/b"}) {
    CHECK(load_rack((place / (name + ".toml")).string()).modules.size() == 2);
    CHECK(read_sound(place / (name + ".wav")).samples.size() > 0);
  }
  CHECK(!fs::exists(place / "out/deep/.hidden"));

  // What has been fitted is passed over; what has been lost is fitted again, and what only part is left of is not
  // replaced.
  const std::string kept = content(place / "out/a.toml");
  fs::remove(place / "out/deep/b.toml");
  fs::remove(place / "out/deep/b.wav");
  const std::vector<Json> second = lines_of(place.fit({"--json"}).out);
  REQUIRE(second.size() == 3);
  CHECK(second[0].at("target") == "samples/a.wav");
  CHECK(second[0].at("status") == "there already");
  CHECK(second[1].at("status") == "failed");
  CHECK(contains(second[1].at("error").get<std::string>(), "broken.flac"));
  CHECK(second[2].at("status") == "fitted");
  CHECK(second[2].at("steps") == 2);
  CHECK(second[2].at("files") == Json{"out/deep/b.toml", "out/deep/b.wav"});
  CHECK(content(place / "out/a.toml") == kept);
  fs::remove(place / "out/deep/b.wav");
  CHECK(contains(place.fit({}).err, "cannot write 'out/deep/b.toml': it is there already; --force"));
  CHECK(place.fit({"--force"}).err.ends_with("2 fitted, 0 there already, 1 failed\n"));
}

TEST_CASE("recordings whose patches would have one name are told apart, and one named twice is fitted once") {
  const Recordings place;
  fs::copy(place / "samples/a.wav", place / "samples/a.wave");
  fs::remove(place / "samples/broken.flac");
  const Outcome outcome = run(place, {"fit", "samples", "samples/a.wav", "./samples", "--output-dir", "out",
                                      "--patch", "small.toml", "--steps", "0", "--restarts", "1"});
  CHECK(outcome.code == 3);
  CHECK(contains(outcome.err,
                 "cannot fit to 'samples/a.wave': its patch would be 'out/a.toml', which is that of "
                 "'samples/a.wav'"));
  CHECK(outcome.err.ends_with("2 fitted, 0 there already, 1 failed\n"));
}

TEST_CASE("no recording is replaced by the sound of its patch, and what a fit wrote is no recording") {
  const Recordings place;
  fs::remove(place / "samples/broken.flac");
  const std::string before = content(place / "samples/a.wav");
  const Outcome beside = run(place, {"fit", "samples", "--output-dir", "samples"});
  CHECK(beside.code == 2);
  CHECK(contains(beside.err, "--output-dir: 'samples/a.wav' would be replaced"));
  CHECK(content(place / "samples/a.wav") == before);
  const Arguments within{"fit",        "samples",    "--output-dir", "samples/fitted",
                         "--patch",    "small.toml", "--steps",      "0",
                         "--restarts", "1"};
  CHECK(run(place, within).err.ends_with("2 fitted, 0 there already, 0 failed\n"));
  CHECK(run(place, within).err.ends_with("0 fitted, 2 there already, 0 failed\n"));
}

TEST_CASE("a folder without recordings is an error that says so") {
  const Recordings place;
  fs::create_directory(place / "empty");
  const Outcome outcome = run(place, {"fit", "empty", "--output-dir", "out"});
  CHECK(outcome.code == 3);
  CHECK(contains(outcome.err, "the folder 'empty' holds no recordings"));
}

TEST_CASE(
    "SIGTERM, SIGHUP and Ctrl-C keep the best so far; of many, the rest is left and the same command goes "
    "on") {
  for (const int signal : {SIGTERM, SIGHUP, SIGINT}) {
    const Recordings place;
    fs::remove(place / "samples/broken.flac");
    const pid_t child = ::fork();
    if (child == 0) {
      if (::chdir(place.path.c_str()) != 0) ::_exit(126);
      ::dup2(::open("log", O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
      ::dup2(STDOUT_FILENO, STDERR_FILENO);
      for (const int each : {SIGTERM, SIGHUP, SIGINT}) std::signal(each, SIG_DFL);
      become_program({"fit", "samples", "--output-dir", "out", "--patch", "small.toml", "--steps",
                      "100000000", "--restarts", "2"});
    }
    // It has begun when it has tried that it can write, and a little more.
    for (int tries = 0; tries < 2000 && !fs::exists(place / "out"); ++tries) ::usleep(10000);
    ::usleep(500000);
    ::kill(child, signal);
    CHECK(exit_code_of(child) == 0);
    const std::string log = content(place / "log");
    CHECK_MESSAGE(contains(log, "samples/a.wav: interrupted, loss "), log);
    CHECK(contains(log, "0 fitted, 0 there already, 0 failed, 2 left; the same command goes on\n"));
    CHECK(load_rack((place / "out/a.toml").string()).modules.size() == 2);
    CHECK(fs::exists(place / "out/a.fit.json"));

    // With fewer steps than it has done there is nothing left to do.
    CHECK(place.fit({}).err.ends_with("2 fitted, 0 there already, 0 failed\n"));
    CHECK(!fs::exists(place / "out/a.fit.json"));
    CHECK(place.fit({}).err.ends_with("0 fitted, 2 there already, 0 failed\n"));
  }
}
