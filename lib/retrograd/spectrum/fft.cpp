#include <retrograd/math/simd.hpp>
#include <retrograd/spectrum/butterfly.hpp>
#include <retrograd/spectrum/fft.hpp>
#include <retrograd/spectrum/split.hpp>
#include <retrograd/tensor/errors.hpp>

#include <bit>
#include <cmath>
#include <numbers>
#include <string>

namespace retrograd::spectrum {

namespace {

using math::real_t;

// A row is one complex point of every lane: lanes real parts, then lanes imaginary parts.
template <class Real>
constexpr std::ptrdiff_t row = 2 * lanes<Real>;

// Blocks of this many rows or fewer stay in the L1 cache while all their passes run.
constexpr std::ptrdiff_t resident_rows = 256;

// Lane l of a row, and back.
template <class T>
RETROGRAD_INLINE Complex<T> point(const real_t<T>* r, int l) {
  return {T(r[l]), T(r[lanes<real_t<T>> + l])};
}
template <class T>
RETROGRAD_INLINE void put(const Complex<T>& point, real_t<T>* r, int l) {
  r[l] = real_t<T>(point.real);
  r[lanes<real_t<T>> + l] = real_t<T>(point.imaginary);
}

// One butterfly of radix 4, in place over four rows. `twiddles` holds w, w^2 and w^3 for w = exp(-2 pi i j /
// length).
template <class T, bool twiddled>
RETROGRAD_INLINE void butterfly(real_t<T>* __restrict r0, real_t<T>* __restrict r1, real_t<T>* __restrict r2,
                                real_t<T>* __restrict r3, const real_t<T>* __restrict twiddles) {
  const Complex<T> w1{twiddles[0], twiddles[1]}, w2{twiddles[2], twiddles[3]}, w3{twiddles[4], twiddles[5]};
  for (int l = 0; l < lanes<real_t<T>>; ++l) {
    Complex<T> y0 = point<T>(r0, l), y1 = point<T>(r1, l), y2 = point<T>(r2, l), y3 = point<T>(r3, l);
    butterfly4(y0, y1, y2, y3);
    put(y0, r0, l);
    put(twiddled ? multiply(y1, w2) : y1, r1, l);
    put(twiddled ? multiply(y2, w1) : y2, r2, l);
    put(twiddled ? multiply(y3, w3) : y3, r3, l);
  }
}

// The conjugate transpose of `butterfly`.
template <class T, bool twiddled>
RETROGRAD_INLINE void butterfly_adjoint(real_t<T>* __restrict r0, real_t<T>* __restrict r1,
                                        real_t<T>* __restrict r2, real_t<T>* __restrict r3,
                                        const real_t<T>* __restrict twiddles) {
  const Complex<T> w1{twiddles[0], twiddles[1]}, w2{twiddles[2], twiddles[3]}, w3{twiddles[4], twiddles[5]};
  for (int l = 0; l < lanes<real_t<T>>; ++l) {
    Complex<T> y0 = point<T>(r0, l), y1 = point<T>(r1, l), y2 = point<T>(r2, l), y3 = point<T>(r3, l);
    if constexpr (twiddled) {
      y1 = multiply_conjugate(y1, w2);
      y2 = multiply_conjugate(y2, w1);
      y3 = multiply_conjugate(y3, w3);
    }
    butterfly4_adjoint(y0, y1, y2, y3);
    put(y0, r0, l), put(y1, r1, l), put(y2, r2, l), put(y3, r3, l);
  }
}

// Radix 2, for the first pass where the number of points is an odd power of two. `twiddles` holds w.
template <class T>
RETROGRAD_INLINE void first_butterfly(real_t<T>* __restrict r0, real_t<T>* __restrict r1,
                                      const real_t<T>* __restrict twiddles) {
  const Complex<T> w{twiddles[0], twiddles[1]};
  for (int l = 0; l < lanes<real_t<T>>; ++l) {
    Complex<T> y0 = point<T>(r0, l), y1 = point<T>(r1, l);
    butterfly2(y0, y1);
    put(y0, r0, l), put(multiply(y1, w), r1, l);
  }
}

template <class T>
RETROGRAD_INLINE void first_butterfly_adjoint(real_t<T>* __restrict r0, real_t<T>* __restrict r1,
                                              const real_t<T>* __restrict twiddles) {
  const Complex<T> w{twiddles[0], twiddles[1]};
  for (int l = 0; l < lanes<real_t<T>>; ++l) {
    Complex<T> y0 = point<T>(r0, l), y1 = multiply_conjugate(point<T>(r1, l), w);
    butterfly2(y0, y1);
    put(y0, r0, l), put(y1, r1, l);
  }
}

// All butterflies of one radix-4 pass over one block of `length` rows.
template <class T>
RETROGRAD_INLINE void pass(real_t<T>* block, std::ptrdiff_t length, const real_t<T>* twiddles) {
  const std::ptrdiff_t quarter = length / 4, stride = quarter * row<real_t<T>>;
  butterfly<T, false>(block, block + stride, block + 2 * stride, block + 3 * stride, twiddles);
  for (std::ptrdiff_t j = 1; j < quarter; ++j) {
    real_t<T>* r = block + j * row<real_t<T>>;
    butterfly<T, true>(r, r + stride, r + 2 * stride, r + 3 * stride, twiddles + 6 * j);
  }
}

template <class T>
RETROGRAD_INLINE void pass_adjoint(real_t<T>* block, std::ptrdiff_t length, const real_t<T>* twiddles) {
  const std::ptrdiff_t quarter = length / 4, stride = quarter * row<real_t<T>>;
  butterfly_adjoint<T, false>(block, block + stride, block + 2 * stride, block + 3 * stride, twiddles);
  for (std::ptrdiff_t j = 1; j < quarter; ++j) {
    real_t<T>* r = block + j * row<real_t<T>>;
    butterfly_adjoint<T, true>(r, r + stride, r + 2 * stride, r + 3 * stride, twiddles + 6 * j);
  }
}

constexpr bool odd_power(std::ptrdiff_t points) {
  return std::countr_zero(static_cast<std::uint64_t>(points)) % 2 == 1;
}

struct ComplexForward {
  template <class T>
  RETROGRAD_INLINE static void run(real_t<T>* rows, std::ptrdiff_t points, const real_t<T>* twiddles) {
    std::ptrdiff_t length = points;
    if (odd_power(points)) {
      const std::ptrdiff_t half = points / 2;
      for (std::ptrdiff_t j = 0; j < half; ++j)
        first_butterfly<T>(rows + j * row<real_t<T>>, rows + (j + half) * row<real_t<T>>, twiddles + 2 * j);
      twiddles += points;
      length = half;
    }
    for (; length > resident_rows; length /= 4) {
      for (std::ptrdiff_t start = 0; start < points; start += length)
        pass<T>(rows + start * row<real_t<T>>, length, twiddles);
      twiddles += 6 * (length / 4);
    }
    for (std::ptrdiff_t resident = 0; resident < points; resident += length) {
      const real_t<T>* table = twiddles;
      for (std::ptrdiff_t inner = length; inner > 1; inner /= 4) {
        for (std::ptrdiff_t start = resident; start < resident + length; start += inner)
          pass<T>(rows + start * row<real_t<T>>, inner, table);
        table += 6 * (inner / 4);
      }
    }
  }
};

// The passes of ComplexForward from last to first. `twiddles` is the end of the table.
struct ComplexAdjoint {
  template <class T>
  RETROGRAD_INLINE static void run(real_t<T>* rows, std::ptrdiff_t points, const real_t<T>* twiddles) {
    const bool odd = odd_power(points);
    const std::ptrdiff_t even = odd ? points / 2 : points;
    std::ptrdiff_t length = even;
    while (length > resident_rows) length /= 4;
    const real_t<T>* table = twiddles;
    for (std::ptrdiff_t resident = 0; resident < points; resident += length) {
      table = twiddles;
      for (std::ptrdiff_t inner = 4; inner <= length; inner *= 4) {
        table -= 6 * (inner / 4);
        for (std::ptrdiff_t start = resident; start < resident + length; start += inner)
          pass_adjoint<T>(rows + start * row<real_t<T>>, inner, table);
      }
    }
    for (length *= 4; length <= even; length *= 4) {
      table -= 6 * (length / 4);
      for (std::ptrdiff_t start = 0; start < points; start += length)
        pass_adjoint<T>(rows + start * row<real_t<T>>, length, table);
    }
    if (odd) {
      table -= points;
      const std::ptrdiff_t half = points / 2;
      for (std::ptrdiff_t j = 0; j < half; ++j)
        first_butterfly_adjoint<T>(rows + j * row<real_t<T>>, rows + (j + half) * row<real_t<T>>,
                                   table + 2 * j);
    }
  }
};

// From bit-reversed rows to the half spectrum in order, and back.
struct Split {
  template <class T>
  RETROGRAD_INLINE static void run(const real_t<T>* rows, std::ptrdiff_t points, const real_t<T>* twiddles,
                                   const int* bins, real_t<T>* spectrum) {
    using Real = real_t<T>;
    constexpr int n = lanes<Real>;
    Real* __restrict last = spectrum + points * row<Real>;
    Real* __restrict middle = spectrum + points / 2 * row<Real>;
    for (int l = 0; l < n; ++l) {
      spectrum[l] = Real(T(rows[l]) + T(rows[n + l]));
      spectrum[n + l] = 0;
      last[l] = Real(T(rows[l]) - T(rows[n + l]));
      last[n + l] = 0;
      middle[l] = rows[row<Real> + l];
      middle[n + l] = -rows[row<Real> + n + l];
    }
    const int* pair = bins + 3;
    for (std::ptrdiff_t block = 2; block < points; block *= 2) {
      for (std::ptrdiff_t i = 0; i < block / 2; ++i, pair += 2, twiddles += 2) {
        const Real* z1 = rows + (block + i) * row<Real>;
        const Real* z2 = rows + (2 * block - 1 - i) * row<Real>;
        Real* __restrict x1 = spectrum + pair[0] * row<Real>;
        Real* __restrict x2 = spectrum + pair[1] * row<Real>;
        const T u_real = twiddles[0], u_imaginary = twiddles[1];
        for (int l = 0; l < n; ++l) {
          const Pair<T> x = split<T>({z1[l], z1[n + l], z2[l], z2[n + l]}, u_real, u_imaginary);
          x1[l] = Real(x.first_real);
          x1[n + l] = Real(x.first_imaginary);
          x2[l] = Real(x.second_real);
          x2[n + l] = Real(x.second_imaginary);
        }
      }
    }
  }
};

struct SplitAdjoint {
  template <class T>
  RETROGRAD_INLINE static void run(real_t<T>* rows, std::ptrdiff_t points, const real_t<T>* twiddles,
                                   const int* bins, const real_t<T>* spectrum) {
    using Real = real_t<T>;
    constexpr int n = lanes<Real>;
    const Real* last = spectrum + points * row<Real>;
    const Real* middle = spectrum + points / 2 * row<Real>;
    for (int l = 0; l < n; ++l) {
      rows[l] = Real(T(spectrum[l]) + T(last[l]));
      rows[n + l] = Real(T(spectrum[l]) - T(last[l]));
      rows[row<Real> + l] = middle[l];
      rows[row<Real> + n + l] = -middle[n + l];
    }
    const int* pair = bins + 3;
    for (std::ptrdiff_t block = 2; block < points; block *= 2) {
      for (std::ptrdiff_t i = 0; i < block / 2; ++i, pair += 2, twiddles += 2) {
        Real* __restrict z1 = rows + (block + i) * row<Real>;
        Real* __restrict z2 = rows + (2 * block - 1 - i) * row<Real>;
        const Real* x1 = spectrum + pair[0] * row<Real>;
        const Real* x2 = spectrum + pair[1] * row<Real>;
        const T u_real = twiddles[0], u_imaginary = twiddles[1];
        for (int l = 0; l < n; ++l) {
          const Pair<T> z = split_adjoint<T>({x1[l], x1[n + l], x2[l], x2[n + l]}, u_real, u_imaginary);
          z1[l] = Real(z.first_real);
          z1[n + l] = Real(z.first_imaginary);
          z2[l] = Real(z.second_real);
          z2[n + l] = Real(z.second_imaginary);
        }
      }
    }
  }
};

// exp(-2 pi i k / size) times `factor` (1 or -i), rounded once from long double.
template <class Real>
void put_twiddle(Real* to, std::int64_t k, std::int64_t size, bool times_minus_i = false) {
  const long double turns = static_cast<long double>(k % size) / static_cast<long double>(size);
  const long double angle = 2 * std::numbers::pi_v<long double> * turns;
  const long double cosine = std::cos(angle), sine = std::sin(angle);
  to[0] = static_cast<Real>(times_minus_i ? -sine : cosine);
  to[1] = static_cast<Real>(times_minus_i ? -cosine : -sine);
}

int bit_reverse(int value, int points) {
  int reversed = 0;
  for (int bit = 1; bit < points; bit *= 2) reversed = 2 * reversed + ((value & bit) != 0 ? 1 : 0);
  return reversed;
}

int checked_size(int size) {
  if (size < 4 || size > largest_transform || !std::has_single_bit(static_cast<unsigned>(size)))
    raise<ShapeError>("Fourier transform of " + std::to_string(size) +
                      " samples: the size must be a power of two from 4 to " +
                      std::to_string(largest_transform));
  return size;
}

}  // namespace

template <class Real>
FftPlan<Real>::FftPlan(int size) : size_(checked_size(size)) {
  const int points = size / 2;

  // Radix 2: w of every j. Radix 4, from the longest block to the shortest: w, w^2, w^3 of every j.
  std::size_t count = 0;
  int length = points;
  if (odd_power(points)) {
    count += static_cast<std::size_t>(points);
    length /= 2;
  }
  const int even = length;
  for (; length > 1; length /= 4) count += static_cast<std::size_t>(6 * (length / 4));
  twiddles_ = AlignedArray<Real>(count);
  Real* to = twiddles_.data();
  if (odd_power(points))
    for (int j = 0; j < points / 2; ++j, to += 2) put_twiddle(to, j, points);
  for (length = even; length > 1; length /= 4)
    for (int j = 0; j < length / 4; ++j)
      for (int power = 1; power <= 3; ++power, to += 2) put_twiddle(to, power * j, length);

  split_twiddles_ = AlignedArray<Real>(static_cast<std::size_t>(points - 2));
  to = split_twiddles_.data();
  slot_bins_ = {0, points, points / 2};
  for (int block = 2; block < points; block *= 2) {
    for (int i = 0; i < block / 2; ++i, to += 2) {
      const int bin = bit_reverse(block + i, points);
      put_twiddle(to, bin, size, true);
      slot_bins_.push_back(bin);
      slot_bins_.push_back(points - bin);
    }
  }
}

template <class Real>
void FftPlan<Real>::complex_forward(Real* rows) const {
  math::Kernel<ComplexForward, Real>::at(math::simd_level())(rows, size_ / 2, twiddles_.data());
}

template <class Real>
void FftPlan<Real>::complex_adjoint(Real* rows) const {
  math::Kernel<ComplexAdjoint, Real>::at(math::simd_level())(rows, size_ / 2,
                                                             twiddles_.data() + twiddles_.size());
}

template <class Real>
void FftPlan<Real>::forward(Real* frames, Real* spectrum) const {
  complex_forward(frames);
  math::Kernel<Split, Real>::at(math::simd_level())(frames, size_ / 2, split_twiddles_.data(),
                                                    slot_bins_.data(), spectrum);
}

template <class Real>
void FftPlan<Real>::adjoint(const Real* spectrum_adjoint, Real* frames_adjoint) const {
  math::Kernel<SplitAdjoint, Real>::at(math::simd_level())(frames_adjoint, size_ / 2, split_twiddles_.data(),
                                                           slot_bins_.data(), spectrum_adjoint);
  complex_adjoint(frames_adjoint);
}

template class FftPlan<float>;
template class FftPlan<double>;

}  // namespace retrograd::spectrum
