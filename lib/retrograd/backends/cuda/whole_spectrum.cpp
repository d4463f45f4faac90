// Short-time Fourier magnitudes and the distance of two signals in several resolutions on a GPU.
#include <retrograd/backends/cuda/spectrum_plan.hpp>
#include <retrograd/backends/cuda/whole_node.hpp>

namespace retrograd::cuda {

namespace {

// Each row for itself.
std::vector<std::int64_t> own_rows(std::int64_t rows) { return repeated_elements(Shape{rows}, Shape{rows}); }

template <class Real>
class StftMagnitudeOnDevice final : public DeviceNode {
 public:
  StftMagnitudeOnDevice(const StftMagnitude& node, Gpu& gpu, const DeviceCall& call)
      : plan_(gpu, std::vector<typename SpectrumPlan<Real>::Window>{{{node.window, node.hop}}},
              call.x[0].shape.length()),
        rows_(call.x[0].shape.rows()),
        own_(gpu, own_rows(rows_), rows_) {}

  void forward(const DeviceCall& call) override {
    plan_.template visit<Spectra::magnitude>(rows_, arguments(call, call.y));
  }
  void prepare_adjoint(const DeviceCall&) override { plan_.prepare_adjoint(rows_, false); }
  void adjoint(const DeviceCall& call) override {
    if (call.gx[0].data == nullptr) return;
    plan_.template adjoint<Spectra::magnitude_adjoint>(rows_, arguments(call, call.gy), call.gx[0].as<Real>(),
                                                       rows_, own_.rows());
  }
  std::size_t bytes() const override { return plan_.bytes() + own_.bytes(); }

 private:
  static SpectraArguments<Real> arguments(const DeviceCall& call, const DeviceValue& spectrogram) {
    SpectraArguments<Real> a{};
    a.samples = call.x[0].as<Real>();
    a.spectrogram = spectrogram.data;
    a.spectrogram_is_double = spectrogram.type == ElementType::f64;
    return a;
  }

  SpectrumPlan<Real> plan_;
  std::int64_t rows_;
  SharedRowsTable own_;
};

template <class Real>
class MultiResolutionStftOnDevice final : public DeviceNode {
 public:
  MultiResolutionStftOnDevice(const MultiResolutionStft& node, Gpu& gpu, const DeviceCall& call)
      : MultiResolutionStftOnDevice(node, gpu, call.x[0].shape, call.x[1].shape,
                                    broadcast(call.x[0].shape, call.x[1].shape, MultiResolutionStft::name)) {}

  void forward(const DeviceCall& call) override {
    const bool target_changed = call.versions[1] == 0 || call.versions[1] != target_version_;
    if (target_changed) {
      SpectraArguments<Real> target{};
      target.samples = call.x[1].as<Real>();
      target.magnitudes = target_.as<Real>();
      plan_.template visit<Spectra::keep>(y_.rows, target);
    }
    target_version_ = call.versions[1];
    SpectraArguments<Real> a = distance(call);
    a.sums = sums_.as<double>();
    plan_.template visit<Spectra::distance>(rows_, a);
    launch<SumDistances>(gpu_, rows_, 0,
                         {sums_.as<double>(), plan_.groups_of_row(), sum_work_.as<double>(),
                          sum_work_of_row(), call.y.as<double>()});
  }

  void prepare_adjoint(const DeviceCall& call) override {
    plan_.prepare_adjoint(rows_, call.gx[1].data != nullptr);
  }
  void adjoint(const DeviceCall& call) override {
    SpectraArguments<Real> a = distance(call);
    a.seeds = call.gy.as<double>();
    if (call.gx[0].data != nullptr)
      plan_.template adjoint<Spectra::distance_adjoint>(rows_, a, call.gx[0].as<Real>(), x_.rows,
                                                        x_.shared.rows());
    if (call.gx[1].data != nullptr) {
      // The distance does not change when samples and target change places.
      SpectraArguments<Real> other{};
      other.samples = a.samples;
      other.row_of_samples = a.row_of_samples;
      a.samples = call.x[1].as<Real>();
      a.row_of_samples = y_.row_of.template as<std::int64_t>();
      plan_.distance_adjoint(rows_, a, other, call.gx[1].as<Real>(), y_.rows, y_.shared.rows());
    }
  }

  std::size_t bytes() const override {
    return plan_.bytes() + target_.bytes() + sums_.bytes() + sum_work_.bytes() + x_.bytes() + y_.bytes();
  }

 private:
  using Plan = SpectrumPlan<Real>;

  // One of the two signals: which of its rows each row of the distance compares.
  struct Signal {
    Signal(Gpu& gpu, const Shape& shape, const Shape& all)
        : rows(shape.rows()),
          row_of(on_device(gpu, repeated_elements(shape.with_length(1), all.with_length(1)))),
          shared(gpu, repeated_elements(shape.with_length(1), all.with_length(1)), rows) {}
    std::size_t bytes() const { return row_of.bytes() + shared.bytes(); }
    std::int64_t rows;
    DeviceMemory row_of;
    SharedRowsTable shared;
  };

  MultiResolutionStftOnDevice(const MultiResolutionStft& node, Gpu& gpu, const Shape& x, const Shape& y,
                              const Shape& all)
      : gpu_(gpu),
        plan_(gpu, windows_of(node.options, x.length()), x.length()),
        rows_(all.rows()),
        x_(gpu, x, all),
        y_(gpu, y, all),
        target_(gpu, sizeof(Real) * static_cast<std::size_t>(y.rows() * plan_.magnitudes_of_row())),
        sums_(gpu, sizeof(double) * static_cast<std::size_t>(rows_ * plan_.groups_of_row())),
        sum_work_(gpu, sizeof(double) * static_cast<std::size_t>(rows_ * sum_work_of_row())) {}

  static std::vector<typename Plan::Window> windows_of(const spectrum::SpectralLossOptions& options,
                                                       std::int64_t length) {
    std::vector<typename Plan::Window> windows;
    const spectrum::SpectralLoss<Real> loss(options);
    for (std::size_t index = 0; index < loss.transforms().size(); ++index) {
      const spectrum::StftShape& shape = loss.transforms()[index].shape();
      const double terms = static_cast<double>(shape.frames(length)) * shape.bins();
      windows.push_back({shape, spectrum::spectral_weights(options, index, terms)});
    }
    return windows;
  }
  std::int64_t sum_work_of_row() const {
    return (plan_.groups_of_row() + math::sum_tile - 1) / math::sum_tile;
  }

  // x against the kept target.
  SpectraArguments<Real> distance(const DeviceCall& call) const {
    SpectraArguments<Real> a{};
    a.samples = call.x[0].as<Real>();
    a.row_of_samples = x_.row_of.template as<std::int64_t>();
    a.magnitudes = target_.as<Real>();
    a.row_of_magnitudes = y_.row_of.template as<std::int64_t>();
    return a;
  }

  Gpu& gpu_;
  Plan plan_;
  std::int64_t rows_;
  Signal x_, y_;
  DeviceMemory target_;  // magnitudes, kept while the target does not change
  std::uint64_t target_version_ = 0;
  DeviceMemory sums_, sum_work_;
};

}  // namespace

std::unique_ptr<DeviceNode> make_device_node(const StftMagnitude& node, Gpu& gpu, const DeviceCall& call) {
  if (call.x[0].type == ElementType::f32)
    return std::make_unique<StftMagnitudeOnDevice<float>>(node, gpu, call);
  return std::make_unique<StftMagnitudeOnDevice<double>>(node, gpu, call);
}
std::unique_ptr<DeviceNode> make_device_node(const MultiResolutionStft& node, Gpu& gpu,
                                             const DeviceCall& call) {
  if (call.x[0].type == ElementType::f32)
    return std::make_unique<MultiResolutionStftOnDevice<float>>(node, gpu, call);
  return std::make_unique<MultiResolutionStftOnDevice<double>>(node, gpu, call);
}

}  // namespace retrograd::cuda
