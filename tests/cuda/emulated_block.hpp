// The block of block.hpp on the host. Its primitives are plain loops over the 128 values, and ask no more of the
// lanes than the device's do: one meeting each, of the sixteen lanes alone where the device has none of the block.
#pragma once

#include <retrograd/backends/cuda/block.hpp>
#include <retrograd/math/running_sum.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include "lanes.hpp"

namespace retrograd::cuda {

/// What the lanes of one block have in common.
struct BlockMemory {
  /// What they hand one another.
  struct Exchange {
    std::array<std::array<std::byte, 8>, threads> values, results;
    std::array<std::byte, 8> all;
  };
  std::byte* shared = nullptr;
  int index = 0, blocks = 0;
  // Two take turns, so that nobody writes while another still reads: who writes the same one again has met everybody
  // since.
  std::array<Exchange, 2> of_all{};
  std::array<std::array<Exchange, 2>, threads / math::block> of_sixteen{};
};

/// One lane of it.
class HostBlock {
 public:
  HostBlock(Lanes& lanes, BlockMemory& memory, int thread)
      : lanes_(lanes), memory_(memory), thread_(thread) {}

  int thread() const { return thread_; }
  int index() const { return memory_.index; }
  int blocks() const { return memory_.blocks; }
  std::byte* shared() const { return memory_.shared; }
  void barrier() {
    lanes_.meet(thread_, threads, Operation::barrier, [] {});
  }

  template <class Real>
  Real sum_of_lanes(Real x) {
    return with_all<Real>(Operation::sum_of_lanes, x,
                          [](const Real* values, Real*) { return math::combine_lanes(values); })
        .all;
  }
  int least(int x) {
    return with_all<int>(Operation::least, x,
                         [](const int* values, int*) { return *std::min_element(values, values + threads); })
        .all;
  }
  std::uint64_t add_earlier(std::uint64_t x, std::uint64_t& all) {
    using Wide = std::uint64_t;
    const auto found = with_all<Wide>(Operation::add_earlier, x, [](const Wide* values, Wide* sums) {
      Wide sum = 0;
      for (int lane = 0; lane < threads; ++lane) sums[lane] = sum, sum += values[lane];
      return sum;
    });
    all = found.all;
    return found.own;
  }

  template <bool Exclusive, class Real>
  Real add_later_of_16(Real x, Real& all) {
    BlockMemory::Exchange& exchange =
        memory_.of_sixteen[static_cast<std::size_t>(thread_ / 16)][turn_of_sixteen_];
    turn_of_sixteen_ = 1 - turn_of_sixteen_;
    put(exchange.values[static_cast<std::size_t>(thread_ % 16)], x);
    lanes_.meet(thread_, math::block, Operation::add_later_of_16, [&] {
      alignas(64) Real values[math::block];
      for (std::size_t lane = 0; lane < math::block; ++lane) values[lane] = get<Real>(exchange.values[lane]);
      put(exchange.all, math::add_later_lanes<Exclusive>(values, values));
      for (std::size_t lane = 0; lane < math::block; ++lane) put(exchange.results[lane], values[lane]);
    });
    all = get<Real>(exchange.all);
    return get<Real>(exchange.results[static_cast<std::size_t>(thread_ % 16)]);
  }

 private:
  template <class X>
  static void put(std::array<std::byte, 8>& place, X x) {
    static_assert(sizeof(X) <= sizeof(place));
    std::memcpy(place.data(), &x, sizeof(x));
  }
  template <class X>
  static X get(const std::array<std::byte, 8>& place) {
    X x;
    std::memcpy(&x, place.data(), sizeof(x));
    return x;
  }

  template <class X>
  struct Found {
    X own, all;
  };
  /// `combine(values, results)` sees every lane's value, gives each a result and returns the one for all.
  template <class X, class Combine>
  Found<X> with_all(Operation operation, X x, const Combine& combine) {
    BlockMemory::Exchange& exchange = memory_.of_all[turn_];
    turn_ = 1 - turn_;
    put(exchange.values[static_cast<std::size_t>(thread_)], x);
    lanes_.meet(thread_, threads, operation, [&] {
      X values[threads], results[threads] = {};
      for (std::size_t lane = 0; lane < threads; ++lane) values[lane] = get<X>(exchange.values[lane]);
      put(exchange.all, combine(values, results));
      for (std::size_t lane = 0; lane < threads; ++lane) put(exchange.results[lane], results[lane]);
    });
    return {get<X>(exchange.results[static_cast<std::size_t>(thread_)]), get<X>(exchange.all)};
  }

  Lanes& lanes_;
  BlockMemory& memory_;
  const int thread_;
  std::size_t turn_ = 0, turn_of_sixteen_ = 0;
};

}  // namespace retrograd::cuda
