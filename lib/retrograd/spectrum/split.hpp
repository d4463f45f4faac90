// The last step of a real transform: two bins from two points of the half-size complex transform, and its
// transpose.
//
// With z[n] = x[2n] + i x[2n+1], Z its transform of M = N/2 points, u = -i exp(-2 pi i k / N):
//     X[k] = E + u D,  conj X[M-k] = E - u D,  where 2 E = Z[k] + conj Z[M-k],  2 D = Z[k] - conj Z[M-k].
#pragma once

#include <retrograd/math/functions.hpp>

namespace retrograd::spectrum {

/// A pair of complex numbers: the points k and M-k, or the bins k and M-k, or their adjoints.
template <class T>
struct Pair {
  T first_real, first_imaginary, second_real, second_imaginary;
};

/// The bins k and M-k from the points k and M-k.
template <class T>
RETROGRAD_INLINE Pair<T> split(const Pair<T>& z, T u_real, T u_imaginary) {
  const T half = math::constant<T>(0.5);
  const T e_real = half * (z.first_real + z.second_real);
  const T e_imaginary = half * (z.first_imaginary - z.second_imaginary);
  const T d_real = half * (z.first_real - z.second_real);
  const T d_imaginary = half * (z.first_imaginary + z.second_imaginary);
  const T t_real = math::fma(u_real, d_real, -(u_imaginary * d_imaginary));
  const T t_imaginary = math::fma(u_real, d_imaginary, u_imaginary * d_real);
  return {e_real + t_real, e_imaginary + t_imaginary, e_real - t_real, t_imaginary - e_imaginary};
}

/// The adjoints of the points from those of the bins.
template <class T>
RETROGRAD_INLINE Pair<T> split_adjoint(const Pair<T>& g, T u_real, T u_imaginary) {
  const T half = math::constant<T>(0.5);
  const T e_real = half * (g.first_real + g.second_real);
  const T e_imaginary = half * (g.first_imaginary - g.second_imaginary);
  const T t_real = half * (g.first_real - g.second_real);
  const T t_imaginary = half * (g.first_imaginary + g.second_imaginary);
  const T d_real = math::fma(u_real, t_real, u_imaginary * t_imaginary);
  const T d_imaginary = math::fma(u_real, t_imaginary, -(u_imaginary * t_real));
  return {e_real + d_real, e_imaginary + d_imaginary, e_real - d_real, d_imaginary - e_imaginary};
}

}  // namespace retrograd::spectrum
