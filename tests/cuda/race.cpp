// A kernel body with all its barriers, and with one missing: run under ThreadSanitizer, which must tell them apart.
//
//     race BARRIER     BARRIER: "none" left out, or the one that is: "write", "sum", "sixteen"
#include <cstdio>
#include <string>

#include "emulated_gpu.hpp"

using namespace retrograd::cuda;

int main(int argc, char** argv) {
  const std::string missing = argc > 1 ? argv[1] : "none";
  EmulatedGpu gpu;
  double sums = 0.0;
  gpu.run("race", 2, threads * sizeof(double), [&](HostBlock& block) {
    double* shared = reinterpret_cast<double*>(block.shared());
    shared[block.thread()] = block.thread();
    if (missing != "write") block.barrier();
    const double other = shared[threads - 1 - block.thread()];
    if (missing != "sum") block.barrier();  // before it is overwritten
    double all = 0.0;
    shared[block.thread()] = block.template add_later_of_16<false>(other, all);
    // Lanes of sixteen have met, and not those of the block.
    if (missing != "sixteen") block.barrier();
    const double sum = block.sum_of_lanes(shared[(block.thread() + 16) % threads]);
    if (block.thread() == 0) sums += sum;
  });
  std::printf("%g\n", sums);
  return sums > 0.0 ? 0 : 1;
}
