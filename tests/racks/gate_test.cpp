// Gates from pairs of times.
#include <doctest/doctest.h>
#include <retrograd/nodes/adsr.hpp>
#include <retrograd/racks/gate.hpp>
#include <retrograd/tensor/errors.hpp>

#include <string>
#include <vector>

using namespace retrograd;

namespace {

/// The gate on a tape of ten samples a second, as a picture: "..##..".
std::string picture(const std::vector<GatePair>& pairs, std::int64_t length = 10) {
  const Tape tape({.sample_rate = 10.0, .length = length});
  const Tensor signal = gate(pairs, tape);
  std::string text;
  for (std::int64_t n = 0; n < length; ++n) text += signal.view().at(n) == 1.0 ? '#' : '.';
  return text;
}

}  // namespace

TEST_CASE("a gate is high from the sample nearest on to the one nearest off") {
  CHECK(picture({{0.0, 0.3}}) == "###.......");
  CHECK(picture({{0.16, 0.34}, {0.5, 0.7}}) == "..#..##...");
  CHECK(picture({{0.2, 0.3}, {0.4, 5.0}}) == "..#.######");
  CHECK(picture({{0.2, 3.0}, {4.0, 5.0}}) == "..########");
  CHECK(picture({{1.0, 2.0}}) == "..........");
  CHECK(picture({}) == "..........");
}

TEST_CASE("a pair that begins where the one before ends begins at its sample, a low one before it") {
  CHECK(picture({{0.0, 0.3}, {0.3, 0.5}}) == "##.##.....");
  CHECK(picture({{0.0, 0.31}, {0.33, 0.5}}) == "##.##.....");  // they round to one sample
  CHECK(picture({{0.0, 0.3}, {0.3, 0.6}, {0.6, 0.9}}) == "##.##.###.");
}

TEST_CASE("no edge is lost where pairs or what lies between are shorter than a sample") {
  CHECK(picture({{0.31, 0.32}}) == "...#......");
  CHECK(picture({{0.91, 0.92}}) == ".........#");
  CHECK(picture({{0.3, 0.4}, {0.4, 0.6}}) == "...#.#....");  // the later one begins later
  CHECK(picture({{0.3, 0.31}, {0.32, 0.33}, {0.34, 0.35}}) == "...#.#.#..");
  CHECK(picture({{0.8, 0.81}, {0.82, 0.83}, {0.84, 0.85}}) == "........#.");  // what is beyond is not played
}

TEST_CASE("touching pairs are two attacks of an envelope") {
  Tape tape({.sample_rate = 1000.0, .length = 500});
  const Var held = tape.input("gate", gate({{0.0, 0.3}, {0.3, 0.5}}, tape));
  const Var envelope =
      adsr(held, {tape.constant(0.002), tape.constant(0.05), tape.constant(0.2), tape.constant(0.005)});
  tape.play({envelope});
  const TensorView level = tape.value(envelope);
  CHECK(level.at(298) == doctest::Approx(0.2).epsilon(0.02));
  CHECK(level.at(301) == doctest::Approx(1.0));
}

TEST_CASE("pairs that run backwards or overlap are refused") {
  CHECK_THROWS_WITH_AS(picture({{0.5, 0.3}}), doctest::Contains("times must ascend"), DomainError);
  CHECK_THROWS_WITH_AS(picture({{0.1, 0.3}, {0.2, 0.4}}), doctest::Contains("must not overlap"), DomainError);
}
