#include <retrograd/tensor/errors.hpp>
#include <retrograd/tensor/not_finite_error.hpp>

namespace retrograd {

template <class Exception>
void raise(const std::string& message) {
  throw Exception(message);
}

template void raise<Error>(const std::string&);
template void raise<ShapeError>(const std::string&);
template void raise<LengthMismatchError>(const std::string&);
template void raise<TapeError>(const std::string&);
template void raise<DeviceError>(const std::string&);
template void raise<DomainError>(const std::string&);
template void raise<NotFiniteError>(const std::string&);
template void raise<RoutingError>(const std::string&);
template void raise<OutOfMemoryError>(const std::string&);
template void raise<FileError>(const std::string&);

}  // namespace retrograd
