// Tensors as Eigen sees them: zero-copy maps, both ways. Rows are the batch axes taken together, columns are
// time. The only public header that includes Eigen.
#pragma once

#include <retrograd/tensor/tensor.hpp>

#include <Eigen/Core>

namespace retrograd {

/// Eigen's matrix in the order of a tensor's elements.
template <class T>
using RowMajorMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The elements of `tensor` as a (rows, length) matrix that shares its memory. T must be the element type.
template <class T>
Eigen::Map<RowMajorMatrix<T>> as_matrix(Tensor& tensor) {
  return {tensor.as<T>().data(), tensor.shape().rows(), tensor.shape().length()};
}

/// The same for a view, read only.
template <class T>
Eigen::Map<const RowMajorMatrix<T>> as_matrix(const TensorView& view) {
  return {view.as<T>().data(), view.shape.rows(), view.shape.length()};
}

/// The other way: a row-major Eigen matrix (or map) as a view of shape (rows, columns) that shares its
/// memory.
template <class Derived>
TensorView as_view(const Eigen::PlainObjectBase<Derived>& matrix) {
  static_assert(Derived::IsRowMajor || Derived::IsVectorAtCompileTime,
                "a tensor is row-major: time is the innermost axis");
  using T = typename Derived::Scalar;
  if constexpr (Derived::IsVectorAtCompileTime)
    return {matrix.data(), Shape{matrix.size()}, element_type_of<T>};
  else
    return {matrix.data(), Shape{matrix.rows(), matrix.cols()}, element_type_of<T>};
}

}  // namespace retrograd
