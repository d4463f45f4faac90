// Shapers and followers in streams: the bits of the tape for any blocks.
#include "stream_fixture.hpp"

using namespace stream_fixture;

namespace {

std::vector<Var> record_level(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var x = tape.input("x", Tensor(Shape{2, length}));
  const Var drive = tape.parameter("drive", Tensor{1.5, 7.0}.reshaped(Shape{2, 1}));
  const Var bent = tanh_shaper(x * drive) + cubic_shaper(x) + clip_shaper(x * 2.0);
  const Var folded = fold_shaper(x * drive) * arctangent_shaper(x * 3.0);
  const Var level =
      envelope_follower(x, tape.parameter("attack", 0.002), tape.constant(0.05), Detection::rms);
  return {bent, folded * level, crushed(x, tape.constant(6.0), tape.parameter("rate", 9001.0)),
          mix(bent) * level};
}

const std::vector<std::pair<std::string, Shape>> input_shapes = {{"x", Shape{2, samples}}};

}  // namespace

TEST_CASE(
    "a stream's shapers and followers have the bits of the tape, for any blocks, and after a reset again") {
  const Channels inputs{seed_signal(samples, 1), seed_signal(samples, 2)};
  const Channels expected = offline(record_level, inputs, input_shapes, samples, 44100.0);
  Stream stream(record_level);
  stream.prepare(44100.0, 1024);
  const auto check = [&](const BlockSizes& sizes) {
    stream.reset();
    CHECK(first_difference(play(stream, inputs, samples, sizes), expected) == "");
  };
  for (const int size : block_sizes) check(always(size));
  for (unsigned seed = 0; seed < 3; ++seed) check(random_sizes(seed));
}
