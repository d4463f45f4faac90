// Delays in streams: the bits of the tape for any blocks, from any restart, and rings that nothing moves.
#include "stream_fixture.hpp"

#include <cmath>

using namespace stream_fixture;

namespace {

std::vector<Var> record_delays(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var x = tape.input("x", Tensor(Shape{2, length})), move = tape.input("move", Tensor(Shape{length}));
  const Var time = tape.parameter("time", Tensor{0.011, 0.0207}.reshaped(Shape{2, 1}));
  const Var inside = tanh(x * 1.3);
  const Var still = delay(inside, time, {.longest = 0.05});
  const Var moved =
      delay(still + x, 0.02 + 0.015 * move, {.longest = 0.04, .interpolation = Interpolation::cubic});
  const Var direct = delay(x, tape.constant(0.03), {.longest = 2.0});
  return {still, moved * inside, mix(moved) + delay(mix(direct), tape.constant(0.001), {.longest = 0.001})};
}

Channels delay_inputs(int length) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  Channels channels(3, std::vector<float>(static_cast<std::size_t>(length)));
  for (int c = 0; c < 2; ++c)
    for (float& x : channels[static_cast<std::size_t>(c)]) x = normal(random);
  for (int n = 0; n < length; ++n)
    channels[2][static_cast<std::size_t>(n)] = std::sin(0.002f * static_cast<float>(n) + 0.3f);
  return channels;
}

const std::vector<std::pair<std::string, Shape>> input_shapes = {{"x", Shape{2, samples}},
                                                                 {"move", Shape{samples}}};

}  // namespace

TEST_CASE("a stream's delays have the bits of the tape, for any blocks, and after a reset again") {
  const Channels inputs = delay_inputs(samples);
  const Channels expected = offline(record_delays, inputs, input_shapes, samples, 44100.0);
  Stream stream(record_delays);
  stream.prepare(44100.0, 1024);
  const auto check = [&](const BlockSizes& sizes) {
    stream.reset();
    CHECK(first_difference(play(stream, inputs, samples, sizes), expected) == "");
  };
  for (const int size : block_sizes) check(always(size));
  for (unsigned seed = 0; seed < 3; ++seed) check(random_sizes(seed));
  for (const auto& channel : expected)
    CHECK(std::ranges::any_of(channel, [](float y) { return std::abs(y) > 1e-2f; }));
}

TEST_CASE(
    "a restarted voice hears nothing of what it was before, and a voice that slept nothing of its sleep") {
  const auto record_voices = [](Tape& tape) {
    const Var x = tape.input("x", Tensor(Shape{2, *tape.options().length}));
    return std::vector<Var>{delay(x * 2.0, tape.constant(0.004), {.longest = 0.05})};
  };
  const int length = 3000, at = 1009;
  Channels inputs(2, std::vector<float>(static_cast<std::size_t>(length)));
  for (int n = 0; n < length; ++n)
    for (int c = 0; c < 2; ++c)
      inputs[static_cast<std::size_t>(c)][static_cast<std::size_t>(n)] =
          static_cast<float>(n + 1 + 10000 * c);
  for (const bool sleeps : {false, true})
    for (const BlockSizes& sizes : {always(64), always(1), random_sizes(9)}) {
      Stream stream(record_voices);
      stream.prepare(44100.0, 1024);
      bool is_done = false, is_asleep = false;
      const Channels played = play(stream, inputs, length, sizes, [&](int first, int frames) {
        if (sleeps && !is_asleep && first + frames > 500) {
          stream.schedule({.kind = StreamEvent::Kind::sleep, .offset = std::max(0, 500 - first), .row = 1});
          is_asleep = true;
        }
        if (!is_done && first + frames > at) {
          stream.schedule({.kind = StreamEvent::Kind::restart, .offset = at - first, .row = 1});
          is_done = true;
        }
      });
      const int k = 176;  // 176.4 samples
      for (int n = at; n < length; n += 7) {
        INFO("sample " << n);
        CHECK((played[1][static_cast<std::size_t>(n)] == 0.0f) == (n - at < k));
        CHECK(played[0][static_cast<std::size_t>(n)] != 0.0f);
      }
    }
}

TEST_CASE("a delay that glides reads what is between, whatever the blocks") {
  const Channels inputs = delay_inputs(samples);
  const auto played = [&](const BlockSizes& sizes) {
    Stream stream(record_delays);
    stream.prepare(44100.0, 1024);
    const int time = stream.parameter("time");
    int next = 0;
    return play(stream, inputs, samples, sizes, [&](int first, int frames) {
      const int at[] = {401, 1203, 2222};
      for (; next < 3 && at[next] < first + frames; ++next)
        REQUIRE(stream.schedule({.kind = StreamEvent::Kind::glide,
                                 .offset = at[next] - first,
                                 .index = time,
                                 .row = next % 2,
                                 .value = 0.01 * next + 0.0033}));
    });
  };
  const Channels expected = played(always(64));
  CHECK(!same_bits(expected[0], offline(record_delays, inputs, input_shapes, samples, 44100.0)[0].data()));
  for (const BlockSizes& sizes : {always(1), always(441), always(1024), random_sizes(5)})
    CHECK(first_difference(played(sizes), expected) == "");
}

TEST_CASE(
    "a time beyond the longest is refused by a stream, and a stream with gradients refuses delays by name") {
  Stream stream(record_delays);
  stream.prepare(44100.0, 64);
  CHECK(!stream.set(stream.parameter("time"), 0, 0.0501));
  CHECK(stream.set(stream.parameter("time"), 0, 0.05));
  std::string message;
  try {
    const Stream with_gradients(record_delays, {.gradients = true});
  } catch (const TapeError& error) {
    message = error.what();
  }
  CHECK(message.find("'delay' of shape (2, ") != std::string::npos);
  CHECK(message.find("cannot stream: it reads samples from before the block") != std::string::npos);
}
