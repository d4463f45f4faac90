// The program as its users meet it: exit codes, what goes to stdout and what to stderr.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "program.hpp"

#if defined(__has_feature)
#define RETROGRAD_HAS_ADDRESS_SANITIZER __has_feature(address_sanitizer)
#else
#define RETROGRAD_HAS_ADDRESS_SANITIZER 0
#endif

TEST_CASE("bad input: one clear message that names the file, exit code 3, nothing written, nothing lost") {
  const Workplace place;
  const auto tone = struck(400, 0.2, 8000);
  put(place / "empty.wav", "");
  put(place / "cut.wav", content(place / "bell.wav").substr(0, 1000));
  put(place / "words.wav", "this is no sound\n");
  put(place / "words.toml", "this is no patch\n");
  put(place / "unknown.toml", replaced(small_patch, "duration", "duratoin"));
  put(place / "type.toml", replaced(small_patch, "gain = 0.7", "gain = \"loud\""));
  put(place / "range.toml", replaced(small_patch, "sustain = 0.3", "sustain = 1.3"));
  put(place / "nan.toml", replaced(small_patch, "300.0", "nan"));
  put(place / "cycle.toml", replaced(small_patch, "[[1, 0]]", "[[1, 0], [0, 1]]"));
  put(place / "gate.toml", replaced(small_patch, "[[0.0, 0.05]]", "[[0.05, 0.0]]"));
  put(place / "mad.toml", replaced(small_patch, "gain = 1.0", "gain = 1e300"));
  put(place / "endless.toml", replaced(replaced(small_patch, "duration = 0.1", "duration = 200000"),
                                       "sample_rate = 8000", "sample_rate = 10000"));
  write_wav(place / "silent.wav", std::vector<double>(2000, 0.0), 1, 8000, WavFormat::pcm16);
  write_wav(place / "one.wav", std::vector{0.5}, 1, 8000, WavFormat::pcm16);
  std::filesystem::create_directory(place / "folder");
  put(place / "fitted.toml", "kept");
  put(place / "fitted.wav", "kept");
  put(place / "kept.wav", "kept");
  const std::size_t files = place.files();

  struct Case {
    Arguments arguments;
    std::string message;
  };
  for (const Case& tried : std::vector<Case>{
           {{"fit", "missing.wav"}, "cannot read 'missing.wav': there is no such file"},
           {{"fit", "empty.wav"}, "cannot read 'empty.wav': the file is empty"},
           {{"fit", "cut.wav"}, "cannot read 'cut.wav': it is truncated"},
           {{"fit", "words.wav"}, "cannot read 'words.wav': it is not a sound file"},
           {{"fit", "silent.wav"}, "cannot fit to 'silent.wav': the recording is silent"},
           {{"fit", "one.wav"}, "cannot fit to 'one.wav': the recording is too short"},
           {{"fit", "bell.wav", "--gate", "1,2"}, "cannot fit to 'bell.wav': the gate rises at 1 s"},
           {{"fit", "bell.wav", "--frequency", "1e6"}, "cannot fit to 'bell.wav': the frequency is"},
           {{"fit", "bell.wav", "--patch", "cycle.toml"}, "cycle.toml:10:20: fm.routing.1: "},
           {{"fit", "bell.wav", "-o", "folder"}, "cannot write 'folder': it is a directory"},
           {{"fit", "bell.wav", "--render", "no/a.wav"},
            "cannot write 'no/a.wav': there is no directory 'no'"},
           {{"fit", "bell.wav", "--resume", "folder"}, "cannot write 'folder': it is a directory"},
           {{"fit", "bell.wav", "--resume", "small.toml"}, "'small.toml' is no fit to go on from"},
           {{"render", "missing.toml", "-o", "kept.wav"},
            "cannot read 'missing.toml': there is no such file"},
           {{"render", "folder", "-o", "kept.wav"}, "cannot read 'folder': it is a directory"},
           {{"render", "words.toml", "-o", "kept.wav"}, "words.toml:1:6: is not TOML"},
           {{"render", "unknown.toml", "-o", "kept.wav"}, "duratoin: unknown key"},
           {{"render", "unknown.toml", "-o", "kept.wav"}, "duration: missing key"},
           {{"render", "type.toml", "-o", "kept.wav"}, "type.toml:19:8: fm.operator.1.gain: is a string"},
           {{"render", "range.toml", "-o", "kept.wav"}, "fm.operator.1.envelope.sustain: is 1.3"},
           {{"render", "nan.toml", "-o", "kept.wav"}, "note.frequency: is nan"},
           {{"render", "cycle.toml", "-o", "kept.wav"},
            "loop fm.operator.0 -> fm.operator.1 -> fm.operator.0"},
           {{"render", "gate.toml", "-o", "kept.wav"}, "note.gate.0: "},
           {{"render", "mad.toml", "-o", "kept.wav"}, "cannot write 'kept.wav': the patch's sound is nan"},
           {{"render", "endless.toml", "-o", "kept.wav"}, "'kept.wav': a WAV file holds at most 4 GiB"},
           {{"render", "small.toml", "-o", "no/a.wav"}, "cannot write 'no/a.wav': there is no directory"},
           {{"render", "small.toml", "-o", ""}, "cannot write a file without a name"},
           {{"render", "small.toml", "-o", "/dev/full"}, "cannot write '/dev/full': the disk is full"},
           {{"render", "bell.wav", "-o", "kept.wav"}, "bell.wav:1:"},
           {{"gradient", "small.toml", "--target", "missing.wav"}, "cannot read 'missing.wav'"},
           {{"gradient", "small.toml", "--target", "cut.wav"}, "cannot read 'cut.wav': it is truncated"},
           {{"gradient", "small.toml", "--target", "folder"}, "cannot read 'folder': it is a directory"},
           {{"gradient", "nan.toml", "--target", "bell.wav"}, "nan.toml:6:13: note.frequency: is nan"},
           {{"gradcheck", "words.toml"}, "words.toml:1:6: is not TOML"},
           {{"gradcheck", "missing.toml"}, "cannot read 'missing.toml': there is no such file"},
           {{"info", "missing"}, "cannot read 'missing': there is no such file"},
           {{"info", "folder"}, "cannot read 'folder': it is a directory"},
           {{"info", "empty.wav"}, "cannot read 'empty.wav': the file is empty"},
           {{"info", "words.wav"}, "cannot read 'words.wav': it is not a sound file"},
           {{"info", "nan.toml"}, "nan.toml:6:13: note.frequency: is nan"},
       }) {
    const std::string& message = tried.message;
    CAPTURE(message);
    const bool is_fit =
        tried.arguments[0] == "fit";  // what is there must survive although it may be replaced
    const Outcome outcome = run(place, is_fit ? with(tried.arguments, {"--force"}) : tried.arguments);
    CHECK(outcome.code == 3);
    CHECK(outcome.out.empty());
    CHECK_MESSAGE(contains(outcome.err, message), outcome.err);
    CHECK(outcome.err.starts_with("retrograd: "));
    CHECK(place.files() == files);
    CHECK(content(place / "kept.wav") == "kept");
    CHECK(content(place / "fitted.toml") == "kept");
    CHECK(content(place / "fitted.wav") == "kept");
  }
}

TEST_CASE("bad usage: a message on stderr, exit code 2, nothing written") {
  const Workplace place;
  put(place / "bell.toml", small_patch);
  const std::string before = content(place / "bell.wav");
  const std::size_t files = place.files();
  for (const Arguments& arguments : std::vector<Arguments>{
           {},
           {"nothing"},
           {"--nothing"},
           {"render"},
           {"render", "small.toml", "bell.toml", "-o", "a.wav"},
           {"render", "-o", "a.wav", "--nothing"},
           {"render", "-o", "a.wav", "--format", "f64"},
           {"render", "-o", "a.wav", "--threads", "0"},
           {"render", "-o", "a.wav", "--threads", "two"},
           {"render", "-o", "a.wav", "--device", "gpu"},
           {"gradient"},
           {"gradient", "--target", "bell.wav", "--loss", "l1"},
           {"gradient", "--target", "bell.wav", "--dtype", "f16"},
           {"gradcheck", "nonode"},
           {"gradcheck", "small.toml", "sin"},
           {"gradcheck", "small.toml", "bell.toml"},
           {"fit"},
           {"fit", "bell.wav", "--steps", "-1"},
           {"fit", "bell.wav", "--steps", "2.5"},
           {"fit", "bell.wav", "--steps", "99999999999"},
           {"fit", "bell.wav", "--restarts", "0"},
           {"fit", "bell.wav", "--seed", "-1"},
           {"fit", "bell.wav", "--seed", "99999999999999999999"},
           {"fit", "bell.wav", "--gate", "1"},
           {"fit", "bell.wav", "--gate", "0.2,0.1"},
           {"fit", "bell.wav", "--gate", "-1,0.1"},
           {"fit", "bell.wav", "--gate", "0,nan"},
           {"fit", "bell.wav", "--gate", "0,1,2"},
           {"fit", "bell.wav", "--gate", ""},
           {"fit", "bell.wav", "--frequency", "0"},
           {"fit", "bell.wav", "--frequency", "-3"},
           {"fit", "bell.wav", "--frequency", "inf"},
           {"fit", "bell.wav", "--frequency", "440Hz"},
           {"fit", "bell.wav", "-o", "a", "--render", "./a"},
           {"fit", "bell.wav", "--render", "bell.wav"},
           {"fit", "./bell.wav", "--resume", "bell.wav"},
           {"fit", "bell.wav", "small.wav"},
           {"fit", "."},
           {"fit", "bell.wav", "--output-dir", "out", "--resume", "state.json"},
           {"fit", "bell.wav", "--patch", "small.toml", "--render", "./small.toml"},
           {"fit", "bell.wav", "--learning-rate", "0"},
           {"fit", "bell.wav", "--render", "a.xyz"},
           {"fit", "-", "--output-dir", "out"},
           {"fit", "bell.wav", "-o", "-", "--json"},
           {"render", "small.toml", "-o", "small.toml"},
           {"render", "small.toml", "--notes", "bell.wav", "-o", "bell.wav"},
           {"render", "-", "--notes", "-", "-o", "a.wav"},
           {"render", "-o", "a.xyz"},
           {"render", "-o", "a.flac", "--format", "f32"},
           {"render", "-o", "a.ogg", "--format", "pcm16"},
           {"render", "-o", "a.wav", "--gain", "loud"},
           {"render", "-o", "a.wav", "--gain", "1", "--normalize"},
           {"render", "-o", "a.wav", "--normalize", "3"},
           {"render", "-o", "a.wav", "--sample-rate", "0"},
           {"render", "-o", "-", "--json"},
           {"play", "--json"},
           {"patch", "small.toml"},
           {"help", "nothing"},
           {"completion", "csh"},
           {"info", "small.toml", "bell.wav"},
       }) {
    std::string line;
    for (const std::string& argument : arguments) line += " '" + argument + "'";
    CAPTURE(line);
    const Outcome outcome = run(place, arguments);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK_MESSAGE(outcome.err.starts_with("retrograd: "), outcome.err);
    CHECK(place.files() == files);
    CHECK(content(place / "bell.wav") == before);
  }
}

TEST_CASE("a device that is not there: exit code 4") {
  const Workplace place;
  for (const Arguments& arguments : std::vector<Arguments>{{"render", "-o", "a.wav"},
                                                           {"gradient", "--target", "bell.wav"},
                                                           {"gradcheck", "sin"},
                                                           {"gradcheck", "small.toml"},
                                                           {"fit", "bell.wav"},
                                                           {"bench", "forward"}}) {
    const Outcome outcome = run(place, with(arguments, {"--device", "cuda"}));
    if (outcome.code == 0) continue;  // it is there
    CHECK(outcome.code == 4);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.err, "device cuda is not available"));
    CHECK(place.files() == 2);
  }
}

TEST_CASE("a disk that fills up keeps what was there") {
  const Workplace place;
  const Scratch disk;
  if (::mount("tmpfs", disk.path.c_str(), "tmpfs", 0, "size=64k") != 0) {
    MESSAGE("skipped: a small disk of its own needs root");
    return;
  }
  put(disk / "a.wav", "old");
  const Outcome outcome = run(place, {"render", "-o", (disk / "a.wav").string()});
  const std::string left = content(disk / "a.wav");
  const std::size_t files = disk.files();
  ::umount(disk.path.c_str());
  CHECK(outcome.code == 3);
  CHECK(contains(outcome.err, "the disk is full"));
  CHECK(left == "old");
  CHECK(files == 1);
}

TEST_CASE("output that nobody can take is an error, not silence") {
  const Workplace place;
  const auto to_full_disk = [] { ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); };
  for (const Arguments& arguments : std::vector<Arguments>{
           {"info"}, {"gradient", "small.toml", "--target", "bell.wav", "--json"}, {"gradcheck", "--list"}}) {
    const Outcome outcome = run_after(to_full_disk, place, arguments);
    CHECK(outcome.code == 3);
    CHECK(contains(outcome.err, "cannot write to standard output"));
  }
}

TEST_CASE("too little memory ends in a message") {
#if defined(__SANITIZE_ADDRESS__) || RETROGRAD_HAS_ADDRESS_SANITIZER
  MESSAGE("skipped: the address sanitizer itself needs the memory");
#else
  const Workplace place;
  put(place / "long.toml", replaced(small_patch, "duration = 0.1", "duration = 20000"));
  const auto with_little_memory = [] {
    const rlimit limit{rlim_t{400} << 20, rlim_t{400} << 20};
    ::setrlimit(RLIMIT_AS, &limit);
  };
  const Outcome outcome = run_after(with_little_memory, place, {"render", "long.toml", "-o", "a.wav"});
  CHECK(outcome.code == 3);
  CHECK(contains(outcome.err, "retrograd: out of memory"));
  CHECK(place.files() == 3);
#endif
}

TEST_CASE("a machine that starts fewer threads than asked for renders the same sound with those it starts") {
#if defined(__SANITIZE_ADDRESS__) || RETROGRAD_HAS_ADDRESS_SANITIZER
  MESSAGE("skipped: the address sanitizer itself needs the memory");
#else
  const Workplace place;
  const auto with_room_for_few = [] {  // a thread's stack takes 8 MiB of addresses: 1023 of them do not fit
    const rlimit stack{rlim_t{8} << 20, rlim_t{8} << 20};
    ::setrlimit(RLIMIT_STACK, &stack);
    const rlimit limit{rlim_t{3000} << 20, rlim_t{3000} << 20};
    ::setrlimit(RLIMIT_AS, &limit);
  };
  const Outcome many =
      run_after(with_room_for_few, place, {"render", "small.toml", "-o", "many.wav", "--threads", "1024"});
  CHECK_MESSAGE(many.code == 0, many.err);
  REQUIRE(run(place, {"render", "small.toml", "-o", "one.wav", "--threads", "1"}).code == 0);
  CHECK(content(place / "many.wav") == content(place / "one.wav"));
#endif
}

TEST_CASE("every subcommand takes a patch of one sample") {
  const Workplace place;
  const std::string header = "sample_rate = 44100\nduration = 0.00002267573696145125";
  put(place / "one.toml", replaced(small_patch, "sample_rate = 8000\nduration = 0.1", header));
  for (const std::string format : {"f32", "pcm16", "pcm24"}) {
    const Outcome render = run(place, {"render", "one.toml", "-o", "one.wav", "--format", format});
    CHECK_MESSAGE(render.code == 0, render.err);
    CHECK(contains(render.err, "one.wav: 1 sample ("));
    CHECK(read_sound(place / "one.wav").samples.size() == 1);
  }
  for (const Arguments& arguments : std::vector<Arguments>{
           {"gradient", "one.toml", "--target", "bell.wav"},
           {"gradient", "one.toml", "--target", "one.wav", "--dtype", "f64"},
           {"gradient", "one.toml", "--target", "bell.wav", "--loss", "mss"},
           {"gradient", "one.toml", "--target", "bell.wav", "--loss", "mss", "--dtype", "f64"},
           {"info", "one.toml"},
           {"gradcheck", "one.toml"},
           {"fit", "bell.wav", "--patch", "one.toml", "--steps", "1", "--restarts", "2", "--force"},
       }) {
    const Outcome outcome = run(place, arguments);
    CHECK_MESSAGE(outcome.code == 0, arguments[0] << ": " << outcome.err);
  }
}

TEST_CASE("help and version go to stdout") {
  const Workplace place;
  const Outcome version = run(place, {"--version"});
  CHECK(version.code == 0);
  CHECK(version.out.starts_with("retrograd "));
  const Outcome help = run(place, {"--help"});
  CHECK(help.code == 0);
  CHECK(help.err.empty());
  CHECK(contains(help.out, "Examples:"));
  for (const std::string name :
       {"render", "play", "patch", "gradient", "gradcheck", "fit", "bench", "info", "help"}) {
    CHECK(contains(help.out, "\n  " + name + " "));
    const Outcome of_command = run(place, {name, "--help"});
    CHECK(of_command.code == 0);
    CHECK(contains(of_command.out, "Usage: retrograd " + name));
    const Outcome asked = run(place, {"help", name});
    CHECK(asked.code == 0);
    CHECK(asked.out == of_command.out);
  }
  CHECK(run(place, {"help"}).out == help.out);
}

TEST_CASE("a SIMD level that there is not is said, with the ones that there are") {
  const Workplace place;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"info"}, {"render", "-o", "a.wav"}}) {
    const Outcome outcome = run_after([] { ::setenv("RETROGRAD_SIMD", "v9", 1); }, place, arguments);
    CHECK(outcome.code == 2);
    CHECK(contains(outcome.err, "RETROGRAD_SIMD is 'v9'"));
    CHECK(contains(outcome.err, "plain, v3 or v4"));
    CHECK_FALSE(std::filesystem::exists(place / "a.wav"));
  }
  CHECK(run_after([] { ::setenv("RETROGRAD_SIMD", "", 1); }, place, {"info"}).code == 0);
  CHECK(run_after([] { ::setenv("RETROGRAD_SIMD", "v4", 1); }, place, {"info"}).code == 0);
}

TEST_CASE("a gate after the end is said wherever the patch is rendered, aliases by info") {
  const Workplace place;
  put(place / "late.toml", replaced(small_patch, "[[0.0, 0.05]]", "[[0.2, 0.3]]"));
  for (const Arguments& arguments : std::vector<Arguments>{{"render", "late.toml", "-o", "a.wav"},
                                                           {"gradient", "late.toml", "--target", "bell.wav"},
                                                           {"gradcheck", "late.toml"},
                                                           {"info", "late.toml"}}) {
    const Outcome outcome = run(place, arguments);
    CHECK_MESSAGE(contains(outcome.err,
                           "late.toml: warning: note.gate.0: [0.2, 0.3] lies after the end, at 0.1 s: it is "
                           "not played, and the patch is silent\n"),
                  outcome.err);
    const Outcome usual = run(place, {"info", "small.toml"});
    CHECK(usual.err.empty());
  }
  put(place / "high.toml", replaced(small_patch, "frequency = 300.0", "frequency = 5000.0"));
  const Outcome high = run(place, {"info", "high.toml"});
  CHECK_MESSAGE(
      contains(high.err,
               "high.toml: warning: fm.operator.0.ratio: makes 5000 Hz, half the sample rate (4000 Hz) "
               "or more: it aliases to 3000 Hz\n"),
      high.err);
}

TEST_CASE(
    "a loss or a sound that is not finite is an error that names the parameter, and no JSON number is null") {
  const Workplace place;
  put(place / "mad.toml", replaced(small_patch, "gain = 1.0", "gain = 1e300"));
  const auto refused = [&](const Arguments& arguments, int code) {
    const Outcome outcome = run(place, arguments);
    CHECK_MESSAGE(outcome.code == code, outcome.err);
    CHECK_MESSAGE(contains(outcome.err, "fm.operator.0.gain, 1e+300"), outcome.err);
    CHECK(!contains(outcome.out, "null"));
    return outcome;
  };
  for (const std::string loss : {"mse", "mss"})
    CHECK(refused({"gradient", "mad.toml", "--target", "bell.wav", "--loss", loss, "--json"}, 3).out.empty());
  refused({"render", "mad.toml", "-o", "mad.wav"}, 3);
  CHECK(!std::filesystem::exists(place / "mad.wav"));
  refused({"gradcheck", "mad.toml", "--json"}, 1);

  // Of an operator that is heard the gain is scaled to the recording's peak, of a modulator it is not.
  put(place / "deep.toml", replaced(small_patch, "gain = 0.7", "gain = 1e300"));
  const Outcome fit = run(place, {"fit", "bell.wav", "--patch", "deep.toml", "--steps", "2", "--json"});
  CHECK(fit.code == 3);
  CHECK(fit.out.empty());
  CHECK_MESSAGE(
      contains(fit.err, "cannot fit 'deep.toml' to 'bell.wav': of the patch to begin with, the loss is "),
      fit.err);
  CHECK(contains(fit.err, "fm.operator.1.gain, 1e+300"));
  CHECK(!std::filesystem::exists(place / "fitted.toml"));
}
