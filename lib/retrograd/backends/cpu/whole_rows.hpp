// How a user's whole node is run: a row at a time, on the executor's threads, in the order of sums over rows.
#pragma once

#include <retrograd/backends/cpu/kernels.hpp>

#include <algorithm>

namespace retrograd::cpu {

/// The rows of a user's whole node. Its memory: what becomes of values of the other type, and each row's adjoints of
/// inputs that rows share, which are added up in the order of the rows.
template <class N>
class WholeRows {
  static constexpr std::size_t inputs = static_cast<std::size_t>(N::inputs);

 public:
  /// Row by row, on the call's threads.
  static void forward(const N& node, const WholeCall& call) {
    with_type(call.y.type, [&]<class T>() {
      const Rows rows(call, call.y.shape);
      run_tasks(*call.executor, static_cast<int>(call.y.shape.rows()), [&](int row, int worker) {
        Work work = memory_of(call).of(worker);
        T* const y = static_cast<T*>(call.y.data) + row * call.y.shape.length();
        const auto x = rows.template inputs_of<T>(call, row, work);
        apply([&](auto... input) { node.forward(span_of(y, call.y.shape.length()), input...); }, x);
      });
    });
  }

  /// The same; then what rows share is added up.
  static void adjoint(const N& node, const WholeCall& call) {
    const Shape& shape = call.value.shape;
    with_type(call.value.type, [&]<class T>() {
      const Rows rows(call, shape);
      Memory& memory = memory_of(call);
      run_tasks(*call.executor, static_cast<int>(shape.rows()), [&](int row, int worker) {
        Work work = memory.of(worker);
        const auto gy = row_of<T>(call.gy, row, work), y = row_of<T>(call.value, row, work);
        const auto x = rows.template inputs_of<T>(call, row, work);
        std::array<std::span<T>, inputs> gx;
        for (std::size_t i = 0; i < inputs; ++i) {
          const std::int64_t length = call.x[i].shape.length();
          gx[i] = span_of(
              rows.is_shared[i] ? memory.template shared<T>(i, row, length) : work.template take<T>(length),
              length);
          std::fill(gx[i].begin(), gx[i].end(), T(0));
        }
        apply(
            [&](auto... input) {
              apply([&](auto... adjoint) { node.adjoint(gy, y, input..., adjoint...); }, gx);
            },
            x);
        for (std::size_t i = 0; i < inputs; ++i)
          if (!rows.is_shared[i]) add(gx[i], call.gx[i], rows.row_of[i](row));
      });
      for (std::size_t i = 0; i < inputs; ++i)
        for (int row = 0; rows.is_shared[i] && row < shape.rows(); ++row) {
          const std::int64_t length = call.x[i].shape.length();
          add(span_of(memory.template shared<T>(i, row, length), length), call.gx[i], rows.row_of[i](row));
        }
    });
  }

  /// For every call of this node with these shapes.
  static std::unique_ptr<WholeMemory> make_memory(const N& node, const WholeCall& call) {
    return std::make_unique<Memory>(call, shape_of(node, call));
  }

  /// Of the output. `name`: for errors.
  static Shape shape_of(const N& node, const WholeCall& call) {
    std::array<Shape, inputs> shapes;
    for (std::size_t i = 0; i < inputs; ++i) shapes[i] = call.x[i].shape;
    return shape_of(node, shapes);
  }
  /// The same, of inputs with these shapes.
  static Shape shape_of(const N& node, const std::array<Shape, inputs>& shapes) {
    if constexpr (requires(const std::array<std::int64_t, inputs>& lengths) { node.length(lengths); }) {
      Shape rows = shapes[0].with_length(1);
      std::array<std::int64_t, inputs> lengths;
      for (std::size_t i = 0; i < inputs; ++i) {
        rows = broadcast(rows, shapes[i].with_length(1), N::name);
        lengths[i] = shapes[i].length();
      }
      return rows.with_length(node.length(lengths));
    } else {
      Shape shape = shapes[0];
      for (std::size_t i = 1; i < inputs; ++i) shape = broadcast(shape, shapes[i], N::name);
      return shape;
    }
  }

 private:
  template <class Run>
  static void with_type(ElementType type, const Run& run) {
    if (type == ElementType::f32)
      run.template operator()<float>();
    else
      run.template operator()<double>();
  }
  template <class Run, class Spans>
  static void apply(const Run& run, const Spans& spans) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { run(spans[I]...); }
    (std::make_index_sequence<inputs>());
  }
  template <class T>
  static std::span<T> span_of(T* data, std::int64_t length) {
    return {data, static_cast<std::size_t>(length)};
  }

  // The room of one worker, handed out from the front.
  struct Work {
    double* next;
    template <class T>
    T* take(std::int64_t length) {
      return reinterpret_cast<T*>(std::exchange(next, next + length));
    }
  };

  class Memory final : public WholeMemory {
   public:
    Memory(const WholeCall& call, const Shape& y) {
      const std::size_t rows = static_cast<std::size_t>(y.rows());
      per_worker_ = 2 * static_cast<std::size_t>(y.length());
      std::size_t all = 0;
      for (std::size_t i = 0; i < inputs; ++i) {
        const auto length = static_cast<std::size_t>(call.x[i].shape.length());
        per_worker_ += 2 * length;
        shared_at_[i] = all;
        if (call.x[i].shape.rows() < y.rows()) all += rows * length;
      }
      work_.resize(per_worker_ * static_cast<std::size_t>(call.executor->workers()));
      shared_.resize(all);
    }
    std::size_t bytes() const override { return (work_.size() + shared_.size()) * sizeof(double); }
    Work of(int worker) { return {work_.data() + per_worker_ * static_cast<std::size_t>(worker)}; }
    template <class T>
    T* shared(std::size_t input, std::int64_t row, std::int64_t length) {
      return reinterpret_cast<T*>(shared_.data() + shared_at_[input]) + row * length;
    }

   private:
    std::vector<double> work_, shared_;
    std::size_t per_worker_ = 0;
    std::array<std::size_t, inputs> shared_at_{};
  };
  static Memory& memory_of(const WholeCall& call) { return *static_cast<Memory*>(call.memory); }

  // A row as numbers of type T.
  template <class T>
  static std::span<const T> row_of(const TensorView& tensor, std::int64_t row, Work& work) {
    const std::int64_t length = tensor.shape.length();
    const T* numbers = nullptr;
    visit(tensor, [&](const auto* elements) {
      const auto* const from = elements + row * length;
      if constexpr (std::is_same_v<decltype(from), const T* const>) {
        numbers = from;
      } else {
        T* const to = work.template take<T>(length);
        std::transform(from, from + length, to, [](auto number) { return static_cast<T>(number); });
        numbers = to;
      }
    });
    return span_of(numbers, length);
  }

  // Nothing where the adjoint is not wanted.
  template <class T>
  static void add(std::span<const T> gx, const MutableView& to, std::int64_t row) {
    if (to.data == nullptr) return;
    visit(to, [&](auto* elements) {
      auto* const target = elements + row * to.shape.length();
      for (std::size_t n = 0; n < gx.size(); ++n)
        target[n] += static_cast<std::remove_cvref_t<decltype(*target)>>(gx[n]);
    });
  }
  template <class T>
  static void add(std::span<T> gx, const MutableView& to, std::int64_t row) {
    add(std::span<const T>(gx), to, row);
  }

  // Where the rows of the output find theirs of the inputs.
  struct Rows {
    std::array<BroadcastIndex, inputs> row_of;
    std::array<bool, inputs> is_shared;  // by several rows

    Rows(const WholeCall& call, const Shape& y) : Rows(call, y, std::make_index_sequence<inputs>()) {}
    template <std::size_t... I>
    Rows(const WholeCall& call, const Shape& y, std::index_sequence<I...>)
        : row_of{BroadcastIndex(call.x[I].shape.with_length(1), y.with_length(1))...},
          is_shared{(call.x[I].shape.rows() < y.rows())...} {}
    template <class T>
    std::array<std::span<const T>, inputs> inputs_of(const WholeCall& call, std::int64_t row,
                                                     Work& work) const {
      std::array<std::span<const T>, inputs> x;
      for (std::size_t i = 0; i < inputs; ++i) x[i] = WholeRows::row_of<T>(call.x[i], row_of[i](row), work);
      return x;
    }
  };
};

/// What the CPU calls of a user's whole node.
template <class N>
constexpr Kernels make_kernels_of_rows() {
  Kernels kernels;
  kernels.whole_forward = [](const void* node, const WholeCall& call) {
    WholeRows<N>::forward(*static_cast<const N*>(node), call);
  };
  kernels.whole_adjoint = [](const void* node, const WholeCall& call) {
    WholeRows<N>::adjoint(*static_cast<const N*>(node), call);
  };
  kernels.whole_memory = [](const void* node, const WholeCall& call) {
    return WholeRows<N>::make_memory(*static_cast<const N*>(node), call);
  };
  return kernels;
}
/// The same, made once.
template <class N>
inline constexpr Kernels kernels_of_rows = make_kernels_of_rows<N>();

}  // namespace retrograd::cpu
