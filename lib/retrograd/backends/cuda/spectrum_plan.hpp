// How the frames of short-time spectra are shared out over launches, blocks and memory on a GPU.
#pragma once

#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/spectrum/stft.hpp>

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

namespace retrograd::cuda {

/// The tables of some window sizes, and the launches that visit their frames. All memory is made when it is
/// constructed or by prepare_adjoint().
template <class Real>
class SpectrumPlan {
 public:
  struct Window {
    spectrum::StftShape shape;
    spectrum::SpectralWeights weights{};  ///< of each term of a distance
  };
  /// Strips take `most_strips_bytes`, or what one stretch of one row needs.
  SpectrumPlan(Gpu& gpu, std::span<const Window> windows, std::int64_t length,
               std::int64_t most_strips_bytes = 32 << 20);

  std::int64_t length() const { return length_; }
  /// Of a row: magnitudes that are kept, groups of frames.
  std::int64_t magnitudes_of_row() const { return whole_.magnitudes_row; }
  std::int64_t groups_of_row() const { return groups_; }
  std::size_t bytes() const;

  /// Visits all frames of `rows` rows from row 0 on. Sets what `a` says of windows, tasks, rows, strips, magnitudes and
  /// sums of a row; the pointers are the caller's.
  template <Spectra what>
  void visit(std::int64_t rows, SpectraArguments<Real> a) const {
    a.magnitudes_row = whole_.magnitudes_row;
    visit_part<what>(whole_, 0, rows, a);
  }

  /// Makes room for `adjoint` of up to `rows` rows; `keeps`: for one that needs magnitudes of the part at hand.
  void prepare_adjoint(std::int64_t rows, bool keeps);

  /// Adds to the rows of `gx` what comes back from `rows` rows, of which `rows_of` says where each goes. In parts,
  /// so that strips fit the L2 cache of a large GPU.
  template <Spectra what>
  void adjoint(std::int64_t rows, const SpectraArguments<Real>& a, Real* gx, std::int64_t rows_of_gx,
               const SharedRows& rows_of) const {
    for_each_part(rows, [&](const Part& part, std::int64_t first_row, std::int64_t rows_of_part) {
      SpectraArguments<Real> of_part = a;
      of_part.magnitudes_row = whole_.magnitudes_row;
      visit_part<what>(part, first_row, rows_of_part, of_part);
      add_strips(part, first_row, rows_of_part, rows, gx, rows_of_gx, rows_of);
    });
  }
  /// The same for a distance to magnitudes that are computed, part by part, from `other`.
  void distance_adjoint(std::int64_t rows, const SpectraArguments<Real>& a,
                        const SpectraArguments<Real>& other, Real* gx, std::int64_t rows_of_gx,
                        const SharedRows& rows_of) const;

 private:
  // Windows that run in one launch.
  struct Launch {
    std::size_t first, count;  // in windows_
    std::int64_t tasks_per_row;
    int points;  // of a block
    bool in_shared_memory;
  };
  // Some groups of frames of every row: a stretch of time.
  struct Part {
    std::size_t table = 0;          // where its windows are in tables_, for magnitudes of whole rows
    std::size_t table_of_part = 0;  // the same, for magnitudes of the part alone
    std::vector<Launch> launches;
    std::int64_t first_sample = 0, samples = 0;  // that its frames cover
    std::int64_t strips_row = 0, magnitudes_row = 0;
  };
  // The groups that begin at the samples `from` to `to` - 1.
  Part make_part(std::int64_t from, std::int64_t to);

  template <Spectra what>
  void visit_part(const Part& part, std::int64_t first_row, std::int64_t rows, SpectraArguments<Real> a,
                  bool keeps_part = false) const;
  void add_strips(const Part& part, std::int64_t first_row, std::int64_t rows, std::int64_t all_rows,
                  Real* gx, std::int64_t rows_of_gx, const SharedRows& rows_of) const;
  std::int64_t rows_per_part(std::int64_t rows) const;
  std::int64_t workspace_blocks() const { return 4 * std::int64_t{gpu_.multiprocessors()}; }
  /// visit(part, first_row, rows)
  template <class Visit>
  void for_each_part(std::int64_t rows, const Visit& visit) const {
    const std::int64_t step = rows_per_part(rows);
    for (std::int64_t row = 0; row < rows; row += step)
      for (const Part& part : parts_) visit(part, row, std::min(step, rows - row));
  }

  static constexpr int points_of_block = 2048;  // that keep the threads busy

  Gpu& gpu_;
  std::int64_t length_, most_strips_bytes_;
  int most_points_ = 0;                        // that fit in shared memory
  std::vector<SpectrumWindow<Real>> windows_;  // as in `whole_`; by size in memory
  std::vector<DeviceMemory> of_windows_;       // what they point to
  std::vector<SpectrumWindow<Real>> tables_;   // of all parts
  DeviceMemory tables_on_device_, workspace_, strips_, magnitudes_;
  std::int64_t groups_ = 0;
  Part whole_;
  std::vector<Part> parts_;  // of the way back
};

template <class Real>
template <Spectra what>
void SpectrumPlan<Real>::visit_part(const Part& part, std::int64_t first_row, std::int64_t rows,
                                    SpectraArguments<Real> a, bool keeps_part) const {
  const auto* tables =
      tables_on_device_.as<SpectrumWindow<Real>>() + (keeps_part ? part.table_of_part : part.table);
  a.first_row = first_row;
  a.length = length_;
  a.sums_row = groups_;
  a.strips = strips_.as<Real>();
  a.strips_row = part.strips_row;
  for (const Launch& run : part.launches) {
    a.windows = tables + run.first;
    a.window_count = static_cast<int>(run.count);
    a.tasks_per_row = run.tasks_per_row;
    a.tasks = rows * run.tasks_per_row;
    if (run.in_shared_memory) {
      const std::int64_t most_blocks = std::numeric_limits<int>::max();
      launch<VisitSpectra<Real, what, true>>(gpu_, std::min(a.tasks, most_blocks),
                                             static_cast<std::size_t>(run.points) * sizeof(Complex<Real>), a);
    } else {
      a.workspace = workspace_.as<Complex<Real>>();
      a.workspace_points = run.points;
      launch<VisitSpectra<Real, what, false>>(gpu_, std::min(a.tasks, workspace_blocks()), 0, a);
    }
  }
}

extern template class SpectrumPlan<float>;
extern template class SpectrumPlan<double>;

}  // namespace retrograd::cuda
