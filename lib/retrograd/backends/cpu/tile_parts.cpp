// Steps that run in parts of a tile: those of a loop that is shorter.
#include <retrograd/backends/cpu/tile_program.hpp>

#include <algorithm>
#include <cstring>

namespace retrograd::cpu {

using Place = TileOperand::Place;

template <class Real>
typename BoundProgram<Real>::Parts BoundProgram<Real>::find_parts(std::size_t first) const {
  Parts parts;
  parts.first = parts.last = first;
  const auto goes_along = [&](const Step& step) {
    return step.loop == steps_[first].loop && step.is_forward == steps_[first].is_forward;
  };
  while (parts.last < steps_.size() && goes_along(steps_[parts.last])) ++parts.last;
  parts.samples = program_.steps[first].samples_at_a_time;

  std::vector<char> is_seen(bindings_.size(), 0), is_written(bindings_.size(), 0),
      is_outside(bindings_.size(), 0);
  for (std::size_t s = 0; s < program_.steps.size(); ++s)
    if (s < parts.first || s >= parts.last)
      for (const int o : program_.steps[s].operands) is_outside[static_cast<std::size_t>(o)] = 1;
  for (std::size_t s = parts.first; s < parts.last; ++s) {
    const TileStep& step = program_.steps[s];
    const std::size_t targets = step.operands.size() - step.modes.size();
    const auto writes = [&](std::size_t i) {
      return step.modes.size() == 0 ? i == 0 : i >= targets && step.modes[i - targets] != AdjointMode::none;
    };
    const auto reads = [&](std::size_t i) {
      return !writes(i) || (step.modes.size() != 0 && step.modes[i - targets] == AdjointMode::accumulate);
    };
    for (const bool is_read : {true, false})
      for (std::size_t i = 0; i < step.operands.size(); ++i) {
        const auto o = static_cast<std::size_t>(step.operands[i]);
        const Binding& binding = bindings_[o];
        if (binding.place == Place::none || binding.place == Place::row_sum || binding.is_history()) continue;
        if (is_read ? !reads(i) : !writes(i)) continue;
        if (std::exchange(is_seen[o], char{1}) == 0) {
          parts.moved.push_back(o);
          if (is_read) parts.loaded.push_back(o);
        }
        if (is_read) continue;
        is_written[o] = 1;
        // What is written last lies where others were before: it is the last to be copied.
        std::erase(parts.stored, o);
        if (is_outside[o] != 0 || binding.place != Place::slot) parts.stored.push_back(o);
      }
  }
  return parts;
}

template <class Real>
void BoundProgram<Real>::run_parts(Workspace& workspace, const Parts& parts, std::int64_t start, int count,
                                   const std::byte* states, std::int64_t history_begin) const {
  const Operand* of_tile = workspace.operands_;
  auto* of_part = reinterpret_cast<Operand*>(workspace.memory_.data() + parts_at_);
  auto* lanes = reinterpret_cast<Real*>(workspace.memory_.data() + lanes_at_);
  std::copy_n(of_tile, bindings_.size(), of_part);
  const bool are_blocks = parts.samples % math::block == 0;
  const auto in_tile = [&](std::size_t o, int sample) {
    return static_cast<Real*>(of_tile[o].data) + sample;
  };
  if (!are_blocks)
    for (const std::size_t o : parts.moved)
      if (of_tile[o].step != 0) of_part[o].data = lanes + o * math::block;

  const bool is_forward = steps_[parts.first].is_forward;
  const int number = (count + parts.samples - 1) / parts.samples;
  for (int i = 0; i < number; ++i) {
    const int part = is_forward ? i : number - 1 - i, first = part * parts.samples,
              samples = std::min(parts.samples, count - first);
    for (const std::size_t o : are_blocks ? parts.moved : parts.loaded) {
      if (of_tile[o].step == 0) continue;
      if (are_blocks)
        of_part[o].data = in_tile(o, first);
      else
        std::copy_n(in_tile(o, first), samples, static_cast<Real*>(of_part[o].data));
    }
    for (std::size_t s = parts.first; s < parts.last; ++s) {
      const Step& step = steps_[s];
      TileCall call = call_of(workspace, step, start + first, samples, states, history_begin);
      call.operands = of_part;
      if (step.state >= 0 &&
          is_backwards_) {  // forwards the states at the part's start are kept for its adjoint
        std::byte* kept = workspace.memory_.data() + part_states_at_ +
                          static_cast<std::size_t>(part) * states_bytes_ + step.state;
        if (is_forward)
          std::memcpy(kept, call.state, step.state_bytes);
        else
          call.state = kept;
      }
      step.kernel(call);
    }
    if (are_blocks) continue;
    for (const std::size_t o : parts.stored)
      std::copy_n(static_cast<const Real*>(of_part[o].data), samples, in_tile(o, first));
  }
}

template BoundProgram<float>::Parts BoundProgram<float>::find_parts(std::size_t) const;
template BoundProgram<double>::Parts BoundProgram<double>::find_parts(std::size_t) const;
template void BoundProgram<float>::run_parts(Workspace&, const Parts&, std::int64_t, int, const std::byte*,
                                             std::int64_t) const;
template void BoundProgram<double>::run_parts(Workspace&, const Parts&, std::int64_t, int, const std::byte*,
                                              std::int64_t) const;

}  // namespace retrograd::cpu
