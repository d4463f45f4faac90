#include <retrograd/tensor/on_gpu.hpp>
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
  if (gpu != nullptr) refuse_on_host();
  if (type != wanted)
    raise<TapeError>(std::string("a tensor of ") + name(type) + " was read as " + name(wanted) +
                     "; values constant over time are f64 on every tape, signals have the tape's type");
}

void TensorView::refuse_on_host() {
  raise<DeviceError>(
      "elements of a tensor on device cuda were asked for on the CPU; tensor.to(Device::cpu) copies them");
}

Tensor::Tensor(const Shape& shape, ElementType type)
    : shape_(shape),
      type_(type),
      data_(allocate_samples(static_cast<std::size_t>(shape.elements()) * bytes_of(type))) {}

Tensor::Tensor(const Shape& shape, ElementType type, cuda::Gpu& gpu)
    : shape_(shape),
      type_(type),
      data_(allocate_samples_on(gpu, static_cast<std::size_t>(shape.elements()) * bytes_of(type))) {}

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

Tensor::Tensor(const TensorView& view)
    : Tensor(view.gpu != nullptr ? Tensor(view.shape, view.type, *view.gpu) : Tensor(view.shape, view.type)) {
  assign(view);
}

Tensor Tensor::to(ElementType type) const {
  Tensor result(shape_, type);
  result.assign(*this);
  return result;
}

Tensor Tensor::to(Device device, cuda::Gpu* gpu) const {
  if (device == Device::cpu) {
    if (this->gpu() == nullptr) return *this;
    Tensor result(shape_, type_);
    on_gpu::to_host(*this->gpu(), result.data(), data(), bytes());
    return result;
  }
  cuda::Gpu& there = gpu != nullptr ? *gpu : on_gpu::first();
  if (this->gpu() == &there) return *this;
  if (this->gpu() != nullptr) return to(Device::cpu).to(device, &there);
  Tensor result(shape_, type_, there);
  on_gpu::to_device(there, result.data(), data(), bytes());
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
  if (source.gpu != gpu())
    raise<DeviceError>("a tensor on device " + std::string(name(source.device())) +
                       " cannot replace one on " +
                       (source.gpu != nullptr && gpu() != nullptr ? "another GPU" : name(device())) +
                       "; tensor.to copies it there");
  if (gpu() != nullptr) {
    if (source.type != type_)
      raise<TapeError>(std::string("a tensor of ") + name(source.type) + " cannot replace one of " +
                       name(type_) + " on device cuda; convert it on the CPU");
    if (source.data != data()) on_gpu::copy(*gpu(), data(), source.data, bytes());
    return;
  }
  const std::int64_t elements = shape_.elements();
  if (source.type == type_) {
    std::memmove(data(), source.data, bytes());  // it may be a view of this tensor
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
