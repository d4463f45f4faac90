// retrograd info: what it tells of the program and of files.
#include <doctest/doctest.h>
#include <retrograd/math/simd.hpp>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "midi_bytes.hpp"
#include "program.hpp"

TEST_CASE("info tells the program's build, SIMD level, devices and threads") {
  const Workplace place;
  const Outcome outcome = run(place, {"info"});
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  for (const std::string name : {"retrograd ", "compiler ", "build ", "SIMD level ", "devices ", "threads "})
    CHECK(contains("\n" + outcome.out, "\n" + name));
  if (!math::has_simd_level(math::SimdLevel::plain)) return;  // a build for one level alone
  const Outcome plain = run_after([] { ::setenv("RETROGRAD_SIMD", "plain", 1); }, place, {"info"});
  CHECK(contains(plain.out, "SIMD level       plain"));
}

TEST_CASE("info tells what takes how much of the library") {
  const Workplace place;
  const Outcome lines = run(place, {"info"}), json = run(place, {"info", "--json"});
  const auto info = nlohmann::json::parse(json.out);
  CHECK(info.contains("library") == contains(lines.out, "\nlibrary "));
  if (!info.contains("library")) {
    MESSAGE("this build has no symbols to read");
    return;
  }
  const auto& library = info.at("library");
  std::int64_t all = 0;
  for (const auto& [name, part] : library.at("parts").items()) {
    CAPTURE(name);
    const std::int64_t bytes =
        part.is_object() ? part.at("bytes").get<std::int64_t>() : part.get<std::int64_t>();
    CHECK(bytes > 0);
    all += bytes;
    if (!part.is_object()) continue;
    std::int64_t of_levels = 0;
    for (const char* type : {"f32", "f64"})
      for (const auto& [level, of_level] : part.at(type).items()) of_levels += of_level.get<std::int64_t>();
    CHECK(of_levels == bytes);
    CHECK(!part.at("f64").contains("v4"));
  }
  CHECK(all == library.at("bytes").get<std::int64_t>());
  const auto& loops = library.at("parts").at("loops_of_nodes");
  CHECK(loops.at("f32").contains("plain") == math::has_loops(math::SimdLevel::plain));
  CHECK(loops.at("bytes").get<std::int64_t>() > all / 20);
  CHECK(contains(lines.out, "\nlibrary          " + std::to_string((all + 500) / 1000) + " kB: "));
}

TEST_CASE("info tells what a patch holds and how it will run") {
  const Workplace place;
  std::filesystem::copy(place / "small.toml", place / "nameless");
  for (const std::string name : {"small.toml", "nameless"}) {
    const Outcome outcome = run(place, {"info", name});
    CHECK(outcome.code == 0);
    CHECK(outcome.err.empty());
    for (const std::string part :
         {"a patch", "8000 Hz", "800 samples (0.1 s)", "0 to 0.05 s", "2 fm_operator",
          "phase <- fm.operator.1.out", "output 0", "fm.operator.1.envelope.release", "How it is rendered",
          "tiled", "oscillator", "adsr", "its gradient", "subtract", "stored: 1 product (800), 3200 bytes"})
      CHECK_MESSAGE(contains(outcome.out, part), part);
  }
}

TEST_CASE("info tells what a sound holds, whatever it is") {
  const Workplace place;
  const Outcome bell = run(place, {"info", "bell.wav"});
  CHECK(bell.code == 0);
  for (const std::string part : {"a sound", "8000 Hz", "1200 samples (0.15 s)", "peak ", "pitch ", "gate "})
    CHECK_MESSAGE(contains(bell.out, part), part);
  const std::size_t at = bell.out.find("pitch");
  REQUIRE(at != std::string::npos);
  CHECK(std::strtod(bell.out.c_str() + at + 5, nullptr) == doctest::Approx(400).epsilon(0.005));

  write_wav(place / "one.wav", std::vector{0.5, 0.25}, 2, 48000, WavFormat::pcm16);
  const Outcome one = run(place, {"info", "one.wav"});
  CHECK(one.code == 0);
  CHECK(contains(one.out, "channels     2"));
  CHECK(contains(one.out, "1 sample ("));
  CHECK(contains(one.out, "pitch        none found: the recording is too short"));
}

TEST_CASE("info tells where a fit stopped") {
  const Workplace place;
  REQUIRE(run(place, with(quick_fit, {"--resume", "state.json", "--seed", "18446744073709551615"})).code ==
          0);
  const Outcome outcome = run(place, {"info", "state.json"});
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.out, "steps done  12\n"));
  CHECK(contains(outcome.out, "restarts    3\n"));
  CHECK(contains(outcome.out, "seed        18446744073709551615\n"));
  CHECK(contains(outcome.out, "best loss "));
  CHECK(contains(outcome.out, "fm.operator.1.envelope.release"));
}

TEST_CASE("info tells what a MIDI file holds") {
  const Workplace place;
  std::string second = note_on(0, 36, 100) + note_on(96, 36, 0);
  second[1] = '\x91';  // of channel 2
  second[5] = '\x91';
  put(place / "tune.mid",
      midi_header(1, 2, 96) +
          midi_track(note_on(0, 60, 100) + note_on(96, 60, 0) + note_on(0, 72, 100) + note_on(96, 72, 0)) +
          midi_track(second));
  const Outcome outcome = run(place, {"info", "tune.mid"});
  CHECK(outcome.code == 0);
  for (const std::string part :
       {"tune.mid: a MIDI file\n", "format    1\n", "tracks    2\n", "tempo     120 quarters a minute\n",
        "notes     3\n", "channels  1 (2 notes), 2 (1 note)\n", "keys      C2 (36) to C5 (72)\n"})
    CHECK_MESSAGE(contains(outcome.out, part), outcome.out);
  const Json json = json_of(run(place, {"info", "tune.mid", "--json"}).out);
  CHECK(json.at("kind") == "midi");
  CHECK(json.at("notes") == 3);
  CHECK(json.at("keys") == Json{36, 72});
  CHECK(json.at("tracks") == 2);
  CHECK(json.at("tempo") == Json{120.0, 120.0});
  put(place / "slows.mid", midi_header(0, 1, 96) + midi_track(tempo(0, 400000) + note_on(96, 60, 100) +
                                                              tempo(0, 1000000) + note_on(96, 60, 0)));
  CHECK(json_of(run(place, {"info", "slows.mid", "--json"}).out).at("tempo") == Json{60.0, 150.0});
  CHECK(json.at("channels")[1] == Json{{"channel", 2}, {"notes", 1}});
  put(place / "cut.mid", "MThd");
  CHECK(run(place, {"info", "cut.mid"}).code == 3);
}

TEST_CASE("info --json tells the same to programs, of whatever it tells people") {
  const Workplace place;
  const Json program = json_of(run(place, {"info", "--json"}).out);
  CHECK(program.at("version").is_string());
  CHECK(program.at("devices")[0] == "cpu");
  CHECK(program.at("threads").get<int>() > 0);
  const Json patch = json_of(run(place, {"info", "small.toml", "--json"}).out);
  CHECK(patch.at("kind") == "patch");
  CHECK(patch.at("samples") == 800);
  CHECK(patch.at("gate") == Json{{0.0, 0.05}});
  CHECK(patch.at("cables")[0] == Json{"fm.operator.1.out", "fm.operator.0.phase"});
  CHECK(patch.at("outputs") == Json{"fm.operator.0.out"});
  CHECK(patch.at("parameters").at("fm.operator.1.gain") == 0.7);
  CHECK(contains(patch.at("render_plan").get<std::string>(), "tiled"));
  const Json sound = json_of(run(place, {"info", "bell.wav", "--json"}).out);
  CHECK(sound.at("kind") == "sound");
  CHECK(sound.at("samples") == 1200);
  CHECK(sound.at("pitch").at("frequency").get<double>() == doctest::Approx(400).epsilon(0.005));
  write_wav(place / "one.wav", std::vector{0.5}, 1, 48000, WavFormat::pcm16);
  CHECK(json_of(run(place, {"info", "one.wav", "--json"}).out).at("pitch").is_null());
  REQUIRE(run(place, with(quick_fit, {"--resume", "state.json"})).code == 0);
  const Json fit = json_of(run(place, {"info", "state.json", "--json"}).out);
  CHECK(fit.at("kind") == "fit");
  CHECK(fit.at("steps_done") == 12);
  CHECK(fit.at("patch").at("modules").size() == 2);
}
