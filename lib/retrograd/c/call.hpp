// What every call of the C interface does the same way: exceptions become statuses with their message kept, and
// size-tagged structs of older and newer hosts are understood.
#pragma once

#include <retrograd/c/handle.hpp>
#include <retrograd/racks/rack.hpp>
#include <retrograd/tape/executor.hpp>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

namespace retrograd::c {

/// What a call throws to end with a status and words.
struct Failure {
  rg_status status;
  std::string message;
};

[[noreturn]] void fail(rg_status status, const std::string& message);

/// The status for the exception that is being handled; keeps its message for rg_last_error.
rg_status report_exception() noexcept;

/// Runs the body of a call that may allocate and throw.
template <class Body>
rg_status guarded(Body body) noexcept {
  try {
    body();
    return RG_OK;
  } catch (...) {
    return report_exception();
  }
}

/// Ends the call where its handle cannot be used.
template <class T>
const Use<T>& usable(const Use<T>& use) {
  if (use.status() != RG_OK) fail(use.status(), rg_status_text(use.status()));
  return use;
}

/// Ends the call where an argument is null.
inline void require(const void* argument, const char* name) {
  if (argument == nullptr) fail(RG_BAD_ARGUMENT, std::string(name) + " is null");
}

/// Ends the call where a struct's `size` cannot be one.
void require_size(std::size_t size, std::size_t known, const char* name);

/// Ends the call where a count is not the one wanted: "samples: 100 given, 44100 wanted (the patch's length)".
void require_count(std::int64_t given, std::int64_t wanted, const char* name, const char* meaning);

/// Ends the call where one of `values` is NaN or infinite.
template <class T>
void require_finite(const T* values, std::int64_t count, const char* name) {
  for (std::int64_t i = 0; i < count; ++i)
    if (!std::isfinite(values[i]))
      fail(RG_BAD_VALUE, std::string(name) + "[" + std::to_string(i) + "] is " + std::to_string(values[i]) +
                             "; it must be a finite number");
}

/// The host's struct as this version knows it: fields that an older host lacks keep the values of `known`. A
/// newer host's further fields must be zero, since what they ask for is not known here.
template <class T>
T read_struct(const T* given, T known, const char* name) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (given == nullptr) return known;
  const std::size_t size = given->size;
  require_size(size, sizeof(T), name);
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof(T); i < size; ++i)
    if (bytes[i] != 0)
      fail(RG_BAD_ARGUMENT, std::string(name) + " of a newer version asks for what this one, " +
                                rg_version() + ", does not know");
  std::memcpy(&known, given, size < sizeof(T) ? size : sizeof(T));
  known.size = sizeof(T);
  return known;
}

/// Writes as much of `source` as the host's struct has room for; its `size` stays what it was.
template <class T>
void write_struct(const T& source, T* target) {
  constexpr std::size_t after_size = sizeof(std::size_t);
  const std::size_t size = target->size < sizeof(T) ? target->size : sizeof(T);
  if (size > after_size)
    std::memcpy(reinterpret_cast<unsigned char*>(target) + after_size,
                reinterpret_cast<const unsigned char*>(&source) + after_size, size - after_size);
}

/// Fills in the struct that a call gives back.
template <class T>
void give(const T& source, T* target, const char* name) {
  require(target, "info");
  require_size(target->size, sizeof(T), name);
  write_struct(source, target);
}

/// The body of the calls that set defaults.
template <class T>
rg_status set_defaults(T* options, std::size_t size, const T& defaults, const char* name) noexcept {
  return guarded([&] {
    require(options, "options");
    require_size(size, sizeof(T), name);
    std::memset(options, 0, size);
    options->size = size;
    write_struct(defaults, options);
  });
}

/// The threads that an option asks for: none beside the calling one for 1, all the processor has for 0.
class Threads {
 public:
  explicit Threads(int threads);
  Executor* executor() { return pool_ ? &*pool_ : nullptr; }

 private:
  std::optional<ThreadPool> pool_;
};

/// A patch behind a handle.
Rack patch_of(rg_patch handle);

/// A handle of a new patch.
rg_patch open_patch(Rack patch);

/// Gives text to a host that has room for `capacity` bytes, its zero among them. A null text with a capacity of 0 only asks
/// for the length.
void give_text(std::string_view written, char* text, std::size_t capacity, std::size_t* length);

/// What a parameter's specification says to who draws a knob.
struct Knob {
  Unit unit = Unit::none;
  double low = 0.0, high = 1.0;
  bool is_logarithmic = false;
};
Knob knob_of(const ParameterSpec& spec);

/// The knobs of a patch's parameters, by name. Of any other parameter, a note's own in an instrument, the knob is its
/// domain.
class Knobs {
 public:
  explicit Knobs(const Rack& patch);
  Knob of(const std::string& name, const Domain& domain) const;

 private:
  std::unordered_map<std::string, Knob> by_name_;
};

/// Fills in what is written of a parameter.
void write_parameter(std::string_view name, const Domain& domain, const Knob& knob, double value, int rows,
                     rg_parameter_info* info);

}  // namespace retrograd::c
