#include <retrograd/math/functions.hpp>
#include <retrograd/math/simd.hpp>
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

// One radix-4 butterfly of decimation in frequency, in place over four rows. `twiddles` holds w, w^2 and w^3
// for w = exp(-2 pi i j / length). The middle two results change places, which makes the order of the rows
// plain bit reversal.
template <class T, bool twiddled>
RETROGRAD_INLINE void butterfly(real_t<T>* __restrict r0, real_t<T>* __restrict r1, real_t<T>* __restrict r2,
                                real_t<T>* __restrict r3, const real_t<T>* __restrict twiddles) {
  using Real = real_t<T>;
  constexpr int n = lanes<Real>;
  const T w1_real = twiddles[0], w1_imaginary = twiddles[1];
  const T w2_real = twiddles[2], w2_imaginary = twiddles[3];
  const T w3_real = twiddles[4], w3_imaginary = twiddles[5];
  for (int l = 0; l < n; ++l) {
    const T a0_real = r0[l], a0_imaginary = r0[n + l];
    const T a1_real = r1[l], a1_imaginary = r1[n + l];
    const T a2_real = r2[l], a2_imaginary = r2[n + l];
    const T a3_real = r3[l], a3_imaginary = r3[n + l];
    const T s02_real = a0_real + a2_real, s02_imaginary = a0_imaginary + a2_imaginary;
    const T d02_real = a0_real - a2_real, d02_imaginary = a0_imaginary - a2_imaginary;
    const T s13_real = a1_real + a3_real, s13_imaginary = a1_imaginary + a3_imaginary;
    const T d13_real = a1_real - a3_real, d13_imaginary = a1_imaginary - a3_imaginary;
    const T y1_real = d02_real + d13_imaginary, y1_imaginary = d02_imaginary - d13_real;
    const T y2_real = s02_real - s13_real, y2_imaginary = s02_imaginary - s13_imaginary;
    const T y3_real = d02_real - d13_imaginary, y3_imaginary = d02_imaginary + d13_real;
    r0[l] = Real(s02_real + s13_real);
    r0[n + l] = Real(s02_imaginary + s13_imaginary);
    if constexpr (twiddled) {
      r1[l] = Real(math::fma(y2_real, w2_real, -(y2_imaginary * w2_imaginary)));
      r1[n + l] = Real(math::fma(y2_real, w2_imaginary, y2_imaginary * w2_real));
      r2[l] = Real(math::fma(y1_real, w1_real, -(y1_imaginary * w1_imaginary)));
      r2[n + l] = Real(math::fma(y1_real, w1_imaginary, y1_imaginary * w1_real));
      r3[l] = Real(math::fma(y3_real, w3_real, -(y3_imaginary * w3_imaginary)));
      r3[n + l] = Real(math::fma(y3_real, w3_imaginary, y3_imaginary * w3_real));
    } else {
      r1[l] = Real(y2_real);
      r1[n + l] = Real(y2_imaginary);
      r2[l] = Real(y1_real);
      r2[n + l] = Real(y1_imaginary);
      r3[l] = Real(y3_real);
      r3[n + l] = Real(y3_imaginary);
    }
  }
}

// The conjugate transpose of `butterfly`.
template <class T, bool twiddled>
RETROGRAD_INLINE void butterfly_adjoint(real_t<T>* __restrict r0, real_t<T>* __restrict r1,
                                        real_t<T>* __restrict r2, real_t<T>* __restrict r3,
                                        const real_t<T>* __restrict twiddles) {
  using Real = real_t<T>;
  constexpr int n = lanes<Real>;
  const T w1_real = twiddles[0], w1_imaginary = twiddles[1];
  const T w2_real = twiddles[2], w2_imaginary = twiddles[3];
  const T w3_real = twiddles[4], w3_imaginary = twiddles[5];
  for (int l = 0; l < n; ++l) {
    const T y0_real = r0[l], y0_imaginary = r0[n + l];
    T y2_real = r1[l], y2_imaginary = r1[n + l];
    T y1_real = r2[l], y1_imaginary = r2[n + l];
    T y3_real = r3[l], y3_imaginary = r3[n + l];
    if constexpr (twiddled) {
      const T g2_real = y2_real, g1_real = y1_real, g3_real = y3_real;
      y2_real = math::fma(g2_real, w2_real, y2_imaginary * w2_imaginary);
      y2_imaginary = math::fma(y2_imaginary, w2_real, -(g2_real * w2_imaginary));
      y1_real = math::fma(g1_real, w1_real, y1_imaginary * w1_imaginary);
      y1_imaginary = math::fma(y1_imaginary, w1_real, -(g1_real * w1_imaginary));
      y3_real = math::fma(g3_real, w3_real, y3_imaginary * w3_imaginary);
      y3_imaginary = math::fma(y3_imaginary, w3_real, -(g3_real * w3_imaginary));
    }
    const T s02_real = y0_real + y2_real, s02_imaginary = y0_imaginary + y2_imaginary;
    const T d02_real = y0_real - y2_real, d02_imaginary = y0_imaginary - y2_imaginary;
    const T s13_real = y1_real + y3_real, s13_imaginary = y1_imaginary + y3_imaginary;
    const T d13_real = y1_real - y3_real, d13_imaginary = y1_imaginary - y3_imaginary;
    r0[l] = Real(s02_real + s13_real);
    r0[n + l] = Real(s02_imaginary + s13_imaginary);
    r1[l] = Real(d02_real - d13_imaginary);
    r1[n + l] = Real(d02_imaginary + d13_real);
    r2[l] = Real(s02_real - s13_real);
    r2[n + l] = Real(s02_imaginary - s13_imaginary);
    r3[l] = Real(d02_real + d13_imaginary);
    r3[n + l] = Real(d02_imaginary - d13_real);
  }
}

// Radix 2, for the first pass where the number of points is an odd power of two. `twiddles` holds w.
template <class T>
RETROGRAD_INLINE void butterfly2(real_t<T>* __restrict r0, real_t<T>* __restrict r1,
                                 const real_t<T>* __restrict twiddles) {
  using Real = real_t<T>;
  constexpr int n = lanes<Real>;
  const T w_real = twiddles[0], w_imaginary = twiddles[1];
  for (int l = 0; l < n; ++l) {
    const T a0_real = r0[l], a0_imaginary = r0[n + l];
    const T a1_real = r1[l], a1_imaginary = r1[n + l];
    const T d_real = a0_real - a1_real, d_imaginary = a0_imaginary - a1_imaginary;
    r0[l] = Real(a0_real + a1_real);
    r0[n + l] = Real(a0_imaginary + a1_imaginary);
    r1[l] = Real(math::fma(d_real, w_real, -(d_imaginary * w_imaginary)));
    r1[n + l] = Real(math::fma(d_real, w_imaginary, d_imaginary * w_real));
  }
}

template <class T>
RETROGRAD_INLINE void butterfly2_adjoint(real_t<T>* __restrict r0, real_t<T>* __restrict r1,
                                         const real_t<T>* __restrict twiddles) {
  using Real = real_t<T>;
  constexpr int n = lanes<Real>;
  const T w_real = twiddles[0], w_imaginary = twiddles[1];
  for (int l = 0; l < n; ++l) {
    const T y0_real = r0[l], y0_imaginary = r0[n + l];
    const T g1_real = r1[l], g1_imaginary = r1[n + l];
    const T y1_real = math::fma(g1_real, w_real, g1_imaginary * w_imaginary);
    const T y1_imaginary = math::fma(g1_imaginary, w_real, -(g1_real * w_imaginary));
    r0[l] = Real(y0_real + y1_real);
    r0[n + l] = Real(y0_imaginary + y1_imaginary);
    r1[l] = Real(y0_real - y1_real);
    r1[n + l] = Real(y0_imaginary - y1_imaginary);
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
        butterfly2<T>(rows + j * row<real_t<T>>, rows + (j + half) * row<real_t<T>>, twiddles + 2 * j);
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
        butterfly2_adjoint<T>(rows + j * row<real_t<T>>, rows + (j + half) * row<real_t<T>>, table + 2 * j);
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
