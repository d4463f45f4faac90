// Outputs and gradients have the same bits for any execution tile, any number of threads, any SIMD level with
// fused multiply-add, and any rerun.
#include <doctest/doctest.h>

#include "bits.hpp"
#include "graphs.hpp"

#include <retrograd/math/simd.hpp>
#include <retrograd/nodes/all.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

using namespace graphs;
using math::SimdLevel;

namespace {

std::vector<Bits> bits_of_all(Tape& tape, const Recorded& recorded) {
  std::vector<Bits> all;
  for (std::size_t i = 0; i < recorded.values.size(); ++i)
    all.push_back(bits_of("output " + std::to_string(i), tape.value(recorded.values[i])));
  for (const Var parameter : tape.parameters())
    all.push_back(bits_of("gradient of " + tape.name(parameter), tape.gradient(parameter)));
  return all;
}

std::vector<Bits> run(const Case& c, ElementType type, int tile, int threads, int plays = 1) {
  ThreadPool pool(threads);
  Tape tape({.type = type, .sample_rate = rate, .length = c.length, .tile = tile, .executor = &pool});
  const Recorded recorded = c.record(tape);
  for (int i = 0; i < plays; ++i) {
    tape.play(recorded.values);
    tape.rewind(recorded.loss);
  }
  return bits_of_all(tape, recorded);
}

struct AtLevel {
  explicit AtLevel(SimdLevel level) : before(math::simd_level()) { math::set_simd_level(level); }
  ~AtLevel() { math::set_simd_level(before); }
  AtLevel(const AtLevel&) = delete;
  AtLevel& operator=(const AtLevel&) = delete;
  SimdLevel before;
};

constexpr ElementType types[] = {ElementType::f32, ElementType::f64};

std::string label(const Case& c, ElementType type) { return c.name + " in " + name(type); }

}  // namespace

TEST_CASE("the bits do not depend on the execution tile or on the number of threads") {
  for (const Case& c : cases())
    for (const ElementType type : types) {
      const std::vector<Bits> expected = run(c, type, 512, 1);
      for (const int tile : {128, 256, 512, 1024, 0})
        for (const int threads : {1, 2, 3}) {
          if (threads == 2 && tile != 0 && tile != 512) continue;
          INFO(label(c, type) << ", tile " << tile << ", " << threads << " threads");
          CHECK(first_difference(run(c, type, tile, threads), expected) == "");
        }
    }
}

TEST_CASE("rows fewer than threads are split over time, and only where there are threads to spare") {
  const auto splits = [](int threads, std::int64_t length, auto record) {
    ThreadPool pool(threads);
    Tape tape({.sample_rate = rate, .length = length, .executor = &pool});
    const Recorded recorded = record(tape);
    return tape.describe_plan(recorded.values).find("chunks of time") != std::string::npos;
  };
  const auto splits_backwards = [](int threads, std::int64_t length, auto record) {
    ThreadPool pool(threads);
    Tape tape({.sample_rate = rate, .length = length, .executor = &pool});
    const Recorded recorded = record(tape);
    tape.play(recorded.values);
    tape.rewind(recorded.loss);
    return tape.describe_plan(recorded.values).find("groups of time") != std::string::npos;
  };
  CHECK(splits_backwards(2, 9001, record_steady_row));
  CHECK(!splits_backwards(1, 9001, record_steady_row));
  CHECK(!splits_backwards(2, 8192, record_steady_row));
  CHECK(!splits_backwards(2, 9001, record_one_row));  // its oscillators add up over later time
  CHECK(splits(3, 9001, record_one_row));
  CHECK(splits(2, 9001, record_one_row));
  CHECK(!splits(1, 9001, record_one_row));
  CHECK(!splits(3, 1024, record_one_row));  // nothing to share
  CHECK(!splits(3, 9001, [](Tape& tape) { return record_voices(tape, FmNumbers::two_operators()); }));
  // A chain of recurrences without a shortcut is computed to move its states: nothing is gained.
  CHECK(!splits(3, 9001, [](Tape& tape) {
    const Var x = tape.parameter("x", wave(Shape{9001}, 0.5, 9.0));
    const Var y = cumulative_sum(cumulative_sum(cumulative_sum(x) * 0.01) * 0.01);
    return Recorded{{y}, y};
  }));
}

TEST_CASE("the bits do not depend on the SIMD level, as long as it has fused multiply-add") {
  if (math::best_simd_level() != SimdLevel::v4) {
    MESSAGE("this machine has fewer than two levels with fused multiply-add: nothing to compare");
    return;
  }
  for (const Case& c : cases())
    for (const ElementType type : types) {
      std::vector<Bits> v3, v4;
      {
        const AtLevel level(SimdLevel::v3);
        v3 = run(c, type, 512, 1);
      }
      {
        const AtLevel level(SimdLevel::v4);
        v4 = run(c, type, 512, 1);
        INFO(label(c, type) << ", tile 128");
        CHECK(first_difference(run(c, type, 128, 3), v3) == "");
      }
      INFO(label(c, type));
      CHECK(first_difference(v4, v3) == "");
    }
}

TEST_CASE("playing again and recording again give the same bits") {
  for (const Case& c : cases())
    for (const ElementType type : types) {
      const std::vector<Bits> expected = run(c, type, 0, 2);
      INFO(label(c, type));
      CHECK(first_difference(run(c, type, 0, 2), expected) == "");
      CHECK(first_difference(run(c, type, 0, 2, 3), expected) == "");
    }
}

TEST_CASE("what else is played with it does not change a value") {
  for (const Case& c : cases())
    for (const ElementType type : types) {
      const std::vector<Bits> expected = run(c, type, 0, 1);
      Tape tape({.type = type, .sample_rate = rate, .length = c.length});
      const Recorded recorded = c.record(tape);
      tape.play({recorded.loss});  // nothing else is stored now
      tape.rewind(recorded.loss);
      CHECK(bits_of("loss", tape.value(recorded.loss)).bytes ==
            expected[static_cast<std::size_t>(
                         std::find_if(recorded.values.begin(), recorded.values.end(),
                                      [&](Var v) { return v.id() == recorded.loss.id(); }) -
                         recorded.values.begin())]
                .bytes);
      std::size_t i = recorded.values.size();
      for (const Var parameter : tape.parameters()) {
        INFO(label(c, type) << ", " << tape.name(parameter));
        CHECK(bits_of(expected[i].name, tape.gradient(parameter)) == expected[i]);
        ++i;
      }
    }
}

TEST_CASE("without fused multiply-add the sound stays within 1e-6 of full scale") {
  for (const Case& c : cases()) {
    if (c.name == "all functions") continue;
    for (const ElementType type : types) {
      const auto play = [&](SimdLevel at) {
        const AtLevel level(at);
        Tape tape({.type = type, .sample_rate = rate, .length = c.length});
        const Var audio = c.record(tape).values[0];
        tape.play({audio});
        return Tensor(tape.value(audio));
      };
      const Tensor best = play(math::best_simd_level()), plain = play(SimdLevel::plain);
      double squares = 0.0, errors = 0.0;
      for (std::int64_t i = 0; i < best.shape().elements(); ++i) {
        const double difference = best.view().at(i) - plain.view().at(i);
        squares += best.view().at(i) * best.view().at(i);
        errors += difference * difference;
      }
      INFO(label(c, type));
      CHECK(std::sqrt(errors / squares) <= (type == ElementType::f32 ? 1e-6 : 1e-14));
      CHECK(squares > 0.0);
    }
  }
}
