// How fast the same tapes play and rewind on a GPU: what `retrograd bench --device cuda` measures.
#include <retrograd/backends/cuda/gpu.hpp>
#include <retrograd/losses/losses.hpp>

#include <algorithm>
#include <map>

#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

constexpr std::int64_t many_rows = 256, four_seconds = 4 * bench_sample_rate, minute = 60 * bench_sample_rate;
constexpr double bytes_per_sample = 4.0;

double forward(const SynthShape& shape) {
  Synth synth(shape);
  return nanoseconds_on_gpu([&] { synth.forward(); });
}

double forward_and_backward(const SynthShape& shape) {
  Synth synth(shape);
  const Var loss = synth.mean_squared_loss();
  return nanoseconds_on_gpu([&] {
    synth.tape.play({loss});
    synth.tape.rewind(loss);
  });
}

// The machine's, which counts the bytes that are in use.
class CountingGpu final : public cuda::Gpu {
 public:
  std::string describe() const override { return gpu_.describe(); }
  int multiprocessors() const override { return gpu_.multiprocessors(); }
  std::size_t shared_bytes() const override { return gpu_.shared_bytes(); }
  void* allocate(std::size_t bytes) override {
    void* memory = gpu_.allocate(bytes);
    in_use_ += sizes_[memory] = bytes;
    peak = std::max(peak, in_use_);
    return memory;
  }
  void release(void* memory) override {
    in_use_ -= sizes_[memory];
    gpu_.release(memory);
  }
  void to_device(void* to, const void* from, std::size_t bytes) override { gpu_.to_device(to, from, bytes); }
  void to_host(void* to, const void* from, std::size_t bytes) override { gpu_.to_host(to, from, bytes); }
  void copy(void* to, const void* from, std::size_t bytes) override { gpu_.copy(to, from, bytes); }
  void zero(void* memory, std::size_t bytes) override { gpu_.zero(memory, bytes); }
  void launch(int index, int blocks, std::size_t shared_bytes, const void* arguments,
              std::size_t argument_bytes) override {
    gpu_.launch(index, blocks, shared_bytes, arguments, argument_bytes);
  }

  std::size_t peak = 0;

 private:
  cuda::Gpu& gpu_ = cuda::first_gpu();
  std::map<void*, std::size_t> sizes_;
  std::size_t in_use_ = 0;
};

double peak_megabytes(SynthShape shape) {
  CountingGpu gpu;
  shape.gpu = &gpu;
  Synth synth(shape);
  const Var loss = synth.mean_squared_loss();
  for (int i = 0; i < 2; ++i) {
    synth.tape.play({loss});
    synth.tape.rewind(loss);
  }
  return static_cast<double>(gpu.peak) / 1e6;
}

double spectral_loss() {
  const Shape shape{64, bench_sample_rate};
  Tape tape({.device = Device::cuda,
             .sample_rate = static_cast<double>(bench_sample_rate),
             .length = bench_sample_rate});
  const Var sound = tape.parameter("sound", noise(shape)),
            target = tape.input("target", Tensor(shape, ElementType::f32));
  const Var loss = multi_resolution_stft_loss(sound, target);
  return nanoseconds_on_gpu([&] {
    tape.play({loss});
    tape.rewind(loss);
  });
}

// Bytes read and bytes written both count.
double copied_gigabytes_per_second() {
  const Tensor from = noise(Shape{many_rows, four_seconds}).to(Device::cuda);
  Tensor to = from;
  return 2.0 * static_cast<double>(from.shape().elements()) * bytes_per_sample /
         nanoseconds_on_gpu([&] { to.assign(from); });
}

}  // namespace

void add_cuda_rows(Rows& rows) {
  const SynthShape two{.rows = many_rows, .length = four_seconds, .device = Device::cuda};
  SynthShape six = two, one_row = two;
  six.operators = 6;
  one_row.rows = 1;
  one_row.length = minute;
  rows.push_back({"cuda: fm 2 operators, 256 rows x 4 s, forward", "ms", at_most(0.18),
                  [=] { return forward(two) / 1e6; }});
  rows.push_back({"cuda: fm 2 operators, 256 rows x 4 s, forward + backward", "ms", at_most(0.55),
                  [=] { return forward_and_backward(two) / 1e6; }});
  rows.push_back({"cuda: fm 6 operators, 256 rows x 4 s, forward", "ms", at_most(0.5),
                  [=] { return forward(six) / 1e6; }});
  rows.push_back({"cuda: fm 6 operators, 256 rows x 4 s, forward + backward", "ms", at_most(1.6),
                  [=] { return forward_and_backward(six) / 1e6; }});
  rows.push_back({"cuda: fm 6 operators, 256 rows x 4 s, forward + backward, peak memory", "MB",
                  at_most(300.0), [=] { return peak_megabytes(six); }});
  rows.push_back({"cuda: 1 row x 60 s over 256 rows x 4 s, fm 2 operators, forward", "ratio of rates",
                  at_least(0.5), [=] {
                    return forward(two) / two.operator_samples() * one_row.operator_samples() /
                           forward(one_row);
                  }});
  rows.push_back({"cuda: spectral loss, six windows, 64 rows x 1 s, forward + backward", "ms", at_most(2.0),
                  [] { return spectral_loss() / 1e6; }});
  rows.push_back(
      {"cuda: copying on the device", "GB/s read and written", no_goal, copied_gigabytes_per_second});
  rows.push_back(
      {"cuda: fm 2 operators, 256 rows x 4 s, forward, share of the rate of copying", "share", no_goal, [=] {
         const double samples = static_cast<double>(two.rows * two.length);
         return samples * bytes_per_sample / forward(two) / copied_gigabytes_per_second();
       }});
}

}  // namespace retrograd::tool
