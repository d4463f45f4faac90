// The butterflies of the Fourier transform in place, decimation in frequency, and their conjugate transposes. One
// source for every backend.
#pragma once

#include <retrograd/math/functions.hpp>

namespace retrograd::spectrum {

template <class T>
struct alignas(2 * sizeof(T)) Complex {
  T real, imaginary;
};

template <class T>
RETROGRAD_INLINE Complex<T> add(const Complex<T>& a, const Complex<T>& b) {
  return {a.real + b.real, a.imaginary + b.imaginary};
}
template <class T>
RETROGRAD_INLINE Complex<T> subtract(const Complex<T>& a, const Complex<T>& b) {
  return {a.real - b.real, a.imaginary - b.imaginary};
}
template <class T>
RETROGRAD_INLINE Complex<T> multiply(const Complex<T>& a, const Complex<T>& w) {
  return {math::fma(a.real, w.real, -(a.imaginary * w.imaginary)),
          math::fma(a.real, w.imaginary, a.imaginary * w.real)};
}
/// a times the conjugate of w.
template <class T>
RETROGRAD_INLINE Complex<T> multiply_conjugate(const Complex<T>& a, const Complex<T>& w) {
  return {math::fma(a.real, w.real, a.imaginary * w.imaginary),
          math::fma(a.imaginary, w.real, -(a.real * w.imaginary))};
}

/// Radix 2: r1 is to be multiplied by w = exp(-2 pi i j / length) after it.
template <class T>
RETROGRAD_INLINE void butterfly2(Complex<T>& r0, Complex<T>& r1) {
  const Complex<T> difference = subtract(r0, r1);
  r0 = add(r0, r1);
  r1 = difference;
}

/// Radix 4: r1, r2 and r3 are to be multiplied by w^2, w and w^3 after it. The middle two results change places,
/// which makes the order of the points plain bit reversal.
template <class T>
RETROGRAD_INLINE void butterfly4(Complex<T>& r0, Complex<T>& r1, Complex<T>& r2, Complex<T>& r3) {
  const Complex<T> s02 = add(r0, r2), d02 = subtract(r0, r2);
  const Complex<T> s13 = add(r1, r3), d13 = subtract(r1, r3);
  r0 = add(s02, s13);
  r1 = subtract(s02, s13);
  r2 = {d02.real + d13.imaginary, d02.imaginary - d13.real};
  r3 = {d02.real - d13.imaginary, d02.imaginary + d13.real};
}

/// The conjugate transpose of butterfly4: r1, r2 and r3 were multiplied by the conjugates of w^2, w and w^3 before.
template <class T>
RETROGRAD_INLINE void butterfly4_adjoint(Complex<T>& r0, Complex<T>& r1, Complex<T>& r2, Complex<T>& r3) {
  const Complex<T> s02 = add(r0, r1), d02 = subtract(r0, r1);
  const Complex<T> s13 = add(r2, r3), d13 = subtract(r2, r3);
  r0 = add(s02, s13);
  r1 = {d02.real - d13.imaginary, d02.imaginary + d13.real};
  r2 = subtract(s02, s13);
  r3 = {d02.real + d13.imaginary, d02.imaginary - d13.real};
}

}  // namespace retrograd::spectrum
