// Prints the SIMD level of the machine that builds, for Meson's -Dsimd=native.
#include <retrograd/math/processor.hpp>

#include <cstdio>

int main() {
  constexpr const char* levels[] = {"plain", "v3", "v4"};
  std::puts(levels[static_cast<int>(retrograd::math::processor_simd_level())]);
}
