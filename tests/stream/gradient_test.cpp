// Live gradients: those of the last block, with the states it began with as constants.
#include "stream_fixture.hpp"

#include <retrograd/racks/rack_stream.hpp>
#include <retrograd/racks/record.hpp>

#include <cmath>

using namespace stream_fixture;

TEST_CASE("over a first block a live gradient has the bits of the tape's") {
  for (const int length : {1, 100, 1024, 3000}) {
    Rack patch = default_rack_to_fit();
    patch.note.gate = {{0.0, 0.03}};
    patch.duration = length / patch.sample_rate;
    Tape tape(tape_options(patch));
    std::vector<float> gate(static_cast<std::size_t>(length), 0.0f);
    for (int n = 0; n < std::min(length, 1323); ++n) gate[static_cast<std::size_t>(n)] = 1.0f;
    const std::vector<float> seed = seed_signal(length, 2);
    Stream stream = stream_of(patch, 1, {.gradients = true});
    stream.prepare(patch.sample_rate, 3000);
    play(stream, {gate}, length, always(length));
    const float* seeds[] = {seed.data()};
    REQUIRE(stream.rewind(seeds) == StreamStatus::ok);
    if (length == 1) continue;  // on a tape one sample is a constant
    const Var held = tape.input("gate", Tensor(std::span<const float>(gate)));
    const RecordedRack recorded = record(tape, patch, {.gate = held});
    tape.play({recorded.audio});
    tape.rewind(recorded.audio, Tensor(std::span<const float>(seed)));
    for (const Var parameter : recorded.parameters) {
      INFO(tape.name(parameter) << " of " << length << " samples");
      CHECK(stream.gradient(stream.parameter(tape.name(parameter))) == tape.gradient(parameter).item());
    }
  }
}

TEST_CASE("a live gradient is the slope of the last block, the states before it constant") {
  // The loss of a block that begins anywhere, by central differences over streams that differ in a parameter
  // from that block on.
  const int before = 2011;
  for (const int frames : {37, 640, 1500}) {
    const Channels inputs = everything_inputs(before + frames);
    const std::vector<float> seed = seed_signal(frames, 3);
    const auto block = [&](Stream& stream, const std::function<void()>& change) {
      stream.prepare(44100.0, 2048);
      Channels head = inputs, tail;
      play(stream, head, before, always(before));
      change();
      for (const auto& channel : inputs) tail.emplace_back(channel.begin() + before, channel.end());
      double sum = 0.0;
      const Channels played = play(stream, tail, frames, always(frames));
      for (const auto& channel : played)
        for (std::size_t n = 0; n < channel.size(); ++n)
          sum += static_cast<double>(channel[n]) * static_cast<double>(seed[n]);
      return sum;
    };
    const StreamOptions options{.glide = 0.0, .gradients = true};
    Stream stream(record_everything, options);
    block(stream, [] {});
    const std::vector<const float*> seeds(7, seed.data());
    REQUIRE(stream.rewind(seeds.data()) == StreamStatus::ok);
    // The less a parameter matters, the larger its step: rounding in f32 is in the difference too.
    const std::pair<std::string, double> steps[] = {{"pitch", 1e-3},
                                                    {"rate", 3e-2},
                                                    {"cutoff", 1e-3},
                                                    {"fm.operator.0.gain", 1e-2},
                                                    {"fm.operator.1.ratio", 1e-3}};
    for (const auto& [name, part] : steps) {
      const int parameter = stream.parameter(name);
      const int row = stream.rows(parameter) - 1;
      const double value = stream.value(parameter, row), step = part * value;
      const auto moved = [&](double change) {
        Stream other(record_everything, options);
        return block(other, [&] { CHECK(other.set(parameter, row, value + change)); });
      };
      const double numeric = (moved(step) - moved(-step)) / (2.0 * step);
      INFO(name << " over " << frames << " frames");
      CHECK(stream.gradient(parameter, row) == doctest::Approx(numeric).epsilon(2e-2).scale(5e-2));
    }
  }
}

TEST_CASE("an envelope's live gradient is that of the times it keeps") {
  // In the middle of a decay: the level S + (1 - S) * exp(-(k - A)/D) of a block, by its formula.
  const double a = 0.01 * 44100.0, d = 0.02 * 44100.0, s = 0.5;
  Stream stream(
      [](Tape& tape) -> std::vector<Var> {
        const Var gate = tape.input("gate", Tensor(Shape{*tape.options().length}));
        return {adsr(gate, {tape.parameter("attack", 0.01), tape.parameter("decay", 0.02),
                            tape.parameter("sustain", 0.5), tape.parameter("release", 0.03)})};
      },
      {.gradients = true});
  stream.prepare(44100.0, 512);
  const std::vector<float> gate(2000, 1.0f), ones(512, 1.0f);
  play(stream, {gate}, 700, always(100));
  play(stream, {gate}, 300, always(300));
  const float* seeds[] = {ones.data()};
  REQUIRE(stream.rewind(seeds) == StreamStatus::ok);
  double of_attack = 0.0, of_decay = 0.0, of_sustain = 0.0;
  for (int k = 701; k <= 1000; ++k) {
    const double q = std::exp(-(k - a) / d);
    of_attack += (1.0 - s) * q / d;
    of_decay += (1.0 - s) * q * (k - a) / (d * d);
    of_sustain += 1.0 - q;
  }
  CHECK(stream.gradient(stream.parameter("attack")) == doctest::Approx(44100.0 * of_attack).epsilon(1e-4));
  CHECK(stream.gradient(stream.parameter("decay")) == doctest::Approx(44100.0 * of_decay).epsilon(1e-4));
  CHECK(stream.gradient(stream.parameter("sustain")) == doctest::Approx(of_sustain).epsilon(1e-4));
  CHECK(stream.gradient(stream.parameter("release")) == 0.0);
}

TEST_CASE("a way back leaves no trace in what is heard") {
  const Channels inputs = everything_inputs(samples);
  const auto played = [&](bool rewinds) {
    Stream stream(record_everything, {.gradients = true});
    stream.prepare(44100.0, 2048);
    const std::vector<float> ones(2048, 1.0f);
    const std::vector<const float*> seeds(7, ones.data());
    bool has_played = false;
    return play(stream, inputs, samples, always(1501), [&](int first, int) {
      if (rewinds && has_played) CHECK(stream.rewind(seeds.data()) == StreamStatus::ok);
      has_played = true;
      CHECK(stream.set(stream.parameter("pitch"), 300.0 + first));
    });
  };
  CHECK(played(true) == played(false));
}

TEST_CASE("a value that is two outputs gets the seeds of both") {
  Stream stream(
      [](Tape& tape) -> std::vector<Var> {
        const Var y = tape.input("x", Tensor(Shape{*tape.options().length})) * tape.parameter("gain", 0.25);
        return {y, y};
      },
      {.gradients = true});
  stream.prepare(44100.0, 64);
  const std::vector<float> ones(64, 1.0f), twos(64, 2.0f);
  play(stream, {ones}, 64, always(64));
  const float* both[] = {ones.data(), twos.data()};
  CHECK(stream.rewind(both) == StreamStatus::ok);
  CHECK(stream.gradient(0) == 3.0 * 64);
  const float* first[] = {ones.data(), nullptr};
  CHECK(stream.rewind(first) == StreamStatus::ok);
  CHECK(stream.gradient(0) == 64.0);
}
