#include <retrograd/backends/cpu/live_stage.hpp>
#include <retrograd/tape/backend.hpp>

#include <algorithm>

namespace retrograd::cpu {

namespace {

int choose_tile(int slots, std::int64_t length, int most) {
  int tile = std::min(most, +Tile<float>::max_samples);
  while (tile > math::sum_lanes && static_cast<std::size_t>(slots * tile) * sizeof(float) > scratch_budget)
    tile /= 2;
  const std::int64_t whole_buffer = (length + math::sum_lanes - 1) / math::sum_lanes * math::sum_lanes;
  return static_cast<int>(std::min<std::int64_t>(tile, whole_buffer));
}

}  // namespace

LiveStage::LiveStage(const StageContext& context, int stage, ConstantsAt& constants, bool has_gradients)
    : LiveStage(context, stage, constants, has_gradients,
                forward_program(context.plan, stage, joins_fusions(context.type))) {}

LiveStage::LiveStage(const StageContext& context, int stage, ConstantsAt& constants, bool has_gradients,
                     TileProgram forward)
    : context_(context),
      stage_(stage),
      constants_at_(constants),
      rows_(shape().rows()),
      length_(shape().length()),
      states_(context.plan, stage, context.type, true),
      tile_(choose_tile(forward.slots, length_,
                        context.plan.stages[static_cast<std::size_t>(stage)].most_tile)),
      histories_(context.plan, stage, context.type, tile_),
      forward_(std::move(forward), context.plan, stage, context.storage, states_, histories_, tile_, nullptr,
               0, true),
      workspace_(forward_.make_workspace()),
      row_(static_cast<std::size_t>(rows_)),
      first_states_(states_.bytes) {
  states_.start(context.plan, stage, context.type, first_states_.data());
  const std::size_t of_all_rows = static_cast<std::size_t>(rows_) * states_.bytes;
  states_aligned_ = Buffer(of_all_rows);
  states_now_ = Buffer(of_all_rows);
  rings_ = Buffer(static_cast<std::size_t>(rows_) * histories_.bytes);
  if (has_gradients) {
    states_rewind_ = Buffer(of_all_rows);
    states_of_tile_ = Buffer(static_cast<std::size_t>((length_ + tile_ - 1) / tile_) * states_.bytes);
  }
  from_.resize(static_cast<std::size_t>(rows_) * forward_.constants());
  to_.resize(from_.size());
  is_awake_.resize(row_.size(), char{1});
  find_sources();
  find_mixes();
}

void LiveStage::find_mixes() {
  std::size_t most = 0;
  for (const int n : context_.plan.stages[static_cast<std::size_t>(stage_)].nodes) {
    const PlanNode& node = context_.plan.nodes[static_cast<std::size_t>(n)];
    if (node.type->kind == NodeKind::over_rows) {
      mixes_.push_back({n, node.inputs[0], RowMix(node.shape, shape())});
      most = std::max(most, mixes_.back().rows.work());
    } else if (node.stored) {
      stored_.push_back(n);
    }
  }
  mix_work_.resize(most);
}

void LiveStage::find_sources() {
  const Plan& plan = context_.plan;
  std::vector<char> is_read(plan.nodes.size(), 0), is_rearranged(plan.nodes.size(), 0);
  for (const int n : plan.stages[static_cast<std::size_t>(stage_)].nodes)
    for (const int input : plan.nodes[static_cast<std::size_t>(n)].inputs)
      if (!plan.nodes[static_cast<std::size_t>(input)].signal) is_read[static_cast<std::size_t>(input)] = 1;
  for (std::size_t n = plan.nodes.size(); n-- > 0;) {
    if (!is_read[n]) continue;
    const PlanNode& node = plan.nodes[n];
    for (const int input : node.inputs) {
      is_read[static_cast<std::size_t>(input)] = 1;
      if (is_rearranged[n] != 0 || node.type->kind == NodeKind::whole)
        is_rearranged[static_cast<std::size_t>(input)] = 1;
    }
    if (node.type->kind == NodeKind::leaf)
      sources_.push_back(
          {static_cast<int>(n), is_rearranged[n] == 0,
           RowMap(is_rearranged[n] == 0 ? node.shape.with_length(1) : Shape{1}, shape().with_length(1)),
           std::vector<std::int64_t>(static_cast<std::size_t>(node.shape.elements()))});
  }
}

void LiveStage::start() {
  for (Source& source : sources_) std::ranges::fill(source.glides_until, 0);
  for (std::int64_t row = 0; row < rows_; ++row) {
    wake(row);
    row_[static_cast<std::size_t>(row)] = Row();
    restart(row);
  }
}

void LiveStage::restart(std::int64_t row) {
  if (states_.bytes > 0) std::memcpy(states(states_now_, row), first_states_.data(), states_.bytes);
  row_[static_cast<std::size_t>(row)].has_changed = row_[static_cast<std::size_t>(row)].restarts = true;
}

void LiveStage::sleep(std::int64_t row) {
  Row& sleeper = row_[static_cast<std::size_t>(row)];
  if (sleeper.sleeps) return;
  sleeper.sleeps = true;
  sleeper.line_end = sleeper.zeros_from = never;
  is_awake_[static_cast<std::size_t>(row)] = 0;
  wakes_or_sleeps_ = true;
}

void LiveStage::wake(std::int64_t row) {
  row_[static_cast<std::size_t>(row)].sleeps = false;
  is_awake_[static_cast<std::size_t>(row)] = 1;
  wakes_or_sleeps_ = true;
}

void LiveStage::change(int n, std::int64_t leaf_row, std::int64_t until) {
  for (Source& source : sources_) {
    if (source.leaf != n) continue;
    source.glides_until[static_cast<std::size_t>(leaf_row)] = until;
    for (std::int64_t row = 0; row < rows_; ++row)
      if (source.uses(row, leaf_row)) row_[static_cast<std::size_t>(row)].has_changed = true;
  }
}

void LiveStage::begin_block(std::int64_t at, std::int64_t passed) {
  if (states_rewind_.bytes() > 0) std::memcpy(states_rewind_.data(), states_now_.data(), states_now_.bytes());
  for (Row& row : row_) {
    row.rewind_from = at;
    // Of a row that slept all along; another's buffer is written again from the block's beginning.
    if (row.zeros_from <= LivePlan::history)
      row.zeros_from = std::max<std::int64_t>(row.zeros_from - passed, 0);
  }
}

void LiveStage::play(std::int64_t from, std::int64_t to, std::int64_t buffer_start) {
  take_changes(from);
  // In the order of their control points, so that what is evaluated at one serves all rows that glide together.
  for (;;) {
    const auto next = std::ranges::min_element(row_, {}, &Row::line_end);
    const std::int64_t row = next - row_.begin(), end = next->line_end;
    if (end > to) break;
    play_blocks(row, end, buffer_start);
    align(row, end);
    begin_line(row, end);
  }
  for (std::int64_t row = 0; row < rows_; ++row)
    if (row_[static_cast<std::size_t>(row)].sleeps)
      silence(row, from - buffer_start);
    else
      play_blocks(row, to, buffer_start);
  for (MixOfRows& mix : mixes_) {
    if (wakes_or_sleeps_) mix.rows.choose(is_awake_);
    const Real* x = static_cast<const Real*>(context_.storage.value_data(mix.source)) + (from - buffer_start);
    Real* y = static_cast<Real*>(context_.storage.value_data(mix.node)) + (from - buffer_start);
    for (std::int64_t sum = 0; sum < mix.rows.sums(); ++sum)
      mix.rows.add(sum, x, length_, y + sum * length_, to - from, mix_work_.data());
  }
  wakes_or_sleeps_ = false;
}

// To the buffers' ends: what lies beyond the block is not looked at, and need not be written again in the next.
void LiveStage::silence(std::int64_t row, std::int64_t from) {
  Row& sleeper = row_[static_cast<std::size_t>(row)];
  if (sleeper.zeros_from <= from) return;
  sleeper.zeros_from = from;
  for (const int n : stored_)
    std::fill_n(static_cast<Real*>(context_.storage.value_data(n)) + row * length_ + from, length_ - from,
                Real(0.0));
}

// Rows that an event changed count their blocks from here. All are read at one sample and then all at the
// other, so that each is evaluated once.
void LiveStage::take_changes(std::int64_t at) {
  for (std::int64_t row = 0; row < rows_; ++row) {
    Row& changed = row_[static_cast<std::size_t>(row)];
    if (!changed.has_changed || changed.sleeps) continue;
    align(row, at);
    if (std::exchange(changed.restarts, false)) changed.history_begin = at;
    changed.rewind_from = at;
    if (states_rewind_.bytes() > 0)
      std::memcpy(states(states_rewind_, row), states(states_now_, row), states_.bytes);
    constants_at_.evaluate(at);
    forward_.read_constants(row, constants(to_, row));
  }
  for (std::int64_t row = 0; row < rows_; ++row) {
    Row& changed = row_[static_cast<std::size_t>(row)];
    if (!changed.sleeps && std::exchange(changed.has_changed, false)) begin_line(row, at);
  }
}

void LiveStage::align(std::int64_t row, std::int64_t at) {
  row_[static_cast<std::size_t>(row)].aligned = at;
  if (states_.bytes > 0) std::memcpy(states(states_aligned_, row), states(states_now_, row), states_.bytes);
}

// Where the next glide ends, or a control period on.
std::int64_t LiveStage::next_control_point(std::int64_t row, std::int64_t at) const {
  std::int64_t next = never;
  for (const Source& source : sources_) {
    const auto first = static_cast<std::size_t>(source.has_rows ? source.rows.source(row) : 0),
               last = source.has_rows ? first + 1 : source.glides_until.size();
    for (std::size_t leaf_row = first; leaf_row < last; ++leaf_row)
      if (const std::int64_t end = source.glides_until[leaf_row]; end > at)
        next = std::min({next, end, at + control_period});
  }
  return next;
}

// From what the last line went to, to what the constants are at the next control point.
void LiveStage::begin_line(std::int64_t row, std::int64_t at) {
  Row& line = row_[static_cast<std::size_t>(row)];
  const double* reached = constants(to_, row);
  std::copy_n(reached, forward_.constants(), constants(from_, row));
  line.line_start = at;
  line.line_end = next_control_point(row, at);
  if (line.line_end == never) return;
  constants_at_.evaluate(line.line_end);
  forward_.read_constants(row, constants(to_, row));
}

void LiveStage::play_blocks(std::int64_t row, std::int64_t to, std::int64_t buffer_start) {
  Row& at = row_[static_cast<std::size_t>(row)];
  const auto play = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t start = first; start < last; start += tile_) {
      const int count = static_cast<int>(std::min<std::int64_t>(tile_, last - start));
      forward_.place_constants(workspace_, constants(from_, row), constants(to_, row), start - at.line_start,
                               at.line_end - at.line_start, count);
      forward_.run_tile(workspace_, row, start, count, nullptr,
                        {.signals = buffer_start, .history = at.history_begin});
    }
  };
  if (states_.bytes > 0) std::memcpy(workspace_.states(), states(states_aligned_, row), states_.bytes);
  workspace_.keep_history_at(rings_.data() + static_cast<std::size_t>(row) * histories_.bytes);
  const std::int64_t whole_blocks = at.aligned + (to - at.aligned) / math::block * math::block;
  if (whole_blocks > at.aligned) {
    play(at.aligned, whole_blocks);
    at.aligned = whole_blocks;
    if (states_.bytes > 0) std::memcpy(states(states_aligned_, row), workspace_.states(), states_.bytes);
  }
  if (to > at.aligned) play(at.aligned, to);
  if (states_.bytes > 0) std::memcpy(states(states_now_, row), workspace_.states(), states_.bytes);
}

// --- the way back --------------------------------------------------------------------------------

LiveStage::Rewind::Rewind(const LiveStage& stage, TileProgram program)
    : row_adjoint_data(program.row_adjoints.size()),
      row_adjoint_length(stage.length_ + math::block),
      bound(std::move(program), stage.context_.plan, stage.stage_, stage.context_.storage, stage.states_,
            stage.histories_, stage.tile_, row_adjoint_data.data(), row_adjoint_length),
      workspace(bound.make_workspace()) {
  const auto shape_of = [&](int n) {
    return stage.context_.plan.nodes[static_cast<std::size_t>(n)].shape.with_length(1);
  };
  const Shape rows = stage.shape().with_length(1);
  const auto row_count = static_cast<std::size_t>(stage.rows_);
  for (const int n : bound.program().row_adjoints) {
    row_adjoints.emplace_back(row_count * static_cast<std::size_t>(row_adjoint_length) * sizeof(Real));
    row_adjoint_data[row_adjoints.size() - 1] = reinterpret_cast<Real*>(row_adjoints.back().data());
    adjoint_rows.emplace_back(shape_of(n), rows);
    stage.context_.storage.adjoint(n);
  }
  for (const int n : bound.program().row_sums) {
    sum_rows.emplace_back(shape_of(n), rows);
    stage.context_.storage.adjoint(n);
  }
  row_totals.resize(sum_rows.size() * row_count);
  work.resize(row_count);
}

void LiveStage::prepare_rewind(std::vector<bool>& has_adjoint) {
  rewind_.emplace(*this, backward_program(context_.plan, stage_, joins_fusions(context_.type), has_adjoint));
  for (const int n : rewind_->bound.program().row_sums) has_adjoint[static_cast<std::size_t>(n)] = true;
}

void LiveStage::rewind(std::int64_t to, std::int64_t buffer_start) {
  if (rewind_->bound.program().steps.empty()) return;
  for (const Buffer& buffer : rewind_->row_adjoints) std::memset(buffer.data(), 0, buffer.bytes());
  std::ranges::fill(rewind_->row_totals, 0.0);
  for (std::int64_t row = 0; row < rows_; ++row)
    if (!row_[static_cast<std::size_t>(row)].sleeps) rewind_row(row, to, buffer_start);

  for (std::size_t i = 0; i < rewind_->row_adjoints.size(); ++i) {
    const RowMap& rows = rewind_->adjoint_rows[i];
    Real* adjoint = context_.storage.adjoint(rewind_->bound.program().row_adjoints[i]).as<Real>().data();
    for (std::int64_t row = 0; row < rows_; ++row) {
      const Real* of_row = rewind_->row_adjoint_data[i] + row * rewind_->row_adjoint_length;
      Real* gx = adjoint + rows.source(row) * length_;
      for (std::int64_t n = 0; n < length_; ++n) gx[n] += of_row[n];
    }
  }
  for (std::size_t i = 0; i < rewind_->sum_rows.size(); ++i)
    rewind_->sum_rows[i].add_sums(
        rewind_->row_totals.data() + i * static_cast<std::size_t>(rows_),
        context_.storage.adjoint(rewind_->bound.program().row_sums[i]).as<double>().data(),
        rewind_->work.data());
}

// Samples are counted from where the way back ends: what came before is a constant.
void LiveStage::rewind_row(std::int64_t row, std::int64_t to, std::int64_t buffer_start) {
  const std::int64_t from = row_[static_cast<std::size_t>(row)].rewind_from;
  const BufferStarts buffers{buffer_start - from, buffer_start - from};
  const std::int64_t tiles = (to - from + tile_ - 1) / tile_;
  const auto samples_in = [&](std::int64_t tile) {
    return static_cast<int>(std::min<std::int64_t>(tile_, to - from - tile * tile_));
  };
  const auto saved = [&](std::int64_t tile) { return states(states_of_tile_, tile); };
  if (states_.bytes > 0 && tiles > 0) {
    std::memcpy(saved(0), states(states_rewind_, row), states_.bytes);
    if (tiles > 1) forward_.begin_row(workspace_, row);
    for (std::int64_t tile = 1; tile < tiles; ++tile) {
      std::memcpy(workspace_.states(), saved(tile - 1), states_.bytes);
      forward_.run_tile(workspace_, row, (tile - 1) * tile_, tile_, nullptr, buffers);
      std::memcpy(saved(tile), workspace_.states(), states_.bytes);
    }
  }
  Workspace& workspace = rewind_->workspace;
  rewind_->bound.begin_row(workspace, row);
  rewind_->bound.begin_adjoint(workspace);
  for (std::int64_t tile = tiles; tile-- > 0;) {
    if (states_.bytes > 0) std::memcpy(workspace.states(), saved(tile), states_.bytes);
    rewind_->bound.run_tile(workspace, row, tile * tile_, samples_in(tile), saved(tile), buffers);
    if (tile * tile_ % group_samples == 0) rewind_->bound.join_group(workspace);
  }
  for (std::size_t i = 0; i < rewind_->sum_rows.size(); ++i)
    rewind_->row_totals[i * static_cast<std::size_t>(rows_) + static_cast<std::size_t>(row)] =
        workspace.row_sum(i).finish();
}

}  // namespace retrograd::cpu
