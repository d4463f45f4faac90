#include <retrograd/retrograd.hpp>

#include <cstdio>

namespace rg = retrograd;

int main(int arguments, char** argument) {
  const rg::Rack patch = arguments > 1 ? rg::load_rack(argument[1]) : rg::default_rack();
  rg::Tape tape(rg::tape_options(patch));
  const rg::Var audio = rg::record(tape, patch).audio;
  tape.play({audio});
  const auto samples = tape.value(audio).as<float>();
  std::fwrite(samples.data(), sizeof(float), samples.size(), stdout);
}
