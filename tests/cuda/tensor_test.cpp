// Tensors on a GPU: copies are explicit, and mixing devices is an error as soon as it is recorded.
#include <doctest/doctest.h>

#include "emulated_gpu.hpp"

#include <retrograd/nodes/all.hpp>

#include <utility>

using namespace retrograd;
using namespace retrograd::cuda;
using doctest::Contains;

TEST_CASE("a tensor survives the way to a GPU and back, and copies there stay there") {
  EmulatedGpu gpu;
  const Tensor here{1.0, -2.0, 3.5};
  const Tensor there = here.to(Device::cuda, &gpu);
  CHECK(there.device() == Device::cuda);
  CHECK(there.shape() == here.shape());
  const auto before = gpu.counts();
  Tensor copy = there, other(here);
  other = copy;
  copy.assign(there.reshaped(Shape{3}));
  CHECK(gpu.counts().copies_to_host == before.copies_to_host);
  CHECK(gpu.counts().copies_to_device == before.copies_to_device);
  for (const Tensor* tensor : {&std::as_const(copy), &std::as_const(other)})
    for (std::int64_t i = 0; i < 3; ++i) CHECK(tensor->to(Device::cpu).view().at(i) == here.view().at(i));
  EmulatedGpu second;
  CHECK(there.to(Device::cuda, &second).to(Device::cpu).view().at(2) == 3.5);
}

TEST_CASE("elements on a GPU are not read or written by the CPU") {
  EmulatedGpu gpu;
  const Tensor here{1.0, 2.0};
  Tensor there = here.to(Device::cuda, &gpu), other = here;
  CHECK_THROWS_WITH_AS(there.as<double>(), Contains("tensor.to(Device::cpu)"), DeviceError);
  CHECK_THROWS_AS(there.view().at(0), DeviceError);
  CHECK_THROWS_AS(there.view().row<double>(0), DeviceError);
  CHECK_THROWS_AS(there.fill(0.0), DeviceError);
  CHECK_THROWS_AS(there.to(ElementType::f32), DeviceError);
  CHECK_THROWS_WITH_AS(other.assign(there), Contains("on device cuda cannot replace one on cpu"),
                       DeviceError);
  CHECK_THROWS_AS(there.assign(here), DeviceError);
  CHECK(there.to(Device::cpu).view().at(1) == 2.0);
}

TEST_CASE("a tape takes values and seeds that are on its GPU without the CPU seeing them") {
  EmulatedGpu gpu;
  const std::int64_t length = 700;
  Tensor wave(Shape{length}, ElementType::f32), seed(Shape{length}, ElementType::f32);
  for (std::size_t i = 0; i < 700; ++i) {
    wave.as<float>()[i] = 0.001f * static_cast<float>(i);
    seed.as<float>()[i] = 1.0f - wave.as<float>()[i];
  }
  const Tensor wave_there = wave.to(Device::cuda, &gpu), seed_there = seed.to(Device::cuda, &gpu);
  Tape cpu({.length = length}), other({.device = Device::cuda, .length = length, .gpu = &gpu});
  const auto build = [](Tape& tape, const Tensor& x) {
    const Var gain = tape.parameter("gain", 0.5);
    return square(tape.input("x", x) * gain);
  };
  const Var y = build(cpu, wave), y_there = build(other, wave_there);
  const auto before = gpu.counts();
  for (int play = 0; play < 2; ++play) {
    cpu.play({y});
    other.play({y_there});
    cpu.rewind(y, seed);
    other.rewind(y_there, seed_there);
    cpu.set(cpu.find("x"), seed);
    other.set(other.find("x"), seed_there);
  }
  CHECK(gpu.counts().copies_to_host == before.copies_to_host);
  CHECK(other.gradient(other.find("gain")).item() == cpu.gradient(cpu.find("gain")).item());
  CHECK(other.value(other.find("x")).at(699) == seed.view().at(699));

  const auto after = gpu.counts();
  const Tensor audio(other.value_on_device(y_there)), gradient(other.gradient_on_device(other.find("gain"))),
      x(other.value_on_device(other.find("x")));
  CHECK(gpu.counts().copies_to_host == after.copies_to_host);
  for (std::int64_t i = 0; i < length; ++i) CHECK(audio.to(Device::cpu).view().at(i) == cpu.value(y).at(i));
  CHECK(gradient.to(Device::cpu).item() == cpu.gradient(cpu.find("gain")).item());
  CHECK(x.to(Device::cpu).view().at(699) == seed.view().at(699));
}

TEST_CASE("a value and a gradient of the tape itself may be given back to it") {
  EmulatedGpu gpu;
  Tape tape({.device = Device::cuda, .gpu = &gpu});
  const Var x = tape.parameter("x", Tensor{1.0, 2.0, 3.0}.reshaped(Shape{3, 1})), y = square(x);
  tape.play({y});
  tape.set(x, tape.value_on_device(x));
  tape.play({y});
  tape.rewind(y);
  CHECK(tape.gradient(x).at(2) == 6.0);
  tape.set(x, tape.gradient_on_device(x));
  CHECK(tape.value(x).at(2) == 6.0);
}

TEST_CASE("mixing devices is an error when it is recorded, set or rewound, and nothing is lost") {
  EmulatedGpu gpu, another;
  const Tensor there = Tensor{1.0, 2.0}.to(Device::cuda, &gpu);
  Tape cpu, other({.device = Device::cuda, .gpu = &another}), right({.device = Device::cuda, .gpu = &gpu});
  CHECK_THROWS_WITH_AS(cpu.input("x", there), Contains("'x' was given a tensor on device cuda"), DeviceError);
  CHECK_THROWS_WITH_AS(other.input("x", there), Contains("another GPU"), DeviceError);
  const Var x = cpu.parameter("x", Tensor{3.0, 4.0}), y = square(x);
  CHECK_THROWS_AS(cpu.set(x, there), DeviceError);
  CHECK(cpu.value(x).at(1) == 4.0);
  cpu.play({y});
  CHECK_THROWS_AS(cpu.rewind(y, there), DeviceError);
  CHECK_THROWS_WITH_AS(right.input("x", there), Contains("f32"), TapeError);  // a signal of an f32 tape
  const Var z = right.parameter("z", Tensor(2.0).to(Device::cuda, &gpu), positive);
  CHECK(right.value(z).item() == 2.0);
  CHECK_THROWS_WITH_AS(right.set(z, Tensor(-1.0).to(Device::cuda, &gpu)), Contains("positive"), DomainError);
  CHECK(right.value(z).item() == 2.0);
  CHECK_THROWS_AS(square(x) + square(z), TapeError);  // two tapes
}
