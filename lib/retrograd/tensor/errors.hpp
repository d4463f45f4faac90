// Every error the library reports: typed exceptions under one base class, thrown while recording or loading.
//
// The headers contain no `throw`, so that hosts built with -fno-exceptions can include them; the library
// throws through the [[noreturn]] function below.
#pragma once

#include <stdexcept>
#include <string>

namespace retrograd {

/// Base of every exception the library throws. `what()` says what was wrong, where, and what would be right.
class [[gnu::visibility("default")]] Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Shapes that do not broadcast, an axis out of range, a tensor with no elements, an envelope time that
/// varies.
class [[gnu::visibility("default")]] ShapeError : public Error {
  using Error::Error;
};

/// A length missing where one is needed, given twice, or different from the signal's.
class [[gnu::visibility("default")]] LengthMismatchError : public ShapeError {
  using ShapeError::ShapeError;
};

/// Misuse of a tape: Vars of two tapes, a gradient asked for before a play, a name used twice.
class [[gnu::visibility("default")]] TapeError : public Error {
  using Error::Error;
};

/// A device that is not there, or tensors of two devices in one operation.
class [[gnu::visibility("default")]] DeviceError : public Error {
  using Error::Error;
};

/// A value outside its domain: a negative time, a sustain above one, NaN where a number is needed.
class [[gnu::visibility("default")]] DomainError : public Error {
  using Error::Error;
};

/// An FM routing with a cycle, an index out of range, or counts that do not match.
class [[gnu::visibility("default")]] RoutingError : public Error {
  using Error::Error;
};

/// Memory that is not there: of a tensor, or of what a plan stores.
class [[gnu::visibility("default")]] OutOfMemoryError : public Error {
  using Error::Error;
};

/// A file that cannot be read or written, or does not hold what it should. Names the file, line and key.
class [[gnu::visibility("default")]] FileError : public Error {
  using Error::Error;
};

/// Throws `Exception(message)`; keeps the keyword itself out of headers.
template <class Exception>
[[noreturn]] void raise(const std::string& message);

extern template void raise<Error>(const std::string&);
extern template void raise<ShapeError>(const std::string&);
extern template void raise<LengthMismatchError>(const std::string&);
extern template void raise<TapeError>(const std::string&);
extern template void raise<DeviceError>(const std::string&);
extern template void raise<DomainError>(const std::string&);
extern template void raise<RoutingError>(const std::string&);
extern template void raise<OutOfMemoryError>(const std::string&);
extern template void raise<FileError>(const std::string&);

}  // namespace retrograd
