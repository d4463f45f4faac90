// What this program was built from and by.
#pragma once

namespace retrograd::tool {

// Meson defines both.
#ifndef RETROGRAD_VERSION
#define RETROGRAD_VERSION "unknown"
#endif
#ifndef RETROGRAD_BUILD_TYPE
#define RETROGRAD_BUILD_TYPE "unknown"
#endif

inline constexpr const char* version = RETROGRAD_VERSION;
inline constexpr const char* build_type = RETROGRAD_BUILD_TYPE;

#if defined(__clang__)
inline constexpr const char* compiler = "Clang " __clang_version__;
#else
inline constexpr const char* compiler = "GCC " __VERSION__;
#endif

}  // namespace retrograd::tool
