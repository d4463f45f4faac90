// A host in C++17 without exceptions, through the C interface: renders, streams and fits, and checks what came out.
#include <retrograd/c.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

namespace {

void check(rg_status status, const char* what) {
  if (status == RG_OK) return;
  std::fprintf(stderr, "failed: %s: %s (%s)\n", what, rg_status_text(status), rg_last_error());
  std::exit(1);
}

void check(bool is_true, const char* promise) {
  if (is_true) return;
  std::fprintf(stderr, "failed: %s\n", promise);
  std::exit(1);
}

/// Closes its handle.
template <class Handle, rg_status (*Close)(Handle)>
class Owner {
 public:
  Owner() = default;
  Owner(Owner&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  ~Owner() { check(Close(handle_), "closing"); }
  Handle* out() { return &handle_; }
  operator Handle() const { return handle_; }

 private:
  Handle handle_{};
};
using Rack = Owner<rg_patch, rg_patch_close>;
using Tape = Owner<rg_tape, rg_tape_close>;
using Stream = Owner<rg_stream, rg_stream_close>;

constexpr int length = 8820;
constexpr int parameters = 13;

Rack short_patch() {
  Rack patch;
  const std::array<double, 2> gate{0.0, 0.1};
  check(rg_patch_default(patch.out()), "a patch");
  check(rg_patch_set_duration(patch, 0.2), "its duration");
  check(rg_patch_set_gate(patch, gate.data(), 1), "its gate");
  return patch;
}

std::vector<float> rendered(rg_patch patch) {
  std::vector<float> samples(length);
  check(rg_render(patch, samples.data(), length), "a render");
  return samples;
}

std::vector<float> streamed(rg_patch patch, int block) {
  Stream stream;
  check(rg_stream_open(patch, nullptr, stream.out()), "a stream");
  check(rg_stream_prepare(stream, 44100.0, block), "preparing it");
  std::vector<float> gate(length, 0.0f), samples(length);
  for (int n = 0; n < length / 2; ++n) gate[static_cast<std::size_t>(n)] = 1.0f;
  for (int at = 0; at < length; at += block) {
    const float* inputs[] = {gate.data() + at};
    float* outputs[] = {samples.data() + at};
    check(rg_stream_process(stream, inputs, outputs, std::min(block, length - at)), "a block");
  }
  return samples;
}

/// Rows of values on one tape, and descent along their gradients: the pitch of each row towards the target's.
void descend(rg_patch patch) {
  rg_tape_options options;
  check(rg_tape_options_init(&options, sizeof options), "options");
  options.rows = 2;
  options.threads = 2;
  Tape tape;
  check(rg_tape_open(patch, &options, tape.out()), "a tape");
  std::vector<double> values(parameters);
  check(rg_patch_get_values(patch, values.data(), parameters), "values");
  values.insert(values.end(), values.begin(), values.end());
  const std::vector<float> target = rendered(patch);
  std::array<double, 2> losses{}, first{};
  std::vector<double> gradients(values.size());
  constexpr std::size_t gain = 2;  // fm.operator.0.gain, 1 in the target
  values[gain] = 0.5;
  values[parameters + gain] = 1.5;
  for (int step = 0; step < 20; ++step) {
    check(rg_tape_set(tape, values.data(), 2 * parameters), "setting them");
    check(rg_tape_loss(tape, RG_MEAN_SQUARED, target.data(), length, losses.data(), 2, gradients.data(),
                       2 * parameters),
          "a loss");
    if (step == 0) first = losses;
    for (const std::size_t row : {std::size_t{0}, std::size_t{1}})
      values[row * parameters + gain] -= 5.0 * gradients[row * parameters + gain];
  }
  check(losses[0] < 0.1 * first[0] && losses[1] < 0.1 * first[1], "the descent descends");
}

}  // namespace

int main() {
  check(std::string_view(rg_version()) == RG_VERSION, "the library is the header's");
  Rack patch = short_patch();
  const std::vector<float> sound = rendered(patch);
  check(streamed(patch, 100) == sound, "a stream has the bits of the render");
  check(streamed(patch, 1000) == sound, "whatever its blocks");
  descend(patch);

  std::vector<float> recording(length);
  for (std::size_t n = 0; n < recording.size(); ++n)
    recording[n] = static_cast<float>(0.5 * std::exp(-static_cast<double>(n) / 5000.0) *
                                      std::sin(static_cast<double>(n) * 0.047));
  rg_fit_options options;
  check(rg_fit_options_init(&options, sizeof options), "options");
  options.steps = 5;
  options.restarts = 2;
  rg_fit_result result{};
  result.size = sizeof result;
  Rack fitted;
  check(rg_fit(recording.data(), length, 44100.0, patch, &options, fitted.out(), &result), "a fit");
  check(result.loss_after < result.loss_before, "nearer to the recording");
}
