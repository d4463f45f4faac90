// The error for what was computed and is not finite.
#pragma once

#include <retrograd/tensor/errors.hpp>

namespace retrograd {

/// A sound, a loss or a gradient that was computed and is NaN or infinite. Says what is to blame.
class [[gnu::visibility("default")]] NotFiniteError : public Error {
  using Error::Error;
};

extern template void raise<NotFiniteError>(const std::string&);

}  // namespace retrograd
