// The instrument, against the same patch rendered on a tape.
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "instrument_fixture.hpp"

using namespace retrograd;
using namespace instrument_fixture;

TEST_CASE("a note has the samples of the patch rendered offline, at any place in any block") {
  for (const Rack& patch : {short_patch(), sine_patch(0.01, 0.02)}) {
    for (const int start : {0, 1, 15, 16, 63, 1000, 1337}) {
      constexpr int held = 1501;
      constexpr std::size_t length = 3000;
      std::vector<float> wanted = offline(patch, frequency_of(61.5), 0.7, gate_of(length, {{0, held}}));
      REQUIRE(largest_step(wanted) > 0.0f);
      delay(wanted, static_cast<std::size_t>(start));
      for (const int block : block_sizes) {
        CAPTURE(start);
        CAPTURE(block);
        for (const int voices : {1, 3}) {
          const Score score{on(start, 61.5, 0.7), off(start + held, 61.5)};
          CHECK(first_difference(played(patch, {.voices = voices}, score, wanted.size(), block), wanted) ==
                -1);
        }
      }
    }
  }
}

TEST_CASE("a voice that has played before sounds like a new one") {
  const Rack patch = short_patch();
  for (const int start : {8000, 8007, 8501}) {
    std::vector<float> wanted = offline(patch, frequency_of(50), 0.3, gate_of(2000, {{0, 800}}));
    for (const int block : block_sizes) {
      Instrument instrument(patch, {.voices = 1});
      instrument.prepare(rate, longest_block);
      played(instrument, {on(5, 72, 1.0), off(700, 72)}, static_cast<std::size_t>(start), block);
      REQUIRE(instrument.sounding() == 0);
      CHECK(first_difference(played(instrument, {on(0, 50, 0.3), off(800, 50)}, 2000, block), wanted) == -1);
    }
  }
}

TEST_CASE("notes at once are the sum of the notes, the first voice first") {
  const Rack patch = short_patch();
  std::mt19937 random(3);
  constexpr std::size_t length = 4000;
  Score score;
  std::vector<float> wanted(length, 0.0f);
  int time = 0;
  for (int note = 0; note < 12; ++note) {
    const double key = 48 + 2 * note, velocity = 0.05 * (note + 1);
    time += static_cast<int>(random() % 150);
    const int held = 200 + static_cast<int>(random() % 800);
    score.push_back(on(time, key, velocity));
    score.push_back(off(time + held, key));
    std::vector<float> sound = offline(patch, frequency_of(key), velocity,
                                       gate_of(length - static_cast<std::size_t>(time), {{0, held}}));
    delay(sound, static_cast<std::size_t>(time));
    add(wanted, sound);
  }
  std::ranges::stable_sort(score, {}, &Happening::time);
  for (const int block : block_sizes)
    CHECK(first_difference(played(patch, {.voices = 12}, score, length, block), wanted) == -1);
}

TEST_CASE("blocks change nothing: stolen voices, bends, pedal and reused voices fall on the same samples") {
  for (const unsigned seed : {1u, 2u, 3u}) {
    std::mt19937 random(seed);
    const auto draw = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    Score score;
    for (int time = 0; time < 24000; time += draw(2) * draw(400)) {
      const double key = 55 + draw(9);
      switch (draw(10)) {
        case 0:
          score.push_back(bend(time, 0.01 * (draw(201) - 100)));
          break;
        case 1:
          score.push_back(pedal(time, draw(3) == 0));
          break;
        case 2:
        case 3:
        case 4:
          score.push_back(off(time, key));
          break;
        default:
          score.push_back(on(time, key, 0.1 * draw(11)));
      }
    }
    const InstrumentOptions options{.voices = 4, .glide = 0.005};
    const std::vector<float> wanted = played(short_patch(), options, score, 30000, 1024);
    for (const int block : block_sizes) {
      CAPTURE(block);
      CHECK(first_difference(played(short_patch(), options, score, 30000, block), wanted) == -1);
    }
  }
}

TEST_CASE("a key that sounds starts again from the level it has, after one sample of its release") {
  const Rack patch = short_patch();
  const std::vector<float> wanted =
      offline(patch, frequency_of(60), 0.5, gate_of(3000, {{0, 700}, {701, 1500}, {1600, 2000}}));
  const Score struck{on(0, 60, 0.5), on(700, 60, 0.5), off(1500, 60), on(1600, 60, 0.5), off(2000, 60)};
  const Score repeated{on(0, 60, 0.5), off(700, 60),      on(700, 60, 0.5),
                       off(1500, 60),  on(1600, 60, 0.5), off(2000, 60)};
  for (const int block : block_sizes) {
    CHECK(first_difference(played(patch, {.voices = 2}, struck, 3000, block), wanted) == -1);
    CHECK(first_difference(played(patch, {.voices = 2}, repeated, 3000, block), wanted) == -1);
  }
}

TEST_CASE("a voice taken over goes to the new pitch and loudness without a click") {
  const Rack patch = sine_patch(0.02, 0.05);
  const Score score{on(0, 60, 1.0), on(10000, 67, 0.5), off(20000, 67), on(20100, 50, 1.0)};
  const std::vector<float> sound = played(patch, {.voices = 1}, score, 40000, 64);
  // A sine's own slope, the envelope's, and the loudness's.
  const double slope = 2 * std::numbers::pi * frequency_of(67) / rate + 1 / (0.02 * rate) + 1 / (0.02 * rate);
  CHECK(largest_step(sound) < slope);
  const auto crossings = [&](int first, int last) {
    return static_cast<double>(
        rising_zeros(sound, static_cast<std::size_t>(first), static_cast<std::size_t>(last)));
  };
  CHECK(std::abs(crossings(12000, 20000) - frequency_of(67) * 8000 / rate) <= 1.0);
  CHECK(std::abs(crossings(22000, 40000) - frequency_of(50) * 18000 / rate) <= 1.0);
  CHECK(*std::max_element(sound.begin() + 12000, sound.begin() + 20000) ==
        doctest::Approx(0.5).epsilon(1e-3));
  CHECK(*std::max_element(sound.begin() + 25000, sound.end()) == doctest::Approx(1.0).epsilon(1e-3));
}

TEST_CASE("where voices are free nothing that sounds is cut") {
  Instrument instrument(sine_patch(0.001, 0.1), {.voices = 4});
  instrument.prepare(rate, longest_block);
  for (int note = 0; note < 4; ++note) {
    played(instrument, {on(0, 60 + note), off(100, 60 + note)}, 200, 64);
    CHECK(instrument.sounding() == note + 1);
  }
}

TEST_CASE("a voice sounds until it has been 100 dB down for 50 ms, whatever the blocks") {
  constexpr double release = 0.03;
  const int tail = static_cast<int>(std::ceil(release * rate * std::log(1e5)));
  const int quiet = static_cast<int>(std::lround(0.05 * rate));
  constexpr int grid = 64;
  std::vector<float> wanted;
  for (const int block : {1, 64, 1024, 0}) {
    Instrument instrument(sine_patch(0.001, release), {.voices = 2});
    instrument.prepare(rate, longest_block);
    CHECK(instrument.sounding() == 0);
    std::vector<float> sound =
        played(instrument, {on(0, 60), off(500, 60)}, static_cast<std::size_t>(500 + tail), block);
    CHECK(instrument.sounding() == 1);
    // A mark in which it is not yet quiet, the quiet ones, and the place where that takes effect.
    const std::vector<float> rest = played(instrument, {}, static_cast<std::size_t>(quiet + 4 * grid), block);
    CHECK(instrument.sounding() == 0);
    CHECK(std::ranges::all_of(rest, [](float y) { return std::abs(y) <= 2e-5f; }));
    CHECK(rest.back() == 0.0f);
    sound.insert(sound.end(), rest.begin(), rest.end());
    if (wanted.empty()) wanted = sound;
    CHECK(first_difference(sound, wanted) == -1);
  }
}

TEST_CASE("a voice whose patch has no envelope sounds on when its note has ended, and may be taken over") {
  const Rack drone = parse_rack(
      "format = 2\noutputs = [\"osc.out\"]\n[[module]]\nname = \"osc\"\ntype = \"oscillator\"\n", "drone");
  Instrument instrument(drone, {.voices = 1});
  instrument.prepare(rate, longest_block);
  played(instrument, {on(0, 60), off(500, 60)}, 48000, 441);
  CHECK(instrument.sounding() == 1);
  played(instrument, {on(0, 72)}, 441, 441);
  CHECK(instrument.sounding() == 1);
  CHECK(instrument.all_sound_off());
  played(instrument, {}, 4800, 441);
  CHECK(instrument.sounding() == 0);
}

TEST_CASE("a quiet but held note is not counted as quiet: its key has to be up for its voice to be freed") {
  Rack pluck = sine_patch(0.001, 0.001);
  pluck.modules[0].values[4] = 0.0;  // its sustain
  for (const int block : {64, 441, 0}) {
    Instrument instrument(pluck, {.voices = 2});
    instrument.prepare(rate, longest_block);
    played(instrument, {on(0, 60)}, 48000, block);
    const std::vector<float> silence = played(instrument, {}, 48000, block);
    CHECK(std::ranges::all_of(silence, [](float y) { return std::abs(y) < 1e-6f; }));
    CHECK(instrument.sounding() == 1);
    // Counted from where the key goes up: the second before does not shorten it.
    const int quiet = static_cast<int>(std::lround(0.05 * rate));
    played(instrument, {off(0, 60)}, static_cast<std::size_t>(quiet - 1), block);
    CHECK(instrument.sounding() == 1);
    played(instrument, {}, 3 * 64, block);
    CHECK(instrument.sounding() == 0);
  }
}

TEST_CASE(
    "voices that are free sleep: a mix of oscillators that nothing else would silence is without them") {
  const Rack drone = parse_rack(
      "format = 2\noutputs = [\"all.out\"]\ncables = [[\"osc.out\", \"all.in\"]]\n"
      "[[module]]\nname = \"osc\"\ntype = \"oscillator\"\n"
      "[[module]]\nname = \"all\"\ntype = \"voices\"\n",
      "drone");
  Instrument instrument(drone, {.voices = 4});
  instrument.prepare(rate, longest_block);
  const auto loudest = [&](const Score& score, std::size_t length) {
    float peak = 0.0f;
    for (const float y : played(instrument, score, length, 64)) peak = std::max(peak, std::abs(y));
    return peak;
  };
  CHECK(loudest({}, 4800) == 0.0f);
  CHECK(loudest({on(0, 60), off(500, 60)}, 9600) == doctest::Approx(1.0).epsilon(1e-3));
  CHECK(instrument.all_sound_off());
  loudest({}, 4800);
  CHECK(instrument.sounding() == 0);
  CHECK(loudest({}, 4800) == 0.0f);
}

TEST_CASE("a held note sounds on; the pedal holds notes whose keys are up") {
  Instrument instrument(sine_patch(0.001, 0.001), {.voices = 4});
  instrument.prepare(rate, longest_block);
  played(instrument, {on(0, 60), on(0, 64), pedal(10, true), off(20, 60)}, 48000, 441);
  CHECK(instrument.sounding() == 2);
  played(instrument, {pedal(5, false)}, 4800, 441);
  CHECK(instrument.sounding() == 1);
  played(instrument, {pedal(5, true), off(6, 64)}, 4800, 441);
  CHECK(instrument.sounding() == 1);
  CHECK(instrument.all_notes_off(3));
  played(instrument, {}, 4800, 441);
  CHECK(instrument.sounding() == 0);
}

TEST_CASE("a bend moves every note, those that begin later too, by the range it is given") {
  const Rack patch = short_patch();
  std::vector<float> wanted =
      offline(patch, 440.0 * math::exp2((60 + 0.5 * 7 - 69.0) / 12.0), 1.0, gate_of(2000, {{0, 1500}}));
  delay(wanted, 100);
  const Score before{bend(10, 0.5), on(100, 60), off(1600, 60)};
  CHECK(first_difference(played(patch, {.voices = 2, .bend_range = 7.0}, before, 2100, 64), wanted) == -1);

  const std::vector<float> sound =
      played(sine_patch(0.001, 0.01), {.voices = 2}, {on(0, 57), bend(24000, 1.0)}, 72000, 64);
  CHECK(std::abs(rising_zeros(sound, 0, 24000) - 110) <= 1);
  CHECK(std::abs(rising_zeros(sound, 26000, 72000) - frequency_of(59) * 46000 / rate) <= 1.0);
  CHECK(largest_step(sound) < 2 * std::numbers::pi * frequency_of(59) / rate + 1.0 / 48);
}

TEST_CASE("tuning is the frequency of key 69") {
  const Rack patch = short_patch();
  const std::vector<float> wanted = offline(patch, 432.0, 1.0, gate_of(1000, {{0, 500}}));
  const Score score{on(0, 69), off(500, 69)};
  CHECK(first_difference(played(patch, {.tuning = 432.0}, score, 1000, 64), wanted) == -1);
}

TEST_CASE("a note that begins and ends at one sample is silent, and its voice becomes free") {
  Instrument instrument(sine_patch(0.001, 0.001), {.voices = 1});
  instrument.prepare(rate, longest_block);
  const std::vector<float> silent = played(instrument, {on(5, 60), off(5, 60)}, 4000, 64);
  CHECK(std::ranges::all_of(silent, [](float y) { return y == 0.0f; }));
  CHECK(instrument.sounding() == 0);
  played(instrument, {on(0, 60), on(500, 62), off(500, 62)}, 8000, 64);  // stolen, and ended before it rose
  CHECK(instrument.sounding() == 0);
}

TEST_CASE("an event beyond the block waits for its own") {
  const Rack patch = short_patch();
  Instrument instrument(patch, {.voices = 2});
  instrument.prepare(rate, longest_block);
  std::vector<float> wanted = offline(patch, frequency_of(60), 1.0, gate_of(2000, {{0, 700}}));
  delay(wanted, 999);
  CHECK(instrument.note_off(60, 1699));
  CHECK(instrument.note_on(60, 1.0, 999));
  CHECK(first_difference(played(instrument, {}, wanted.size(), 64), wanted) == -1);
}

TEST_CASE("numbers that cannot be are refused, and change nothing") {
  Instrument instrument(short_patch(), {.voices = 2});
  instrument.prepare(rate, longest_block);
  for (const double wrong : {not_a_number, infinity, -infinity, 1e300}) {
    CHECK_FALSE(instrument.note_on(wrong, 1.0));
    CHECK_FALSE(instrument.note_on(60, wrong));
    CHECK_FALSE(instrument.note_off(wrong));
    CHECK_FALSE(instrument.pitch_bend(wrong));
    CHECK_FALSE(instrument.set(instrument.parameter("fm.operator.0.ratio"), -1.0));
  }
  CHECK_FALSE(instrument.note_on(60, -0.1));
  CHECK_FALSE(instrument.note_on(60, 1.1));
  CHECK_FALSE(instrument.note_on(60, 1.0, -1));
  CHECK_FALSE(instrument.pitch_bend(1.5));
  const std::vector<float> silent = played(instrument, {}, 500, 64);
  CHECK(std::ranges::all_of(silent, [](float y) { return y == 0.0f; }));
  CHECK(instrument.sounding() == 0);
}

TEST_CASE("as many events as can wait are taken and played; one more is refused") {
  for (const int voices : {1, 2, 16}) {
    Instrument instrument(sine_patch(0.001, 0.001), {.voices = voices});
    instrument.prepare(rate, longest_block);
    for (int i = 0; i < Instrument::max_events; ++i)
      REQUIRE(
          (i % 3 == 0 ? instrument.pitch_bend(0.001 * i) : instrument.note_on(40 + i % 64, 0.5, i / 200)));
    CHECK_FALSE(instrument.note_on(60, 1.0));
    std::vector<float> sound(64);
    CHECK(instrument.process(sound.data(), 64) == StreamStatus::ok);
    CHECK(instrument.sounding() == voices);
    CHECK(instrument.all_notes_off());
    played(instrument, {}, 4800, 64);
    CHECK(instrument.sounding() == 0);  // no gate was left high
    const std::vector<float> silent = played(instrument, {}, 4800, 64);
    CHECK(largest_step(silent) < 1e-4f);
  }
}

TEST_CASE("a block that cannot be is silence and a status, and the events wait") {
  Instrument instrument(short_patch());
  std::vector<float> sound(2000, 1.0f);
  CHECK(instrument.process(sound.data(), 64) == StreamStatus::not_prepared);
  CHECK(std::all_of(sound.begin(), sound.begin() + 64, [](float y) { return y == 0.0f; }));
  instrument.prepare(rate, 1024);
  CHECK(instrument.note_on(60, 1.0));
  CHECK(instrument.process(sound.data(), 1025) == StreamStatus::bad_block);
  CHECK(instrument.process(sound.data(), -1) == StreamStatus::bad_block);
  CHECK(instrument.process(static_cast<float*>(nullptr), 64) == StreamStatus::bad_block);
  CHECK(instrument.process(static_cast<float* const*>(nullptr), 64) == StreamStatus::bad_block);
  CHECK(instrument.process(sound.data(), 0) == StreamStatus::ok);
  CHECK(instrument.sounding() == 0);
  const std::vector<float> wanted = offline(short_patch(), frequency_of(60), 1.0, gate_of(1000, {{0, 1000}}));
  CHECK(first_difference(played(instrument, {}, 1000, 441), wanted) == -1);
}

TEST_CASE("a sound that is not finite ends all notes; those that come later are heard") {
  Instrument instrument(short_patch(), {.voices = 2, .glide = 0.0});
  instrument.prepare(rate, longest_block);
  const int gain = instrument.parameter("fm.operator.0.gain");
  const double usual = instrument.value(gain);
  CHECK(instrument.set(gain, 1e300));
  CHECK(instrument.note_on(60, 1.0));
  std::vector<float> sound(1000, 1.0f);
  CHECK(instrument.process(sound.data(), 1000) == StreamStatus::not_finite);
  CHECK(std::ranges::all_of(sound, [](float y) { return y == 0.0f; }));
  CHECK(instrument.sounding() == 0);
  CHECK(instrument.set(gain, usual));
  CHECK(instrument.process(sound.data(), 1000) == StreamStatus::ok);
  const std::vector<float> wanted = offline(short_patch(), frequency_of(60), 1.0, gate_of(1000, {{0, 1000}}));
  CHECK(first_difference(played(instrument, {on(0, 60)}, 1000, 64), wanted) == -1);
}

TEST_CASE("reset is as after prepare, and what is set stays") {
  Instrument instrument(short_patch(), {.voices = 2});
  instrument.prepare(rate, longest_block);
  const Score score{on(0, 60), off(600, 60)};
  const std::vector<float> first = played(instrument, score, 2000, 64);
  played(instrument, {bend(0, 0.7), pedal(0, true), on(1, 62), on(2, 64), off(3, 62)}, 500, 64);
  CHECK(instrument.note_on(65, 1.0, 5));
  instrument.reset();
  CHECK(instrument.sounding() == 0);
  CHECK(first_difference(played(instrument, score, 2000, 64), first) == -1);
  instrument.prepare(rate, longest_block);
  CHECK(first_difference(played(instrument, score, 2000, 64), first) == -1);
}

TEST_CASE("a parameter is all voices'; a note's frequency and velocity are not parameters") {
  Instrument instrument(sine_patch(0.001, 0.01), {.voices = 3});
  instrument.prepare(rate, longest_block);
  const int gain = instrument.parameter("fm.operator.0.gain");
  CHECK(instrument.value(gain) == 1.0);
  CHECK(instrument.set(gain, 0.0));
  const std::vector<float> sound = played(instrument, {on(0, 60), on(0, 64), on(0, 67)}, 4800, 64);
  CHECK(instrument.value(gain) == 0.0);
  CHECK(std::all_of(sound.begin() + 2400, sound.end(), [](float y) { return y == 0.0f; }));
  CHECK_THROWS_WITH_AS(instrument.parameter("note.frequency"),
                       doctest::Contains("note_on(key, velocity) sets it"), TapeError);
  CHECK_THROWS_WITH_AS(instrument.parameter("nothing"), doctest::Contains("nothing"), TapeError);
  CHECK_FALSE(instrument.set(instrument.stream().parameter("note.frequency"), 100.0));
  CHECK_FALSE(instrument.set(-1, 100.0));
}

TEST_CASE("options and patches that cannot be are refused with what is wrong") {
  const Rack patch = short_patch();
  CHECK_THROWS_WITH_AS(Instrument(patch, {.voices = 0}), doctest::Contains("0 voices; 1 to 1024"),
                       DomainError);
  CHECK_THROWS_AS(Instrument(patch, {.voices = 1025}), DomainError);
  for (const double wrong : {not_a_number, infinity, -1.0}) {
    CHECK_THROWS_AS(Instrument(patch, {.bend_range = wrong}), DomainError);
    CHECK_THROWS_AS(Instrument(patch, {.tuning = wrong}), DomainError);
    CHECK_THROWS_AS(Instrument(patch, {.glide = wrong}), DomainError);
  }
  Rack bad = patch;
  find_parameter(bad, "fm.operator.0.gain").value = not_a_number;
  CHECK_THROWS_WITH_AS(Instrument(bad, {}), doctest::Contains("fm.operator.0.gain"), DomainError);
  Instrument instrument(patch);
  CHECK_THROWS_AS(instrument.prepare(0.0, 64), DomainError);
  CHECK_THROWS_AS(instrument.prepare(48000.0, -1), DomainError);
}
