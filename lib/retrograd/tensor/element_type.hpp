// What a tensor's elements are and where they live.
#pragma once

#include <cstddef>

namespace retrograd {

/// Single or double precision.
enum class ElementType {
  f32,  ///< float
  f64,  ///< double
};

/// Where elements live and nodes compute.
enum class Device {
  cpu,   ///< the processor
  cuda,  ///< an NVIDIA GPU
};

/// The size of one element.
constexpr std::size_t bytes_of(ElementType type) { return type == ElementType::f32 ? 4 : 8; }

/// "f32" or "f64".
constexpr const char* name(ElementType type) { return type == ElementType::f32 ? "f32" : "f64"; }

/// "cpu" or "cuda".
constexpr const char* name(Device device) { return device == Device::cpu ? "cpu" : "cuda"; }

/// Of float and double.
template <class T>
inline constexpr ElementType element_type_of = sizeof(T) == 4 ? ElementType::f32 : ElementType::f64;

}  // namespace retrograd
