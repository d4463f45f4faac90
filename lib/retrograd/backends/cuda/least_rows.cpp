#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/backends/cuda/parts.hpp>
#include <retrograd/backends/cuda/storage.hpp>

namespace retrograd::cuda {

namespace {

class LeastRowsOnGpu final : public LeastRowsOnDevice {
 public:
  LeastRowsOnGpu(Gpu& gpu, std::span<Leaf* const> leaves, std::span<const double> least,
                 std::span<const std::vector<double>> of_leaves)
      : gpu_(gpu), rows_(least.size()), least_(on_device(gpu, least)) {
    std::vector<const double*> at;
    std::vector<double> all;
    for (Leaf* leaf : leaves) at.push_back(static_cast<const double*>(LeafOnGpu::of(gpu, *leaf).value()));
    for (const std::vector<double>& of_leaf : of_leaves)
      all.insert(all.end(), of_leaf.begin(), of_leaf.end());
    leaves_ = on_device(gpu, at);
    of_leaves_ = on_device(gpu, all);
  }

  void keep(const void* values) override {
    const auto rows = static_cast<std::int64_t>(rows_);
    launch<KeepLeastRows>(
        gpu_, (rows + threads - 1) / threads, 0,
        {static_cast<const double*>(values), rows, leaves_.as<const double* const>(),
         static_cast<int>(leaves_.bytes() / sizeof(double*)), least_.as<double>(), of_leaves_.as<double>()});
  }
  void fetch_least(std::span<double> least) override {
    gpu_.to_host(least.data(), least_.data(), least_.bytes());
  }
  void fetch_leaves(std::span<std::vector<double>> of_leaves) override {
    for (std::size_t l = 0; l < of_leaves.size(); ++l)
      gpu_.to_host(of_leaves[l].data(), of_leaves_.as<double>() + l * rows_, rows_ * sizeof(double));
  }

 private:
  Gpu& gpu_;
  std::size_t rows_;
  DeviceMemory least_, of_leaves_, leaves_;
};

}  // namespace

std::unique_ptr<LeastRowsOnDevice> make_least_rows(Gpu& gpu, std::span<Leaf* const> leaves,
                                                   std::span<const double> least,
                                                   std::span<const std::vector<double>> of_leaves) {
  return std::make_unique<LeastRowsOnGpu>(gpu, leaves, least, of_leaves);
}

}  // namespace retrograd::cuda
