// A host: renders the FM patch, plays a loss backwards, and checks what came out. Prints the bits of the sound and of the gradients as one
// number, which must be the same for every host, whatever its flags and however it was linked.
#include <retrograd/retrograd.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace rg = retrograd;

// A node of the host's own, which runs in the library's loops.
struct Fold : rg::OwnPointwise<Fold, 1> {
  static constexpr const char* name = "fold";
  template <class T>
  T forward(T x) const {
    return rg::math::sin(x);
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T, T x) const {
    return {gy * rg::math::cos(x)};
  }
};

static void check(bool is_true, const char* promise) {
  if (is_true) return;
  std::fprintf(stderr, "failed: %s\n", promise);
  std::exit(1);
}

template <class T>
static std::uint64_t hash(std::uint64_t seed, const T* values, std::size_t count) {
  unsigned char bytes[sizeof(T)];
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(bytes, values + i, sizeof(T));
    for (const unsigned char byte : bytes) seed = (seed ^ byte) * 1099511628211u;  // FNV-1a
  }
  return seed;
}

int main() {
  const rg::Rack patch = rg::default_rack();
  rg::Tape tape(rg::tape_options(patch));
  const rg::RecordedRack synth = rg::record(tape, patch);
  std::vector<float> recording(static_cast<std::size_t>(rg::length_in_samples(patch)));
  for (std::size_t n = 0; n < recording.size(); ++n) recording[n] = n % 147 < 73 ? 0.25f : -0.25f;
  const rg::Var target = tape.input("target", rg::Tensor(std::span<const float>(recording)));
  const rg::Var loss = rg::mean_squared_loss(synth.audio, target);
  const rg::Var folded = rg::mean_over_time(rg::pointwise(Fold{}, synth.audio));

  tape.play({synth.audio, loss});
  tape.rewind(loss);
  const std::span<const float> audio = tape.value(synth.audio).as<float>();
  std::uint64_t bits = hash(14695981039346656037u, audio.data(), audio.size());
  std::vector<double> gradients;
  for (const rg::Var parameter : synth.parameters) gradients.push_back(tape.gradient(parameter).item());
  bits = hash(bits, gradients.data(), gradients.size());

  float peak = 0.0f;
  for (const float sample : audio) peak = std::max(peak, std::abs(sample));
  check(peak > 0.9f && peak < 1.1f, "the patch is heard");

  // A small step against the gradient takes the loss down by the step times the slope.
  const rg::Var gain = tape.find("fm.operator.0.gain");
  const double value = tape.value(gain).item(), before = tape.value(loss).item();
  const double slope = tape.gradient(gain).item(), step = 1e-3;
  tape.set(gain, value - step * slope);
  tape.play({loss});
  const double expected = step * slope * slope;
  check(std::abs(before - tape.value(loss).item() - expected) < 0.1 * expected,
        "the loss goes down its slope");
  tape.set(gain, value);

  tape.play({folded});
  tape.rewind(folded);
  double mean = 0.0;
  for (const float sample : audio) mean += std::sin(static_cast<double>(sample));
  mean /= static_cast<double>(audio.size());
  check(std::abs(tape.value(folded).item() - mean) < 1e-5, "a node of the host's own is played");

#if defined(__cpp_exceptions)
  try {
    tape.set(gain, -1.0);
    check(false, "a value outside its domain is refused");
  } catch (const rg::DomainError&) {
  }
  try {
    tape.set(target, rg::Tensor{1.0, 2.0});
    check(false, "another shape is refused");
  } catch (const rg::Error& error) {
    check(std::strlen(error.what()) > 0, "an error says what was wrong");
  }
#endif

  std::printf("%016llx\n", static_cast<unsigned long long>(bits));
}
