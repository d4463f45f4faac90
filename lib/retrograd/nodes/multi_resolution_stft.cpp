#include <retrograd/nodes/multi_resolution_stft.hpp>
#include <retrograd/spectrum/direct.hpp>

#include <cmath>
#include <vector>

namespace retrograd {

namespace {

template <class Real>
struct SpectralMemory : WholeMemory {
  SpectralMemory(const spectrum::SpectralLossOptions& options, const WholeCall& call)
      : loss(options),
        rows(broadcast(call.x[0].shape, call.x[1].shape, MultiResolutionStft::name).rows()),
        x_row(call.x[0].shape.with_length(1), row_shape(call)),
        y_row(call.x[1].shape.with_length(1), row_shape(call)),
        targets(static_cast<std::size_t>(call.x[1].shape.rows())),
        workspaces(static_cast<std::size_t>(call.executor->workers())) {
    for (auto& workspace : workspaces)
      for (const auto& transform : loss.transforms()) workspace.reserve(transform);
  }
  static Shape row_shape(const WholeCall& call) {
    return broadcast(call.x[0].shape, call.x[1].shape, MultiResolutionStft::name).with_length(1);
  }
  std::size_t bytes() const override {
    std::size_t total = scratch.bytes();
    for (const auto& transform : loss.transforms()) total += transform.bytes();
    for (const auto& target : targets) total += target.bytes();
    for (const auto& workspace : workspaces) total += workspace.bytes();
    return total;
  }

  spectrum::SpectralLoss<Real> loss;
  std::int64_t rows;
  BroadcastIndex x_row, y_row;  // the rows of x and y that a row of the loss compares
  std::vector<spectrum::TargetSpectra<Real>> targets;
  std::uint64_t prepared_version = 0;
  std::vector<spectrum::SpectrumWorkspace<Real>> workspaces;  // one per worker
  spectrum::TargetSpectra<Real> scratch;
};

template <class Body>
void with_spectral_memory(const WholeCall& call, Body&& body) {
  visit(call.x[0], [&](const auto* x) {
    using Real = std::remove_cv_t<std::remove_pointer_t<decltype(x)>>;
    body(*static_cast<SpectralMemory<Real>*>(call.memory), x, static_cast<const Real*>(call.x[1].data));
  });
}

}  // namespace

std::unique_ptr<WholeMemory> MultiResolutionStft::make_memory(const WholeCall& call) const {
  if (call.x[0].type == ElementType::f32) return std::make_unique<SpectralMemory<float>>(options, call);
  return std::make_unique<SpectralMemory<double>>(options, call);
}

void MultiResolutionStft::forward(const WholeCall& call) const {
  with_spectral_memory(call, [&](auto& memory, const auto* x, const auto* y) {
    const std::int64_t length = call.x[0].shape.length();
    const bool target_changed = call.versions[1] == 0 || call.versions[1] != memory.prepared_version;
    if (target_changed)
      run_tasks(*call.executor, static_cast<int>(memory.targets.size()), [&](int row, int worker) {
        memory.loss.prepare_target(y + row * length, length, memory.targets[static_cast<std::size_t>(row)],
                                   memory.workspaces[static_cast<std::size_t>(worker)]);
      });
    memory.prepared_version = call.versions[1];
    run_tasks(*call.executor, static_cast<int>(memory.rows), [&](int row, int worker) {
      static_cast<double*>(call.y.data)[row] = memory.loss.loss(
          x + memory.x_row(row) * length, length, memory.targets[static_cast<std::size_t>(memory.y_row(row))],
          memory.workspaces[static_cast<std::size_t>(worker)]);
    });
  });
}

void MultiResolutionStft::adjoint(const WholeCall& call) const {
  with_spectral_memory(call, [&](auto& memory, const auto* x, const auto* y) {
    using Real = std::remove_cv_t<std::remove_pointer_t<decltype(x)>>;
    const std::int64_t length = call.x[0].shape.length();
    const auto add_row = [&](int row, int worker) {
      auto& workspace = memory.workspaces[static_cast<std::size_t>(worker)];
      const std::int64_t of_x = memory.x_row(row), of_y = memory.y_row(row);
      if (call.gx[0].data != nullptr)
        memory.loss.loss_and_adjoint(x + of_x * length, length,
                                     memory.targets[static_cast<std::size_t>(of_y)], call.gy.at(row),
                                     static_cast<Real*>(call.gx[0].data) + of_x * length, workspace);
      if (call.gx[1].data != nullptr)
        memory.loss.loss_and_target_adjoint(x + of_x * length, y + of_y * length, length, call.gy.at(row),
                                            static_cast<Real*>(call.gx[1].data) + of_y * length,
                                            memory.scratch, workspace);
    };
    // Rows that share an adjoint add to it in row order.
    const bool is_shared = call.x[0].shape.rows() != memory.rows || call.gx[1].data != nullptr;
    if (is_shared)
      for (int row = 0; row < static_cast<int>(memory.rows); ++row) add_row(row, 0);
    else
      run_tasks(*call.executor, static_cast<int>(memory.rows), add_row);
  });
}

void MultiResolutionStft::tangent(const WholeCall& call) const {
  const Shape rows = broadcast(call.x[0].shape, call.x[1].shape, name).with_length(1);
  const BroadcastIndex row_of[] = {{call.x[0].shape.with_length(1), rows},
                                   {call.x[1].shape.with_length(1), rows}};
  const std::int64_t length = call.x[0].shape.length();
  for (std::int64_t row = 0; row < rows.elements(); ++row) {
    double tangent = 0.0;
    for (std::size_t index = 0; index < options.windows.size(); ++index) {
      const int window = options.windows[index];
      const double scale = options.scale(window), epsilon = options.epsilon_at(index);
      const int hop = std::max(1, static_cast<int>(std::lround(options.hop_fraction * window)));
      const spectrum::StftShape shape{window, hop};
      double sum = 0.0;
      for (int bin = 0; bin < shape.bins(); ++bin)
        for (std::int64_t frame = 0; frame < shape.frames(length); ++frame) {
          const auto magnitude = [&](std::size_t input) {
            const std::int64_t input_row = row_of[input](row);
            const auto direct = spectrum::direct_magnitude(call.x[input].row<double>(input_row).data(),
                                                           call.dx[input].row<double>(input_row).data(),
                                                           length, frame * hop, window, bin);
            return spectrum::DirectMagnitude{direct.value / scale, direct.along / scale};
          };
          const auto x = magnitude(0), y = magnitude(1);
          const double sign = x.value > y.value ? 1.0 : x.value < y.value ? -1.0 : 0.0;
          sum +=
              sign * (options.linear_weight_at(index) * (x.along - y.along) +
                      options.log_weight * (x.along / (x.value + epsilon) - y.along / (y.value + epsilon)));
        }
      tangent += sum / (static_cast<double>(shape.bins()) * static_cast<double>(shape.frames(length)));
    }
    static_cast<double*>(call.y.data)[row] = tangent;
  }
}

Var multi_resolution_stft(Var x, Var y, const spectrum::SpectralLossOptions& options) {
  const std::array inputs{x, y};
  common_tape(inputs, MultiResolutionStft::name);
  if (x.shape().length() != y.shape().length() || x.is_signal() != y.is_signal())
    raise<LengthMismatchError>("[multi_resolution_stft] signals of shapes " + to_string(x.shape()) + " and " +
                               to_string(y.shape()) + "; both must have the same length");
  [[maybe_unused]] const spectrum::SpectralLoss<float> checks_the_options(options);
  MultiResolutionStft node;
  node.options = options;
  return whole(node, inputs, broadcast(x.shape(), y.shape(), MultiResolutionStft::name).with_length(1));
}

}  // namespace retrograd
