// retrograd patch: the files to begin with.
#include <doctest/doctest.h>
#include <retrograd/racks/rack_file.hpp>

#include "program.hpp"

TEST_CASE("patch writes the built-in patches, which render as they are") {
  const Workplace place;
  const Outcome printed = run(place, {"patch"});
  CHECK(printed.code == 0);
  CHECK(printed.err.empty());
  CHECK(parse_rack(printed.out, "the output") == default_rack());
  const Outcome to_fit = run(place, {"patch", "--fit", "-o", "fit.toml"});
  CHECK(to_fit.code == 0);
  CHECK(to_fit.out.empty());
  CHECK(contains(to_fit.err, "fit.toml: 7 modules, 1 s at 44100 Hz"));
  CHECK(load_rack((place / "fit.toml").string()) == default_rack_to_fit());
  CHECK(run(place, {"render", "fit.toml", "-o", "a.wav"}).code == 0);
  CHECK(parse_rack(run(place, {"patch", "--sample-rate", "48000"}).out, "it").sample_rate == 48000);
  const Json json = json_of(run(place, {"patch", "--json"}).out);
  CHECK(json.at("sample_rate") == 44100);
  CHECK(json.at("parameters").at("note.frequency") == 300);
}

TEST_CASE("patch replaces nothing unless it is told to") {
  const Workplace place;
  const Outcome refused = run(place, {"patch", "-o", "small.toml"});
  CHECK(refused.code == 3);
  CHECK(refused.err == "retrograd: cannot write 'small.toml': it is there already; --force replaces it\n");
  CHECK(content(place / "small.toml") == small_patch);
  CHECK(run(place, {"patch", "-o", "small.toml", "--force"}).code == 0);
  CHECK(load_rack((place / "small.toml").string()) == default_rack());
}
