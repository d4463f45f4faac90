// MIDI on an instrument: what each message does, to its own channel alone, and how bytes are cut into messages.
#include <retrograd/instrument/midi_channels.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "instrument_fixture.hpp"

using namespace retrograd;
using namespace instrument_fixture;

namespace {

using Bytes = std::vector<unsigned char>;

Happening off_of(int channel, int time, double key) {
  return {time, [=](Instrument& i, int offset) { return i.note_off(key, offset, channel); }};
}
Happening on_of(int channel, int time, double key, double velocity = 1.0) {
  return {time, [=](Instrument& i, int offset) { return i.note_on(key, velocity, offset, channel); }};
}
Happening bend_of(int channel, int time, double to) {
  return {time, [=](Instrument& i, int offset) { return i.pitch_bend(to, offset, channel); }};
}
Happening pedal_of(int channel, int time, bool is_down) {
  return {time, [=](Instrument& i, int offset) { return i.sustain(is_down, offset, channel); }};
}

/// A score of messages, all at their times.
Score control(int time, std::initializer_list<std::pair<int, int>> controllers, int channel = 0) {
  Score score;
  for (const auto& [number, value] : controllers)
    score.push_back(midi(time, {static_cast<unsigned char>(0xb0 + channel),
                                static_cast<unsigned char>(number), static_cast<unsigned char>(value)}));
  return score;
}

Score operator+(Score a, const Score& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::ranges::stable_sort(a, {}, &Happening::time);
  return a;
}

const InstrumentOptions four_voices{.voices = 4};

std::vector<float> sound_of(const Score& score, std::size_t length = 3000,
                            const Rack& patch = short_patch()) {
  return played(patch, four_voices, score, length, 64);
}

/// The frequency of a sine from 0.1 s to the end of a second.
double hertz(const Score& score) {
  const std::vector<float> sound = sound_of(score, 48000, sine_patch(0.001, 0.01));
  return rising_zeros(sound, 4800, 48000) / 0.9;
}

/// The largest sample of a sine from 0.1 s to the end of a second.
double peak(const Score& score) {
  const std::vector<float> sound = sound_of(score, 48000, sine_patch(0.001, 0.01));
  return *std::max_element(sound.begin() + 4800, sound.end());
}

const Score a440 = {midi(0, {0x90, 69, 127})};
const Bytes wheel_up{0xe0, 127, 127};

/// Messages that leave a registered parameter at a value; -1: the fine part is not sent.
Score parameter(int number, int coarse, int fine = -1) {
  Score score = control(0, {{101, number / 128}, {100, number % 128}, {6, coarse}});
  return fine < 0 ? score : score + control(0, {{38, fine}});
}

}  // namespace

TEST_CASE("MIDI messages do what the functions do, each on its channel, and others nothing") {
  const Score spoken{midi(0, {0x90, 60, 127}),    midi(50, {0x93, 64, 64}),  midi(60, {0x93, 60, 127}),
                     midi(95, {0xc0, 5}),         midi(96, {0xf8}),          midi(97, {0xd0, 5}),
                     midi(98, {0xa0, 60, 5}),     midi(99, {0xb0, 1, 127}),  midi(100, {0xe0, 0, 0}),
                     midi(200, {0xb3, 64, 64}),   midi(300, {0x80, 60, 90}), midi(310, {0x93, 64, 0}),
                     midi(400, {0xb3, 64, 63}),   midi(450, {0x83, 60, 0}),  midi(500, {0xe0, 127, 127}),
                     midi(510, {0xe3, 127, 127}), midi(600, {0x90, 70, 1}),  midi(900, {0xb0, 121, 0}),
                     midi(1000, {0xb0, 123, 0})};
  const Score called{on(0, 60),
                     on_of(3, 50, 64, 64 / 127.0),
                     on_of(3, 60, 60),
                     bend(100, -1.0),
                     pedal_of(3, 200, true),
                     off(300, 60),
                     off_of(3, 310, 64),
                     pedal_of(3, 400, false),
                     off_of(3, 450, 60),
                     bend(500, 1.0),
                     bend_of(3, 510, 1.0),
                     on(600, 70, 1 / 127.0),
                     bend(900, 0.0),
                     {1000, [](Instrument& i, int offset) { return i.all_notes_off(offset); }}};
  const std::vector<float> a = sound_of(spoken), b = sound_of(called);
  CHECK(largest_step(a) > 0.0f);
  CHECK(first_difference(a, b) == -1);
}

TEST_CASE("a channel's notes, bend, pedal and controllers leave another channel's notes as they are") {
  Score others;
  for (unsigned char c = 1; c < 16; ++c) {
    const auto status = [c](int kind) { return static_cast<unsigned char>(kind + c); };
    others.push_back(midi(100, {status(0x80), 60, 0}));
    others.push_back(midi(100, {status(0xe0), 127, 127}));
    for (const int number : {7, 11, 64, 120, 121, 123, 126})
      others.push_back(midi(110, {status(0xb0), static_cast<unsigned char>(number), 0}));
  }
  const Score notes{on(0, 60), pedal(10, true), off(400, 60), on(500, 64), pedal(1500, false), off(2000, 64)};
  CHECK(first_difference(sound_of(notes + others), sound_of(notes)) == -1);
}

TEST_CASE("the same key on two channels is two notes") {
  const Score both{on(0, 60), on_of(1, 500, 60, 0.5), off_of(1, 1000, 60), off(2000, 60)};
  std::vector<float> wanted = sound_of({on(0, 60), off(2000, 60)});
  add(wanted, sound_of({on(500, 60, 0.5), off(1000, 60)}));
  CHECK(first_difference(sound_of(both), wanted) == -1);
}

TEST_CASE("bytes hold one message or several, with running status, real time and system exclusive between") {
  const Score apart{midi(7, {0x90, 60, 127}), midi(7, {0x90, 64, 100}), midi(7, {0x80, 60, 0}),
                    midi(7, {0xb0, 64, 127})};
  const std::vector<float> wanted = sound_of(apart + Score{off(900, 64)});
  for (const Bytes& bytes :
       {Bytes{0x90, 60, 127, 0x90, 64, 100, 0x80, 60, 0, 0xb0, 64, 127},
        Bytes{0x90, 60, 127, 64, 100, 60, 0, 0xb0, 64, 127},
        Bytes{0xf8, 0x90, 0xfe, 60, 0xf8, 127, 0xf8, 64, 100, 60, 0, 0xb0, 64, 127, 0xf8},
        Bytes{0x90, 60, 127, 0xf0, 1,  2, 0xf8, 3,    0xf7, 0x90, 64,   100,
              0xf2, 1,  2,   0x80, 60, 0, 0xf6, 0xb0, 64,   127,  0xf3, 1}}) {
    CAPTURE(bytes.size());
    CHECK(first_difference(sound_of(Score{midi(7, bytes), off(900, 64)}), wanted) == -1);
  }
  const Score split{midi(7, {0x90, 60, 127, 0xf0, 0x90 - 0x80}), midi(7, {60, 60, 60}),
                    midi(7, {1, 0xf7, 0x90, 64, 100}), midi(7, {0xf0, 1}),
                    midi(7, {0x80, 60, 0, 0xb0, 64, 127})};
  CHECK(first_difference(sound_of(split + Score{off(900, 64)}), wanted) == -1);
}

TEST_CASE("bytes that are cut short or begin without a status are refused, all of them") {
  Instrument instrument(short_patch());
  instrument.prepare(rate, longest_block);
  for (const Bytes& bytes : {Bytes{0x90, 60}, Bytes{60, 60, 60}, Bytes{0x90, 0x90, 60}, Bytes{0xc0},
                             Bytes{0x90, 60, 1, 0x80}, Bytes{0x90, 60, 1, 62},
                             Bytes{0x90, 60, 1, 0xf6, 60, 1}, Bytes{0xf0, 1, 0xf7, 1}, Bytes{0xf1, 1, 1}}) {
    CAPTURE(bytes.size());
    CHECK_FALSE(instrument.midi(bytes.data(), static_cast<int>(bytes.size())));
  }
  const Bytes note{0x90, 60, 1};
  CHECK_FALSE(instrument.midi(nullptr, 3));
  CHECK_FALSE(instrument.midi(note.data(), 0));
  CHECK_FALSE(instrument.midi(note.data(), 3, -1));
  CHECK_FALSE(instrument.note_on(60, 1.0, 0, 16));
  CHECK_FALSE(instrument.note_on(60, 1.0, 0, -1));
  std::vector<float> sound(64, 1.0f);
  CHECK(instrument.process(sound.data(), 64) == StreamStatus::ok);
  CHECK(instrument.sounding() == 0);

  Bytes many;
  for (int i = 0; i <= Instrument::max_events; ++i) many.insert(many.end(), {0x90, 60, 1});
  CHECK_FALSE(instrument.midi(many.data(), static_cast<int>(many.size())));
  CHECK(instrument.room() == Instrument::max_events);
  CHECK(instrument.midi(many.data(), static_cast<int>(many.size()) - 3));
  CHECK(instrument.room() == 0);
}

TEST_CASE("what means nothing here is counted, but for real time") {
  Instrument instrument(short_patch());
  instrument.prepare(rate, longest_block);
  for (const Bytes& bytes : {Bytes{0xc0, 5}, Bytes{0xd1, 5, 6}, Bytes{0xa0, 60, 5}, Bytes{0xb0, 1, 5},
                             Bytes{0xb0, 99, 1, 98, 1, 6, 64, 38, 1, 101, 3, 100, 3, 6, 1}, Bytes{0xf8, 0xfe},
                             Bytes{0xf0, 1, 2}, Bytes{3, 0xf7}, Bytes{0x90, 60, 1, 0xb0, 7, 100, 64, 127}})
    CHECK(instrument.midi(bytes.data(), static_cast<int>(bytes.size())));
  std::vector<float> sound(64);
  CHECK(instrument.process(sound.data(), 64) == StreamStatus::ok);
  CHECK(instrument.passed_over() == 9);
  instrument.reset();
  CHECK(instrument.passed_over() == 0);
}

TEST_CASE("a key that goes down and up at one sample ends the note before, if there was one") {
  const Score proper{on(0, 60), off(700, 60), on(700, 60), off(1500, 60)};
  const Score crossed{on(0, 60), on(700, 60), off(700, 60), off(1500, 60)};
  CHECK(first_difference(sound_of(crossed), sound_of(proper)) == -1);
  const Score with_pedal{on(0, 60),   pedal(10, true), off(20, 60),
                         on(700, 60), off(700, 60),    pedal(800, false)};
  Instrument instrument(short_patch(), four_voices);
  instrument.prepare(rate, longest_block);
  played(instrument, with_pedal, 8000, 64);
  CHECK(instrument.sounding() == 0);  // the key was up: this note has no length
}

TEST_CASE("all notes off lifts the keys, and the pedal holds what it holds; all sound off is silence") {
  for (const int number : {123, 124, 125, 126, 127}) {
    const Score held{pedal(0, true), on(0, 60), off(600, 60), pedal(1500, false)};
    const Score lifted{pedal(0, true), on(0, 60), midi(600, {0xb0, static_cast<unsigned char>(number), 0}),
                       pedal(1500, false)};
    CHECK(first_difference(sound_of(lifted), sound_of(held)) == -1);
    const Score plain{on(0, 60), midi(600, {0xb0, static_cast<unsigned char>(number), 0})};
    CHECK(first_difference(sound_of(plain), sound_of({on(0, 60), off(600, 60)})) == -1);
  }
  // A held note, one that the pedal holds, one in its release: silent after a glide of 20 ms, and no click.
  const Rack slow = sine_patch(0.001, 1.0);
  const Score notes{on(0, 60), pedal(0, true), on(0, 64), off(100, 64), on_of(1, 0, 67), off_of(1, 4700, 67)};
  const Score silence = notes + control(4800, {{120, 0}}) + control(4800, {{120, 0}}, 1);
  Instrument instrument(slow, four_voices);
  instrument.prepare(rate, longest_block);
  const std::vector<float> sound = played(instrument, silence, 4800 + 960, 64);
  CHECK(instrument.sounding() == 0);
  const std::vector<float> rest = played(instrument, {}, 1000, 64);
  CHECK(std::ranges::all_of(rest, [](float y) { return y == 0.0f; }));
  const float usual = largest_step({sound.begin(), sound.begin() + 4800});
  CHECK(largest_step(sound) < 1.05f * usual + 3.0f / 960);
  // The pedal is still down, and a new note sounds as ever.
  std::vector<float> wanted = sound_of({on(0, 60)}, 2000, slow);
  CHECK(first_difference(played(instrument, {on(0, 60), off(1500, 60)}, 2000, 64), wanted) == -1);
}

TEST_CASE("a note struck again while it is silenced comes back") {
  const std::vector<float> sound =
      sound_of({on(0, 69), midi(4800, {0xb0, 120, 0}), on(5000, 69)}, 48000, sine_patch(0.001, 1.0));
  CHECK(*std::max_element(sound.begin() + 9600, sound.end()) == doctest::Approx(1.0).epsilon(1e-3));
}

TEST_CASE("volume and expression are 40 log10(value / 127) dB each, 14 bits where both parts are sent") {
  const auto square = [](double x) { return x * x; };
  CHECK(peak(a440) == doctest::Approx(1.0).epsilon(1e-3));
  CHECK(peak(control(0, {{7, 127}, {11, 127}}) + a440) == doctest::Approx(1.0).epsilon(1e-3));
  CHECK(peak(control(0, {{7, 100}}) + a440) == doctest::Approx(square(100 / 127.0)).epsilon(2e-3));
  CHECK(peak(control(0, {{7, 64}, {11, 32}}) + a440) ==
        doctest::Approx(square(64 / 127.0 * 32 / 127.0)).epsilon(2e-3));
  CHECK(peak(control(0, {{7, 64}, {39, 100}}) + a440) ==
        doctest::Approx(square((64 * 128 + 100) / 16383.0)).epsilon(2e-3));
  CHECK(peak(control(0, {{11, 127}, {43, 127}}) + a440) == doctest::Approx(1.0).epsilon(1e-3));
  CHECK(peak(control(0, {{7, 64}, {39, 100}, {7, 127}}) + a440) == doctest::Approx(1.0).epsilon(1e-3));
  CHECK(peak(control(0, {{7, 0}}) + a440) == 0.0);
  CHECK(peak(a440 + control(2400, {{7, 0}})) == 0.0);             // of notes that sound, too
  CHECK(peak(control(0, {{7, 64}, {11, 0}, {121, 0}}) + a440) ==  // a reset leaves the volume
        doctest::Approx(square(64 / 127.0)).epsilon(2e-3));
}

TEST_CASE("volume goes to its value without a step, released notes too") {
  const Score notes{on(0, 69), off(10000, 69)};
  const Rack slow = sine_patch(0.001, 1.0);
  const float usual = largest_step(sound_of(notes, 20000, slow));
  for (const int time : {5000, 12000}) {
    const std::vector<float> sound = sound_of(notes + control(time, {{11, 0}}), 20000, slow);
    CHECK(largest_step(sound) < usual + 1.0f / 960);
    CHECK(std::all_of(sound.begin() + time + 960, sound.end(), [](float y) { return y == 0.0f; }));
  }
}

TEST_CASE("registered parameter 0 is the range of the bend, in semitones and cents, of its channel") {
  const Score up = a440 + Score{midi(0, wheel_up)};
  CHECK(hertz(up) == doctest::Approx(frequency_of(71)).epsilon(3e-3));
  CHECK(hertz(parameter(0, 12, 0) + up) == doctest::Approx(880.0).epsilon(3e-3));
  CHECK(hertz(parameter(0, 12) + up) == doctest::Approx(880.0).epsilon(3e-3));
  CHECK(hertz(up + parameter(0, 12)) == doctest::Approx(880.0).epsilon(3e-3));  // of a bend that is there
  CHECK(hertz(parameter(0, 3, 50) + up) == doctest::Approx(frequency_of(72.5)).epsilon(3e-3));
  CHECK(hertz(parameter(0, 3, 50) + control(0, {{6, 12}}) + up) == doctest::Approx(880.0).epsilon(3e-3));
  CHECK(hertz(parameter(0, 0) + up) == doctest::Approx(440.0).epsilon(3e-3));
  CHECK(hertz(control(0, {{100, 0}, {101, 0}, {6, 12}}) + up) == doctest::Approx(880.0).epsilon(3e-3));
  CHECK(hertz(control(0, {{101, 0}, {100, 0}, {6, 12}}, 1) + up) ==
        doctest::Approx(frequency_of(71)).epsilon(3e-3));
  CHECK(hertz(parameter(0, 12) + control(0, {{121, 0}}) + up) == doctest::Approx(880.0).epsilon(3e-3));
}

TEST_CASE("data entry changes nothing where no parameter, or somebody's own, is chosen") {
  const Score up = a440 + Score{midi(0, wheel_up)};
  const double usual = hertz(up);
  CHECK(hertz(control(0, {{6, 12}}) + up) == usual);
  CHECK(hertz(control(0, {{101, 0}, {100, 0}, {101, 127}, {100, 127}, {6, 12}}) + up) == usual);
  CHECK(hertz(control(0, {{101, 0}, {100, 0}, {99, 0}, {98, 0}, {6, 12}, {96, 0}}) + up) == usual);
  CHECK(hertz(control(0, {{101, 0}, {100, 0}, {121, 0}, {6, 12}}) + up) == usual);
  CHECK(hertz(control(0, {{101, 0}, {100, 5}, {6, 12}}) + up) == usual);
  CHECK(hertz(control(0, {{99, 0}, {98, 0}, {101, 0}, {100, 0}, {6, 12}}) + up) ==
        doctest::Approx(880.0).epsilon(3e-3));
}

TEST_CASE(
    "increments are a cent of the bend's range, a step of the fine tuning, a semitone of the coarse one") {
  const Score up = a440 + Score{midi(0, wheel_up)};
  const auto steps = [](int number, int controller, int how_many) {
    Score score = control(0, {{101, 0}, {100, number}});
    for (int i = 0; i < how_many; ++i) score = score + control(0, {{controller, 0}});
    return score;
  };
  CHECK(hertz(steps(0, 96, 150) + up) == doctest::Approx(frequency_of(72.5)).epsilon(3e-3));
  CHECK(hertz(steps(0, 97, 250) + up) == doctest::Approx(440.0).epsilon(3e-3));
  CHECK(hertz(steps(2, 96, 5) + a440) == doctest::Approx(frequency_of(74)).epsilon(3e-3));
  CHECK(hertz(steps(2, 97, 7) + a440) == doctest::Approx(frequency_of(62)).epsilon(3e-3));
  const Score fine = parameter(1, 127, 100);
  CHECK(sound_of(fine + control(0, {{96, 0}}) + a440) == sound_of(parameter(1, 127, 101) + a440));
  CHECK(sound_of(fine + control(0, {{97, 0}}) + a440) == sound_of(parameter(1, 127, 99) + a440));
}

TEST_CASE("registered parameters 1 and 2 tune a channel, finely and by semitones") {
  CHECK(hertz(parameter(2, 64 + 12) + a440) == doctest::Approx(880.0).epsilon(3e-3));
  CHECK(hertz(parameter(2, 64 - 12, 5) + a440) == doctest::Approx(220.0).epsilon(6e-3));
  CHECK(hertz(a440 + parameter(2, 64 + 12)) == doctest::Approx(880.0).epsilon(3e-3));
  CHECK(hertz(parameter(1, 127, 127) + a440) == doctest::Approx(frequency_of(70)).epsilon(3e-3));
  CHECK(hertz(parameter(1, 0) + a440) == doctest::Approx(frequency_of(68)).epsilon(3e-3));
  CHECK(hertz(parameter(1, 96) + a440) == doctest::Approx(frequency_of(69.5)).epsilon(3e-3));
  CHECK(sound_of(parameter(1, 64) + parameter(2, 64) + a440) == sound_of(a440));  // none, to the bit
}

TEST_CASE("the level is the sum's, from the option or set, and glides") {
  const Score notes{on(0, 60), on(100, 64)};
  std::vector<float> wanted = sound_of(notes);
  for (float& y : wanted) y *= 0.25f;
  const InstrumentOptions quiet{.voices = 4, .level = 0.25};
  for (const int block : block_sizes)
    CHECK(first_difference(played(short_patch(), quiet, notes, 3000, block), wanted) == -1);

  Instrument instrument(sine_patch(0.001, 1.0), quiet);
  instrument.prepare(rate, longest_block);
  CHECK(instrument.level() == 0.25);
  std::vector<float> sound = played(instrument, {on(0, 69)}, 4800, 64);
  CHECK(instrument.set_level(0.0));
  CHECK(instrument.level() == 0.0);
  const std::vector<float> after = played(instrument, {}, 4800, 64);
  sound.insert(sound.end(), after.begin(), after.end());
  CHECK(largest_step(sound) < 0.25f * 0.06f + 0.25f / 960);
  CHECK(std::all_of(after.begin() + 960, after.end(), [](float y) { return y == 0.0f; }));
  for (const double wrong : {-1.0, 1001.0, not_a_number, infinity}) {
    CHECK_FALSE(instrument.set_level(wrong));
    CHECK_THROWS_AS(Instrument(short_patch(), {.level = wrong}), DomainError);
  }
  instrument.reset();
  CHECK(instrument.level() == 0.0);
}

TEST_CASE("a parameter's number is of both its halves: another's data leave the range of the bend") {
  MidiChannels channels;
  const auto control = [&](unsigned char number, unsigned char value) {
    channels.take(channel_message(0xb0, number, value));
  };
  channels.bend(0, 1.0);
  for (const bool coarse_first : {true, false}) {
    control(coarse_first ? 101 : 100, coarse_first ? 1 : 0);
    control(coarse_first ? 100 : 101, coarse_first ? 0 : 1);
    control(6, 12);  // of parameter 128, which is none
    CHECK(channels.semitones(0) == 2.0);
  }
  control(101, 0);
  control(6, 12);
  CHECK(channels.semitones(0) == 12.0);
}
