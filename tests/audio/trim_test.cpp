// Mixing down and finding where a recording starts.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <retrograd/audio/loudness.hpp>
#include <retrograd/audio/trim.hpp>
#include <retrograd/tensor/errors.hpp>

using namespace retrograd;

TEST_CASE("leading silence ends at the first sample within 40 dB of the peak") {
  CHECK(leading_silence(std::vector<double>{0, 0, 0, 0.5, 1, 0}) == 3);
  CHECK(leading_silence(std::vector<double>{0, 0.0099, -0.0101, -1}) == 2);
  CHECK(leading_silence(std::vector<double>{0, 0.0099, 0.0099, 0.98}) == 1);
  CHECK(leading_silence(std::vector<double>{0, 0, 0, -1}) == 3);
  CHECK(leading_silence(std::vector<double>{1}) == 0);
}

TEST_CASE("leading silence does not depend on the recording's level") {
  for (const double level : {1e-310, 1e-200, 1e-3, 1.0, 1e300}) {
    CHECK(leading_silence(std::vector<double>{0, 0.001 * level, 0.02 * level, level}) == 2);
  }
}

TEST_CASE("mixing down takes the mean of the channels") {
  CHECK(mix_to_mono(std::vector<double>{1, 3, -1, 1, 0.5, 0}, 2) == std::vector<double>{2, 0, 0.25});
  CHECK(mix_to_mono(std::vector<double>{1, 2, 3}, 1) == std::vector<double>{1, 2, 3});
  CHECK(mix_to_mono(std::vector<double>{4, 8, 0, 4}, 4) == std::vector<double>{4});
  const double large = std::numeric_limits<double>::max();
  CHECK(mix_to_mono(std::vector<double>{large, large}, 2) == std::vector<double>{large});
}

TEST_CASE("trimming and mixing refuse what is no recording, and say why") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(leading_silence({}), "the recording is empty: it has no samples", DomainError);
  CHECK_THROWS_WITH_AS(leading_silence(std::vector<double>(5, 0.0)), "the recording is silent: its peak is 0",
                       DomainError);
  CHECK_THROWS_WITH_AS(leading_silence(std::vector<double>{0, 1, nan}),
                       "the recording is damaged: sample 2 is NaN", DomainError);
  CHECK_THROWS_WITH_AS(mix_to_mono({}, 2), "the recording is empty: it has no samples", DomainError);
  CHECK_THROWS_WITH_AS(mix_to_mono(std::vector<double>{nan, 1}, 2),
                       "the recording is damaged: sample 0 is NaN", DomainError);
  CHECK_THROWS_WITH_AS(mix_to_mono(std::vector<double>{1, 2}, 0), "a recording has 1 channel or more, not 0",
                       DomainError);
  CHECK_THROWS_WITH_AS(mix_to_mono(std::vector<double>{1, 2, 3}, 2),
                       "3 samples are not a whole number of frames of 2 channels", DomainError);
}

TEST_CASE("loudness is the root mean square around each step, against the loudest") {
  const std::vector<double> x{0, 0, 1, -1, 2, 2, 0, 0, 0};  // steps of 2; the last is shorter
  const auto alone = loudness(x, 2, 0);
  REQUIRE(alone.size() == 5);
  CHECK(alone[0] == -200);
  CHECK(alone[1] == doctest::Approx(-6.0206).epsilon(1e-5));
  CHECK(alone[2] == 0);
  CHECK(alone[4] == -200);
  // With one neighbour on each side the mean squares are 0.5, 10/6, 10/6, 8/5, 0.
  const auto around = loudness(x, 2, 1);
  CHECK(around[0] == doctest::Approx(10 * std::log10(0.5 / (10.0 / 6))).epsilon(1e-9));
  CHECK(around[1] == 0);
  CHECK(around[3] == doctest::Approx(10 * std::log10((8.0 / 5) / (10.0 / 6))).epsilon(1e-9));
  CHECK(around[4] == -200);
}
