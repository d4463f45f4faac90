// retrograd gradient: what it prints.
#include <doctest/doctest.h>
#include <retrograd/losses/losses.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/tape/tape.hpp>

#include <cmath>
#include <string>
#include <vector>

#include "program.hpp"

TEST_CASE("gradient prints the tape's loss and gradients, exactly, as one JSON object") {
  const Workplace place;
  write_wav(place / "target.wav", struck(310, 0.1, 8000), 1, 8000, WavFormat::f32);
  const std::vector<double> target = read_sound(place / "target.wav").samples;
  REQUIRE(target.size() == 800);
  Rack patch = parse_rack(small_patch, "small");
  for (const std::string loss : {"mse", "mss"}) {
    for (const std::string type : {"f32", "f64"}) {
      CAPTURE(loss);
      CAPTURE(type);
      const Outcome outcome = run(place, {"gradient", "small.toml", "--target", "target.wav", "--loss", loss,
                                          "--dtype", type, "--json"});
      CHECK(outcome.code == 0);
      CHECK(outcome.err.empty());
      const Json json = json_of(outcome.out);

      TapeOptions options = tape_options(patch);
      options.type = type == "f64" ? ElementType::f64 : ElementType::f32;
      Tape tape(options);
      const RecordedRack recorded = record(tape, patch);
      const Var wanted = tape.input("target", Tensor(std::span(target)));
      const Var y = loss == "mse" ? mean_squared_loss(recorded.audio, wanted)
                                  : multi_resolution_stft_loss(recorded.audio, wanted);
      tape.play({y});
      tape.rewind(y);
      CHECK(json.at("loss").get<double>() == tape.value(y).item());
      const auto named = parameters(patch);
      REQUIRE(json.at("gradients").size() == named.size());
      std::size_t p = 0;
      for (const auto& [name, value] : json.at("gradients").items()) {
        CHECK(name == named[p].name);
        CHECK(value.get<double>() == tape.gradient(recorded.parameters[p]).item());
        ++p;
      }
    }
  }
}

TEST_CASE("gradient says what it did to a recording of another rate, width or length") {
  const Workplace place;
  std::vector<double> stereo;
  for (const double sample : struck(300, 0.2, 11025)) stereo.insert(stereo.end(), {sample, 0.0});
  write_wav(place / "stereo.wav", stereo, 2, 11025, WavFormat::f32);
  const Outcome longer = run(place, {"gradient", "small.toml", "--target", "stereo.wav"});
  CHECK(longer.code == 0);
  CHECK(contains(longer.err, "stereo.wav: 2 channels mixed to one\n"));
  CHECK(contains(longer.err, "stereo.wav: resampled from 11025 to 8000 Hz\n"));
  CHECK(contains(longer.err, "samples cut to the patch's 800\n"));
  CHECK(contains(longer.out, "loss "));
  CHECK(contains(longer.out, "fm.operator.1.envelope.release"));

  write_wav(place / "one.wav", std::vector{0.5}, 1, 8000, WavFormat::f32);
  const Outcome shorter = run(place, {"gradient", "small.toml", "--target", "one.wav", "--json"});
  CHECK(shorter.code == 0);
  CHECK(shorter.err == "one.wav: 1 sample followed by silence, to the patch's 800\n");
  CHECK(std::isfinite(json_of(shorter.out).at("loss").get<double>()));
}
