// The same tape on the CPU and on a GPU, to be compared bit by bit.
#pragma once

#include <retrograd/tape/tape.hpp>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>

namespace retrograd::cuda {

struct Recorded {
  std::vector<Var> outputs;
  Var rewound = {};  ///< one of them; the first where none is named
};
using Builder = std::function<Recorded(Tape&)>;

/// Whether two numbers have the same bits, are both NaN, or are both less than a normal number and one of them denormal:
/// a GPU has denormal doubles.
template <class Real>
bool same_bits(Real a, Real b) {
  const Real smallest = std::numeric_limits<Real>::min();
  const auto is_denormal = [&](Real x) { return x != Real(0.0) && std::abs(x) < smallest; };
  if (is_denormal(a) || is_denormal(b)) return std::abs(a) < smallest && std::abs(b) < smallest;
  return std::memcmp(&a, &b, sizeof(Real)) == 0 || (a != a && b != b);
}

/// "" or the first element that differs, with both values.
inline std::string first_difference(const std::string& name, const TensorView& cpu, const TensorView& gpu) {
  if (cpu.shape != gpu.shape || cpu.type != gpu.type)
    return name + ": " + to_string(cpu.shape) + " and " + to_string(gpu.shape);
  for (std::int64_t i = 0; i < cpu.shape.elements(); ++i)
    if (!same_bits(cpu.at(i), gpu.at(i))) {
      char text[160];
      std::snprintf(text, sizeof(text), "%s[%lld of %lld]: %a on the CPU and %a on the GPU", name.c_str(),
                    static_cast<long long>(i), static_cast<long long>(cpu.shape.elements()), cpu.at(i),
                    gpu.at(i));
      return text;
    }
  return "";
}

/// Records on both, plays and rewinds twice; "" or the first output or gradient that differs.
inline std::string difference(const Builder& build, TapeOptions options, Gpu& gpu) {
  options.device = Device::cpu;
  Tape cpu(options);
  options.device = Device::cuda;
  options.gpu = &gpu;
  Tape other(options);
  const Recorded on_cpu = build(cpu), on_gpu = build(other);
  for (int play = 0; play < 2; ++play) {
    for (const auto& [tape, recorded] : {std::pair(&cpu, &on_cpu), std::pair(&other, &on_gpu)}) {
      tape->play(recorded->outputs);
      tape->rewind(recorded->rewound.tape() != nullptr ? recorded->rewound : recorded->outputs[0]);
    }
    for (std::size_t i = 0; i < on_cpu.outputs.size(); ++i) {
      const std::string found = first_difference("output " + std::to_string(i), cpu.value(on_cpu.outputs[i]),
                                                 other.value(on_gpu.outputs[i]));
      if (!found.empty()) return found;
    }
    for (std::size_t p = 0; p < cpu.parameters().size(); ++p) {
      const Var a = cpu.parameters()[p], b = other.parameters()[p];
      if (cpu.is_frozen(a)) continue;
      const std::string found =
          first_difference("gradient of " + cpu.name(a), cpu.gradient(a), other.gradient(b));
      if (!found.empty()) return found;
    }
  }
  return "";
}

}  // namespace retrograd::cuda
