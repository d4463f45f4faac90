// Patches on a tape.
#include <doctest/doctest.h>
#include <retrograd/racks/record.hpp>

#include <algorithm>

using namespace retrograd;

TEST_CASE("a patch's parameters are on the tape under their paths, in order, and come back") {
  Rack patch = default_rack();
  Tape tape(tape_options(patch));
  const RecordedRack recorded = record(tape, patch);
  const std::vector<RackParameter> expected = parameters(patch);
  REQUIRE(recorded.parameters.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(tape.name(recorded.parameters[i]) == expected[i].name);
    CHECK(tape.value(recorded.parameters[i]).item() == expected[i].value);
  }
  tape.set(tape.find("fm.operator.1.gain"), Tensor(0.25));
  Rack read = patch;
  read_parameters(tape, recorded, 0, read);
  CHECK(read.fm.operators[1].gain == 0.25);
  read.fm.operators[1].gain = patch.fm.operators[1].gain;
  CHECK(read == patch);
}

TEST_CASE("rows of a patch sound like the patch, each with its own values") {
  const Rack patch = default_rack();
  Tape one(tape_options(patch)), many(tape_options(patch));
  const RecordedRack single = record(one, patch), rows = record(many, patch, 3);
  Tensor pitch(Shape{3, 1});
  pitch.as<double>()[0] = pitch.as<double>()[2] = 300.0;
  pitch.as<double>()[1] = 200.0;
  many.set(rows.parameters[0], pitch);
  one.play({single.audio});
  many.play({rows.audio});
  const auto expected = one.value(single.audio).as<float>();
  CHECK(std::ranges::equal(many.value(rows.audio).row<float>(0), expected));
  CHECK(std::ranges::equal(many.value(rows.audio).row<float>(2), expected));
  CHECK_FALSE(std::ranges::equal(many.value(rows.audio).row<float>(1), expected));
}

TEST_CASE("a patch that is not valid is refused before anything is recorded") {
  Rack patch = default_rack();
  patch.fm.operators[0].envelope.sustain = 1.5;
  Tape tape(tape_options(default_rack()));
  CHECK_THROWS_AS(record(tape, patch), DomainError);
  CHECK(tape.parameters().empty());
}
