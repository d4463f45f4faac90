#include <retrograd/math/simd.hpp>
#include <retrograd/spectrum/bins.hpp>
#include <retrograd/spectrum/split.hpp>
#include <retrograd/spectrum/stft.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <string>
#include <type_traits>
#include <utility>

namespace retrograd::spectrum {

namespace {

// Pairs of bins whose terms are added in Real before the sum goes on in double.
constexpr int pairs_per_sum = 32;

// The bins of one pair of rows: split, visit and, with an adjoint, the transposed split into the same rows.
template <Visit visit, class T>
RETROGRAD_INLINE void visit_pair(real_t<T>* __restrict z1, real_t<T>* __restrict z2, const real_t<T>* twiddle,
                                 Value<visit, T>* __restrict values, real_t<T>* __restrict linear,
                                 real_t<T>* __restrict logarithm, const Weights<T>& weights) {
  using Real = real_t<T>;
  constexpr int n = lanes<Real>;
  const T u_real = twiddle[0], u_imaginary = twiddle[1];
  const Weights<T> w = weights;
  for (int l = 0; l < n; ++l) {
    Pair<T> x = split<T>({z1[l], z1[n + l], z2[l], z2[n + l]}, u_real, u_imaginary);
    visit_bin<visit, T>(x.first_real, x.first_imaginary, values[l], linear[l], logarithm[l], w);
    visit_bin<visit, T>(x.second_real, x.second_imaginary, values[n + l], linear[l], logarithm[l], w);
    if constexpr (visit == Visit::magnitude_adjoint || visit == Visit::distance_adjoint) {
      const Pair<T> g = split_adjoint<T>(x, u_real, u_imaginary);
      z1[l] = Real(g.first_real);
      z1[n + l] = Real(g.first_imaginary);
      z2[l] = Real(g.second_real);
      z2[n + l] = Real(g.second_imaginary);
    }
  }
}

// The three bins of the rows 0 and 1: 0, points and points / 2.
template <Visit visit, class T>
RETROGRAD_INLINE void visit_ends(real_t<T>* __restrict rows, Value<visit, T>* __restrict values,
                                 real_t<T>* __restrict linear, real_t<T>* __restrict logarithm,
                                 const Weights<T>& weights) {
  using Real = real_t<T>;
  constexpr int n = lanes<Real>;
  const Weights<T> w = weights;
  for (int l = 0; l < n; ++l) {
    T first_real = T(rows[l]) + T(rows[n + l]), first_imaginary = T(0);
    T last_real = T(rows[l]) - T(rows[n + l]), last_imaginary = T(0);
    T middle_real = T(rows[2 * n + l]), middle_imaginary = -T(rows[3 * n + l]);
    visit_bin<visit, T>(first_real, first_imaginary, values[l], linear[l], logarithm[l], w);
    visit_bin<visit, T>(last_real, last_imaginary, values[n + l], linear[l], logarithm[l], w);
    visit_bin<visit, T>(middle_real, middle_imaginary, values[2 * n + l], linear[l], logarithm[l], w);
    if constexpr (visit == Visit::magnitude_adjoint || visit == Visit::distance_adjoint) {
      rows[l] = Real(first_real + last_real);
      rows[n + l] = Real(first_real - last_real);
      rows[2 * n + l] = Real(middle_real);
      rows[3 * n + l] = Real(-middle_imaginary);
    }
  }
}

// Adds the lanes' sums to those in double and clears them.
template <class Real>
RETROGRAD_INLINE void flush(Real* __restrict sums, double* __restrict totals) {
  for (int l = 0; l < lanes<Real>; ++l) {
    totals[l] += double(sums[l]);
    sums[l] = 0;
  }
}

// All bins of a batch, in the order of the slots. rows: as FftPlan::complex_forward leaves them; totals:
// linear sums of each lane, then logarithmic ones.
template <Visit visit>
struct VisitBins {
  template <class T>
  RETROGRAD_INLINE static void run(real_t<T>* rows, std::int64_t points, const real_t<T>* twiddles,
                                   Value<visit, T>* values, real_t<T> epsilon, real_t<T> linear_seed,
                                   real_t<T> logarithm_seed, double* totals) {
    using Real = real_t<T>;
    constexpr int n = lanes<Real>;
    constexpr bool sums = visit == Visit::distance || visit == Visit::distance_adjoint;
    alignas(64) Real linear[n] = {};
    alignas(64) Real logarithm[n] = {};
    const Weights<T> weights{T(epsilon), T(linear_seed), T(logarithm_seed)};
    visit_ends<visit, T>(rows, values, linear, logarithm, weights);
    values += 3 * n;
    [[maybe_unused]] int pairs = 0;
    for (std::int64_t block = 2; block < points; block *= 2) {
      Real* z1 = rows + block * 2 * n;
      Real* z2 = rows + (2 * block - 1) * 2 * n;
      for (; z1 < z2; z1 += 2 * n, z2 -= 2 * n, twiddles += 2, values += 2 * n) {
        visit_pair<visit, T>(z1, z2, twiddles, values, linear, logarithm, weights);
        if constexpr (sums) {
          if (++pairs < pairs_per_sum) continue;
          flush(linear, totals);
          flush(logarithm, totals + n);
          pairs = 0;
        }
      }
    }
    if constexpr (sums) {
      flush(linear, totals);
      flush(logarithm, totals + n);
    }
  }
};

// rows[q * hop + r][lane] = window[q * hop + r] * columns[r][q + lane]: frames that overlap share their
// samples.
struct Window {
  template <class T>
  RETROGRAD_INLINE static void run(const real_t<T>* columns, std::int64_t stride, std::int64_t hop,
                                   const real_t<T>* window, std::int64_t size, real_t<T>* rows) {
    for (std::int64_t n = 0, q = 0, r = 0; n < size; ++n, ++r) {
      if (r == hop) {
        r = 0;
        ++q;
      }
      multiply<T>(columns + r * stride + q, window[n], rows + n * lanes<real_t<T>>);
    }
  }
  template <class T>
  RETROGRAD_INLINE static void multiply(const real_t<T>* column, T factor, real_t<T>* row) {
    constexpr int n = lanes<real_t<T>>;
    real_t<T> product[n];
    for (int l = 0; l < n; ++l) product[l] = real_t<T>(T(column[l]) * factor);
    for (int l = 0; l < n; ++l) row[l] = product[l];
  }
};

// The transpose: adds the windowed rows to the columns.
struct WindowAdjoint {
  template <class T>
  RETROGRAD_INLINE static void run(real_t<T>* columns, std::int64_t stride, std::int64_t hop,
                                   const real_t<T>* window, std::int64_t size, const real_t<T>* rows) {
    std::fill_n(columns, hop * stride, real_t<T>(0));
    for (std::int64_t n = 0, q = 0, r = 0; n < size; ++n, ++r) {
      if (r == hop) {
        r = 0;
        ++q;
      }
      multiply_add<T>(rows + n * lanes<real_t<T>>, window[n], columns + r * stride + q);
    }
  }
  template <class T>
  RETROGRAD_INLINE static void multiply_add(const real_t<T>* row, T factor, real_t<T>* column) {
    constexpr int n = lanes<real_t<T>>;
    real_t<T> sum[n];
    for (int l = 0; l < n; ++l) sum[l] = real_t<T>(math::fma(T(row[l]), factor, T(column[l])));
    for (int l = 0; l < n; ++l) column[l] = sum[l];
  }
};

StftShape checked(StftShape shape) {
  const int window = shape.window;
  if (window < 4 || window > largest_transform || !std::has_single_bit(static_cast<unsigned>(window)))
    raise<ShapeError>("STFT window of " + std::to_string(window) +
                      " samples: it must be a power of two from 4 to " + std::to_string(largest_transform));
  if (shape.hop < 1 || shape.hop > window)
    raise<ShapeError>("STFT hop of " + std::to_string(shape.hop) +
                      " samples: it must be from 1 to the window, " + std::to_string(window));
  return shape;
}

void check_length(std::int64_t length) {
  if (length < 1)
    raise<ShapeError>("STFT of " + std::to_string(length) + " samples: a signal has at least one");
}

template <class Real>
void grow(AlignedArray<Real>& array, std::int64_t size) {
  if (array.size() < static_cast<std::size_t>(size))
    array = AlignedArray<Real>(static_cast<std::size_t>(size));
}

}  // namespace

std::int64_t StftShape::frames(std::int64_t length) const {
  return length <= window ? 1 : (length - window + hop - 1) / hop + 1;
}

template <class Real>
void SpectrumWorkspace<Real>::reserve(const Stft<Real>& stft) {
  grow(rows_, std::int64_t{stft.shape().window} * lanes<Real>);
  grow(columns_, std::int64_t{stft.shape().hop} * stft.column_stride());
  grow(values_, std::int64_t{stft.shape().bins()} * lanes<Real>);
}

template <class Real>
Stft<Real>::Stft(StftShape shape)
    : shape_(checked(shape)), plan_(shape.window), window_(static_cast<std::size_t>(shape.window)) {
  for (int n = 0; n < shape.window; ++n) {
    const long double turns = static_cast<long double>(n) / static_cast<long double>(shape.window);
    window_[static_cast<std::size_t>(n)] =
        static_cast<Real>(0.5L - 0.5L * std::cos(2 * std::numbers::pi_v<long double> * turns));
  }
}

template <class Real>
std::int64_t Stft<Real>::batches(std::int64_t length) const {
  return (shape_.frames(length) + lanes<Real> - 1) / lanes<Real>;
}

// Columns under a batch: its frames and those that its last frame reaches into.
template <class Real>
int Stft<Real>::column_stride() const {
  return lanes<Real> - 1 + (shape_.window + shape_.hop - 1) / shape_.hop;
}

// The windowed frames of a batch into workspace.rows_. Lanes without a frame become zero.
template <class Real>
void Stft<Real>::load(const Real* samples, std::int64_t length, std::int64_t batch,
                      SpectrumWorkspace<Real>& workspace) const {
  constexpr int n = lanes<Real>;
  const std::int64_t stride = column_stride(), hop = shape_.hop;
  const std::int64_t first = batch * n * hop;
  Real* columns = workspace.columns_.data();
  for (std::int64_t column = 0; column < stride; ++column) {
    const std::int64_t start = first + column * hop;
    const std::int64_t present = std::clamp<std::int64_t>(length - start, 0, hop);
    for (std::int64_t r = 0; r < present; ++r) columns[r * stride + column] = samples[start + r];
    for (std::int64_t r = present; r < hop; ++r) columns[r * stride + column] = 0;
  }
  Real* rows = workspace.rows_.data();
  math::Kernel<Window, Real>::at(math::simd_level())(columns, stride, hop, window_.data(), shape_.window,
                                                     rows);
  const std::int64_t frames = shape_.frames(length) - batch * n;
  if (frames < n)
    for (std::int64_t row = 0; row < shape_.window; ++row)
      std::fill(rows + row * n + frames, rows + (row + 1) * n, Real(0));
}

// Adds the rows' adjoints, windowed, to those of the samples. The sum over overlapping frames is taken from
// the earliest position in the frame to the last, batch by batch.
template <class Real>
void Stft<Real>::store(Real* samples_adjoint, std::int64_t length, std::int64_t batch,
                       SpectrumWorkspace<Real>& workspace) const {
  const std::int64_t stride = column_stride(), hop = shape_.hop;
  const std::int64_t first = batch * lanes<Real> * hop;
  Real* columns = workspace.columns_.data();
  math::Kernel<WindowAdjoint, Real>::at(math::simd_level())(columns, stride, hop, window_.data(),
                                                            shape_.window, workspace.rows_.data());
  for (std::int64_t column = 0; column < stride; ++column) {
    const std::int64_t start = first + column * hop;
    const std::int64_t present = std::clamp<std::int64_t>(length - start, 0, hop);
    for (std::int64_t r = 0; r < present; ++r) samples_adjoint[start + r] += columns[r * stride + column];
  }
}

template <class Real>
void Stft<Real>::magnitude(const Real* samples, std::int64_t length, Real* magnitudes,
                           SpectrumWorkspace<Real>& workspace) const {
  check_length(length);
  workspace.reserve(*this);
  constexpr int n = lanes<Real>;
  const std::int64_t frames = shape_.frames(length);
  Real* values = workspace.values_.data();
  for (std::int64_t batch = 0; batch < batches(length); ++batch) {
    load(samples, length, batch, workspace);
    plan_.complex_forward(workspace.rows_.data());
    math::Kernel<VisitBins<Visit::magnitude>, Real>::at(math::simd_level())(
        workspace.rows_.data(), shape_.window / 2, plan_.split_twiddles(), values, 0, 0, 0, nullptr);
    const std::int64_t count = std::min<std::int64_t>(n, frames - batch * n);
    for (int slot = 0; slot < shape_.bins(); ++slot)
      std::copy_n(values + slot * n, count, magnitudes + plan_.slot_bin(slot) * frames + batch * n);
  }
}

template <class Real>
void Stft<Real>::magnitude_adjoint(const Real* samples, std::int64_t length, const Real* magnitudes_adjoint,
                                   Real* samples_adjoint, SpectrumWorkspace<Real>& workspace) const {
  check_length(length);
  workspace.reserve(*this);
  constexpr int n = lanes<Real>;
  const std::int64_t frames = shape_.frames(length);
  Real* values = workspace.values_.data();
  for (std::int64_t batch = 0; batch < batches(length); ++batch) {
    const std::int64_t count = std::min<std::int64_t>(n, frames - batch * n);
    for (int slot = 0; slot < shape_.bins(); ++slot) {
      std::copy_n(magnitudes_adjoint + plan_.slot_bin(slot) * frames + batch * n, count, values + slot * n);
      std::fill(values + slot * n + count, values + (slot + 1) * n, Real(0));
    }
    load(samples, length, batch, workspace);
    plan_.complex_forward(workspace.rows_.data());
    math::Kernel<VisitBins<Visit::magnitude_adjoint>, Real>::at(math::simd_level())(
        workspace.rows_.data(), shape_.window / 2, plan_.split_twiddles(), values, 0, 0, 0, nullptr);
    plan_.complex_adjoint(workspace.rows_.data());
    store(samples_adjoint, length, batch, workspace);
  }
}

template <class Real>
std::int64_t Stft<Real>::packed_size(std::int64_t length) const {
  return batches(length) * shape_.bins() * lanes<Real>;
}

template <class Real>
void Stft<Real>::packed_magnitude(const Real* samples, std::int64_t length, Real* packed,
                                  SpectrumWorkspace<Real>& workspace) const {
  check_length(length);
  workspace.reserve(*this);
  for (std::int64_t batch = 0; batch < batches(length); ++batch) {
    load(samples, length, batch, workspace);
    plan_.complex_forward(workspace.rows_.data());
    math::Kernel<VisitBins<Visit::magnitude>, Real>::at(math::simd_level())(
        workspace.rows_.data(), shape_.window / 2, plan_.split_twiddles(),
        packed + batch * shape_.bins() * lanes<Real>, 0, 0, 0, nullptr);
  }
}

template <class Real>
SpectralDistance Stft<Real>::distance(const Real* samples, std::int64_t length, const Real* target,
                                      double epsilon, SpectrumWorkspace<Real>& workspace) const {
  return distance_and_adjoint(samples, length, target, epsilon, 0, 0, nullptr, workspace);
}

template <class Real>
SpectralDistance Stft<Real>::distance_and_adjoint(const Real* samples, std::int64_t length,
                                                  const Real* target, double epsilon, double linear_seed,
                                                  double logarithm_seed, Real* samples_adjoint,
                                                  SpectrumWorkspace<Real>& workspace) const {
  check_length(length);
  workspace.reserve(*this);
  constexpr int n = lanes<Real>;
  const math::SimdLevel level = math::simd_level();
  const auto visit = samples_adjoint == nullptr
                         ? math::Kernel<VisitBins<Visit::distance>, Real>::at(level)
                         : math::Kernel<VisitBins<Visit::distance_adjoint>, Real>::at(level);
  double totals[2 * n] = {};
  for (std::int64_t batch = 0; batch < batches(length); ++batch) {
    load(samples, length, batch, workspace);
    plan_.complex_forward(workspace.rows_.data());
    visit(workspace.rows_.data(), shape_.window / 2, plan_.split_twiddles(), target,
          static_cast<Real>(epsilon), static_cast<Real>(linear_seed), static_cast<Real>(logarithm_seed),
          totals);
    target += shape_.bins() * n;
    if (samples_adjoint == nullptr) continue;
    plan_.complex_adjoint(workspace.rows_.data());
    store(samples_adjoint, length, batch, workspace);
  }
  SpectralDistance distance{0, 0};
  for (int l = 0; l < n; ++l) {
    distance.linear += totals[l];
    distance.logarithm += totals[n + l];
  }
  return distance;
}

template <class Real>
SpectralLoss<Real>::SpectralLoss(SpectralLossOptions options) : options_(std::move(options)) {
  const auto weight_is_valid = [](double weight) { return std::isfinite(weight) && weight >= 0; };
  if (options_.windows.empty()) raise<ShapeError>("spectral loss without a window: give at least one size");
  if (!(options_.hop_fraction > 0 && options_.hop_fraction <= 1))
    raise<DomainError>("spectral loss with a hop of " + std::to_string(options_.hop_fraction) +
                       " windows: it must be above 0 and at most 1");
  for (const auto& [name, values] :
       {std::pair{"floors", &options_.floors}, std::pair{"linear weights", &options_.linear_weights}})
    if (!values->empty() && values->size() != options_.windows.size())
      raise<ShapeError>("spectral loss of " + std::to_string(options_.windows.size()) + " windows with " +
                        std::to_string(values->size()) + " " + name + ": give one for each window, or none");
  for (std::size_t index = 0; index < options_.windows.size(); ++index) {
    const double epsilon = options_.epsilon_at(index), linear_weight = options_.linear_weight_at(index);
    if (!(static_cast<Real>(epsilon) > 0) || !std::isfinite(static_cast<Real>(epsilon)))
      raise<DomainError>("spectral loss with epsilon " + std::to_string(epsilon) + ": it must be positive");
    if (!weight_is_valid(linear_weight) || !weight_is_valid(options_.log_weight))
      raise<DomainError>("spectral loss with weights " + std::to_string(linear_weight) + " (linear) and " +
                         std::to_string(options_.log_weight) +
                         " (log): they must be finite and not negative");
    const int window = options_.windows[index];
    const int hop = static_cast<int>(std::lround(options_.hop_fraction * window));
    transforms_.emplace_back(StftShape{window, std::max(1, hop)});
  }
}

template <class Real>
void SpectralLoss<Real>::prepare_target(const Real* target, std::int64_t length, TargetSpectra<Real>& spectra,
                                        SpectrumWorkspace<Real>& workspace) const {
  check_length(length);
  spectra.length = length;
  spectra.magnitudes.resize(transforms_.size());
  for (std::size_t index = 0; index < transforms_.size(); ++index) {
    const auto size = static_cast<std::size_t>(transforms_[index].packed_size(length));
    if (spectra.magnitudes[index].size() != size) spectra.magnitudes[index] = AlignedArray<Real>(size);
    transforms_[index].packed_magnitude(target, length, spectra.magnitudes[index].data(), workspace);
  }
}

template <class Real>
double SpectralLoss<Real>::loss(const Real* samples, std::int64_t length, const TargetSpectra<Real>& target,
                                SpectrumWorkspace<Real>& workspace) const {
  return loss_and_adjoint(samples, length, target, 0, nullptr, workspace);
}

template <class Real>
double SpectralLoss<Real>::loss_and_adjoint(const Real* samples, std::int64_t length,
                                            const TargetSpectra<Real>& target, double seed,
                                            Real* samples_adjoint, SpectrumWorkspace<Real>& workspace) const {
  bool fits = target.length == length && target.magnitudes.size() == transforms_.size();
  for (std::size_t index = 0; fits && index < transforms_.size(); ++index)
    fits =
        target.magnitudes[index].size() == static_cast<std::size_t>(transforms_[index].packed_size(length));
  if (!fits)
    raise<LengthMismatchError>("spectral loss of " + std::to_string(length) +
                               " samples against a target of " + std::to_string(target.length) +
                               ": prepare a target of the same length with the same loss");
  double loss = 0;
  for (std::size_t index = 0; index < transforms_.size(); ++index) {
    const Stft<Real>& stft = transforms_[index];
    const double terms = static_cast<double>(stft.shape().frames(length)) * stft.shape().bins();
    const SpectralWeights weights = spectral_weights(options_, index, terms);
    const SpectralDistance distance = stft.distance_and_adjoint(
        samples, length, target.magnitudes[index].data(), weights.epsilon, seed * weights.linear,
        seed * weights.logarithm, samples_adjoint, workspace);
    loss += weights.linear * distance.linear + weights.logarithm * distance.logarithm;
  }
  return loss;
}

template <class Real>
double SpectralLoss<Real>::loss_and_target_adjoint(const Real* samples, const Real* target,
                                                   std::int64_t length, double seed, Real* target_adjoint,
                                                   TargetSpectra<Real>& spectra,
                                                   SpectrumWorkspace<Real>& workspace) const {
  prepare_target(samples, length, spectra, workspace);
  return loss_and_adjoint(target, length, spectra, seed, target_adjoint, workspace);
}

template class SpectrumWorkspace<float>;
template class SpectrumWorkspace<double>;
template class Stft<float>;
template class Stft<double>;
template class SpectralLoss<float>;
template class SpectralLoss<double>;

}  // namespace retrograd::spectrum
