// retrograd fit: what it writes and prints.
#include <doctest/doctest.h>
#include <retrograd/racks/rack_file.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "program.hpp"

TEST_CASE("fit lowers the loss, writes the patch and its sound, and prints the parameters") {
  const Workplace place;
  const Outcome outcome = run(place, quick_fit);
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.err, "bell.wav: 0."));
  CHECK(contains(outcome.err, "loss "));
  CHECK(contains(outcome.err, "after 12 steps"));
  CHECK(!contains(outcome.err, "\r"));  // no progress line where nobody watches
  CHECK(contains(outcome.out, "parameter"));
  CHECK(contains(outcome.out, "note.frequency"));
  CHECK(contains(outcome.out, "wrote fitted.toml\nwrote fitted.wav\n"));
  CHECK(place.files() == 4);

  CHECK(load_rack((place / "fitted.toml").string()).modules.size() == 2);
  CHECK(run(place, {"render", "fitted.toml", "-o", "again.wav"}).code == 0);
  CHECK(content(place / "fitted.wav") == content(place / "again.wav"));
}

TEST_CASE("fit --json tells losses, parameters, what was found in the recording, and the files") {
  const Workplace place;
  const Outcome outcome = run(place, with(quick_fit, {"-o", "a.toml", "--render", "a.wav", "--json"}));
  CHECK(outcome.code == 0);
  const Json json = json_of(outcome.out);
  CHECK(json.at("loss_after").get<double>() < json.at("loss_before").get<double>());
  CHECK(json.at("steps") == 12);
  CHECK(json.at("interrupted") == false);
  CHECK(json.at("frequency").get<double>() == doctest::Approx(400).epsilon(0.005));
  CHECK(json.at("gate").size() == 2);
  CHECK(json.at("files") == Json{"a.toml", "a.wav"});
  Rack written = load_rack((place / "a.toml").string());
  for (const RackParameter& parameter : parameters(written))
    CHECK(json.at("parameters").at(parameter.name).get<double>() == parameter.value);
}

TEST_CASE("fit takes the pitch and the gate it is given") {
  const Workplace place;
  const Json json =
      json_of(run(place, with(quick_fit, {"--frequency", "200.5", "--gate", "0.01,0.1", "--json"})).out);
  CHECK(json.at("frequency") == 200.5);
  CHECK(json.at("gate") == Json{0.01, 0.1});
  const Rack written = load_rack((place / "fitted.toml").string());
  CHECK(written.note.gate == std::vector<GatePair>{{0.01, 0.1}});
  CHECK(written.note.frequency == doctest::Approx(200.5).epsilon(0.005));
}

TEST_CASE("a fit has the same bytes for a seed, whatever the threads") {
  const Workplace place;
  const auto fitted = [&](const Arguments& more) {
    CHECK(run(place, with(quick_fit, with(more, {"--force"}))).code == 0);
    return content(place / "fitted.toml") + content(place / "fitted.wav");
  };
  const std::string one = fitted({"--seed", "5", "--threads", "1"});
  CHECK(fitted({"--seed", "5", "--threads", "2"}) == one);
  CHECK(fitted({"--seed", "5", "--threads", "3"}) == one);
  CHECK(fitted({"--seed", "6", "--threads", "1"}) != one);
}

TEST_CASE("fit tells how sure it is of the pitch, and warns where it is not") {
  const Workplace place;
  const Outcome sure = run(place, quick_fit);
  CHECK(contains(sure.err, " Hz (confidence "));
  CHECK(!contains(sure.err, "warning"));

  std::vector<double> noise(4000);
  std::uint32_t state = 1;  // the generator of Numerical Recipes
  for (double& sample : noise) {
    state = 1664525u * state + 1013904223u;
    sample = state / 4294967296.0 - 0.5;
  }
  write_wav(place / "noise.wav", noise, 1, 8000, WavFormat::f32);
  const Arguments fit{"fit", "noise.wav",  "--patch", "small.toml", "--steps",
                      "1",   "--restarts", "1",       "--force"};
  const Outcome unsure = run(place, fit);
  CHECK(unsure.code == 0);
  CHECK(contains(unsure.err, "noise.wav: warning: the pitch is uncertain (confidence 0 of 1)"));
  CHECK(contains(unsure.err, "--frequency"));
  const Outcome given = run(place, with(fit, {"--frequency", "300"}));
  CHECK(contains(given.err, "300 Hz (given)"));
  CHECK(!contains(given.err, "confidence"));
  CHECK(!contains(given.err, "warning"));
}

TEST_CASE("fit replaces nothing that is there, unless it is told to or goes on from it") {
  const Workplace place;
  REQUIRE(run(place, with(quick_fit, {"--resume", "state.json"})).code == 0);
  const std::string before = content(place / "fitted.toml");
  const Outcome refused = run(place, with(quick_fit, {"--seed", "1"}));
  CHECK(refused.code == 3);
  CHECK(refused.err == "retrograd: cannot write 'fitted.toml': it is there already; --force replaces it\n");
  CHECK(content(place / "fitted.toml") == before);
  CHECK(run(place, with(quick_fit, {"--resume", "state.json"})).code == 0);
  CHECK(run(place, with(quick_fit, {"--seed", "1", "--force"})).code == 0);
  CHECK(content(place / "fitted.toml") != before);
  const Outcome input = run(place, {"fit", "bell.wav", "--patch", "small.toml", "--render", "small.toml"});
  CHECK(input.code == 2);
  CHECK(contains(input.err, "--render: 'small.toml' would replace what --patch reads"));
  CHECK(content(place / "small.toml") == small_patch);
}

TEST_CASE("a fit of no steps writes the patch that it begins with, tuned to the recording") {
  const Workplace place;
  const Outcome outcome =
      run(place, {"fit", "bell.wav", "--patch", "small.toml", "--steps", "0", "--restarts", "1", "--json"});
  CHECK(outcome.code == 0);
  const Json json = json_of(outcome.out);
  CHECK(json.at("steps") == 0);
  CHECK(json.at("loss_after") == json.at("loss_before"));
  CHECK(load_rack((place / "fitted.toml").string()).modules[1].values[0] == 2.0);
}

TEST_CASE("fit takes a learning rate and a sample rate") {
  const Workplace place;
  const auto loss_at = [&](const std::string& rate) {
    return json_of(run(place, with(quick_fit, {"--learning-rate", rate, "--force", "--json"})).out)
        .at("loss_after")
        .get<double>();
  };
  const double usual = loss_at("0.15");
  CHECK(loss_at("1e-9") > usual);
  CHECK(run(place, with(quick_fit, {"--sample-rate", "4000", "--force"})).code == 0);
  CHECK(load_rack((place / "fitted.toml").string()).sample_rate == 4000);
  CHECK(read_sound(place / "fitted.wav").sample_rate == 4000);
}
