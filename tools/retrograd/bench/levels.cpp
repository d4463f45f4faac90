// The same program at each SIMD level this processor has.
#include <retrograd/math/simd.hpp>

#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

// Runs `measure` at `level`.
template <class Measure>
double at_level(math::SimdLevel level, const Measure& measure) {
  struct Restored {
    math::SimdLevel level = math::simd_level();
    ~Restored() { math::set_simd_level(level); }
  } const before;
  math::set_simd_level(level);
  return measure();
}

}  // namespace

void add_level_rows(Rows& rows) {
  using math::SimdLevel;
  for (const SimdLevel level : {SimdLevel::plain, SimdLevel::v3, SimdLevel::v4}) {
    if (!math::has_simd_level(level)) continue;
    const auto add = [&](const char* what, void (Synth::*run)()) {
      rows.push_back(
          {"SIMD level " + std::string(math::name(level)) + ", fm 2 operators, 16 rows x 1 s, " + what,
           "ns per operator and sample", no_goal, [=] {
             return at_level(level, [&] {
               Synth synth({});
               return nanoseconds([&] { (synth.*run)(); }) / synth.shape.operator_samples();
             });
           }});
    };
    add("forward", &Synth::forward);
    add("forward + backward", &Synth::forward_and_backward);
  }
}

}  // namespace retrograd::tool
