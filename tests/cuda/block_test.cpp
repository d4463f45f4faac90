// The primitives of a block: those the other tests of this folder run on, and those of the device, whose shuffles are
// made of meetings here.
#include "shuffles_on_host.hpp"

#include <retrograd/backends/cuda/device_block.cuh>
#include <retrograd/math/running_sum.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "emulated_block.hpp"

namespace retrograd::cuda {
namespace {

struct Emulated {
  template <class Body>
  static void run(Lanes& lanes, const Body& body) {
    std::vector<std::byte> shared(4096, std::byte{0xFF});
    BlockMemory memory;
    memory.shared = shared.data();
    memory.blocks = 1;
    lanes.run([&](int lane) {
      HostBlock block(lanes, memory, lane);
      body(block);
    });
  }
};

struct OfTheDevice {
  template <class Body>
  static void run(Lanes& lanes, const Body& body) {
    host_launch = {.lanes = &lanes};
    std::fill_n(reinterpret_cast<std::byte*>(of_the_launch), sizeof(of_the_launch), std::byte{0xFF});
    lanes.run([&](int) {
      DeviceBlock block;
      body(block);
    });
  }
};

std::unique_ptr<Lanes> make_lanes() {
  std::unique_ptr<Lanes> lanes = Lanes::fibers(7);
  return lanes ? std::move(lanes) : Lanes::threads();
}

/// NaN payloads are not compared.
template <class Real>
bool same_bits(Real a, Real b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

template <class Real>
std::vector<Real> random_values(std::mt19937_64& random, std::size_t count, bool special) {
  std::normal_distribution<double> normal;
  std::vector<Real> values(count);
  for (Real& x : values) {
    x = static_cast<Real>(normal(random) * std::exp(5.0 * normal(random)));
    const Real others[] = {Real(-0.0), Real(0.0), std::numeric_limits<Real>::infinity(),
                           -std::numeric_limits<Real>::infinity(), std::numeric_limits<Real>::quiet_NaN()};
    if (special && random() % 2 == 0) x = others[random() % (random() % 8 == 0 ? 5 : 2)];
  }
  return values;
}

/// The sum's definition in ordered_sum.hpp, word for word.
template <class Real>
Real naive_sum(std::vector<Real> lanes) {
  for (std::size_t step : {16u, 8u, 4u, 2u, 1u}) {
    const std::vector<Real> before = lanes;
    for (std::size_t w = 0; w < lanes.size(); ++w) lanes[w] = before[w] + before[w ^ step];
  }
  return ((lanes[0] + lanes[32]) + lanes[64]) + lanes[96];
}

template <class Real>
std::vector<Real> naive_later_sums(std::vector<Real> lanes, bool exclusive, std::vector<Real>& all) {
  const auto later = [](const std::vector<Real>& x, std::size_t w, std::size_t step) {
    return w % 16 + step < 16 ? x[w + step] : Real(0.0);
  };
  for (std::size_t step : {1u, 2u, 4u, 8u}) {
    const std::vector<Real> before = lanes;
    for (std::size_t w = 0; w < lanes.size(); ++w) lanes[w] = before[w] + later(before, w, step);
  }
  all = lanes;
  for (std::size_t w = 0; w < lanes.size(); ++w) all[w] = lanes[w / 16 * 16];
  const std::vector<Real> inclusive = lanes;
  for (std::size_t w = 0; exclusive && w < lanes.size(); ++w) lanes[w] = later(inclusive, w, 1);
  return lanes;
}

template <class Kind, class Real>
void check_sums(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto lanes = make_lanes();
  for (int round = 0; round < 40; ++round) {
    const std::vector<Real> x = random_values<Real>(random, threads, round % 2 == 1);
    std::vector<Real> sums(threads), later(threads), all(threads), after(threads), all_after(threads);
    Kind::run(*lanes, [&](auto& block) {
      const auto w = static_cast<std::size_t>(block.thread());
      sums[w] = block.sum_of_lanes(x[w]);
      later[w] = block.template add_later_of_16<false>(x[w], all[w]);
      after[w] = block.template add_later_of_16<true>(x[w], all_after[w]);
    });
    std::vector<Real> expected_all;
    const std::vector<Real> expected = naive_later_sums(x, false, expected_all);
    const std::vector<Real> expected_after = naive_later_sums(x, true, expected_all);
    const Real sum = naive_sum(x);
    CHECK(same_bits(sum, math::combine_lanes(x.data())));
    for (std::size_t w = 0; w < threads; ++w) {
      CAPTURE(w);
      CHECK(same_bits(sums[w], sum));
      CHECK(same_bits(later[w], expected[w]));
      CHECK(same_bits(after[w], expected_after[w]));
      CHECK(same_bits(all[w], expected_all[w]));
      CHECK(same_bits(all_after[w], expected_all[w]));
    }
  }
}

TEST_CASE_TEMPLATE("sums over lanes have the order that is defined", Kind, Emulated, OfTheDevice) {
  check_sums<Kind, float>(1);
  check_sums<Kind, double>(2);
}

TEST_CASE_TEMPLATE("the least of all, and the sum of the earlier", Kind, Emulated, OfTheDevice) {
  std::mt19937_64 random(3);
  const auto lanes = make_lanes();
  for (int round = 0; round < 40; ++round) {
    std::vector<std::uint64_t> x(threads), earlier(threads), all(threads);
    std::vector<int> y(threads), least(threads);
    for (std::uint64_t& value : x) value = round % 2 == 0 ? random() : random() % 3;
    for (int& value : y) value = static_cast<int>(random() % 2000) - 1000;
    Kind::run(*lanes, [&](auto& block) {
      const auto w = static_cast<std::size_t>(block.thread());
      least[w] = block.least(y[w]);
      earlier[w] = block.add_earlier(x[w], all[w]);
      least[w] = std::max(least[w], block.least(y[w]));
    });
    std::uint64_t sum = 0;
    for (std::size_t w = 0; w < threads; ++w) {
      CHECK(earlier[w] == sum);
      sum += x[w];
    }
    for (std::size_t w = 0; w < threads; ++w) {
      CHECK(all[w] == sum);
      CHECK(least[w] == *std::min_element(y.begin(), y.end()));
    }
  }
}

TEST_CASE_TEMPLATE("calls may follow one another at once", Kind, Emulated, OfTheDevice) {
  // Each lane of each call has another value: one that is overwritten too soon shows.
  const auto lanes = make_lanes();
  std::vector<int> wrong(threads);
  Kind::run(*lanes, [&](auto& block) {
    const int w = block.thread();
    for (int call = 0; call < 50; ++call) {
      std::uint64_t all = 0;
      double later = 0.0;
      const bool right =
          block.sum_of_lanes(static_cast<double>(call)) == 128.0 * call && block.least(w + call) == call &&
          block.add_earlier(static_cast<std::uint64_t>(call), all) ==
              static_cast<std::uint64_t>(call) * static_cast<std::uint64_t>(w) &&
          block.sum_of_lanes(static_cast<float>(w == call)) == 1.0f &&
          block.template add_later_of_16<false>(1.0 * call, later) == (16 - w % 16) * 1.0 * call &&
          all == 128 * static_cast<std::uint64_t>(call) && later == 16.0 * call;
      if (!right) ++wrong[static_cast<std::size_t>(w)];
    }
  });
  CHECK(wrong == std::vector<int>(threads, 0));
}

TEST_CASE_TEMPLATE("a sum over any count has the bits of the CPU's", Kind, Emulated, OfTheDevice) {
  std::mt19937_64 random(4);
  const auto lanes = make_lanes();
  for (const std::size_t count :
       {0u, 1u, 2u, 127u, 128u, 129u, 130u, 511u, 512u, 513u, 514u, 1024u, 70000u, 300000u}) {
    for (const bool special : {false, true}) {
      if (special && count > 1024) continue;
      CAPTURE(count);
      const std::vector<double> x = random_values<double>(random, count, special);
      std::vector<double> copy = x, work(count / 512 + 1, std::nan("")), sums(threads);
      Kind::run(*lanes, [&](auto& block) {
        sums[static_cast<std::size_t>(block.thread())] =
            ordered_sum(block, static_cast<std::int64_t>(count), work.data(),
                        [&](std::int64_t i) { return x[static_cast<std::size_t>(i)]; });
      });
      const double expected = math::ordered_sum(copy.data(), static_cast<std::int64_t>(count));
      for (const double sum : sums) CHECK(same_bits(sum, expected));
    }
  }
}

TEST_CASE("lanes run in an order drawn by lot: a missing barrier is seen in the results") {
  if (!Lanes::fibers(0)) return;  // ThreadSanitizer sees it then
  const auto reversed = [](std::uint64_t seed, bool with_barrier) {
    const auto lanes = Lanes::fibers(seed);
    int right = 0;
    Emulated::run(*lanes, [&](auto& block) {
      int* shared = reinterpret_cast<int*>(block.shared());
      shared[block.thread()] = block.thread();
      if (with_barrier) block.barrier();
      right += shared[127 - block.thread()] == 127 - block.thread();
    });
    return right;
  };
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    CHECK(reversed(seed, true) == 128);
    CHECK(reversed(seed, false) < 128);
  }
}

TEST_CASE("lanes that do not meet are told, and hang nothing") {
  for (const bool as_threads : {false, true}) {
    const auto lanes = as_threads ? Lanes::threads() : make_lanes();
    CAPTURE(lanes->kind());
    const auto failure = [&](auto body) {
      try {
        Emulated::run(*lanes, body);
      } catch (const LanesError& error) {
        return std::string(error.what());
      }
      return std::string("none");
    };
    const std::string left = failure([](HostBlock& block) {
      if (block.thread() != 5) block.barrier();
    });
    CHECK(left.find("lanes of one block meet for different things") != std::string::npos);
    CHECK(left.find("the kernel's end") != std::string::npos);
    const std::string different = failure([](HostBlock& block) {
      if (block.thread() < 64)
        block.barrier();
      else
        block.least(1);
    });
    CHECK(different.find("least") != std::string::npos);
    const std::string stuck = failure([](HostBlock& block) {
      float all = 0.0f;
      if (block.thread() % 2 == 0) block.template add_later_of_16<false>(1.0f, all);
      block.barrier();
    });
    CHECK(stuck.find("no lane can go on") != std::string::npos);
    CHECK_THROWS_WITH_AS(Emulated::run(*lanes,
                                       [](HostBlock& block) {
                                         block.barrier();
                                         if (block.thread() == 77) throw std::domain_error("lane 77");
                                         block.barrier();
                                       }),
                         "lane 77", std::domain_error);
    CHECK(failure([](HostBlock& block) { block.barrier(); }) == "none");
  }
}

}  // namespace
}  // namespace retrograd::cuda
