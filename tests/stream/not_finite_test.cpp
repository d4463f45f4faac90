// A row that becomes NaN or infinite is silent and starts again, and nobody else notices.
#include "stream_fixture.hpp"

#include <retrograd/instrument/instrument.hpp>

#include <limits>

using namespace stream_fixture;

namespace {

constexpr int rows = 3, length = 600, block = 37;  // no multiple of the 16 samples that a row works on
using Bad = std::vector<int>;

// Three rows with a filter each, which remembers what it was given, and one filter that all of them hear.
std::vector<Var> record_filters(Tape& tape) {
  const std::int64_t samples = *tape.options().length;
  const Var x = tape.input("x", Tensor(Shape{rows, samples})),
            shared = tape.input("shared", Tensor(Shape{samples}));
  const Var cutoff = tape.parameter("cutoff", Tensor{0.2, 0.3, 0.4}.reshaped(Shape{rows, 1}));
  const Var own = causal(OnePole{}, 1.0 / x, cutoff),
            common = causal(OnePole{}, 1.0 / shared, tape.constant(0.1));
  return {own + common, own * 2.0, common};
}

Channels inputs() {
  Channels channels;
  for (int c = 0; c < rows + 1; ++c) {
    channels.push_back(seed_signal(length, static_cast<unsigned>(c)));
    for (float& sample : channels.back()) sample += 2.0f;
  }
  return channels;
}

struct Played {
  Channels outputs;
  std::vector<StreamStatus> statuses;
  std::vector<Bad> bad;
};

// `before(stream, block's number)` is called before each block.
Played play_on(const Channels& in, const std::function<void(Stream&, int)>& before = {},
               bool gradients = false) {
  Stream stream(record_filters, {.gradients = gradients});
  stream.prepare(44100.0, 64);
  Played played{Channels(7, std::vector<float>(length, -7.0f)), {}, {}};
  for (int at = 0, number = 0; at < length; at += block, ++number) {
    const float* ins[rows + 1];
    float* outs[7];
    for (int c = 0; c <= rows; ++c) ins[c] = in[static_cast<std::size_t>(c)].data() + at;
    for (int c = 0; c < 7; ++c) outs[c] = played.outputs[static_cast<std::size_t>(c)].data() + at;
    if (before) before(stream, number);
    played.statuses.push_back(stream.process(ins, outs, std::min(block, length - at)));
    CHECK(stream.status() == played.statuses.back());
    CHECK(stream.position() == std::min(at + block, length));
    played.bad.emplace_back(stream.bad_channels().begin(), stream.bad_channels().end());
    if (gradients) stream.rewind(nullptr);
  }
  return played;
}

bool is_silent(const Channels& channels, int channel, int number) {
  const auto from = channels[static_cast<std::size_t>(channel)].begin() + number * block;
  return std::all_of(from, from + block, [](float y) { return y == 0.0f; });
}

// Everything outside block `number` is the same, and of the channels that were not bad what is in it.
void check_same_but(const Played& played, const Channels& wanted, int number, const Bad& bad) {
  for (int c = 0; c < 7; ++c) {
    const bool is_bad = std::ranges::find(bad, c) != bad.end();
    CAPTURE(c);
    int differences = 0;
    for (int n = 0; n < length; ++n) {
      if (is_bad && n / block == number) continue;
      const auto at = [&](const Channels& of) {
        return of[static_cast<std::size_t>(c)][static_cast<std::size_t>(n)];
      };
      differences += at(played.outputs) == at(wanted) ? 0 : 1;
    }
    CHECK(differences == 0);
    CHECK(is_silent(played.outputs, c, number) == is_bad);
  }
}

const auto restart = [](int row, int number) {
  return [row, number](Stream& stream, int now) {
    if (now == number) CHECK(stream.schedule({StreamEvent::Kind::restart, 0, 0, row, 0.0}));
  };
};

}  // namespace

TEST_CASE("a row that becomes infinite is silent and starts again; the others keep their bits") {
  for (const bool gradients : {false, true}) {
    Channels in = inputs();
    const Played wanted = play_on(in, restart(1, 6), gradients);
    in[1][5 * block + 20] = 0.0f;  // of row 1, in block 5: 1/0
    const Played played = play_on(in, {}, gradients);
    const Bad bad{1, 4};  // the row's two channels
    for (int number = 0; number < std::ssize(played.statuses); ++number) {
      CHECK(played.statuses[static_cast<std::size_t>(number)] ==
            (number == 5 ? StreamStatus::not_finite : StreamStatus::ok));
      CHECK(played.bad[static_cast<std::size_t>(number)] == (number == 5 ? bad : Bad{}));
    }
    check_same_but(played, wanted.outputs, 5, bad);
  }
}

TEST_CASE("what several rows hear and what goes wrong starts again too, though it is of fewer rows") {
  Channels in = inputs();
  const Played wanted = play_on(in, restart(-1, 6));
  in[rows][5 * block] = 0.0f;
  const Played played = play_on(in);
  const Bad all{0, 1, 2, 3, 4, 5, 6};
  CHECK(played.statuses[5] == StreamStatus::not_finite);
  CHECK(played.statuses[6] == StreamStatus::ok);
  CHECK(played.bad[5] == all);
  check_same_but(played, wanted.outputs, 5, all);
}

TEST_CASE("events, held inputs and the parameters of a row that starts again are what they were") {
  Stream stream([](Tape& tape) -> std::vector<Var> {
    const Var x = tape.input("x", Tensor(Shape{2, *tape.options().length}));
    return {tape.parameter("gain", Tensor{1.0, 1.0}.reshaped(Shape{2, 1})) / x};
  });
  stream.prepare(44100.0, 64);
  std::vector<float> first(64), second(64);
  float* out[] = {first.data(), second.data()};
  using Kind = StreamEvent::Kind;
  CHECK(stream.schedule({Kind::input, 0, 0, 0, 4.0}));
  CHECK(stream.schedule({Kind::input, 0, 1, 0, 0.0}));
  CHECK(stream.schedule({Kind::input, 80, 1, 0, 2.0}));
  CHECK(stream.schedule({Kind::jump, 64, 0, 1, 3.0}));
  CHECK(stream.process(nullptr, out, 64) == StreamStatus::not_finite);
  CHECK(std::vector<int>(stream.bad_channels().begin(), stream.bad_channels().end()) == Bad{1});
  CHECK(first[63] == 0.25f);
  CHECK(second[0] == 0.0f);
  CHECK(stream.process(nullptr, out, 64) == StreamStatus::not_finite);
  CHECK(stream.process(nullptr, out, 64) == StreamStatus::ok);
  CHECK(first[63] == 0.25f);
  CHECK(second[63] == 1.5f);
  stream.reset();
  CHECK(stream.bad_channels().empty());
}

TEST_CASE("a way back says where a gradient is not finite, and is none after a block that was not") {
  Stream stream(
      [](Tape& tape) -> std::vector<Var> {
        const Var x = tape.input("x", Tensor(Shape{*tape.options().length}));
        return {sqrt(tape.parameter("p", 4.0)) * x / tape.parameter("q", 1.0)};
      },
      {.glide = 0.0, .gradients = true});
  stream.prepare(44100.0, 64);
  const int p = stream.parameter("p"), q = stream.parameter("q");
  std::vector<float> x(64, 1.0f), y(64);
  const float *in[] = {x.data()}, *seeds[] = {x.data()};
  float* out[] = {y.data()};
  CHECK(stream.process(in, out, 64) == StreamStatus::ok);
  CHECK(stream.rewind(seeds) == StreamStatus::ok);
  CHECK(stream.gradient(p) == doctest::Approx(16.0));
  CHECK(stream.set(p, 0.0));
  CHECK(stream.process(in, out, 64) == StreamStatus::ok);
  CHECK(stream.process(in, out, 64) == StreamStatus::ok);
  CHECK(stream.rewind(seeds) == StreamStatus::not_finite);
  CHECK(stream.gradient(p) == std::numeric_limits<double>::infinity());
  CHECK(stream.status() == StreamStatus::ok);
  CHECK(stream.set(p, 4.0));
  CHECK(stream.set(q, 0.0));
  stream.process(in, out, 64);
  CHECK(stream.process(in, out, 64) == StreamStatus::not_finite);
  CHECK(stream.rewind(seeds) == StreamStatus::not_finite);
  CHECK(stream.set(q, 1.0));
  CHECK(stream.process(in, out, 64) == StreamStatus::ok);
  CHECK(stream.rewind(seeds) == StreamStatus::ok);
  CHECK(stream.gradient(p) == doctest::Approx(16.0));
}

TEST_CASE("a voice that is not finite ends alone, and is free for the next note") {
  // A ratio so large that the highest key's frequency times it is infinite, and no other's.
  const Rack patch = default_rack();
  const auto play = [&](bool has_bad_note) {
    Instrument instrument(patch, {.voices = 3, .glide = 0.0, .tuning = 440.0});
    instrument.prepare(44100.0, 256);
    CHECK(instrument.set(instrument.parameter("fm.operator.1.ratio"), 1e290));
    std::vector<float> all;
    for (int number = 0; number < 20; ++number) {
      if (number == 0) CHECK(instrument.note_on(60, 0.5));
      if (number == 1) CHECK(instrument.note_on(67, 0.5));
      if (number == 5 && has_bad_note) CHECK(instrument.note_on(1000, 0.5, 100));
      if (number == 9) CHECK(instrument.note_on(72, 0.5));
      std::vector<float> sound(256);
      const StreamStatus status = instrument.process(sound.data(), 256);
      CHECK((status == StreamStatus::ok ||
             (status == StreamStatus::not_finite && has_bad_note && number == 5)));
      CHECK(instrument.sounding() == (number == 0 ? 1 : number < 9 ? 2 : 3));
      all.insert(all.end(), sound.begin(), sound.end());
    }
    return all;
  };
  CHECK(play(true) == play(false));
}

TEST_CASE("a stream's output of another length is named, and the input is not blamed") {
  const auto message = [](const Stream::Builder& builder) -> std::string {
    try {
      Stream stream(builder);
    } catch (const TapeError& error) {
      return error.what();
    }
    return "";
  };
  const std::string sliced = message([](Tape& tape) -> std::vector<Var> {
    return {slice(tape.input("x", Tensor(Shape{*tape.options().length})), -1, 0, 8)};
  });
  CHECK(sliced.find("output 0, of 'slice', has 8 samples") != std::string::npos);
  CHECK(sliced.find("'x'") == std::string::npos);
  const std::string whole = message([](Tape& tape) -> std::vector<Var> {
    const Var x = tape.input("x", Tensor(Shape{*tape.options().length}));
    return {x, x * broadcast_to(slice(x, -1, 0, 1), x.shape())};
  });
  CHECK(whole.find("'slice'") != std::string::npos);
  CHECK(whole.find("whole node") != std::string::npos);
  const std::string wrong_input =
      message([](Tape& tape) -> std::vector<Var> { return {tape.input("x", Tensor(Shape{7})) * 2.0}; });
  CHECK(wrong_input.find("output 0, of 'multiply', has 7 samples") != std::string::npos);
  const std::string input_alone =
      message([](Tape& tape) -> std::vector<Var> { return {tape.input("x", Tensor(Shape{7}))}; });
  CHECK(input_alone.find("input 'x' of shape (7)") != std::string::npos);
}
