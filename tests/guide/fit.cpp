#include <retrograd/retrograd.hpp>

#include <cstdio>
#include <vector>

namespace rg = retrograd;

int main() {
  std::vector<double> recording;
  for (float sample; std::fread(&sample, sizeof sample, 1, stdin) == 1;) recording.push_back(sample);
  const rg::FitTarget target = rg::prepare_target(recording, 44100.0, 44100.0);  // from Hz, to Hz
  const rg::FitResult result = rg::fit(target, rg::default_rack_to_fit(), {.steps = 50, .restarts = 2});
  std::fprintf(stderr, "loss %g before, %g after\n", result.loss_before, result.loss_after);
  std::fputs(rg::format_rack(result.rack).c_str(), stdout);
}
