// What a kernel is called with, and the tile that its node sees of it.
#pragma once

#include <retrograd/nodes/tile.hpp>

namespace retrograd::cpu {

/// What a kernel is called with: one step of a program on one tile.
struct TileCall {
  const void* node = nullptr;         ///< the node's own fields
  const Operand* operands = nullptr;  ///< the program's operands, placed for this row and tile
  const int* index = nullptr;         ///< which of them the step uses, in the order of TileStep
  const AdjointMode* modes = nullptr;
  std::int64_t start = 0;
  int count = 0;
  bool is_last = false;
  void* state = nullptr;             ///< causal: at the tile's start; forward leaves it at the tile's end
  void* latched = nullptr;           ///< causal, in a stream: as `state`
  void* carry = nullptr;             ///< causal, adjoint; of a join: what the time after the group left
  const void* group = nullptr;       ///< causal, join
  void* row = nullptr;               ///< reduction
  int* gate_without_edge = nullptr;  ///< see GateOfTile
  std::int64_t history_begin = 0;    ///< samples before are zeros to those who read them
  void (*copy)(const TileCall&) = nullptr;  ///< the loops of Copy

  const Operand& operand(int i) const { return operands[index[i]]; }
};

using TileKernel = void (*)(const TileCall&);

/// The three steps of an operator, and what it asks for meanwhile.
struct OperatorCall {
  TileCall wave, envelope, product;
  NextTile next;
};
using OperatorKernel = void (*)(const OperatorCall&);

template <class Real>
Input<Real> input_of(const Operand& operand) {
  return {static_cast<const Real*>(operand.data), operand.step, operand.constant};
}

template <class Real>
Target<Real> target_of(const Operand& operand, AdjointMode mode) {
  Target<Real> target;
  target.mode = mode;
  if (mode == AdjointMode::sum)
    target.sum = static_cast<math::SumOverTime<Real>*>(operand.data);
  else
    target.data = static_cast<Real*>(operand.data);
  return target;
}

template <class Real>
Tile<Real> tile_of(const TileCall& call) {
  Tile<Real> tile;
  tile.start = call.start;
  tile.count = call.count;
  tile.is_last = call.is_last;
  tile.latched = call.latched;
  return tile;
}

template <class N, class Real>
Tile<Real> forward_tile(const TileCall& call) {
  Tile<Real> tile = tile_of<Real>(call);
  tile.y = static_cast<Real*>(call.operand(0).data);
  tile.gate = {call.gate_without_edge, call.index[1]};
  for (int i = 0; i < N::inputs; ++i) tile.x[i] = input_of<Real>(call.operand(1 + i));
  return tile;
}

// A causal node or a reduction: the adjoints of all inputs at once.
template <class N, class Real>
Tile<Real> adjoint_tile(const TileCall& call) {
  Tile<Real> tile = tile_of<Real>(call);
  tile.gy = input_of<Real>(call.operand(0));
  tile.gate = {call.gate_without_edge, call.index[2]};
  for (int i = 0; i < N::inputs; ++i) {
    tile.x[i] = input_of<Real>(call.operand(2 + i));
    tile.gx[i] = target_of<Real>(call.operand(2 + N::inputs + i), call.modes[i]);
  }
  return tile;
}

}  // namespace retrograd::cpu
