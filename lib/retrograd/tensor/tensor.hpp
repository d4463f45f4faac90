// A tensor: a shape, an element type, a device and contiguous storage, the last axis innermost.
#pragma once

#include <retrograd/tensor/element_type.hpp>
#include <retrograd/tensor/errors.hpp>
#include <retrograd/tensor/memory.hpp>
#include <retrograd/tensor/shape.hpp>

#include <concepts>
#include <initializer_list>
#include <span>

namespace retrograd {

/// A tensor somebody else owns, read only.
struct TensorView {
  const void* data = nullptr;           ///< the first element
  Shape shape;                          ///< of the elements, the last axis innermost
  ElementType type = ElementType::f64;  ///< of each element
  cuda::Gpu* gpu = nullptr;             ///< where the elements are; null: here, on the CPU

  /// Where the elements are.
  Device device() const { return gpu == nullptr ? Device::cpu : Device::cuda; }
  /// All elements; T must be the element type (TapeError names both where it is not). DeviceError, here and below, for
  /// elements that are on a GPU.
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
    if (gpu != nullptr) refuse_on_host();
    return type == ElementType::f32 ? static_cast<double>(static_cast<const float*>(data)[index])
                                    : static_cast<const double*>(data)[index];
  }
  /// The value of a tensor with one element; ShapeError where there are more.
  double item() const;

  /// Throws TapeError, naming both, where the element type is not the wanted one, and DeviceError where the elements
  /// are on a GPU.
  void require(ElementType wanted) const;
  /// Throws DeviceError: the elements are on a GPU, and were asked for here.
  [[noreturn]] static void refuse_on_host();
};

/// Owns its elements, aligned to 64 bytes where there are as many. On a GPU they are read and written there alone.
class Tensor {
 public:
  /// A tensor of zeros on the CPU. OutOfMemoryError where it does not fit there.
  explicit Tensor(const Shape& shape, ElementType type = ElementType::f64);
  /// One number: shape (1).
  Tensor(double value);  // NOLINT: a number is a tensor wherever one is wanted
  /// A signal: shape (values.size()).
  Tensor(std::initializer_list<double> values);
  /// Whole numbers in braces may be meant as a shape or as samples, so that neither is taken: say which.
  template <std::integral Whole>
  Tensor(std::initializer_list<Whole>) = delete;  // Tensor(Shape{64, 8}), or Tensor::signal({64, 8})
  /// A signal of these samples: shape (values.size()).
  static Tensor signal(std::initializer_list<double> values) { return Tensor(values); }
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
  /// A copy of what somebody else owns, where that is.
  explicit Tensor(const TensorView& view);

  Tensor(const Tensor& other) : Tensor(other.view()) {}
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(const Tensor& other) { return *this = Tensor(other); }
  Tensor& operator=(Tensor&&) noexcept = default;

  const Shape& shape() const { return shape_; }                            ///< as it was made
  ElementType type() const { return type_; }                               ///< of each element
  Device device() const { return view().device(); }                        ///< where the elements live
  TensorView view() const { return {data_.get(), shape_, type_, gpu()}; }  ///< of all elements
  operator TensorView() const { return view(); }                           ///< of all elements

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

  /// The same values in another element type; on the CPU.
  Tensor to(ElementType type) const;
  /// A copy on a device: the CPU, or `gpu` (null: the machine's first; DeviceError where there is none).
  Tensor to(Device device, cuda::Gpu* gpu = nullptr) const;
  /// The same elements in another shape (ShapeError where the counts differ).
  Tensor reshaped(const Shape& shape) const;

  /// Overwrites the elements with those of `source`, converted to this tensor's type. Allocates nothing. DeviceError
  /// where one is on a GPU and the other is not: `to` copies.
  void assign(const TensorView& source);
  /// Sets every element to `value`. Allocates nothing.
  void fill(double value);

 private:
  Tensor(const Shape& shape, ElementType type, cuda::Gpu& gpu);
  cuda::Gpu* gpu() const { return data_.get_deleter().gpu; }
  std::size_t bytes() const { return static_cast<std::size_t>(shape_.elements()) * bytes_of(type_); }

  Shape shape_;
  ElementType type_;
  SampleMemory data_;
};

}  // namespace retrograd
