// What this machine can do, so that the other rows can be read as a share of it.
#include <retrograd/math/functions.hpp>
#include <retrograd/math/simd.hpp>
#include <retrograd/spectrum/fft.hpp>

#include <cstring>

#include "rows.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

using math::real_t;
using spectrum::AlignedArray;

struct Sine {
  template <class T>
  RETROGRAD_INLINE static void run(const real_t<T>* __restrict x, real_t<T>* __restrict y, int count) {
    for (int i = 0; i < count; ++i) y[i] = real_t<T>(math::sin_turns(T(x[i])));
  }
};

struct Exponential {
  template <class T>
  RETROGRAD_INLINE static void run(const real_t<T>* __restrict x, real_t<T>* __restrict y, int count) {
    for (int i = 0; i < count; ++i) y[i] = real_t<T>(math::decay_exp2(T(x[i])));
  }
};

// In the first-level cache, at the SIMD level in use.
template <class Loop>
double nanoseconds_per_value() {
  constexpr int count = 2048;
  AlignedArray<float> x(count), y(count);
  for (std::size_t i = 0; i < count; ++i) x[i] = -0.5f * static_cast<float>(i) / count;
  const auto loop = math::Kernel<Loop, float>::at(math::simd_level());
  return nanoseconds([&] { loop(x.data(), y.data(), count); }) / count;
}

// Between arrays that no cache holds; bytes read and bytes written both count.
double copied_gigabytes_per_second() {
  constexpr std::size_t floats = std::size_t{32} << 20;
  AlignedArray<float> from(floats), to(floats);
  const double time = nanoseconds([&] { std::memcpy(to.data(), from.data(), floats * sizeof(float)); });
  return 2.0 * floats * sizeof(float) / time;
}

}  // namespace

void add_machine_rows(Rows& rows) {
  rows.push_back(
      {"machine: copying, 1 thread", "GB/s read and written", no_goal, copied_gigabytes_per_second});
  rows.push_back({"machine: sine of a phase in turns", "ns per value", no_goal, nanoseconds_per_value<Sine>});
  rows.push_back(
      {"machine: exponential of a decay", "ns per value", no_goal, nanoseconds_per_value<Exponential>});
}

}  // namespace retrograd::tool
