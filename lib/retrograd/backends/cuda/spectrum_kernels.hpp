// Short-time Fourier magnitudes, their distance to a target's, and the adjoints (spectrum/stft.hpp says what they
// are).
//
// A block takes a group of frames that follow one another in a row and keeps them in shared memory all the way:
// samples times window, transform, one visit of every bin, and where the visit left adjoints the transposed transform
// and the windowed sum of the frames where they overlap. Only that sum, the group's strip, is written; another kernel
// adds up the strips that cover a sample, in their order. The arithmetic of a frame is the CPU's, operation by
// operation (spectrum/fft.hpp), so a frame's bins have its bits; sums over frames and bins are taken in an order of
// their own.
#pragma once

#include <retrograd/backends/cuda/elements.hpp>
#include <retrograd/backends/cuda/kernel_list.hpp>
#include <retrograd/spectrum/bins.hpp>
#include <retrograd/spectrum/butterfly.hpp>
#include <retrograd/spectrum/split.hpp>

namespace retrograd::cuda {

using spectrum::Complex;
using spectrum::Visit;

/// A window size in a launch. A frame is transformed as window/2 complex `points`. Two rows of points are a unit: unit
/// 0 is the rows 0 and 1, which hold the bins 0, window/2 and window/4; the others are pairs of FftPlan::slot_bin.
/// Magnitudes of a frame lie in the order of the units: first bins, second bins (of unit 0 bin window/4), then bin
/// window/2.
template <class Real>
struct SpectrumWindow {
  const Complex<Real>* window;          ///< [points]: the window at two samples
  const Complex<Real>* twiddles;        ///< of all passes: see transform()
  const Complex<Real>* split_twiddles;  ///< [units]: as FftPlan::split_twiddles(); the first is not used
  const int* first_bins;                ///< [units]: which bin is the first of a unit
  int log2_points, log2_group, hop;     ///< a group is that many frames
  std::int64_t frames;                  ///< of a row
  std::int64_t first_group, groups;     ///< of each row, in this launch
  std::int64_t first_task;              ///< tasks of the launch's windows before, in each row
  std::int64_t magnitudes;              ///< where those of frame 0 would begin in a row's
  std::int64_t sums;                    ///< where that of group 0 begins in a row's
  std::int64_t strips;                  ///< where that of the first group begins in a row's
  std::int64_t strip;                   ///< its length: that of a whole group
  double linear_weight, logarithm_weight;
  Real epsilon;

  RETROGRAD_ANYWHERE int points() const { return 1 << log2_points; }
  RETROGRAD_ANYWHERE int units() const { return points() / 2; }
  RETROGRAD_ANYWHERE int bins() const { return points() + 1; }
  RETROGRAD_ANYWHERE std::int64_t samples_between_groups() const { return std::int64_t{hop} << log2_group; }
};

/// What a launch does with the bins of its frames.
enum class Spectra {
  keep,               ///< writes magnitudes in the order of the units
  magnitude,          ///< writes them as [row][bin][frame]
  magnitude_adjoint,  ///< from adjoints in that order to strips
  distance,           ///< sums distances to what keep() wrote
  distance_adjoint,   ///< from the rows' adjoints to strips
};

template <class Real>
struct SpectraArguments {
  const SpectrumWindow<Real>* windows;  ///< of this launch
  int window_count;
  std::int64_t tasks, tasks_per_row;  ///< a task is a group of frames
  Complex<Real>* workspace;           ///< for windows that are too large for shared memory: [block][points]
  int workspace_points;

  std::int64_t first_row;  ///< rows are counted from here
  const Real* samples;
  std::int64_t length;
  const std::int64_t* row_of_samples;  ///< of each row, whose samples; null: its own

  Real* magnitudes;
  std::int64_t magnitudes_row, magnitudes_first_row;  ///< how many a row has, and the row they begin with
  const std::int64_t* row_of_magnitudes;              ///< of each row, whose magnitudes; null: its own

  double* sums;  ///< a weighted distance for each group
  std::int64_t sums_row;
  const double* seeds;  ///< the adjoint of each row's distance

  Real* strips;
  std::int64_t strips_row;

  void* spectrogram;  ///< magnitudes, or their adjoints
  bool spectrogram_is_double;
};

/// Both parts at once: left to itself, the device's compiler takes one after the other.
template <class Real>
RETROGRAD_ANYWHERE Complex<Real> read(const Complex<Real>* from) {
#if defined(__CUDA_ARCH__)
  using Two = std::conditional_t<sizeof(Real) == 4, float2, double2>;
  const Two two = *reinterpret_cast<const Two*>(from);
  return {two.x, two.y};
#else
  return *from;
#endif
}
template <class Real>
RETROGRAD_ANYWHERE void write(Complex<Real>* to, const Complex<Real>& x) {
#if defined(__CUDA_ARCH__)
  using Two = std::conditional_t<sizeof(Real) == 4, float2, double2>;
  *reinterpret_cast<Two*>(to) = {x.real, x.imaginary};
#else
  *to = x;
#endif
}

/// The frames of one group while they are transformed.
template <class Real>
struct Frames {
  Complex<Real>* memory;
  int count;        ///< frames that are there
  int log2_points;  ///< of each

  /// Where complex number i lies: no two of the threads that go through them together meet in one bank of shared
  /// memory, for all distances that a transform has. place(a ^ b) is place(a) ^ place(b).
  RETROGRAD_ANYWHERE static int place(int i) { return i ^ (((i >> 4) & 3) * 5); }
  RETROGRAD_ANYWHERE Complex<Real> get(int i) const { return read(memory + place(i)); }
  RETROGRAD_ANYWHERE void put(int i, const Complex<Real>& x) const { write(memory + place(i), x); }
  RETROGRAD_ANYWHERE int points() const { return 1 << log2_points; }
  RETROGRAD_ANYWHERE int all_points() const { return count << log2_points; }
  /// Sample n of frame f, or its adjoint.
  RETROGRAD_ANYWHERE Real sample(int f, int n) const {
    return reinterpret_cast<const Real*>(memory)[2 * place((f << log2_points) + n / 2) + n % 2];
  }
};

/// One pass of radix 4 over blocks of 4*quarter points, or its transpose; `w` holds the twiddles w of all j < quarter,
/// then w^2, w^3.
template <bool transposed, bool twiddled, class Real, class Block>
RETROGRAD_ANYWHERE void pass(const Block& block, const Frames<Real>& z, int quarter, const Complex<Real>* w) {
  const int to_1 = z.place(quarter), to_2 = z.place(2 * quarter), to_3 = z.place(3 * quarter);
  for (int e = block.thread(); e < z.all_points() / 4; e += threads) {
    const int j = e & (quarter - 1), first = z.place(4 * (e - j) + j);  // whose bits for to_1 to to_3 are 0
    Complex<Real>*const p0 = z.memory + first, *const p1 = z.memory + (first ^ to_1),
                        *const p2 = z.memory + (first ^ to_2), *const p3 = z.memory + (first ^ to_3);
    Complex<Real> r0 = read(p0), r1 = read(p1), r2 = read(p2), r3 = read(p3);
    if constexpr (!transposed) spectrum::butterfly4(r0, r1, r2, r3);
    if (twiddled && j > 0) {
      const Complex<Real> w1 = read(w + j), w2 = read(w + quarter + j), w3 = read(w + 2 * quarter + j);
      r1 = transposed ? multiply_conjugate(r1, w2) : multiply(r1, w2);
      r2 = transposed ? multiply_conjugate(r2, w1) : multiply(r2, w1);
      r3 = transposed ? multiply_conjugate(r3, w3) : multiply(r3, w3);
    }
    if constexpr (transposed) spectrum::butterfly4_adjoint(r0, r1, r2, r3);
    write(p0, r0), write(p1, r1), write(p2, r2), write(p3, r3);
  }
}
/// The pass of radix 2 over whole frames, or its transpose; `w` holds w of all j.
template <bool transposed, class Real, class Block>
RETROGRAD_ANYWHERE void pass_of_two(const Block& block, const Frames<Real>& z, const Complex<Real>* w) {
  const int half = z.points() / 2;
  for (int e = block.thread(); e < z.all_points() / 2; e += threads) {
    const int j = e & (half - 1), first = 2 * (e - j) + j;
    Complex<Real> r0 = z.get(first), r1 = z.get(first + half);
    if constexpr (transposed) r1 = multiply_conjugate(r1, read(w + j));
    spectrum::butterfly2(r0, r1);
    if constexpr (!transposed) r1 = multiply(r1, read(w + j));
    z.put(first, r0), z.put(first + half, r1);
  }
}

/// All passes: point k of each frame ends in row bit_reverse(k). `w`: of the pass of radix 2, where the number of
/// points is an odd power of two, then of those of radix 4 from the longest blocks to the shortest.
template <class Real, class Block>
RETROGRAD_ANYWHERE void transform(Block& block, const Frames<Real>& z, const Complex<Real>* w) {
  int length = z.points();
  if (z.log2_points % 2 == 1) {
    length /= 2;
    pass_of_two<false>(block, z, w);
    block.barrier();
    w += length;
  }
  for (; length > 4; length /= 4) {
    pass<false, true>(block, z, length / 4, w);
    block.barrier();
    w += 3 * (length / 4);
  }
  if (length == 4) {
    pass<false, false>(block, z, 1, w);
    block.barrier();
  }
}

/// Its transpose: the passes from last to first.
template <class Real, class Block>
RETROGRAD_ANYWHERE void transform_adjoint(Block& block, const Frames<Real>& z, const Complex<Real>* w) {
  const bool odd = z.log2_points % 2 == 1;
  const int longest = odd ? z.points() / 2 : z.points();
  if (longest > 1) {
    pass<true, false>(block, z, 1, w);
    block.barrier();
  }
  // The pass over blocks of `length` finds its twiddles after those of all longer blocks: 3/4 of each of
  // longest + longest/4 + ... + 4*length, which is longest - length.
  for (int length = 16; length <= longest; length *= 4) {
    pass<true, true>(block, z, length / 4, w + (odd ? longest : 0) + (longest - length));
    block.barrier();
  }
  if (odd) {
    pass_of_two<true>(block, z, w);
    block.barrier();
  }
}

/// Frames are in shared memory, or where they are too large for it in a workspace.
template <class Real, Spectra what, bool in_shared_memory>
struct VisitSpectra {
  static constexpr const char* name = what == Spectra::keep                ? "keep_magnitudes"
                                      : what == Spectra::magnitude         ? "magnitudes"
                                      : what == Spectra::magnitude_adjoint ? "magnitudes_adjoint"
                                      : what == Spectra::distance          ? "spectral_distance"
                                                                           : "spectral_distance_adjoint";
  static constexpr bool has_sums = what == Spectra::distance;
  static constexpr bool has_adjoint = what == Spectra::magnitude_adjoint || what == Spectra::distance_adjoint;
  static constexpr bool has_spectrogram = what == Spectra::magnitude || what == Spectra::magnitude_adjoint;
  static constexpr Visit visit = what == Spectra::magnitude_adjoint  ? Visit::magnitude_adjoint
                                 : what == Spectra::distance         ? Visit::distance
                                 : what == Spectra::distance_adjoint ? Visit::distance_adjoint
                                                                     : Visit::magnitude;
  /// The most terms that are added in Real.
  static constexpr int units_per_sum = 16;

  using Arguments = SpectraArguments<Real>;

  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    Complex<Real>* memory;
    if constexpr (in_shared_memory)
      memory = reinterpret_cast<Complex<Real>*>(block.shared());
    else
      memory = a.workspace + std::int64_t{block.index()} * a.workspace_points;
    for (std::int64_t task = block.index(); task < a.tasks; task += block.blocks()) {
      const std::int64_t in_launch = task / a.tasks_per_row, row = a.first_row + in_launch;
      const std::int64_t in_row = task - in_launch * a.tasks_per_row;
      int index = 0;
      while (index + 1 < a.window_count && a.windows[index + 1].first_task <= in_row) ++index;
      const SpectrumWindow<Real> window = a.windows[index];  // a copy: what is stored to cannot change it
      const std::int64_t group = window.first_group + (in_row - window.first_task);
      const std::int64_t first_frame = group << window.log2_group;
      const std::int64_t in_group = std::int64_t{1} << window.log2_group, left = window.frames - first_frame;
      const Frames<Real> z{memory, static_cast<int>(left < in_group ? left : in_group), window.log2_points};
      const std::int64_t start = first_frame * window.hop;

      load(block, a, window, row, start, z);
      block.barrier();
      transform(block, z, window.twiddles);
      visit_units(block, a, window, row, group, first_frame, z);
      block.barrier();
      if constexpr (has_adjoint) {
        transform_adjoint(block, z, window.twiddles);
        Real* strip =
            a.strips + in_launch * a.strips_row + window.strips + (group - window.first_group) * window.strip;
        store_strip(block, window, z, a.length - start, strip);
        block.barrier();
      }
    }
  }

 private:
  // The samples of the group's frames times the window; zero where there are none.
  template <class Block>
  RETROGRAD_ANYWHERE static void load(const Block& block, const Arguments& a,
                                      const SpectrumWindow<Real>& window, std::int64_t row,
                                      std::int64_t start, const Frames<Real>& z) {
    const std::int64_t row_of_samples = a.row_of_samples != nullptr ? a.row_of_samples[row] : row;
    const Real* x = a.samples + row_of_samples * a.length + start;
    const std::int64_t present = a.length - start;
    for (int e = block.thread(); e < z.all_points(); e += threads) {
      const int f = e >> z.log2_points, i = e & (z.points() - 1), n = f * window.hop + 2 * i;
      const Complex<Real> w = read(window.window + i);
      z.put(e, {n < present ? x[n] * w.real : Real(0), n + 1 < present ? x[n + 1] * w.imaginary : Real(0)});
    }
  }

  // Each bin of the group's frames.
  template <class Block>
  RETROGRAD_ANYWHERE static void visit_units(Block& block, const Arguments& a,
                                             const SpectrumWindow<Real>& window, std::int64_t row,
                                             std::int64_t group, std::int64_t first_frame,
                                             const Frames<Real>& z) {
    const int log2_units = z.log2_points - 1, units = 1 << log2_units, bins = window.bins();
    Real* magnitudes = nullptr;
    if constexpr (!has_spectrogram) {
      const std::int64_t of_row = a.row_of_magnitudes != nullptr ? a.row_of_magnitudes[row] : row;
      magnitudes = a.magnitudes + (of_row - a.magnitudes_first_row) * a.magnitudes_row + window.magnitudes +
                   first_frame * bins;
    }
    spectrum::Weights<Real> weights{};
    if constexpr (what == Spectra::distance || what == Spectra::distance_adjoint) {
      weights.epsilon = window.epsilon;
      if constexpr (what == Spectra::distance_adjoint)
        weights = {window.epsilon, static_cast<Real>(a.seeds[row] * window.linear_weight),
                   static_cast<Real>(a.seeds[row] * window.logarithm_weight)};
    }
    // Of a spectrogram: where the bins of the group's frames are.
    const std::int64_t row_of_bins = row * bins;
    const auto spectrogram_at = [&](int f, int bin) {
      return (row_of_bins + bin) * window.frames + first_frame + f;
    };

    double linear_sum = 0.0, logarithm_sum = 0.0;
    for (int e = block.thread(); e < z.count << log2_units;) {
      Real linear = 0, logarithm = 0;
      for (int i = 0; i < (has_sums ? units_per_sum : 1) && e < z.count << log2_units; ++i, e += threads) {
        const int f = e >> log2_units, unit = e & (units - 1);
        Real value[3] = {};
        const int value_bins[] = {has_spectrogram ? window.first_bins[unit] : 0,
                                  has_spectrogram ? z.points() - window.first_bins[unit] : 0, units};
        // Bins 0, window/2 and window/4 of unit 0; the pair's of the others.
        const int values = unit == 0 ? 3 : 2;
        if constexpr (what == Spectra::magnitude_adjoint) {
          for (int v = 0; v < values; ++v) {
            const std::int64_t at = spectrogram_at(f, value_bins[v]);
            value[v] = a.spectrogram_is_double
                           ? static_cast<Real>(static_cast<const double*>(a.spectrogram)[at])
                           : static_cast<Real>(static_cast<const float*>(a.spectrogram)[at]);
          }
        } else if constexpr (visit != Visit::magnitude) {
          const Real* kept = magnitudes + f * bins;
          value[0] = kept[unit];
          value[1] = kept[unit == 0 ? 2 * units : units + unit];
          if (unit == 0) value[2] = kept[units];
        }
        visit_unit(z, f, unit, read(window.split_twiddles + unit), value, linear, logarithm, weights);
        if constexpr (what == Spectra::magnitude) {
          for (int v = 0; v < values; ++v) {
            const std::int64_t at = spectrogram_at(f, value_bins[v]);
            if (a.spectrogram_is_double)
              static_cast<double*>(a.spectrogram)[at] = static_cast<double>(value[v]);
            else
              static_cast<float*>(a.spectrogram)[at] = static_cast<float>(value[v]);
          }
        } else if constexpr (what == Spectra::keep) {
          Real* kept = magnitudes + f * bins;
          kept[unit] = value[0];
          kept[unit == 0 ? 2 * units : units + unit] = value[1];
          if (unit == 0) kept[units] = value[2];
        }
      }
      linear_sum += static_cast<double>(linear);
      logarithm_sum += static_cast<double>(logarithm);
    }
    if constexpr (has_sums) {
      linear_sum = block.sum_of_lanes(linear_sum);
      logarithm_sum = block.sum_of_lanes(logarithm_sum);
      if (block.thread() == 0)
        a.sums[row * a.sums_row + window.sums + group] =
            window.linear_weight * linear_sum + window.logarithm_weight * logarithm_sum;
    }
  }

  // The bins of one unit: split, visit and, with an adjoint, the transposed split into the same rows.
  RETROGRAD_INLINE static void visit_unit(const Frames<Real>& z, int f, int unit, const Complex<Real>& u,
                                          Real (&value)[3], Real& linear, Real& logarithm,
                                          const spectrum::Weights<Real>& weights) {
    const int frame = f << z.log2_points;
    if (unit == 0) {
      const Complex<Real> first = z.get(frame), second = z.get(frame + 1);
      Real first_real = first.real + first.imaginary, first_imaginary = 0;
      Real last_real = first.real - first.imaginary, last_imaginary = 0;
      Real middle_real = second.real, middle_imaginary = -second.imaginary;
      spectrum::visit_bin<visit, Real>(first_real, first_imaginary, value[0], linear, logarithm, weights);
      spectrum::visit_bin<visit, Real>(last_real, last_imaginary, value[1], linear, logarithm, weights);
      spectrum::visit_bin<visit, Real>(middle_real, middle_imaginary, value[2], linear, logarithm, weights);
      if constexpr (has_adjoint) {
        z.put(frame, {first_real + last_real, first_real - last_real});
        z.put(frame + 1, {middle_real, -middle_imaginary});
      }
      return;
    }
    int half = unit;  // the largest power of two up to `unit`
    for (int shift = 1; shift < 16; shift *= 2) half |= half >> shift;
    half -= half >> 1;
    const int at = frame + half + unit, mirrored = frame + 5 * half - 1 - unit;
    const Complex<Real> first = z.get(at), second = z.get(mirrored);
    spectrum::Pair<Real> x = spectrum::split<Real>(
        {first.real, first.imaginary, second.real, second.imaginary}, u.real, u.imaginary);
    spectrum::visit_bin<visit, Real>(x.first_real, x.first_imaginary, value[0], linear, logarithm, weights);
    spectrum::visit_bin<visit, Real>(x.second_real, x.second_imaginary, value[1], linear, logarithm, weights);
    if constexpr (has_adjoint) {
      const spectrum::Pair<Real> g = spectrum::split_adjoint<Real>(x, u.real, u.imaginary);
      z.put(at, {g.first_real, g.first_imaginary});
      z.put(mirrored, {g.second_real, g.second_imaginary});
    }
  }

  // The frames' adjoints times the window where they overlap, from the earliest place in a frame to the last.
  template <class Block>
  RETROGRAD_ANYWHERE static void store_strip(const Block& block, const SpectrumWindow<Real>& window,
                                             const Frames<Real>& z, std::int64_t present, Real* strip) {
    const int count = static_cast<int>(window.strip < present ? window.strip : present),
              size = 2 * z.points();
    const Real* values = reinterpret_cast<const Real*>(window.window);
    for (int s = block.thread(); s < count; s += threads) {
      const int last = s / window.hop;  // frame that begins at s or before
      Real sum = 0;
      for (int f = last < z.count ? last : z.count - 1; f >= 0 && s - f * window.hop < size; --f) {
        const int n = s - f * window.hop;
        sum = math::fma(z.sample(f, n), values[n], sum);
      }
      strip[s] = sum;
    }
  }
};

/// The distance of each row: the sum of its groups'.
struct SumDistances {
  static constexpr const char* name = "sum_distances";
  struct Arguments {
    const double* sums;
    std::int64_t sums_row;
    double* work;  ///< for ordered_sum(), of each row
    std::int64_t work_row;
    double* y;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    const double* sums = a.sums + block.index() * a.sums_row;
    const double sum = ordered_sum(block, a.sums_row, a.work + block.index() * a.work_row,
                                   [&](std::int64_t i) { return sums[i]; });
    if (block.thread() == 0) a.y[block.index()] = sum;
  }
};

/// Adds up the strips that cover each sample: row by row, window by window, in the order of time.
template <class Real>
struct AddStrips {
  static constexpr const char* name = "add_strips";
  struct Arguments {
    const SpectrumWindow<Real>* windows;
    int window_count;
    const Real* strips;
    std::int64_t strips_row;
    std::int64_t first_row, rows;  ///< that have strips
    SharedRows rows_of;            ///< of each row of gx
    Real* gx;
    std::int64_t length;
    std::int64_t first_target, targets;  ///< rows of gx
    std::int64_t first_sample, samples;
  };
  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& a) {
    for_each_element(block, a.targets * a.samples, [&](std::int64_t i) {
      const std::int64_t in_targets = i / a.samples, sample = a.first_sample + (i - in_targets * a.samples);
      const std::int64_t target = a.first_target + in_targets;
      Real& gx = a.gx[target * a.length + sample];
      Real total = gx;
      a.rows_of.for_each(target, [&](std::int64_t row) {
        if (row < a.first_row || row >= a.first_row + a.rows) return;
        const Real* strips = a.strips + (row - a.first_row) * a.strips_row;
        Real sum = 0;
        for (int w = 0; w < a.window_count; ++w) {
          const SpectrumWindow<Real>& window = a.windows[w];
          const std::int64_t step = window.samples_between_groups();
          const std::int64_t from =
              sample - window.first_group * step;  // samples after the first strip's start
          if (from < 0) continue;
          const std::int64_t begun = from / step, last = begun < window.groups ? begun : window.groups - 1;
          std::int64_t group = from < window.strip ? 0 : (from - window.strip) / step + 1;
          for (; group <= last; ++group)
            sum += strips[window.strips + group * window.strip + (from - group * step)];
        }
        total += sum;
      });
      gx = total;
    });
  }
};

template <class Real, bool in_shared_memory>
using VisitKernelsOf = KernelList<VisitSpectra<Real, Spectra::keep, in_shared_memory>,
                                  VisitSpectra<Real, Spectra::magnitude, in_shared_memory>,
                                  VisitSpectra<Real, Spectra::magnitude_adjoint, in_shared_memory>,
                                  VisitSpectra<Real, Spectra::distance, in_shared_memory>,
                                  VisitSpectra<Real, Spectra::distance_adjoint, in_shared_memory>>;
using SpectrumKernels = JoinedLists<VisitKernelsOf<float, true>, VisitKernelsOf<float, false>,
                                    VisitKernelsOf<double, true>, VisitKernelsOf<double, false>,
                                    KernelList<AddStrips<float>, AddStrips<double>, SumDistances>>::type;

}  // namespace retrograd::cuda
