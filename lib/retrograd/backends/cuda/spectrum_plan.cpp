#include <retrograd/backends/cuda/spectrum_plan.hpp>
#include <retrograd/spectrum/fft.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace retrograd::cuda {

namespace {

// exp(-2 pi i k / size), rounded once from long double, as FftPlan does.
template <class Real>
Complex<Real> twiddle(std::int64_t k, std::int64_t size) {
  const long double turns = static_cast<long double>(k % size) / static_cast<long double>(size);
  const long double angle = 2 * std::numbers::pi_v<long double> * turns;
  return {static_cast<Real>(std::cos(angle)), static_cast<Real>(-std::sin(angle))};
}

// See transform().
template <class Real>
std::vector<Complex<Real>> twiddles_of(int points) {
  std::vector<Complex<Real>> twiddles;
  int length = points;
  if (std::countr_zero(static_cast<unsigned>(points)) % 2 == 1) {
    for (int j = 0; j < points / 2; ++j) twiddles.push_back(twiddle<Real>(j, points));
    length /= 2;
  }
  for (; length > 1; length /= 4)
    for (int power = 1; power <= 3; ++power)
      for (int j = 0; j < length / 4; ++j) twiddles.push_back(twiddle<Real>(power * j, length));
  return twiddles;
}

template <class Real>
std::vector<Real> window_of(int size) {
  std::vector<Real> window(static_cast<std::size_t>(size));
  for (int n = 0; n < size; ++n) {
    const long double turns = static_cast<long double>(n) / static_cast<long double>(size);
    window[static_cast<std::size_t>(n)] =
        static_cast<Real>(0.5L - 0.5L * std::cos(2 * std::numbers::pi_v<long double> * turns));
  }
  return window;
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

template <class Real>
SpectrumPlan<Real>::SpectrumPlan(Gpu& gpu, std::span<const Window> windows, std::int64_t length,
                                 std::int64_t most_strips_bytes)
    : gpu_(gpu), length_(length), most_strips_bytes_(most_strips_bytes) {
  // What the block itself needs of shared memory is less than this.
  constexpr std::size_t reserved = 256;
  const std::size_t shared = gpu.shared_bytes() > reserved ? gpu.shared_bytes() - reserved : 0;
  most_points_ = static_cast<int>(std::bit_floor(std::max<std::size_t>(16, shared / sizeof(Complex<Real>))));
  const int usual_points = std::min(points_of_block, most_points_);
  const std::int64_t longest =
      std::ranges::max_element(windows, {}, [](const Window& w) { return w.shape.window; })->shape.window;
  bool has_workspace = false;
  for (const Window& w : windows) {
    const int points = w.shape.window / 2;
    SpectrumWindow<Real> window{};
    window.log2_points = std::countr_zero(static_cast<unsigned>(points));
    window.hop = w.shape.hop;
    window.frames = w.shape.frames(length);
    const auto frames = static_cast<std::uint64_t>(window.frames);
    const auto group = std::min<std::uint64_t>(
        std::bit_ceil(frames), static_cast<std::uint64_t>(std::max(1, usual_points / points)));
    window.log2_group = std::countr_zero(group);
    window.groups = divide_up(window.frames, std::int64_t{1} << window.log2_group);
    window.strip = (std::int64_t{1} << window.log2_group) * w.shape.hop - w.shape.hop + w.shape.window;
    window.linear_weight = w.weights.linear;
    window.logarithm_weight = w.weights.logarithm;
    window.epsilon = static_cast<Real>(w.weights.epsilon);
    window.sums = groups_;
    groups_ += window.groups;

    const spectrum::FftPlan<Real> fft(w.shape.window);
    std::vector<Complex<Real>> split_twiddles{{}};
    std::vector<int> first_bins{0};
    for (int unit = 1; unit < points / 2; ++unit) {
      const Real* pair = fft.split_twiddles() + 2 * (unit - 1);
      split_twiddles.push_back({pair[0], pair[1]});
      first_bins.push_back(fft.slot_bin(2 * unit + 1));
    }
    const auto put = [&](const auto& values) {
      return of_windows_.emplace_back(on_device(gpu, values)).data();
    };
    window.window = static_cast<const Complex<Real>*>(put(window_of<Real>(w.shape.window)));
    window.twiddles = static_cast<const Complex<Real>*>(put(twiddles_of<Real>(points)));
    window.split_twiddles = static_cast<const Complex<Real>*>(put(split_twiddles));
    window.first_bins = static_cast<const int*>(put(first_bins));
    windows_.push_back(window);
    has_workspace = has_workspace || points > most_points_;
  }
  // Those that share a launch first, then every larger one by itself.
  std::ranges::stable_sort(windows_, {}, [&](const auto& w) { return std::max(usual_points, w.points()); });

  whole_ = make_part(0, length);
  const std::int64_t strips = whole_.strips_row * static_cast<std::int64_t>(sizeof(Real));
  if (strips <= most_strips_bytes_) {
    parts_.push_back(whole_);
  } else {
    const std::int64_t wanted = static_cast<std::int64_t>(
        static_cast<double>(length) * static_cast<double>(most_strips_bytes_) / static_cast<double>(strips));
    const std::int64_t stretch = std::max(wanted, longest);
    for (std::int64_t from = 0; from < length; from += stretch)
      parts_.push_back(make_part(from, std::min(from + stretch, length)));
  }
  tables_on_device_ = on_device(gpu, tables_);

  if (has_workspace) {
    const auto blocks = static_cast<std::size_t>(workspace_blocks());
    workspace_ = DeviceMemory(gpu, blocks * static_cast<std::size_t>(longest / 2) * sizeof(Complex<Real>));
  }
}

template <class Real>
typename SpectrumPlan<Real>::Part SpectrumPlan<Real>::make_part(std::int64_t from, std::int64_t to) {
  Part part;
  std::vector<SpectrumWindow<Real>> of_rows = windows_, of_part = windows_;
  std::int64_t magnitudes_of_row = 0, first = to, end = from;
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    SpectrumWindow<Real>& window = of_rows[i];
    const std::int64_t step = window.samples_between_groups(), bins = window.bins();
    window.first_group = std::min(divide_up(from, step), windows_[i].groups);
    window.groups = std::min(divide_up(to, step), windows_[i].groups) - window.first_group;
    window.strips = part.strips_row;
    part.strips_row += window.groups * window.strip;
    if (window.groups > 0) {
      first = std::min(first, window.first_group * step);
      end = std::max(end, (window.first_group + window.groups - 1) * step + window.strip);
    }
    const int points = std::max(window.points() << window.log2_group, 16);
    const bool in_shared_memory = points <= most_points_;
    if (part.launches.empty() || points > points_of_block || !in_shared_memory)
      part.launches.push_back({i, 0, 0, 0, in_shared_memory});
    Launch& launch = part.launches.back();
    window.first_task = launch.tasks_per_row;
    ++launch.count;
    launch.tasks_per_row += window.groups;
    launch.points = std::max(launch.points, points);

    of_part[i] = window;
    window.magnitudes = magnitudes_of_row;
    magnitudes_of_row += window.frames * bins;
    const std::int64_t first_frame = window.first_group << window.log2_group;
    const std::int64_t end_frame =
        std::min((window.first_group + window.groups) << window.log2_group, window.frames);
    of_part[i].magnitudes = part.magnitudes_row - first_frame * bins;
    part.magnitudes_row += std::max<std::int64_t>(end_frame - first_frame, 0) * bins;
  }
  part.first_sample = std::min(first, length_);
  part.samples = std::max<std::int64_t>(std::min(end, length_) - part.first_sample, 0);
  part.table = tables_.size();
  tables_.insert(tables_.end(), of_rows.begin(), of_rows.end());
  part.table_of_part = tables_.size();
  tables_.insert(tables_.end(), of_part.begin(), of_part.end());
  return part;
}

template <class Real>
std::size_t SpectrumPlan<Real>::bytes() const {
  std::size_t total = tables_on_device_.bytes() + workspace_.bytes() + strips_.bytes() + magnitudes_.bytes();
  for (const DeviceMemory& memory : of_windows_) total += memory.bytes();
  return total;
}

// As many as strips have room for, the same in every part but the last.
template <class Real>
std::int64_t SpectrumPlan<Real>::rows_per_part(std::int64_t rows) const {
  if (parts_.size() > 1) return 1;
  const std::int64_t strips = whole_.strips_row * static_cast<std::int64_t>(sizeof(Real));
  const std::int64_t most = std::max<std::int64_t>(1, most_strips_bytes_ / strips);
  return divide_up(rows, divide_up(rows, most));
}

template <class Real>
void SpectrumPlan<Real>::prepare_adjoint(std::int64_t rows, bool keeps) {
  std::int64_t strips = 0, magnitudes = 0;
  for (const Part& part : parts_) {
    strips = std::max(strips, part.strips_row);
    magnitudes = std::max(magnitudes, part.magnitudes_row);
  }
  const auto reserve = [&](DeviceMemory& memory, std::int64_t of_row) {
    const auto bytes = static_cast<std::size_t>(rows_per_part(rows) * of_row) * sizeof(Real);
    if (memory.bytes() < bytes) memory = DeviceMemory(gpu_, bytes);
  };
  reserve(strips_, strips);
  if (keeps) reserve(magnitudes_, magnitudes);
}

template <class Real>
void SpectrumPlan<Real>::add_strips(const Part& part, std::int64_t first_row, std::int64_t rows,
                                    std::int64_t all_rows, Real* gx, std::int64_t rows_of_gx,
                                    const SharedRows& rows_of) const {
  const bool is_shared = rows_of_gx != all_rows;
  typename AddStrips<Real>::Arguments a{};
  a.windows = tables_on_device_.as<SpectrumWindow<Real>>() + part.table;
  a.window_count = static_cast<int>(windows_.size());
  a.strips = strips_.as<Real>();
  a.strips_row = part.strips_row;
  a.first_row = first_row;
  a.rows = rows;
  a.rows_of = rows_of;
  a.gx = gx;
  a.length = length_;
  a.first_target = is_shared ? 0 : first_row;
  a.targets = is_shared ? rows_of_gx : rows;
  a.first_sample = part.first_sample;
  a.samples = part.samples;
  launch<AddStrips<Real>>(gpu_, blocks_for(a.targets * a.samples), 0, a);
}

template <class Real>
void SpectrumPlan<Real>::distance_adjoint(std::int64_t rows, const SpectraArguments<Real>& a,
                                          const SpectraArguments<Real>& other, Real* gx,
                                          std::int64_t rows_of_gx, const SharedRows& rows_of) const {
  for_each_part(rows, [&](const Part& part, std::int64_t first_row, std::int64_t rows_of_part) {
    const auto with_magnitudes_of_part = [&](SpectraArguments<Real> arguments) {
      arguments.magnitudes = magnitudes_.as<Real>();
      arguments.magnitudes_row = part.magnitudes_row;
      arguments.magnitudes_first_row = first_row;
      arguments.row_of_magnitudes = nullptr;
      return arguments;
    };
    visit_part<Spectra::keep>(part, first_row, rows_of_part, with_magnitudes_of_part(other), true);
    visit_part<Spectra::distance_adjoint>(part, first_row, rows_of_part, with_magnitudes_of_part(a), true);
    add_strips(part, first_row, rows_of_part, rows, gx, rows_of_gx, rows_of);
  });
}

template class SpectrumPlan<float>;
template class SpectrumPlan<double>;

}  // namespace retrograd::cuda
