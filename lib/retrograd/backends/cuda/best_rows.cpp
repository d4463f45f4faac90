#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/backends/cuda/storage.hpp>
#include <retrograd/fit/best_rows.hpp>

namespace retrograd::cuda {

namespace {

class BestRowsOnGpu final : public BestRowsOnDevice {
 public:
  BestRowsOnGpu(Gpu& gpu, std::span<Leaf* const> parameters, std::span<const double> losses,
                std::span<const std::vector<double>> values)
      : gpu_(gpu), rows_(losses.size()), losses_(on_device(gpu, losses)) {
    std::vector<const double*> at;
    std::vector<double> all;
    for (Leaf* leaf : parameters) at.push_back(static_cast<const double*>(LeafOnGpu::of(gpu, *leaf).value()));
    for (const std::vector<double>& of_parameter : values)
      all.insert(all.end(), of_parameter.begin(), of_parameter.end());
    parameters_ = on_device(gpu, at);
    values_ = on_device(gpu, all);
  }

  void keep(const void* losses) override {
    const auto rows = static_cast<std::int64_t>(rows_);
    launch<KeepBestRows>(gpu_, (rows + threads - 1) / threads, 0,
                         {static_cast<const double*>(losses), rows, parameters_.as<const double* const>(),
                          static_cast<int>(parameters_.bytes() / sizeof(double*)), losses_.as<double>(),
                          values_.as<double>()});
  }
  void fetch_losses(std::span<double> losses) override {
    gpu_.to_host(losses.data(), losses_.data(), losses_.bytes());
  }
  void fetch_values(std::span<std::vector<double>> values) override {
    for (std::size_t p = 0; p < values.size(); ++p)
      gpu_.to_host(values[p].data(), values_.as<double>() + p * rows_, rows_ * sizeof(double));
  }

 private:
  Gpu& gpu_;
  std::size_t rows_;
  DeviceMemory losses_, values_, parameters_;
};

}  // namespace

std::unique_ptr<BestRowsOnDevice> Gpu::best_rows(std::span<Leaf* const> parameters,
                                                 std::span<const double> losses,
                                                 std::span<const std::vector<double>> values) {
  return std::make_unique<BestRowsOnGpu>(*this, parameters, losses, values);
}

}  // namespace retrograd::cuda
