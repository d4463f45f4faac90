// A node of a stream that hands rows on and computes nothing: concat, stack, slice, reshape and broadcast_to where time
// stays as it is.
#pragma once

#include <retrograd/backends/cpu/storage.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace retrograd::cpu {

/// Where a row comes from: which of the node's inputs, and which of its rows.
struct RowSource {
  std::size_t input;
  std::int64_t row;
};

/// Of every row of a node's value; nothing where the node does anything else than to hand on whole rows.
std::optional<std::vector<RowSource>> sources_of_rows(const Plan& plan, const PlanNode& node);

/// Whether the node is one of those five.
bool rearranges(const PlanNode& node);

class LiveRows {
 public:
  LiveRows(const Plan& plan, int node, Storage& storage, std::vector<RowSource> sources);

  /// Samples [from, to) of buffers that begin with sample `buffer_start`.
  void play(std::int64_t from, std::int64_t to, std::int64_t buffer_start);
  /// Updates `has_adjoint` as StageRunner::prepare_rewind does.
  void prepare_rewind(std::vector<bool>& has_adjoint);
  /// Adds what came to its rows to where they came from.
  void rewind();

 private:
  const Plan& plan_;
  const PlanNode& node_;
  int index_;
  Storage& storage_;
  std::vector<RowSource> sources_;  // [row]
  bool is_reached_ = false;         // by an adjoint
};

}  // namespace retrograd::cpu
