#include <retrograd/nodes/stft_magnitude.hpp>
#include <retrograd/spectrum/direct.hpp>
#include <retrograd/spectrum/stft.hpp>

#include <algorithm>

namespace retrograd {

namespace {

template <class Real>
struct StftMemory : WholeMemory {
  StftMemory(spectrum::StftShape shape, const WholeCall& call)
      : stft(shape), workspaces(static_cast<std::size_t>(call.executor->workers())) {
    const auto frame_values = static_cast<std::size_t>(shape.bins() * shape.frames(call.x[0].shape.length()));
    for (auto& workspace : workspaces) {
      workspace.spectrum.reserve(stft);
      workspace.magnitudes.resize(frame_values);
    }
  }
  std::size_t bytes() const override {
    std::size_t total = stft.bytes();
    for (const Workspace& workspace : workspaces)
      total += workspace.spectrum.bytes() + workspace.magnitudes.size() * sizeof(Real);
    return total;
  }
  spectrum::Stft<Real> stft;
  struct Workspace {
    spectrum::SpectrumWorkspace<Real> spectrum;
    std::vector<Real> magnitudes;  // of one row, in the type of the signal
  };
  std::vector<Workspace> workspaces;  // one per worker
};

// Calls body(memory, x) with both in the type of the signal.
template <class Body>
void with_stft_memory(const WholeCall& call, Body&& body) {
  visit(call.x[0], [&](const auto* x) {
    using Real = std::remove_cv_t<std::remove_pointer_t<decltype(x)>>;
    body(*static_cast<StftMemory<Real>*>(call.memory), x);
  });
}

}  // namespace

std::unique_ptr<WholeMemory> StftMagnitude::make_memory(const WholeCall& call) const {
  if (call.x[0].type == ElementType::f32)
    return std::make_unique<StftMemory<float>>(spectrum::StftShape{window, hop}, call);
  return std::make_unique<StftMemory<double>>(spectrum::StftShape{window, hop}, call);
}

void StftMagnitude::forward(const WholeCall& call) const {
  with_stft_memory(call, [&](auto& memory, const auto* x) {
    const std::int64_t length = call.x[0].shape.length();
    run_tasks(*call.executor, static_cast<int>(call.x[0].shape.rows()), [&](int row, int worker) {
      auto& workspace = memory.workspaces[static_cast<std::size_t>(worker)];
      memory.stft.magnitude(x + row * length, length, workspace.magnitudes.data(), workspace.spectrum);
      visit(call.y, [&](auto* y) {
        using Y = std::remove_pointer_t<decltype(y)>;
        std::ranges::transform(workspace.magnitudes,
                               y + row * static_cast<std::int64_t>(workspace.magnitudes.size()),
                               [](auto magnitude) { return static_cast<Y>(magnitude); });
      });
    });
  });
}

void StftMagnitude::adjoint(const WholeCall& call) const {
  with_stft_memory(call, [&](auto& memory, const auto* x) {
    using Real = std::remove_cv_t<std::remove_pointer_t<decltype(x)>>;
    const std::int64_t length = call.x[0].shape.length();
    run_tasks(*call.executor, static_cast<int>(call.x[0].shape.rows()), [&](int row, int worker) {
      auto& workspace = memory.workspaces[static_cast<std::size_t>(worker)];
      std::vector<Real>& g = workspace.magnitudes;
      visit(call.gy, [&](const auto* gy) {
        std::transform(gy + row * static_cast<std::int64_t>(g.size()),
                       gy + (row + 1) * static_cast<std::int64_t>(g.size()), g.begin(),
                       [](auto value) { return static_cast<Real>(value); });
      });
      memory.stft.magnitude_adjoint(x + row * length, length, g.data(),
                                    static_cast<Real*>(call.gx[0].data) + row * length, workspace.spectrum);
    });
  });
}

void StftMagnitude::tangent(const WholeCall& call) const {
  const std::int64_t length = call.x[0].shape.length();
  const spectrum::StftShape shape{window, hop};
  const std::int64_t frames = shape.frames(length);
  auto* y = static_cast<double*>(call.y.data);
  for (std::int64_t row = 0; row < call.x[0].shape.rows(); ++row)
    for (int bin = 0; bin < shape.bins(); ++bin)
      for (std::int64_t frame = 0; frame < frames; ++frame)
        y[(row * shape.bins() + bin) * frames + frame] =
            spectrum::direct_magnitude(call.x[0].row<double>(row).data(), call.dx[0].row<double>(row).data(),
                                       length, frame * hop, window, bin)
                .along;
}

Var stft_magnitude(Var x, int window, int hop) {
  const std::array inputs{x};
  common_tape(inputs, StftMagnitude::name);
  StftMagnitude node;
  node.window = window;
  node.hop = hop == 0 ? std::max(1, window / 4) : hop;
  const spectrum::StftShape stft{node.window, node.hop};
  [[maybe_unused]] const spectrum::Stft<float> checks_the_shape(stft);
  const Shape& shape = x.shape();
  if (shape.axes() == Shape::max_axes)
    raise<ShapeError>("[stft_magnitude] no room for another axis in " + to_string(shape));
  std::array<std::int64_t, Shape::max_axes> axes{};
  for (int axis = 0; axis + 1 < shape.axes(); ++axis) axes[static_cast<std::size_t>(axis)] = shape[axis];
  axes[static_cast<std::size_t>(shape.axes() - 1)] = stft.bins();
  axes[static_cast<std::size_t>(shape.axes())] = stft.frames(shape.length());
  return whole(node, inputs, Shape(std::span(axes.data(), static_cast<std::size_t>(shape.axes() + 1))));
}

}  // namespace retrograd
