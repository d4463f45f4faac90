// Nodes that hand rows on, in streams: slice, stack, concat, reshape and broadcast_to have the bits of the tape.
#include "stream_fixture.hpp"

using namespace stream_fixture;

namespace {

constexpr int voices = 4;

// Two of the four voices go left and two right, with a filter for each side; one is heard alone as well. Pitches come from
// numbers that are put together, and what is stacked is mixed again.
std::vector<Var> record_rows(Tape& tape) {
  const std::int64_t length = *tape.options().length;
  const Var gates = tape.input("gates", Tensor(Shape{2, length})),
            more = tape.input("more", Tensor(Shape{2, length}));
  const Var low = tape.parameter("low", Tensor{110.0, 220.0}.reshaped(Shape{2, 1})),
            high = tape.parameter("high", 330.0);
  const Var pitch = concat({low, stack({high, high * 1.5}, 0)}, 0);
  const Var envelope = adsr(concat({gates, more}, 0), {tape.parameter("attack", 0.003), tape.constant(0.02),
                                                       tape.constant(0.4), tape.constant(0.01)});
  const Var voice =
      causal(OnePole{}, sinusoid(pitch, std::nullopt, length) * envelope, tape.parameter("cutoff", 0.3));
  const Var left = mix(slice(voice, 0, 0, 2)), right = mix(slice(voice, 0, 2, 4) * mix(high * 0.001));
  const Var sides = causal(OnePole{}, stack({left, right}, 0),
                           tape.parameter("tone", Tensor{0.1, 0.4}.reshaped(Shape{2, 1})));
  const Var wide = stack({voice, voice * 0.5}, 0);
  return {sides, mix(wide, 1), reshape(slice(voice, 0, 3, 4), {length}) * left,
          broadcast_to(left, {3, length}) * sum(pitch * 0.001)};
}

Channels rows_inputs(int length) {
  Channels channels;
  for (int voice = 0; voice < voices; ++voice)
    channels.push_back(gate_signal(length, {37 * voice, 700 + 111 * voice, 1501 + voice, 2900 + 16 * voice}));
  return channels;
}

}  // namespace

TEST_CASE("rows that are taken apart, put together and repeated have the bits of the tape, for any blocks") {
  const Channels inputs = rows_inputs(samples);
  const Channels expected = offline(
      record_rows, inputs, {{"gates", Shape{2, samples}}, {"more", Shape{2, samples}}}, samples, 44100.0);
  Stream stream(record_rows);
  stream.prepare(44100.0, 1024);
  REQUIRE(stream.output_channels() == 2 + 2 + 1 + 3);
  const auto check = [&](const BlockSizes& sizes) {
    stream.reset();
    CHECK(first_difference(play(stream, inputs, samples, sizes), expected) == "");
  };
  for (const int size : block_sizes) check(always(size));
  for (unsigned seed = 0; seed < 3; ++seed) check(random_sizes(seed));
  for (const auto& channel : expected)
    CHECK(std::ranges::any_of(channel, [](float y) { return std::abs(y) > 1e-3f; }));
}

TEST_CASE("a parameter that is put together with others glides in all that hear it, whatever the blocks") {
  const Channels inputs = rows_inputs(samples);
  const auto played = [&](const BlockSizes& sizes) {
    Stream stream(record_rows);
    stream.prepare(44100.0, 1024);
    const int low = stream.parameter("low"), high = stream.parameter("high");
    int next = 0;
    return play(stream, inputs, samples, sizes, [&](int first, int frames) {
      const int at[] = {501, 1003, 2222};
      for (; next < 3 && at[next] < first + frames; ++next)
        REQUIRE(stream.schedule({.kind = next == 1 ? StreamEvent::Kind::jump : StreamEvent::Kind::glide,
                                 .offset = at[next] - first,
                                 .index = next == 2 ? high : low,
                                 .row = next == 2 ? 0 : 1,
                                 .value = 300.0 + 50.0 * next}));
    });
  };
  const Channels expected = played(always(64));
  const Channels still = offline(
      record_rows, inputs, {{"gates", Shape{2, samples}}, {"more", Shape{2, samples}}}, samples, 44100.0);
  CHECK(!same_bits(expected[0], still[0].data()));
  CHECK(!same_bits(expected[1], still[1].data()));
  for (const BlockSizes& sizes : {always(1), always(441), always(1024), random_sizes(5)})
    CHECK(first_difference(played(sizes), expected) == "");
}

TEST_CASE("gradients of rows that are handed on are the tape's") {
  constexpr int block = 1000;
  const Channels inputs = rows_inputs(block);
  Channels seeds;
  for (unsigned channel = 0; channel < 8; ++channel) seeds.push_back(seed_signal(block, 40 + channel));
  Tape tape({.sample_rate = 44100.0, .length = block});
  const std::vector<Var> outputs = record_rows(tape);
  std::size_t channel = 0;
  std::vector<Var> losses;
  for (const Var output : outputs) {
    std::vector<float> all;
    for (std::int64_t row = 0; row < output.shape().rows(); ++row, ++channel)
      all.insert(all.end(), seeds[channel].begin(), seeds[channel].end());
    losses.push_back(sum(output * tape.constant(Tensor(std::span<const float>(all), output.shape()))));
  }
  const Var loss = losses[0] + losses[1] + losses[2] + losses[3];
  for (const char* name : {"gates", "more"}) {
    const std::size_t first = name[0] == 'g' ? 0 : 2;
    std::vector<float> gates = inputs[first];
    gates.insert(gates.end(), inputs[first + 1].begin(), inputs[first + 1].end());
    tape.set(tape.find(name), Tensor(std::span<const float>(gates), Shape{2, block}));
  }
  tape.play({loss});
  tape.rewind(loss);

  Stream stream(record_rows, {.gradients = true});
  stream.prepare(44100.0, block);
  std::vector<const float*> in, of_seeds;
  for (const auto& of_input : inputs) in.push_back(of_input.data());
  for (const auto& seed : seeds) of_seeds.push_back(seed.data());
  Channels out(8, std::vector<float>(block));
  std::vector<float*> outs;
  for (auto& of_output : out) outs.push_back(of_output.data());
  REQUIRE(stream.process(in.data(), outs.data(), block) == StreamStatus::ok);
  REQUIRE(stream.rewind(of_seeds.data()) == StreamStatus::ok);
  int p = 0;
  for (const Var parameter : tape.parameters()) {
    for (std::int64_t row = 0; row < parameter.shape().rows(); ++row) {
      CAPTURE(tape.name(parameter));
      CHECK(stream.gradient(p, static_cast<int>(row)) != 0.0);
      CHECK(stream.gradient(p, static_cast<int>(row)) ==
            doctest::Approx(tape.gradient(parameter).at(row)).epsilon(2e-4));
    }
    ++p;
  }
}

TEST_CASE("what rearranges time does not stream, and says so") {
  const auto message = [](const Stream::Builder& builder) -> std::string {
    try {
      Stream stream(builder);
    } catch (const TapeError& error) {
      return error.what();
    }
    return "";
  };
  const auto with = [&](const std::function<Var(Var, std::int64_t)>& rearrange) {
    return message([&](Tape& tape) -> std::vector<Var> {
      const std::int64_t length = *tape.options().length;
      const Var x = tape.input("x", Tensor(Shape{2, length}));
      return {rearrange(x, length) * x};
    });
  };
  const auto refused = [](const std::string& said, const std::string& node) {
    return said.find("'" + node + "'") != std::string::npos && said.find("whole node") != std::string::npos;
  };
  CHECK(refused(with([](Var x, std::int64_t length) {
                  return concat({slice(x, 1, 1, length), slice(x, 1, 0, 1)}, 1);
                }),
                "slice"));
  // As many rows as samples, at the length that a stream begins with.
  CHECK(refused(with([](Var x, std::int64_t length) {
                  std::vector<Var> rows(static_cast<std::size_t>(length),
                                        reshape(slice(x, 0, 0, 1), {length}));
                  return slice(stack(rows, 1), 0, 0, 2);
                }),
                "stack"));
  CHECK(with([](Var x, std::int64_t) { return slice(x, 0, 1, 2); }) == "");
}
