#include <retrograd/retrograd.hpp>

#include <cstdio>

namespace rg = retrograd;

int main(int arguments, char** argument) {
  rg::Stream stream = rg::stream_of(arguments > 1 ? rg::load_rack(argument[1]) : rg::default_rack());
  stream.prepare(48000.0, 256);  // Hz, frames in the longest block
  const int gain = stream.parameter("fm.operator.0.gain");
  float block[256];
  float* outputs[] = {block};
  for (int call = 0; call < 375; ++call) {  // two seconds of an audio callback's calls
    if (call == 0) stream.schedule({.kind = rg::StreamEvent::Kind::input, .value = 1.0});    // the gate rises
    if (call == 200) stream.schedule({.kind = rg::StreamEvent::Kind::input, .value = 0.0});  // and falls
    if (call == 100) stream.set(gain, 0.5);  // glides there; any thread may do this
    stream.process(nullptr, outputs, 256);
    std::fwrite(block, sizeof(float), 256, stdout);
  }
}
