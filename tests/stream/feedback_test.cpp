// Loops in streams: the bits of the tape for any blocks, however short the loop.
#include "stream_fixture.hpp"

#include <cmath>

using namespace stream_fixture;

namespace {

// A loop longer than a tile needs, one of parts of sixteen, and one shorter than that, one behind the other.
std::vector<Var> record_loops(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var x = tape.input("x", Tensor(Shape{2, length})), move = tape.input("move", Tensor(Shape{length}));
  const Var gain = tape.parameter("gain", Tensor{0.6, -0.5}.reshaped(Shape{2, 1})),
            time = tape.parameter("time", 0.0071);
  Var y = x * 0.3;
  const auto go_round = [&](std::int64_t least, Var delayed_by, double longest, Interpolation interpolation) {
    const Feedback loop = tape.feedback(x.shape(), least);
    const Var late = delay(loop.value, delayed_by, {.longest = longest, .interpolation = interpolation});
    const Var sum = y + gain * tanh(late);
    tape.close(loop, sum);
    y = sum + late * 0.1;
  };
  go_round(200, time, 0.02, Interpolation::linear);
  go_round(40, 0.0025 + 0.0012 * move, 0.01, Interpolation::cubic);
  go_round(5, tape.constant(5.5 / 44100.0), 0.001, Interpolation::linear);
  go_round(1, (1.0 + 2.0 * move * move) / 44100.0, 0.001, Interpolation::linear);
  return {y, mix(y)};
}

Channels loop_inputs(int length) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  Channels channels(3, std::vector<float>(static_cast<std::size_t>(length)));
  for (int c = 0; c < 2; ++c)
    for (float& x : channels[static_cast<std::size_t>(c)]) x = normal(random);
  for (int n = 0; n < length; ++n)
    channels[2][static_cast<std::size_t>(n)] = std::sin(0.002f * static_cast<float>(n) + 0.3f);
  return channels;
}

}  // namespace

TEST_CASE("a stream's loops have the bits of the tape, for any blocks, and after a reset again") {
  const Channels inputs = loop_inputs(samples);
  const Channels expected =
      offline(record_loops, inputs, {{"x", Shape{2, samples}}, {"move", Shape{samples}}}, samples, 44100.0);
  Stream stream(record_loops);
  stream.prepare(44100.0, 1024);
  const auto check = [&](const BlockSizes& sizes) {
    stream.reset();
    CHECK(first_difference(play(stream, inputs, samples, sizes), expected) == "");
  };
  for (const int size : block_sizes) check(always(size));
  for (unsigned seed = 0; seed < 3; ++seed) check(random_sizes(seed));
  for (const auto& channel : expected)
    CHECK(std::ranges::all_of(channel, [](float y) { return std::abs(y) < 1e4f; }));
}

TEST_CASE(
    "what goes round in a loop glides with its parameters, whatever the blocks, and is gone after a "
    "restart") {
  const Channels inputs = loop_inputs(samples);
  const auto played = [&](const BlockSizes& sizes) {
    Stream stream(record_loops);
    stream.prepare(44100.0, 1024);
    const int time = stream.parameter("time"), gain = stream.parameter("gain");
    int next = 0;
    return play(stream, inputs, samples, sizes, [&](int first, int frames) {
      const int at[] = {401, 1203, 2222};
      for (; next < 3 && at[next] < first + frames; ++next) {
        const int offset = at[next] - first;
        if (next == 1) {
          REQUIRE(stream.schedule({.kind = StreamEvent::Kind::restart, .offset = offset, .row = 1}));
        } else {
          REQUIRE(stream.schedule({.kind = StreamEvent::Kind::glide,
                                   .offset = offset,
                                   .index = next == 0 ? time : gain,
                                   .value = next == 0 ? 0.0113 : 0.2}));
        }
      }
    });
  };
  const Channels expected = played(always(64));
  for (const BlockSizes& sizes : {always(1), always(441), always(1024), random_sizes(5)})
    CHECK(first_difference(played(sizes), expected) == "");
}
