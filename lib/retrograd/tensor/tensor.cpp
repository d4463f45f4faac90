#include <retrograd/tensor/tensor.hpp>

#include <algorithm>
#include <cstring>

namespace retrograd {

namespace {

void check_count(std::size_t values, const Shape& shape) {
  if (values != static_cast<std::size_t>(shape.elements()))
    raise<ShapeError>(std::to_string(values) + " values do not fill the shape " + to_string(shape) +
                      ", which has " + std::to_string(shape.elements()) + " elements");
}

}  // namespace

double TensorView::item() const {
  if (shape.elements() != 1)
    raise<ShapeError>("a single value was asked of a tensor of shape " + to_string(shape) +
                      "; read its elements with as<T>()");
  return at(0);
}

void TensorView::require(ElementType wanted) const {
  if (type != wanted)
    raise<TapeError>(std::string("a tensor of ") + name(type) + " was read as " + name(wanted) +
                     "; values constant over time are f64 on every tape, signals have the tape's type");
}

Tensor::Tensor(const Shape& shape, ElementType type, Device device)
    : shape_(shape), type_(type), device_(device) {
  if (device != Device::cpu)
    raise<DeviceError>(std::string("a tensor on device ") + name(device) +
                       " was asked for, but this build of retrograd has only cpu");
  data_ = allocate_samples(static_cast<std::size_t>(shape.elements()) * bytes_of(type));
}

Tensor::Tensor(double value) : Tensor(Shape{1}) { as<double>()[0] = value; }

Tensor::Tensor(std::initializer_list<double> values) : Tensor(std::span(values.begin(), values.size())) {}

Tensor::Tensor(std::span<const double> values, const Shape& shape) : Tensor(shape, ElementType::f64) {
  check_count(values.size(), shape);
  std::copy(values.begin(), values.end(), as<double>().begin());
}

Tensor::Tensor(std::span<const float> values, const Shape& shape) : Tensor(shape, ElementType::f32) {
  check_count(values.size(), shape);
  std::copy(values.begin(), values.end(), as<float>().begin());
}

Tensor::Tensor(const TensorView& view) : Tensor(view.shape, view.type) { assign(view); }

Tensor Tensor::to(ElementType type) const {
  Tensor result(shape_, type);
  result.assign(*this);
  return result;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  check_count(static_cast<std::size_t>(shape_.elements()), shape);
  Tensor result = *this;
  result.shape_ = shape;
  return result;
}

void Tensor::assign(const TensorView& source) {
  if (source.shape != shape_)
    raise<ShapeError>("a tensor of shape " + to_string(source.shape) + " cannot replace one of shape " +
                      to_string(shape_));
  const std::int64_t elements = shape_.elements();
  if (source.type == type_) {
    std::memcpy(data(), source.data, static_cast<std::size_t>(elements) * bytes_of(type_));
  } else if (type_ == ElementType::f32) {
    for (std::int64_t i = 0; i < elements; ++i)
      static_cast<float*>(data())[i] = static_cast<float>(static_cast<const double*>(source.data)[i]);
  } else {
    for (std::int64_t i = 0; i < elements; ++i)
      static_cast<double*>(data())[i] = static_cast<double>(static_cast<const float*>(source.data)[i]);
  }
}

void Tensor::fill(double value) {
  if (type_ == ElementType::f32)
    std::ranges::fill(as<float>(), static_cast<float>(value));
  else
    std::ranges::fill(as<double>(), value);
}

}  // namespace retrograd
