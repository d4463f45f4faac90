// What a tensor's elements are and where they live.
#pragma once

#include <cstddef>

namespace retrograd {

enum class ElementType { f32, f64 };

enum class Device { cpu, cuda };

constexpr std::size_t bytes_of(ElementType type) { return type == ElementType::f32 ? 4 : 8; }

constexpr const char* name(ElementType type) { return type == ElementType::f32 ? "f32" : "f64"; }

constexpr const char* name(Device device) { return device == Device::cpu ? "cpu" : "cuda"; }

template <class T>
inline constexpr ElementType element_type_of = sizeof(T) == 4 ? ElementType::f32 : ElementType::f64;

}  // namespace retrograd
