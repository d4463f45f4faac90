// A tensor: a shape, an element type, a device and contiguous storage, the last axis innermost.
#pragma once

#include <retrograd/tensor/element_type.hpp>
#include <retrograd/tensor/errors.hpp>
#include <retrograd/tensor/memory.hpp>
#include <retrograd/tensor/shape.hpp>

#include <initializer_list>
#include <span>

namespace retrograd {

/// A tensor somebody else owns, read only.
struct TensorView {
  const void* data = nullptr;           ///< the first element
  Shape shape;                          ///< of the elements, the last axis innermost
  ElementType type = ElementType::f64;  ///< of each element

  /// All elements; T must be the element type (TapeError names both where it is not).
  template <class T>
  std::span<const T> as() const {
    require(element_type_of<T>);
    return {static_cast<const T*>(data), static_cast<std::size_t>(shape.elements())};
  }
  /// The samples of one row.
  template <class T>
  std::span<const T> row(std::int64_t index) const {
    return as<T>().subspan(static_cast<std::size_t>(index * shape.length()),
                           static_cast<std::size_t>(shape.length()));
  }
  /// Element `index` of the storage, whatever the type.
  double at(std::int64_t index) const {
    return type == ElementType::f32 ? static_cast<double>(static_cast<const float*>(data)[index])
                                    : static_cast<const double*>(data)[index];
  }
  /// The value of a tensor with one element; ShapeError where there are more.
  double item() const;

  /// Throws TapeError, naming both, where the element type is not the wanted one.
  void require(ElementType wanted) const;
};

/// Owns its elements, aligned to 64 bytes.
class Tensor {
 public:
  /// A tensor of zeros.
  explicit Tensor(const Shape& shape, ElementType type = ElementType::f64, Device device = Device::cpu);
  /// One number: shape (1).
  Tensor(double value);  // NOLINT: a number is a tensor wherever one is wanted
  /// A signal: shape (values.size()).
  Tensor(std::initializer_list<double> values);
  /// A signal: shape (values.size()).
  explicit Tensor(std::span<const double> values)
      : Tensor(values, Shape{static_cast<std::int64_t>(values.size())}) {}
  /// A signal in single precision.
  explicit Tensor(std::span<const float> values)
      : Tensor(values, Shape{static_cast<std::int64_t>(values.size())}) {}
  /// A copy of `values`, as many as the shape has elements (ShapeError otherwise).
  Tensor(std::span<const double> values, const Shape& shape);
  /// The same in single precision.
  Tensor(std::span<const float> values, const Shape& shape);
  /// A copy of what somebody else owns.
  explicit Tensor(const TensorView& view);

  Tensor(const Tensor& other) : Tensor(other.view()) {}
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(const Tensor& other) { return *this = Tensor(other); }
  Tensor& operator=(Tensor&&) noexcept = default;

  const Shape& shape() const { return shape_; }                     ///< as it was made
  ElementType type() const { return type_; }                        ///< of each element
  Device device() const { return device_; }                         ///< where the elements live
  TensorView view() const { return {data_.get(), shape_, type_}; }  ///< of all elements
  operator TensorView() const { return view(); }                    ///< of all elements

  void* data() { return data_.get(); }              ///< the first element
  const void* data() const { return data_.get(); }  ///< the first element
  /// All elements, to write to; T must be the element type (TapeError).
  template <class T>
  std::span<T> as() {
    view().require(element_type_of<T>);
    return {static_cast<T*>(data()), static_cast<std::size_t>(shape_.elements())};
  }
  /// All elements; T must be the element type (TapeError).
  template <class T>
  std::span<const T> as() const {
    return view().as<T>();
  }
  /// The value of a tensor with one element (ShapeError).
  double item() const { return view().item(); }

  /// The same values in another element type.
  Tensor to(ElementType type) const;
  /// The same elements in another shape (ShapeError where the counts differ).
  Tensor reshaped(const Shape& shape) const;

  /// Overwrites the elements with those of `source`, converted to this tensor's type. Allocates nothing.
  void assign(const TensorView& source);
  /// Sets every element to `value`. Allocates nothing.
  void fill(double value);

 private:
  Shape shape_;
  ElementType type_;
  Device device_;
  SampleMemory data_;
};

}  // namespace retrograd
