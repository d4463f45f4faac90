// Optimisers on the device: parameters, gradients and what the method remembers stay there.
#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/backends/cuda/parts.hpp>
#include <retrograd/backends/cuda/storage.hpp>

namespace retrograd::cuda {

namespace {

class OptimizerOnGpu final : public OptimizerOnDevice {
 public:
  OptimizerOnGpu(Gpu& gpu, std::span<const Parameter> parameters, std::int64_t groups)
      : gpu_(gpu), groups_(groups) {
    for (const Parameter& parameter : parameters) {
      const std::size_t bytes = parameter.free->size() * sizeof(double);
      moving_.push_back({parameter, DeviceMemory(gpu, bytes), DeviceMemory(gpu, bytes),
                         DeviceMemory(gpu, bytes), DeviceMemory(gpu, bytes)});
    }
    at_ = DeviceMemory(gpu, parameters.size() * sizeof(ParameterAt));
    update(parameters);
  }

  void step(std::span<const retrograd::Move> moves, double learning_rate, double clip,
            bool are_set) override {
    if (are_set)
      for (const Moving& moving : moving_)
        LeafOnGpu::of(gpu_, *moving.parameter.leaf).update(*moving.parameter.leaf);
    std::visit(
        [&](const auto& method) {
          using Method = std::remove_cvref_t<decltype(method)>;
          launch<StepParameters<Method>>(
              gpu_, groups_, 0,
              {at_.as<const ParameterAt>(), static_cast<int>(moving_.size()), method,
               moves.size() > 1 ? take_moves<Method>(moves) : nullptr, learning_rate, clip, are_set});
        },
        moves.front().method);
    for (const Moving& moving : moving_) {
      if (moving.parameter.is_frozen) continue;
      ++moving.parameter.leaf->version;
      moving.parameter.leaf->on_device->value_is_newer = true;
    }
  }

  void fetch() override {
    for (const Moving& moving : moving_) {
      gpu_.to_host(moving.parameter.free->data(), moving.free.data(), moving.free.bytes());
      for (const auto& [memory, to] : {std::pair(&moving.first, moving.parameter.first_memory),
                                       std::pair(&moving.second, moving.parameter.second_memory)})
        if (to != nullptr) gpu_.to_host(to->data(), memory->data(), memory->bytes());
    }
  }

  void update(std::span<const Parameter> parameters) override {
    std::vector<ParameterAt> at;
    for (std::size_t i = 0; i < moving_.size(); ++i) {
      Moving& moving = moving_[i];
      moving.parameter = parameters[i];
      const Parameter& parameter = moving.parameter;
      LeafOnGpu& leaf = LeafOnGpu::of(gpu_, *parameter.leaf);
      const auto elements = static_cast<std::int64_t>(parameter.free->size());
      at.push_back({parameter.leaf->value.type() == ElementType::f32,
                    leaf.value(),
                    parameter.is_frozen ? nullptr : leaf.gradient(),
                    parameter.domain,
                    parameter.rate,
                    parameter.is_frozen,
                    elements,
                    parameter.first_group,
                    parameter.group_length,
                    moving.free.as<double>(),
                    {moving.first.as<double>(), moving.second.as<double>()},
                    moving.gradient.as<double>()});
      gpu_.to_device(moving.free.data(), parameter.free->data(), moving.free.bytes());
      for (const auto& [memory, from] : {std::pair(&moving.first, parameter.first_memory),
                                         std::pair(&moving.second, parameter.second_memory)}) {
        if (from == nullptr)
          gpu_.zero(memory->data(), memory->bytes());
        else
          gpu_.to_device(memory->data(), from->data(), memory->bytes());
      }
    }
    if (!at.empty()) gpu_.to_device(at_.data(), at.data(), at_.bytes());
  }

 private:
  struct Moving {
    Parameter parameter;
    DeviceMemory free, first, second, gradient;
  };

  template <class Method>
  const Method* take_moves(std::span<const retrograd::Move> moves) {
    std::vector<Method> methods;
    for (const retrograd::Move& move : moves) methods.push_back(std::get<Method>(move.method));
    const std::size_t bytes = methods.size() * sizeof(Method);
    if (moves_.bytes() != bytes) moves_ = DeviceMemory(gpu_, bytes);
    gpu_.to_device(moves_.data(), methods.data(), bytes);
    return moves_.as<const Method>();
  }

  Gpu& gpu_;
  std::int64_t groups_;
  std::vector<Moving> moving_;
  DeviceMemory at_, moves_;
};

}  // namespace

std::unique_ptr<OptimizerOnDevice> make_optimizer(Gpu& gpu,
                                                  std::span<const OptimizerOnDevice::Parameter> parameters,
                                                  std::int64_t groups) {
  return std::make_unique<OptimizerOnGpu>(gpu, parameters, groups);
}

}  // namespace retrograd::cuda
