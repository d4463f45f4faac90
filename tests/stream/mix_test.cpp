// Voices that are mixed and go on as one row: what a stream plays has the bits of the tape. Voices that sleep cost
// nothing and change no bit.
#include "stream_fixture.hpp"

using namespace stream_fixture;

namespace {

constexpr int voices = 5;

// Voices of their own pitch with an envelope and a filter each, two mixes (one of them behind a shared LFO), an effect
// with a state on each, a bus that feeds back into nothing, and an output before the mix.
std::vector<Var> record_bus(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var gates = tape.input("gates", Tensor(Shape{voices, length}));
  const Var noise = tape.input("noise", Tensor(Shape{length}));
  const Var pitch =
      tape.parameter("pitch", Tensor{220.0, 330.0, 440.5, 110.0, 90.0}.reshaped(Shape{voices, 1}));
  const Var lfo = sinusoid(tape.parameter("rate", 5.5), std::nullopt, length);
  const Var envelope = adsr(gates, {tape.parameter("attack", 0.003), tape.constant(0.02), tape.constant(0.4),
                                    tape.parameter("release", 0.01)});
  const Var voice = causal(OnePole{}, sinusoid(pitch * (lfo * 0.01 + 1.0), noise * 0.1) * envelope,
                           tape.parameter("cutoff", 0.3));
  const Var dry = mix(voice), wet = mix(tanh(voice * 3.0) * lfo);
  const Var echo = causal(OnePole{}, wet + noise * 0.01, tape.parameter("tone", 0.1));
  return {tanh(dry * tape.parameter("gain", 0.8) + echo), mix(voice * envelope) * dry, lfo, voice};
}

Channels bus_inputs(int length) {
  Channels channels;
  for (int voice = 0; voice < voices; ++voice)
    channels.push_back(gate_signal(length, {37 * voice, 700 + 111 * voice, 1501 + voice, 2900 + 16 * voice}));
  channels.push_back(seed_signal(length, 3));
  return channels;
}

// Only what is heard after the mix.
std::vector<Var> record_mixed(Tape& tape) { return {record_bus(tape)[0]}; }

using Kind = StreamEvent::Kind;
struct Timed {
  int at;
  StreamEvent event;
};

Channels play_events(Stream& stream, const Channels& inputs, int length, const BlockSizes& sizes,
                     const std::vector<Timed>& events) {
  std::size_t next = 0;
  return play(stream, inputs, length, sizes, [&](int first, int frames) {
    for (; next < events.size() && events[next].at < first + frames; ++next) {
      StreamEvent event = events[next].event;
      event.offset = events[next].at - first;
      REQUIRE(stream.schedule(event));
    }
  });
}

}  // namespace

TEST_CASE("voices that are mixed have the bits of the tape, for any blocks") {
  const Channels inputs = bus_inputs(samples);
  const Channels expected = offline(
      record_bus, inputs, {{"gates", Shape{voices, samples}}, {"noise", Shape{samples}}}, samples, 44100.0);
  Stream stream(record_bus);
  CHECK(stream.voices() == voices);
  stream.prepare(44100.0, 1024);
  const auto check = [&](const BlockSizes& sizes) {
    stream.reset();
    CHECK(first_difference(play(stream, inputs, samples, sizes), expected) == "");
  };
  for (const int size : block_sizes) check(always(size));
  for (unsigned seed = 0; seed < 3; ++seed) check(random_sizes(seed));
  float loudest = 0.0f;
  for (const float y : expected[0]) loudest = std::max(loudest, std::abs(y));
  CHECK(loudest > 0.3f);
}

TEST_CASE("a restart of a voice leaves the others and what is mixed as they are") {
  CHECK(Stream(record_mixed).voices() == voices);
  const Channels inputs = bus_inputs(samples);
  // Of the voices alone, mixed by hand: restarting voice 2 is what the bus hears of it, and of no other.
  const auto only_voices = [](Tape& tape) { return std::vector<Var>{record_bus(tape)[3]}; };
  const auto only_dry = [](Tape& tape) {
    const Var voice = record_bus(tape)[3];
    return std::vector<Var>{mix(voice)};
  };
  const std::vector<Timed> events = {{1000, {.kind = Kind::restart, .row = 2}},
                                     {3333, {.kind = Kind::restart, .row = 4}}};
  Stream of_voices(only_voices), of_dry(only_dry);
  of_voices.prepare(44100.0, 512);
  of_dry.prepare(44100.0, 512);
  const Channels each = play_events(of_voices, inputs, samples, always(64), events);
  const Channels undisturbed = offline(
      only_voices, inputs, {{"gates", Shape{voices, samples}}, {"noise", Shape{samples}}}, samples, 44100.0);
  for (const int voice : {0, 1, 3})
    CHECK(same_bits(each[static_cast<std::size_t>(voice)],
                    undisturbed[static_cast<std::size_t>(voice)].data()));
  CHECK(!same_bits(each[2], undisturbed[2].data()));
  for (const int size : {1, 64, 441}) {
    of_dry.reset();
    const Channels mixed = play_events(of_dry, inputs, samples, always(size), events);
    int wrong = 0;
    for (std::size_t n = 0; n < samples; ++n) {
      // The order of five rows: 0 and 4, then 2, then 1 and 3.
      const double sum = ((double(each[0][n]) + double(each[4][n])) + double(each[2][n])) +
                         (double(each[1][n]) + double(each[3][n]));
      wrong += mixed[0][n] != static_cast<float>(sum + 0.0);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE(
    "a voice that sleeps is zeros until it is restarted, then sounds as if it had only been restarted") {
  const Channels inputs = bus_inputs(samples);
  // Every voice restarts at a sample of its own; those that sleep before do so at odd samples, some twice.
  std::vector<Timed> restarts, sleeps;
  for (int voice = 0; voice < voices; ++voice) {
    const int at = 2000 + 333 * voice;
    restarts.push_back({at, {.kind = Kind::restart, .row = voice}});
    if (voice % 2 == 1) continue;
    sleeps.push_back({at - 1203, {.kind = Kind::sleep, .row = voice}});
    if (voice == 4) sleeps.push_back({at - 700, {.kind = Kind::sleep, .row = voice}});
  }
  std::vector<Timed> both = restarts;
  both.insert(both.end(), sleeps.begin(), sleeps.end());
  for (auto* events : {&restarts, &both}) std::ranges::stable_sort(*events, {}, &Timed::at);
  // A parameter moves while some sleep.
  const int pitch = Stream(record_bus).parameter("pitch");
  for (auto* events : {&restarts, &both}) {
    events->push_back({1500, {.kind = Kind::glide, .index = pitch, .row = -1, .value = 300.0}});
    std::ranges::stable_sort(*events, {}, &Timed::at);
  }

  const auto played = [&](const std::vector<Timed>& events, const BlockSizes& sizes) {
    Stream stream(record_bus, {.glide = 0.02});
    stream.prepare(44100.0, 1024);
    return play_events(stream, inputs, samples, sizes, events);
  };
  const Channels awake = played(restarts, always(64));
  std::optional<Channels> first;
  for (const BlockSizes& sizes :
       {always(64), always(1), always(441), always(1024), random_sizes(1), random_sizes(2)}) {
    const Channels slept = played(both, sizes);
    if (!first) first = slept;
    CHECK(first_difference(slept, *first) == "");
    for (int voice = 0; voice < voices; ++voice) {
      const std::size_t channel = 3 + static_cast<std::size_t>(voice);
      const int wakes = 2000 + 333 * voice, falls = voice % 2 == 1 ? wakes : wakes - 1203;
      CAPTURE(voice);
      int wrong = 0;
      for (int n = 0; n < samples; ++n) {
        const auto at = static_cast<std::size_t>(n);
        const float wanted = n >= falls && n < wakes ? 0.0f : awake[channel][at];
        wrong += std::memcmp(&slept[channel][at], &wanted, sizeof(float)) == 0 ? 0 : 1;
      }
      CHECK(wrong == 0);
    }
    // The mixes hear zeros.
    int wrong = 0;
    for (std::size_t n = 0; n < samples; ++n) wrong += slept[2][n] != awake[2][n];
    CHECK(wrong == 0);
  }
}

TEST_CASE("voices that are silent may sleep: not one bit of what is heard changes") {
  Channels inputs = bus_inputs(samples);
  for (const std::size_t voice : {0u, 1u, 3u, 4u}) std::ranges::fill(inputs[voice], 0.0f);
  Stream stream(record_bus);
  stream.prepare(44100.0, 512);
  const Channels awake = play(stream, inputs, samples, always(64));
  std::vector<Timed> events;
  for (const int voice : {0, 1, 3, 4}) events.push_back({0, {.kind = Kind::sleep, .row = voice}});
  for (const int size : {1, 64, 441}) {
    stream.reset();
    const Channels slept = play_events(stream, inputs, samples, always(size), events);
    for (std::size_t channel = 0; channel < 3; ++channel)
      CHECK(same_bits(slept[channel], awake[channel].data()));
  }
}

TEST_CASE("all voices may sleep, and the mix plays on") {
  Stream stream(record_bus);
  stream.prepare(44100.0, 256);
  const Channels inputs = bus_inputs(1000);
  const Channels played =
      play_events(stream, inputs, 1000, always(100), {{450, {.kind = Kind::sleep, .row = -1}}});
  float heard = 0.0f;
  for (std::size_t n = 450; n < 1000; ++n) {
    heard = std::max(heard, std::abs(played[0][n]));  // the noise that the echo hears beside the voices
    for (std::size_t voice = 3; voice < 3 + voices; ++voice) REQUIRE(played[voice][n] == 0.0f);
    REQUIRE(played[1][n] == 0.0f);
  }
  CHECK(heard > 1e-4f);
  CHECK(stream.schedule({.kind = Kind::sleep, .row = voices - 1}));
  CHECK(!stream.schedule({.kind = Kind::sleep, .row = voices}));
  CHECK(!stream.schedule({.kind = Kind::restart, .row = voices}));
  CHECK(!stream.schedule({.kind = Kind::sleep, .row = -2}));
}

TEST_CASE("gradients through a mix in a stream are the tape's, and those of a voice that sleeps are zero") {
  constexpr int block = 1200;
  const Channels inputs = bus_inputs(block);
  const auto seed = seed_signal(block, 9);
  Tape tape({.sample_rate = 44100.0, .length = block});
  const Var heard = record_mixed(tape)[0];
  std::vector<float> gates;
  for (int voice = 0; voice < voices; ++voice)
    gates.insert(gates.end(), inputs[static_cast<std::size_t>(voice)].begin(),
                 inputs[static_cast<std::size_t>(voice)].end());
  tape.set(tape.find("gates"), Tensor(std::span<const float>(gates), Shape{voices, block}));
  tape.set(tape.find("noise"), Tensor(std::span<const float>(inputs[voices])));
  tape.play({heard});
  tape.rewind(heard, Tensor(std::span<const float>(seed)));

  Stream stream(record_mixed, {.gradients = true});
  stream.prepare(44100.0, block);
  std::vector<const float*> in;
  for (const auto& channel : inputs) in.push_back(channel.data());
  std::vector<float> out(block);
  float* outs[] = {out.data()};
  const float* seeds[] = {seed.data()};
  const auto gradients = [&] {
    REQUIRE(stream.process(in.data(), outs, block) == StreamStatus::ok);
    REQUIRE(stream.rewind(seeds) == StreamStatus::ok);
    std::vector<double> all;
    for (int p = 0; p < stream.parameters(); ++p)
      for (int row = 0; row < stream.rows(p); ++row) all.push_back(stream.gradient(p, row));
    return all;
  };
  const std::vector<double> live = gradients();
  std::vector<double> wanted;
  for (const Var parameter : tape.parameters())
    for (std::int64_t row = 0; row < parameter.shape().rows(); ++row)
      wanted.push_back(tape.gradient(parameter).at(row));
  REQUIRE(live.size() == wanted.size());
  for (std::size_t i = 0; i < live.size(); ++i) {
    CAPTURE(i);
    CHECK(live[i] != 0.0);
    CHECK(live[i] == doctest::Approx(wanted[i]).epsilon(1e-4));
  }

  stream.reset();
  REQUIRE(stream.schedule({.kind = Kind::sleep, .row = 1}));
  const std::vector<double> slept = gradients();
  const int pitch = stream.parameter("pitch");
  CHECK(stream.gradient(pitch, 1) == 0.0);
  CHECK(stream.gradient(pitch, 0) != 0.0);
  // Nothing of the block before is left in what the voices share.
  Channels silent = inputs;
  std::ranges::fill(silent[1], 0.0f);
  for (std::size_t c = 0; c < in.size(); ++c) in[c] = silent[c].data();
  stream.reset();
  const std::vector<double> of_silent = gradients();
  for (std::size_t i = 0; i < slept.size(); ++i)
    CHECK(slept[i] == doctest::Approx(of_silent[i]).epsilon(1e-6));
}

TEST_CASE(
    "two voices and a bus of two rows are apart: a voice that becomes infinite restarts no other voice") {
  const auto record = [](Tape& tape) -> std::vector<Var> {
    const std::int64_t length = *tape.options().length;
    const Var x = tape.input("x", Tensor(Shape{2, length})),
              pan = tape.parameter("pan", Tensor{0.3, 0.7}.reshaped(Shape{2, 1}));
    const Var voice = causal(OnePole{}, 1.0 / x, tape.constant(0.01));
    return {causal(OnePole{}, mix(voice) * pan, tape.constant(0.5)), voice};
  };
  constexpr int length = 300;
  Channels inputs = {seed_signal(length, 1), seed_signal(length, 2)};
  for (auto& channel : inputs)
    for (float& x : channel) x += 2.0f;
  Channels bad = inputs;
  bad[0][130] = 0.0f;
  Stream stream(record);
  CHECK(stream.voices() == 2);
  stream.prepare(44100.0, 100);
  const Channels wanted = play(stream, inputs, length, always(100));
  stream.reset();
  Channels played(4, std::vector<float>(length));
  for (int at = 0; at < length; at += 100) {
    const float* in[] = {bad[0].data() + at, bad[1].data() + at};
    float* out[] = {played[0].data() + at, played[1].data() + at, played[2].data() + at,
                    played[3].data() + at};
    CHECK(stream.process(in, out, 100) == (at == 100 ? StreamStatus::not_finite : StreamStatus::ok));
  }
  CHECK(same_bits(played[3], wanted[3].data()));  // the other voice
  CHECK(played[2][250] != wanted[2][250]);        // it began again
  for (const std::size_t bus : {0u, 1u}) CHECK(std::isfinite(played[bus][299]));
}
