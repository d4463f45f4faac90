// retrograd render: the sounds it writes.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/tape/tape.hpp>

#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "midi_bytes.hpp"
#include "program.hpp"

TEST_CASE("render writes the samples that a tape plays, at the patch's rate") {
  const Workplace place;
  const Outcome outcome = run(place, {"render", "small.toml", "-o", "a.wav"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "a.wav: 800 samples (0.1 s) at 8000 Hz, f32, peak "));

  const Rack patch = parse_rack(small_patch, "small");
  Tape tape(tape_options(patch));
  const Var audio = record(tape, patch).audio;
  tape.play({audio});
  const auto wanted = tape.value(audio).as<float>();
  const Sound sound = read_sound(place / "a.wav");
  CHECK(sound.sample_rate == 8000);
  CHECK(sound.channels == 1);
  REQUIRE(sound.samples.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) REQUIRE(sound.samples[i] == static_cast<double>(wanted[i]));
}

TEST_CASE("render without a patch plays the built-in one") {
  const Workplace place;
  CHECK(run(place, {"render", "-o", "a.wav"}).code == 0);
  put(place / "default.toml", format_rack(default_rack()));
  CHECK(run(place, {"render", "default.toml", "-o", "b.wav"}).code == 0);
  CHECK(content(place / "a.wav") == content(place / "b.wav"));
  CHECK(read_sound(place / "a.wav").samples.size() == 44100);
}

TEST_CASE("render --notes plays a MIDI file until its last note has ended") {
  const Workplace place;
  const std::string events =
      note_on(0, 60, 127) + note_on(96, 64, 64) + note_on(96, 60, 0) + note_on(0, 64, 0);
  put(place / "tune.mid", midi_header(0, 1, 480) + midi_track(tempo(0, 500000) + events));
  const Outcome outcome = run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "a.wav"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "tune.mid: 2 notes, 0.2 s\n"));
  CHECK(contains(outcome.err, " at 8000 Hz, f32, peak "));
  const std::vector<double> samples = read_sound(place / "a.wav").samples;

  Instrument instrument(parse_rack(small_patch, "small"));
  instrument.prepare(8000.0, 64);
  CHECK(instrument.note_on(60, 1.0, 0));
  CHECK(instrument.note_on(64, 64 / 127.0, 800));
  CHECK(instrument.note_off(60, 1600));
  CHECK(instrument.note_off(64, 1600));
  std::vector<float> block(64);
  for (std::size_t start = 0; start < samples.size(); start += 64) {
    REQUIRE(instrument.process(block.data(), 64) == StreamStatus::ok);
    for (std::size_t i = 0; i < 64; ++i) REQUIRE(samples[start + i] == static_cast<double>(block[i]));
  }
  CHECK(instrument.sounding() == 0);
  // The carriers' releases of 0.04 s are 100 dB down after 0.46 s; 0.05 s later that has been heard.
  CHECK(samples.size() > 1600 + 3000);
  CHECK(samples.size() < 1600 + 3685 + 400 + 128);
}

TEST_CASE("render --notes plays no more notes at once than it has voices") {
  const Workplace place;
  put(place / "tune.mid", midi_header(0, 1, 96) + midi_track(note_on(0, 60, 127) + note_on(0, 64, 127) +
                                                             note_on(96, 60, 0) + note_on(0, 64, 0)));
  CHECK(run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "a.wav", "--voices", "1"}).code ==
        0);
  CHECK(run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "b.wav", "--voices", "2"}).code ==
        0);
  CHECK(content(place / "a.wav") != content(place / "b.wav"));
}

TEST_CASE("render --notes refuses what it cannot play, and writes nothing") {
  const Workplace place;
  const std::string header = midi_header(0, 1, 96);
  put(place / "words.mid", "this is no tune\n");
  put(place / "cut.mid", header + midi_track(note_on(0, 60, 100)).substr(0, 10));
  put(place / "drums.mid",
      header + midi_track(midi_event(0, {0x99, 36, 100}) + midi_event(9, {0x89, 36, 0})));
  put(place / "silent.mid", header + midi_track(tempo(0, 500000)));
  put(place / "endless.mid",
      header + midi_track(note_on(0, 60, 100) + tempo(0, 0xffffff) + note_on(0xfffffff, 60, 0)));
  const std::size_t files = place.files();
  for (const auto& [name, problem] : std::vector<std::pair<std::string, std::string>>{
           {"words.mid", "words.mid: byte 0: this is no MIDI file; one begins with 'MThd'"},
           {"cut.mid", "cut.mid: holds no notes\ncut.mid: byte 24: a message is cut short"},
           {"drums.mid", "drums.mid: holds no notes but drums; --drums plays them"},
           {"silent.mid", "silent.mid: holds no notes"},
           {"endless.mid", "a.wav"},
           {"missing.mid", "missing.mid"}}) {
    const Outcome outcome = run(place, {"render", "small.toml", "--notes", name, "-o", "a.wav"});
    CHECK(outcome.code == 3);
    CHECK_MESSAGE(contains(outcome.err, problem), outcome.err);
    CHECK(place.files() == files);
  }
}

TEST_CASE("render --notes says what it mended and what it passes over, and plays the rest") {
  const Workplace place;
  const std::string notes = note_on(0, 60, 127) + midi_event(0, {0xff, 1, 1, 'A'}) + variable_length(96) +
                            std::string{60, 0} + midi_event(0, {0xc0, 5}) + midi_event(0, {0x99, 36, 100}) +
                            midi_event(10, {0x89, 36, 0}) + midi_event(480000, {0xff, 1, 1, 'A'});
  put(place / "tune.mid", midi_header(0, 1, 480) + midi_track(notes));
  const Outcome outcome = run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "a.wav"});
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.err, "tune.mid: 1 note, 0.1 s\n"));
  CHECK(contains(outcome.err, "tune.mid: byte 32: a message without its status byte after a meta event"));
  CHECK(contains(outcome.err,
                 "tune.mid: passed over: 1 drum note (channel 10; --drums plays them as any other), "
                 "1 program change\n"));
  CHECK(read_sound(place / "a.wav").samples.size() < 8000);
  const Outcome drums = run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "a.wav", "--drums"});
  CHECK(contains(drums.err, "tune.mid: 2 notes, "));
}

TEST_CASE("render in integers says how many samples were clipped") {
  const Workplace place;
  put(place / "loud.toml", replaced(small_patch, "gain = 1.0", "gain = 3.0"));
  for (const std::string format : {"pcm16", "pcm24"}) {
    const Outcome outcome = run(place, {"render", "loud.toml", "-o", "a.wav", "--format", format});
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.err, "samples beyond full scale clipped"));
    const Sound sound = read_sound(place / "a.wav");
    CHECK(sound.samples.size() == 800);
    const Outcome quiet = run(place, {"render", "small.toml", "-o", "a.wav", "--format", format});
    CHECK(!contains(quiet.err, "clipped"));
  }
}

TEST_CASE("render writes the kind of file that the name ends in, whatever its case, and no other") {
  const Workplace place;
  put(place / "at48k.toml", replaced(small_patch, "sample_rate = 8000", "sample_rate = 48000"));
  struct Kind {
    std::string name, begins, format;
  };
  for (const Kind& kind : std::vector<Kind>{{"a.wav", "RIFF", ", f32,"},
                                            {"b.WAV", "RIFF", ", f32,"},
                                            {"a.flac", "fLaC", ", FLAC pcm24,"},
                                            {"a.ogg", "OggS", ", Ogg Vorbis,"},
                                            {"a.opus", "OggS", ", Opus,"},
                                            {"a.mp3", "", ", MP3,"},
                                            {"a.aiff", "FORM", ", AIFF f32,"},
                                            {"a.au", ".snd", ", AU f32,"},
                                            {"a.caf", "caff", ", CAF f32,"},
                                            {"a.w64", "riff", ", W64 f32,"},
                                            {"a.rf64", "RF64", ", RF64 f32,"},
                                            {"nameless", "RIFF", ", f32,"}}) {
    const Outcome outcome = run(place, {"render", "at48k.toml", "-o", kind.name});
    if (contains(outcome.err, "the libsndfile of this machine does not write")) continue;
    CAPTURE(kind.name);
    CHECK(outcome.code == 0);
    CHECK_MESSAGE(contains(outcome.err, kind.format), outcome.err);
    CHECK(content(place / kind.name).starts_with(kind.begins));
    const Sound sound = read_sound(place / kind.name);
    CHECK(sound.sample_rate == 48000);
    CHECK(sound.samples.size() >= 4800);
  }
  const Outcome refused = run(place, {"render", "-o", "a.xyz"});
  CHECK(refused.code == 2);
  CHECK(contains(refused.err, "--output: 'a.xyz': sound is not written as .xyz; the name may end in .wav, "));
  const Outcome rate = run(place, {"render", "small.toml", "--sample-rate", "44100", "-o", "c.opus"});
  if (!contains(rate.err, "does not write"))
    CHECK(contains(rate.err, "cannot write 'c.opus': Opus has a sample rate of 8000, 12000, 16000, 24000"));
  const Outcome format = run(place, {"render", "-o", "c.flac", "--format", "f32"});
  CHECK(contains(format.err, "--format: FLAC holds pcm24 or pcm16, so 'c.flac' cannot be f32"));
}

TEST_CASE("what goes beyond full scale is said in every format, with a gain that avoids it") {
  const Workplace place;
  put(place / "loud.toml", replaced(small_patch, "gain = 1.0", "gain = 3.0"));
  for (const Arguments& format :
       std::vector<Arguments>{{"a.wav"}, {"a.wav", "--format", "pcm16"}, {"a.flac"}, {"a.aiff"}, {"a.ogg"}}) {
    const Outcome outcome = run(place, with({"render", "loud.toml", "-o"}, format));
    CHECK(outcome.code == 0);
    CHECK_MESSAGE(contains(outcome.err, " samples beyond full scale"), outcome.err);
    CHECK(contains(outcome.err, "with --normalize or --gain -9.5 avoids that"));
  }
  const Outcome kept = run(place, {"render", "loud.toml", "-o", "a.wav", "--json"});
  CHECK(contains(kept.err, "which f32 keeps and most players clip"));
  const Json json = json_of(kept.out);
  CHECK(json.at("file") == "a.wav");
  CHECK(json.at("samples") == 800);
  CHECK(json.at("peak").get<double>() > 2.9);
  CHECK(json.at("beyond_full_scale").get<int>() > 0);
  CHECK(json.at("clipped") == 0);
  CHECK(!contains(run(place, {"render", "loud.toml", "-o", "a.wav", "--gain", "-9.5"}).err, "beyond"));
}

TEST_CASE(
    "render --gain and --normalize set the level; a level left out is full scale, not the next argument") {
  const Workplace place;
  const auto peak_of = [&](const Arguments& level) {
    const Outcome outcome =
        run(place, with(with({"render"}, level), {"small.toml", "-o", "a.wav", "--json"}));
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    CHECK(!contains(outcome.err, "beyond"));
    CHECK(json_of(outcome.out).at("sample_rate") == 8000);
    return json_of(outcome.out).at("peak").get<double>();
  };
  const double own = peak_of({});
  CHECK(peak_of({"--gain", "-6"}) == doctest::Approx(own * std::pow(10.0, -0.3)).epsilon(1e-6));
  CHECK(peak_of({"--normalize"}) == 1.0);
  CHECK(peak_of({"--normalize", "-3"}) == doctest::Approx(std::pow(10.0, -0.15)).epsilon(1e-6));
  CHECK(peak_of({"--normalize=-20"}) == doctest::Approx(0.1).epsilon(1e-6));
}

TEST_CASE("render --sample-rate plays the patch at another rate") {
  const Workplace place;
  CHECK(run(place, {"render", "small.toml", "--sample-rate", "48000", "-o", "a.wav"}).code == 0);
  put(place / "other.toml", replaced(small_patch, "sample_rate = 8000", "sample_rate = 48000"));
  CHECK(run(place, {"render", "other.toml", "-o", "b.wav"}).code == 0);
  CHECK(content(place / "a.wav") == content(place / "b.wav"));
}

TEST_CASE("render reads a patch or notes from standard input and writes to standard output") {
  const Workplace place;
  put(place / "tune.mid", midi_header(0, 1, 96) + midi_track(note_on(0, 60, 127) + note_on(96, 60, 0)));
  CHECK(run(place, {"render", "small.toml", "-o", "a.wav"}).code == 0);
  CHECK(run(place, {"render", "small.toml", "--notes", "tune.mid", "-o", "b.wav"}).code == 0);
  const auto from = [](const std::string& name) {
    return [name] { ::dup2(::open(name.c_str(), O_RDONLY), STDIN_FILENO); };
  };
  const Outcome patch = run_after(from("small.toml"), place, {"render", "-", "-o", "-"});
  CHECK(patch.code == 0);
  CHECK(patch.out == content(place / "a.wav"));
  CHECK(contains(patch.err, "standard output: 800 samples"));
  const Outcome notes =
      run_after(from("tune.mid"), place, {"render", "small.toml", "--notes", "-", "-o", "-"});
  CHECK(notes.out == content(place / "b.wav"));
  CHECK(contains(notes.err, "standard input: 1 note"));

  // A pipe, which cannot be read twice, into everything that takes a file.
  for (const Arguments& arguments :
       std::vector<Arguments>{{"info", "-"},
                              {"gradient", "small.toml", "--target", "-"},
                              {"fit", "-", "--patch", "small.toml", "--steps", "1", "--restarts", "1", "-o",
                               "-", "--render", "c.flac"}}) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const std::string bytes = content(place / "bell.wav");
    REQUIRE(::write(ends[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    ::close(ends[1]);
    const Outcome outcome = run_after([&] { ::dup2(ends[0], STDIN_FILENO); }, place, arguments);
    ::close(ends[0]);
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    if (arguments[0] == "fit") {
      CHECK(parse_rack(outcome.out, "the output").modules.size() == 2);  // and nothing else
      CHECK(contains(outcome.err, "parameter"));
      CHECK(contains(outcome.err, "standard input: 0."));
    }
  }
  const Outcome empty = run_after(from("/dev/null"), place, {"info", "-"});
  CHECK(empty.code == 3);
}

TEST_CASE("render replaces no file that it reads, under whatever name") {
  const Workplace place;
  std::filesystem::create_symlink("small.toml", place / "link.wav");
  std::filesystem::create_hard_link(place / "small.toml", place / "hard.wav");
  put(place / "t.mid", midi_header(0, 1, 96) + midi_track(note_on(0, 60, 127) + note_on(96, 60, 0)));
  const std::string notes = content(place / "t.mid");
  for (const std::string output : {"small.toml", "./small.toml", "link.wav", "hard.wav"}) {
    const Outcome outcome = run(place, {"render", "small.toml", "-o", output});
    CHECK(outcome.code == 2);
    CHECK_MESSAGE(contains(outcome.err, "would replace what PATCH reads"), outcome.err);
    CHECK(content(place / "small.toml") == small_patch);
  }
  const Outcome outcome = run(place, {"render", "small.toml", "--notes", "t.mid", "-o", "t.mid"});
  CHECK(outcome.code == 2);
  CHECK(contains(outcome.err, "would replace what --notes reads"));
  CHECK(content(place / "t.mid") == notes);
}
