#include <retrograd/tape/length.hpp>
#include <retrograd/tensor/errors.hpp>

#include <string>

namespace retrograd {

std::int64_t signal_length(TapeState* tape, const Shape& shape, bool varies,
                           std::optional<std::int64_t> length, const char* operation) {
  const auto prefix = [&] { return std::string("[") + operation + "] "; };
  if (varies) {
    if (length)
      raise<LengthMismatchError>(prefix() + "a length of " + std::to_string(*length) +
                                 " was given, but an input varies over time already, with shape " +
                                 to_string(shape) + "; leave the length out");
    return shape.length();
  }
  if (length && *length < 1)
    raise<LengthMismatchError>(prefix() + "a length of " + std::to_string(*length) +
                               "; it must be at least 1");
  if (!length) length = options_of(tape).length;
  if (!length)
    raise<LengthMismatchError>(prefix() + "the inputs are constant over time (shape " + to_string(shape) +
                               "), so a length is needed: as an argument, or for the whole tape");
  return *length;
}

}  // namespace retrograd
