// Streams: the same bits as a tape's own play whatever the blocks, and what a host may do to one.
#include "stream_fixture.hpp"

#include <retrograd/racks/rack_stream.hpp>
#include <retrograd/racks/record.hpp>

#include <cmath>
#include <limits>

using namespace stream_fixture;

TEST_CASE("a streamed patch has the bits of its offline render, for any blocks") {
  for (Rack patch : {default_rack(), default_rack_to_fit()}) {
    patch.duration = 0.6;
    Tape tape(tape_options(patch));
    const RecordedRack recorded = record(tape, patch);
    tape.play({recorded.audio});
    const auto expected = tape.value(recorded.audio).as<float>();
    const auto gate_samples = tape.value(tape.find("note.gate")).as<float>();
    const Channels gate{{gate_samples.begin(), gate_samples.end()}};
    const int length = static_cast<int>(expected.size());

    Stream stream = stream_of(patch);
    stream.prepare(patch.sample_rate, 1024);
    for (const int size : block_sizes) {
      stream.reset();
      INFO("blocks of " << size);
      CHECK(same_bits(play(stream, gate, length, always(size))[0], expected.data()));
    }
    for (unsigned seed = 0; seed < 5; ++seed) {
      stream.reset();
      CHECK(same_bits(play(stream, gate, length, random_sizes(seed))[0], expected.data()));
    }
  }
}

TEST_CASE("everything that streams has the bits of the tape, for any blocks and rates") {
  const Channels inputs = everything_inputs(samples);
  for (const double rate : {44100.0, 1.0, 8000.0, 768000.0}) {
    const Channels expected = offline(
        record_everything, inputs, {{"gates", Shape{3, samples}}, {"noise", Shape{samples}}}, samples, rate);
    Stream stream(record_everything);
    stream.prepare(rate, 1024);
    REQUIRE(stream.output_channels() == 7);
    REQUIRE(stream.input_channels() == 4);
    CHECK(stream.input("noise") == 3);
    const auto check = [&](const BlockSizes& sizes) {
      stream.reset();
      const Channels played = play(stream, inputs, samples, sizes);
      for (std::size_t c = 0; c < played.size(); ++c) {
        INFO("rate " << rate << ", channel " << c);
        CHECK(same_bits(played[c], expected[c].data()));
      }
    };
    for (const int size : block_sizes) check(always(size));
    for (unsigned seed = 0; seed < 3; ++seed) check(random_sizes(seed));
  }
}

TEST_CASE("events happen at their sample, whatever the blocks") {
  struct Timed {
    int at;
    StreamEvent event;
  };
  using Kind = StreamEvent::Kind;
  Stream stream(record_everything);
  stream.prepare(44100.0, 1024);
  const int pitch = stream.parameter("pitch"), cutoff = stream.parameter("cutoff"),
            decay = stream.parameter("decay"), gain = stream.parameter("fm.operator.0.gain");
  std::mt19937 random(11);
  for (int trial = 0; trial < 6; ++trial) {
    std::vector<Timed> events;
    for (int i = 0; i < 40; ++i) {
      const int at = static_cast<int>(random() % samples), row = static_cast<int>(random() % 4) - 1;
      const double value = 0.1 + 0.001 * static_cast<double>(random() % 700);
      const Kind kind = random() % 2 == 0 ? Kind::jump : Kind::glide;
      switch (random() % 6) {
        case 0:
          events.push_back({at, {.kind = kind, .index = pitch, .row = row, .value = 1000.0 * value}});
          break;
        case 1:
          events.push_back({at, {.kind = kind, .index = cutoff, .value = value}});
          break;
        case 2:
          events.push_back({at, {.kind = kind, .index = decay, .value = 0.1 * value}});
          break;
        case 3:
          events.push_back({at, {.kind = kind, .index = gain, .row = row, .value = value}});
          break;
        case 4:
          events.push_back({at, {.kind = Kind::restart, .row = row}});
          break;
        default:
          events.push_back({at,
                            {.kind = Kind::input,
                             .index = static_cast<int>(random() % 4),
                             .value = static_cast<double>(random() % 2)}});
      }
    }
    std::ranges::stable_sort(events, {}, &Timed::at);
    const auto played = [&](const BlockSizes& sizes) {
      // From the same parameters each time.
      Stream fresh(record_everything);
      fresh.prepare(44100.0, 1024);
      std::size_t next = 0;
      return play(fresh, {}, samples, sizes, [&](int first, int frames) {
        for (; next < events.size() && events[next].at < first + frames; ++next) {
          StreamEvent event = events[next].event;
          event.offset = events[next].at - first;
          REQUIRE(fresh.schedule(event));
        }
      });
    };
    const Channels expected = played(always(1000));
    for (const BlockSizes& sizes : {always(1), always(16), always(63), random_sizes(3), random_sizes(4)})
      CHECK(first_difference(played(sizes), expected) == "");
  }
}

TEST_CASE("no row's events change another row's bits") {
  const auto played = [&](bool disturbs) {
    Stream stream(record_everything);
    stream.prepare(44100.0, 1024);
    const int pitch = stream.parameter("pitch");
    const Channels inputs = everything_inputs(samples);
    return play(stream, inputs, samples, always(100), [&](int first, int) {
      if (!disturbs || first % 700 != 0) return;
      CHECK(stream.schedule({StreamEvent::Kind::restart, 13, 0, 1, 0.0}));
      CHECK(stream.schedule({StreamEvent::Kind::jump, 13, pitch, 1, 200.0 + first}));
      CHECK(stream.schedule({StreamEvent::Kind::glide, 57, pitch, 1, 500.0 + first}));
    });
  };
  const Channels calm = played(false), disturbed = played(true);
  CHECK(calm[0] == disturbed[0]);
  CHECK(calm[1] != disturbed[1]);
  CHECK(calm[2] == disturbed[2]);
}

TEST_CASE("a restarted row is the row from its first sample on, at any sample") {
  const Rack patch = default_rack();
  Tape tape(tape_options(patch));
  const RecordedRack recorded = record(tape, patch);
  tape.play({recorded.audio});
  const auto expected = tape.value(recorded.audio).as<float>();
  Stream stream = stream_of(patch, 2);
  stream.prepare(patch.sample_rate, 512);
  const int gate = stream.input("note.gate");
  for (const int start : {0, 1, 37, 511}) {
    stream.reset();
    bool is_playing = false;
    const Channels played = play(stream, {}, 4000, always(512), [&](int, int) {
      if (std::exchange(is_playing, true)) return;
      CHECK(stream.schedule({StreamEvent::Kind::restart, start, 0, 1, 0.0}));
      CHECK(stream.schedule({StreamEvent::Kind::input, start, gate + 1, 0, 1.0}));
    });
    CHECK(std::equal(played[1].begin() + start, played[1].end(), expected.begin()));
    CHECK(std::ranges::count(played[0], 0.0f) == 4000);
  }
}

TEST_CASE("a restart in the middle of a glide that a jump ends is the row from its first sample on") {
  const Rack patch = default_rack();
  Tape tape(tape_options(patch));
  const RecordedRack recorded = record(tape, patch);
  tape.play({recorded.audio});
  const auto expected = tape.value(recorded.audio).as<float>();
  Stream stream = stream_of(patch);
  stream.prepare(patch.sample_rate, 512);
  const int pitch = stream.parameter("note.frequency"), start = 37;
  CHECK(stream.schedule({.kind = StreamEvent::Kind::glide, .index = pitch, .value = 500.0}));
  CHECK(stream.schedule({.kind = StreamEvent::Kind::restart, .offset = start}));
  CHECK(stream.schedule(
      {.kind = StreamEvent::Kind::jump, .offset = start, .index = pitch, .value = patch.note.frequency}));
  CHECK(stream.schedule({.kind = StreamEvent::Kind::input, .offset = start, .value = 1.0}));
  const Channels played = play(stream, {}, 4000, always(512));
  CHECK(std::equal(played[0].begin() + start, played[0].end(), expected.begin()));
}

TEST_CASE("a restart names a row of the output with the most rows") {
  Stream stream([](Tape& tape) -> std::vector<Var> {
    const std::int64_t length = *tape.options().length;
    const Var pitch = tape.parameter("pitch", Tensor{100.0, 200.0, 300.0}.reshaped(Shape{3, 1}));
    return {sinusoid(tape.constant(5.0), std::nullopt, length), sinusoid(pitch, std::nullopt, length)};
  });
  stream.prepare(44100.0, 64);
  const Channels first = play(stream, {}, 64, always(64));
  CHECK(stream.schedule({.kind = StreamEvent::Kind::restart, .row = 2}));
  CHECK_FALSE(stream.schedule({.kind = StreamEvent::Kind::restart, .row = 3}));
  const Channels next = play(stream, {}, 64, always(64));
  CHECK(next[0] != first[0]);
  CHECK(next[2] != first[2]);
  CHECK(next[3] == first[3]);
}

TEST_CASE("a parameter glides evenly to its new value, and rests there exactly") {
  for (const double seconds : {0.02, 0.01, 0.001, 0.0001})
    for (const double rate : {44100.0, 48000.0}) {
      Stream stream(
          [](Tape& tape) -> std::vector<Var> {
            return {tape.input("x", Tensor(Shape{*tape.options().length})) * tape.parameter("gain", 0.25)};
          },
          {.glide = seconds});
      stream.prepare(rate, 1024);
      const int gain = stream.parameter("gain");
      bool is_first = true;
      const std::vector<float> ones(3000, 1.0f);
      const Channels played = play(stream, {ones}, 3000, random_sizes(8), [&](int, int) {
        if (std::exchange(is_first, false)) CHECK(stream.set(gain, 0.75));
      });
      const double glide = std::round(seconds * rate);
      int differences = 0;
      for (int n = 0; n < 3000; ++n) {
        const float heard = played[0][static_cast<std::size_t>(n)];
        const double expected = 0.25 + 0.5 * std::min(1.0, n / glide);
        if (std::abs(static_cast<double>(heard) - expected) > 1e-6 || (n >= glide && heard != 0.75f))
          ++differences;
      }
      INFO(seconds << " s at " << rate << " Hz");
      CHECK(differences == 0);
      CHECK(stream.value(gain) == 0.75);
    }
}

TEST_CASE("a change of pitch or loudness makes no click") {
  Stream stream([](Tape& tape) -> std::vector<Var> {
    return {sinusoid(tape.parameter("pitch", 200.0, positive), std::nullopt, tape.options().length) *
            tape.parameter("gain", 1.0)};
  });
  stream.prepare(44100.0, 1024);
  std::mt19937 random(1);
  float steepest = 0.0f;
  double highest = 200.0;
  const Channels played = play(stream, {}, 44100, random_sizes(9), [&](int, int) {
    if (random() % 4 != 0) return;
    const double pitch = 100.0 + static_cast<double>(random() % 400);
    highest = std::max(highest, pitch);
    CHECK(stream.set(stream.parameter("pitch"), pitch));
    CHECK(stream.set(stream.parameter("gain"), static_cast<double>(random() % 2)));
  });
  for (std::size_t n = 1; n < played[0].size(); ++n)
    steepest = std::max(steepest, std::abs(played[0][n] - played[0][n - 1]));
  // A sine of the highest pitch, and a gain that goes from 0 to 1 in 20 ms.
  CHECK(steepest < 6.2832 * highest / 44100.0 + 1.0 / (0.02 * 44100.0));
  CHECK(steepest > 0.01f);
}

TEST_CASE("an envelope keeps the times of its last edge while parameters change") {
  const auto builder = [](Tape& tape) -> std::vector<Var> {
    const Var gate = tape.input("gate", Tensor(Shape{*tape.options().length}));
    return {adsr(gate, {tape.parameter("attack", 0.01), tape.parameter("decay", 0.02),
                        tape.parameter("sustain", 0.5), tape.parameter("release", 0.03)})};
  };
  const std::vector<float> gate = gate_signal(6000, {0, 2000, 4001, 5000});
  const auto played = [&](bool changes) {
    Stream stream(builder, {.glide = 0.0});
    stream.prepare(44100.0, 100);
    return play(stream, {gate}, 6000, always(100), [&](int first, int) {
      if (changes && first == 200) {
        CHECK(stream.set(stream.parameter("attack"), 0.004));
        CHECK(stream.set(stream.parameter("decay"), 0.5));
        CHECK(stream.set(stream.parameter("sustain"), 0.1));
      }
    })[0];
  };
  const std::vector<float> still = played(false), changed = played(true);
  // The release is the first note's last edge; blocks of 16 are counted anew from a change: the last bits.
  for (std::size_t n = 0; n < 2000; ++n) CHECK(std::abs(still[n] - changed[n]) < 1e-6f);
  // From the second note's edge on: from the level the release had, with the new attack.
  const double start = changed[4000], step = static_cast<double>(changed[4001]) - start;
  CHECK(step == doctest::Approx((1.0 - start) / (0.004 * 44100.0)).epsilon(1e-4));
}

TEST_CASE("a node that cannot stream is named when the stream is made, and why") {
  const auto message = [](Stream::Builder builder) -> std::string {
    try {
      Stream stream(std::move(builder));
    } catch (const TapeError& error) {
      return error.what();
    }
    return "";
  };
  const auto input = [](Tape& tape) { return tape.input("x", Tensor(Shape{*tape.options().length})); };
  const auto names = [](const std::string& text, const char* node, const char* why) {
    INFO(text);
    return text.find(node) != std::string::npos && text.find(why) != std::string::npos;
  };
  CHECK(names(message([&](Tape& tape) -> std::vector<Var> { return {input(tape) * mean(input(tape))}; }), "",
              "named 'x' already"));
  CHECK(names(message([&](Tape& tape) -> std::vector<Var> {
                const Var x = input(tape);
                return {x * sum_over_time(x)};
              }),
              "'sum_over_time'", "reduces a whole signal"));
  CHECK(names(message([&](Tape& tape) -> std::vector<Var> {
                const Var x = input(tape);
                return {x * slice(x, -1, 0, 1)};
              }),
              "'slice'", "sees its whole input"));
  CHECK(names(message([&](Tape& tape) -> std::vector<Var> {
                return {input(tape) + tape.constant(Tensor(Shape{*tape.options().length}))};
              }),
              "constant signal", "make it an input"));
  CHECK(names(message([&](Tape& tape) -> std::vector<Var> { return {tape.parameter("p", 1.0)}; }), "output 0",
              "constant over time"));
  CHECK(names(message([&](Tape&) -> std::vector<Var> { return {}; }), "builder", "no outputs"));
}

TEST_CASE("bad calls give silence and a status, and the stream stays where it was") {
  Stream stream = stream_of(default_rack());
  std::vector<float> gate(256, 1.0f), out(256, 5.0f), expected(256);
  const float* in[] = {gate.data()};
  float* outs[] = {out.data()};
  const auto is_silent = [&] { return std::ranges::count(out, 0.0f) == 256; };

  CHECK(stream.process(in, outs, 256) == StreamStatus::not_prepared);
  CHECK(is_silent());
  stream.prepare(44100.0, 256);
  float* expected_outs[] = {expected.data()};
  CHECK(stream.process(in, expected_outs, 256) == StreamStatus::ok);
  CHECK(stream.process(in, expected_outs, 256) == StreamStatus::ok);
  stream.reset();
  CHECK(stream.process(in, outs, 256) == StreamStatus::ok);

  std::vector<float> large(300, 5.0f);
  float* large_outs[] = {large.data()};
  CHECK(stream.process(in, large_outs, 257) == StreamStatus::bad_block);
  CHECK(large[256] == 0.0f);
  CHECK(large[257] == 5.0f);
  CHECK(stream.process(in, outs, -1) == StreamStatus::bad_block);
  CHECK(stream.process(in, nullptr, 16) == StreamStatus::bad_block);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::fill(out.begin(), out.end(), 5.0f);
    gate[255] = bad;
    CHECK(stream.process(in, outs, 256) == StreamStatus::bad_input);
    CHECK(is_silent());
    CHECK(stream.status() == StreamStatus::bad_input);
  }
  gate[255] = 1.0f;
  CHECK(stream.position() == 256);
  CHECK(stream.process(in, outs, 256) == StreamStatus::ok);
  CHECK(out == expected);
  CHECK(stream.process(nullptr, nullptr, 0) == StreamStatus::ok);
  float* nowhere[] = {nullptr};
  CHECK(stream.process(in, nowhere, 256) == StreamStatus::ok);

  const int pitch = stream.parameter("note.frequency"),
            attack = stream.parameter("fm.operator.0.envelope.attack");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(stream.set(pitch, nan));
  CHECK_FALSE(stream.set(pitch, -1.0));
  CHECK_FALSE(stream.set(attack, -1.0));
  CHECK_FALSE(stream.set(99, 1.0));
  CHECK_FALSE(stream.set(pitch, 1, 100.0));
  CHECK_FALSE(stream.schedule({StreamEvent::Kind::jump, 0, pitch, 0, nan}));
  CHECK_FALSE(stream.schedule({StreamEvent::Kind::jump, -1, pitch, 0, 100.0}));
  CHECK_FALSE(stream.schedule({StreamEvent::Kind::input, 0, 7, 0, 1.0}));
  CHECK_FALSE(stream.schedule({StreamEvent::Kind::restart, 0, 0, 3, 0.0}));
  CHECK(stream.value(pitch) == 300.0);
  CHECK_THROWS_WITH_AS(stream_of(default_rack(), 0), doctest::Contains("1 or more"), DomainError);
  CHECK_THROWS_WITH_AS(stream.prepare(0.5, 64), doctest::Contains("1 to 768000"), DomainError);
  CHECK_THROWS_WITH_AS(stream.prepare(44100.0, 0), doctest::Contains("1 to 1048576"), DomainError);
  CHECK_THROWS_WITH_AS(stream.parameter("pitch"), doctest::Contains("note.frequency"), TapeError);
}

TEST_CASE("an output that is not finite is silence, and its row starts again") {
  Stream stream([](Tape& tape) -> std::vector<Var> {
    return {1.0 / tape.input("x", Tensor(Shape{*tape.options().length}))};
  });
  stream.prepare(44100.0, 64);
  std::vector<float> x(64, 2.0f), y(64);
  const float* in[] = {x.data()};
  float* out[] = {y.data()};
  CHECK(stream.process(in, out, 64) == StreamStatus::ok);
  x[3] = 0.0f;
  CHECK(stream.process(in, out, 64) == StreamStatus::not_finite);
  CHECK(std::ranges::count(y, 0.0f) == 64);
  CHECK(stream.position() == 128);
  x[3] = 2.0f;
  CHECK(stream.process(in, out, 64) == StreamStatus::ok);
  CHECK(y[0] == 0.5f);
}

TEST_CASE("events beyond the block wait, and there is room for as many as was asked") {
  Stream stream = stream_of(default_rack(), 1, {.max_events = 2});
  stream.prepare(44100.0, 64);
  CHECK(stream.schedule({StreamEvent::Kind::input, 100, 0, 0, 1.0}));
  CHECK(stream.schedule({StreamEvent::Kind::input, 120, 0, 0, 0.0}));
  CHECK_FALSE(stream.schedule({StreamEvent::Kind::input, 0, 0, 0, 0.0}));
  const Channels played = play(stream, {}, 192, always(64));
  CHECK(std::count(played[0].begin(), played[0].begin() + 100, 0.0f) == 100);
  CHECK(std::count(played[0].begin() + 100, played[0].begin() + 120, 0.0f) == 0);
  CHECK(stream.schedule({StreamEvent::Kind::input, 0, 0, 0, 0.0}));
}

TEST_CASE("prepared again, a stream is at its start and keeps its parameters") {
  Stream stream = stream_of(default_rack());
  stream.prepare(44100.0, 64);
  CHECK(stream.set(stream.parameter("note.frequency"), 123.0));
  stream.prepare(48000.0, 128);
  CHECK(stream.sample_rate() == 48000.0);
  CHECK(stream.max_block() == 128);
  CHECK(stream.value(stream.parameter("note.frequency")) == 123.0);
  Rack patch = default_rack();
  patch.sample_rate = 48000.0;
  patch.note.frequency = 123.0;
  Tape tape(tape_options(patch));
  const RecordedRack recorded = record(tape, patch);
  tape.play({recorded.audio});
  const std::vector<float> gate(1000, 1.0f);
  CHECK(same_bits(play(stream, {gate}, 1000, always(128))[0], tape.value(recorded.audio).as<float>().data()));
}
