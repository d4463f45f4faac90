// Products of matrices, tiled in shared memory.
#pragma once

#include <retrograd/backends/cuda/elements.hpp>
#include <retrograd/backends/cuda/kernel_list.hpp>
#include <retrograd/math/scalar.hpp>

namespace retrograd::cuda {

/// One factor's matrices: element (i, j) of matrix `index` is at index*matrix + i*row + j*column.
struct MatrixFactor {
  const void* data;
  bool is_double;
  const std::int64_t* of_product;  ///< which matrix each product takes
  std::int64_t matrix, row, column;

  template <class Real>
  RETROGRAD_ANYWHERE Real at(std::int64_t first, std::int64_t i, std::int64_t j) const {
    const std::int64_t place = first + i * row + j * column;
    return is_double ? static_cast<Real>(static_cast<const double*>(data)[place])
                     : static_cast<Real>(static_cast<const float*>(data)[place]);
  }
};

/// Each of `out` gets the sum of its products a b, in their order, computed in its type.
template <class Real>
struct MultiplyMatrices {
  static constexpr const char* name = "multiply_matrices";
  static constexpr int tile_m = 64, tile_n = 32, tile_k = 16;
  static constexpr int part = 4;          ///< a thread has part x part elements
  static constexpr int pad = 4;           ///< keeps threads that write down a column in different banks
  static constexpr int steps_of_sum = 8;  ///< tiles of k that are added up before their sum is: 128 terms
  struct Shared {
    Real a[tile_k][tile_m + pad];
    Real b[tile_k][tile_n + pad];
  };
  struct Arguments {
    MatrixFactor a, b;
    SharedRows products;  ///< of each of `out`
    std::int64_t m, k, n;
    Real* out;
    bool adds;
  };
  static std::int64_t blocks(std::int64_t matrices, std::int64_t m, std::int64_t n) {
    return matrices * ((m + tile_m - 1) / tile_m) * ((n + tile_n - 1) / tile_n);
  }

  template <class Block>
  RETROGRAD_ANYWHERE static void run(Block& block, const Arguments& args) {
    auto& shared = *reinterpret_cast<Shared*>(block.shared());
    const std::int64_t tiles_n = (args.n + tile_n - 1) / tile_n, tiles_m = (args.m + tile_m - 1) / tile_m;
    const std::int64_t index = block.index() / (tiles_m * tiles_n);
    const std::int64_t in_matrix = block.index() - index * tiles_m * tiles_n;
    const std::int64_t first_m = in_matrix / tiles_n * tile_m, first_n = in_matrix % tiles_n * tile_n;
    const int in_m = block.thread() / (tile_n / part) * part, in_n = block.thread() % (tile_n / part) * part;

    // Sums of sums, so that a long k costs little of the precision.
    Real total[part][part] = {}, sum[part][part] = {};
    int steps = 0;
    const auto end_sum = [&] {
      for (int i = 0; i < part; ++i)
        for (int j = 0; j < part; ++j) {
          total[i][j] = total[i][j] + sum[i][j];
          sum[i][j] = Real(0);
        }
      steps = 0;
    };
    args.products.for_each(index, [&](std::int64_t product) {
      const std::int64_t a = args.a.of_product[product] * args.a.matrix;
      const std::int64_t b = args.b.of_product[product] * args.b.matrix;
      for (std::int64_t first_k = 0; first_k < args.k; first_k += tile_k) {
        block.barrier();  // the tiles before were read
        load<tile_m>(block, args.a.column == 1, shared.a, [&](int i, int k) {
          return first_m + i < args.m && first_k + k < args.k
                     ? args.a.template at<Real>(a, first_m + i, first_k + k)
                     : Real(0);
        });
        load<tile_n>(block, args.b.row == 1, shared.b, [&](int j, int k) {
          return first_n + j < args.n && first_k + k < args.k
                     ? args.b.template at<Real>(b, first_k + k, first_n + j)
                     : Real(0);
        });
        block.barrier();
        for (int k = 0; k < tile_k; ++k)
          for (int i = 0; i < part; ++i)
            for (int j = 0; j < part; ++j)
              sum[i][j] = math::fma(shared.a[k][in_m + i], shared.b[k][in_n + j], sum[i][j]);
        if (++steps == steps_of_sum) end_sum();
      }
    });
    end_sum();

    for (int i = 0; i < part; ++i)
      for (int j = 0; j < part; ++j) {
        const std::int64_t row = first_m + in_m + i, column = first_n + in_n + j;
        if (row >= args.m || column >= args.n) continue;
        Real& out = args.out[(index * args.m + row) * args.n + column];
        out = args.adds ? out + total[i][j] : total[i][j];
      }
  }

 private:
  /// tile[k][i] = element(i, k), neighbouring threads reading along k or along i.
  template <int extent, class Block, class Element>
  RETROGRAD_ANYWHERE static void load(const Block& block, bool along_k, Real (&tile)[tile_k][extent + pad],
                                      const Element& element) {
    for (int e = block.thread(); e < extent * tile_k; e += threads) {
      const int i = along_k ? e / tile_k : e % extent, k = along_k ? e % tile_k : e / extent;
      tile[k][i] = element(i, k);
    }
  }
};

using MatmulKernels = KernelList<MultiplyMatrices<float>, MultiplyMatrices<double>>;

}  // namespace retrograd::cuda
