// The table as nvcc's device pass reads it: its values are the initial contents of a variable, which traits_test.cpp finds in the PTX.
#include "traits.hpp"

namespace retrograd::cuda::traits {

struct Values {
  long long of[Table::room];
};

constexpr Values values() {
  Values values{};
  const Table all = table();
  for (int i = 0; i < all.count; ++i) values.of[i] = all.traits[i].value;
  return values;
}

constexpr Values read = values();

}  // namespace retrograd::cuda::traits

extern "C" __device__ retrograd::cuda::traits::Values retrograd_traits = retrograd::cuda::traits::read;
