// From the second play and the second rewind on, nothing is allocated.
#include <doctest/doctest.h>

#include "../racks/fm_fixture.hpp"

#include <retrograd/nodes/all.hpp>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>

using namespace retrograd;

namespace {
std::atomic<long> allocations{0};

void* allocate(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace

// Every allocation of this program passes here: the array forms call these, and so do the nothrow forms but where a
// sanitizer has its own. Not inlined, since a
// compiler that sees through them warns of a delete that frees.
[[gnu::noinline]] void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment,
                                     const std::nothrow_t&) noexcept {
  try {
    return operator new(bytes, alignment);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return operator new(bytes, std::align_val_t(alignof(std::max_align_t)), std::nothrow);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace {

// How many allocations `body` makes.
template <class Body>
long count_allocations(Body&& body) {
  const long before = allocations.load();
  body();
  return allocations.load() - before;
}

Tensor ramp(const Shape& shape) {
  Tensor values(shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    values.as<double>()[static_cast<std::size_t>(i)] = std::sin(0.01 * static_cast<double>(i % 4000));
  return values;
}

}  // namespace

TEST_CASE("allocations are counted, on other threads too") {
  // Called by name: a compiler may leave out the allocation of a new-expression.
  const auto allocate_once = [] { ::operator delete(::operator new(sizeof(int))); };
  CHECK(count_allocations(allocate_once) == 1);
  CHECK(count_allocations([] { Tensor tensor(Shape{100}); }) == 1);
  ThreadPool pool(2);
  CHECK(count_allocations([&] { run_tasks(pool, 8, [&](int, int) { allocate_once(); }); }) == 8);
}

TEST_CASE("from the second play and rewind on an FM synth and its mean squared error allocate nothing") {
  for (const ElementType type : {ElementType::f32, ElementType::f64})
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      Tape tape({.type = type, .sample_rate = 44100.0, .length = 9001, .executor = &pool});
      const Var gate_signal = tape.input("gate", gate({{0.0, 0.1}, {0.12, 0.15}}, tape));
      const Var bend = tape.parameter("bend", ramp(Shape{1, 9001}));
      const Var pitch = tape.parameter("pitch", Tensor{200.0, 300.0, 400.0}.reshaped(Shape{3, 1}));
      const Var audio =
          record_fm(tape, FmNumbers::six_operators(), gate_signal, pitch * (bend * 0.01 + 1.0), 3).audio;
      const Tensor target_values = ramp(Shape{9001});
      const Var target = tape.input("target", target_values);
      const Var loss = mean(square(audio - target));
      const Tensor pitches = Tensor{210.0, 310.0, 410.0}.reshaped(Shape{3, 1});
      CHECK(count_allocations([&] { tape.play({audio, loss}); }) > 0);
      CHECK(count_allocations([&] { tape.rewind(loss); }) > 0);
      CHECK(count_allocations([&] {
              for (int step = 0; step < 5; ++step) {
                tape.set(pitch, pitches);
                tape.set(target, target_values);
                tape.play({audio, loss});
                tape.rewind(loss);
                for (const Var parameter : tape.parameters()) {
                  const TensorView gradient = tape.gradient(parameter);
                  if (gradient.shape.elements() == 0) throw std::bad_alloc();
                }
              }
            }) == 0);
    }
}

TEST_CASE("from the second play and rewind on a spectral loss allocates nothing") {
  for (const int threads : {1, 2}) {
    ThreadPool pool(threads);
    Tape tape({.sample_rate = 44100.0, .length = 5000, .executor = &pool});
    const Var gate_signal = tape.input("gate", gate({{0.0, 0.1}}, tape));
    const Var pitch = tape.parameter("pitch", Tensor{200.0, 300.0}.reshaped(Shape{2, 1}));
    const Var audio = record_fm(tape, FmNumbers::two_operators(), gate_signal, pitch, 2).audio;
    const Tensor target_values = ramp(Shape{1, 5000});
    const Var target = tape.input("target", target_values);
    const Var loss = sum(multi_resolution_stft(audio, target));
    const Tensor pitches = Tensor{210.0, 310.0}.reshaped(Shape{2, 1});
    tape.play({loss});
    tape.rewind(loss);
    CHECK(count_allocations([&] {
            for (int step = 0; step < 3; ++step) {
              tape.set(pitch, pitches);
              if (step == 1) tape.set(target, target_values);
              tape.play({loss});
              tape.rewind(loss);
            }
          }) == 0);
  }
}

TEST_CASE("a play of several outputs by turns, seeds and whole nodes allocate nothing the second time") {
  Tape tape({.length = 700});
  const Var x = tape.parameter("x", ramp(Shape{3, 700}));
  const Var a = tape.parameter("a", Tensor{0.5, 0.25, 2.0}.reshaped(Shape{3, 1}));
  const Var y = x * a;
  const Var joined = concat({y, slice(x, 0, 1, 3)}, 0);
  const Var magnitudes = stft_magnitude(reshape(joined, Shape{5, 700}), 64, 16);
  const Var wide = stack({maximum_over_time(y), broadcast_to(sum(a), Shape{3, 1})}, 1);
  const Tensor seed = ramp(Shape{3, 700});
  const auto step = [&] {
    tape.play({y, wide});
    tape.rewind(y, seed);
    tape.rewind(wide);
    tape.play({magnitudes});
    tape.rewind(magnitudes);
  };
  step();
  CHECK(count_allocations(step) == 0);
  CHECK(count_allocations(step) == 0);
}
