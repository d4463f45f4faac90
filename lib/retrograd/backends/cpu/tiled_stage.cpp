// A tiled stage: rows over threads, tiles one after the other, every intermediate in scratch.
//
// Forwards, the states of the causal nodes are saved at each tile's start. Backwards the tiles are visited in
// reverse: restore the states, recompute the tile, run the adjoints, carry on to the tile before.
//
// Rows fewer than threads are split over time where that pays. Forwards, a first pass moves the states from
// tile to tile without the values, then all tiles are independent. Backwards, groups of tiles begin as if no
// time came after them, and what they leave is joined from the last to the first.
#include <retrograd/backends/cpu/row_mix.hpp>
#include <retrograd/backends/cpu/stage.hpp>
#include <retrograd/backends/cpu/tile_program.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <sstream>

namespace retrograd::cpu {

namespace {

constexpr std::int64_t chunk_samples =
    4096;  // of row adjoints that are kept before they are added over the rows

template <class Real>
class TiledStage final : public StageRunner {
 public:
  TiledStage(const StageContext& context, int stage)
      : TiledStage(context, stage,
                   forward_program(context.plan, stage, joins_fusions(element_type_of<Real>))) {}

  TiledStage(const StageContext& context, int stage, TileProgram forward)
      : context_(context),
        stage_(stage),
        rows_(shape().rows()),
        length_(shape().length()),
        states_(context.plan, stage, context.type),
        tile_(choose_tile(forward)),
        tiles_((length_ + tile_ - 1) / tile_),
        histories_(context.plan, stage, context.type, tile_),
        mixed_data_(forward.row_adjoints.size()),
        forward_(std::move(forward), context.plan, stage, context.storage, states_, histories_, tile_,
                 mixed_data_.data(), chunk_samples),
        first_states_(states_.bytes) {
    states_.start(context.plan, stage, context.type, first_states_.data());
    find_mixes();
    // What is reduced over time is kept in a row's workspace from chunk to chunk.
    const std::int64_t workspaces =
        has_chunks() && !states_.reductions.empty() ? rows_ : context.executor.workers();
    for (std::int64_t i = 0; i < workspaces; ++i) workspaces_.push_back(forward_.make_workspace());
    split_over_time();
    rings_ = Buffer(static_cast<std::size_t>(has_chunks() ? rows_ : context.executor.workers()) *
                    histories_.bytes);
    if (is_trainable() || advance_) saved_ = Buffer(static_cast<std::size_t>(rows_ * tiles_) * states_.bytes);
    reduction_index_.resize(states_.reductions.size() * static_cast<std::size_t>(rows_));
    if (has_chunks() && !advance_) row_states_ = Buffer(static_cast<std::size_t>(rows_) * states_.bytes);
  }

  void play() override {
    if (advance_ && states_.bytes > 0)
      run_tasks(context_.executor, static_cast<int>(rows_), [&](int row, int worker) {
        advance_row(row, advance_workspaces_[static_cast<std::size_t>(worker)]);
      });
    if (has_chunks()) {
      for (std::int64_t start = 0; start < length_; start += chunk_samples) {
        const std::int64_t end = std::min(length_, start + chunk_samples);
        play_rows_of_chunk(start, end);
        add_rows(start, end);
      }
      return;
    }
    play_rows();
    if (!mixes_.empty()) add_rows(0, length_);
  }

  void play_rows() {
    if (!advance_) {
      run_tasks(context_.executor, static_cast<int>(rows_), [&](int row, int worker) {
        auto& workspace = workspaces_[static_cast<std::size_t>(worker)];
        begin_states(workspace, first_states_.data());
        workspace.keep_history_at(rings(worker));
        play_row(row, workspace, 0, length_);
        finish_reductions(row, workspace);
      });
      return;
    }
    run_tasks(context_.executor, static_cast<int>(rows_ * chunks_), [&](int task, int worker) {
      play_chunk(task / chunks_, task % chunks_, workspaces_[static_cast<std::size_t>(worker)]);
    });
  }

  int prepare_rewind(std::vector<bool>& has_adjoint) override {
    auto prepared = std::make_unique<Rewind>(
        *this, backward_program(context_.plan, stage_, joins_fusions(element_type_of<Real>), has_adjoint));
    for (const int n : prepared->bound.program().row_sums) has_adjoint[static_cast<std::size_t>(n)] = true;
    rewinds_.push_back(std::move(prepared));
    return static_cast<int>(rewinds_.size()) - 1;
  }

  void rewind(int prepared) override {
    Rewind& rewind = *rewinds_[static_cast<std::size_t>(prepared)];
    if (rewind.bound.program().steps.empty()) return;
    if (rewind.is_split()) {
      rewind_groups(rewind);
    } else if (rewind.row_adjoints.empty()) {
      run_tasks(context_.executor, static_cast<int>(rows_), [&](int row, int worker) {
        auto& workspace = rewind.workspaces[static_cast<std::size_t>(worker)];
        rewind.bound.begin_adjoint(workspace);
        rewind_row(rewind, workspace, row, 0, length_);
        finish_row(rewind, workspace, row);
      });
    } else {
      for (auto& workspace : rewind.workspaces) rewind.bound.begin_adjoint(workspace);
      for (std::int64_t start = (length_ - 1) / chunk_samples * chunk_samples; start >= 0;
           start -= chunk_samples) {
        const std::int64_t end = std::min(length_, start + chunk_samples);
        run_tasks(context_.executor, static_cast<int>(rows_), [&](int row, int) {
          rewind_row(rewind, rewind.workspaces[static_cast<std::size_t>(row)], row, start, end);
        });
        run_tasks(context_.executor, static_cast<int>(rewind.row_adjoints.size()),
                  [&](int i, int) { add_over_rows(rewind, static_cast<std::size_t>(i), start, end); });
      }
      for (std::int64_t row = 0; row < rows_; ++row)
        finish_row(rewind, rewind.workspaces[static_cast<std::size_t>(row)], row);
    }
    for (std::size_t i = 0; i < rewind.sum_rows.size(); ++i)
      rewind.sum_rows[i].add_sums(
          rewind.row_totals.data() + i * static_cast<std::size_t>(rows_),
          context_.storage.adjoint(rewind.bound.program().row_sums[i]).template as<double>().data(),
          rewind.work.data());
  }

  std::string describe() const override {
    std::ostringstream text;
    text << rows_ << (rows_ == 1 ? " row" : " rows") << " x " << length_ << " samples in tiles of " << tile_
         << ": " << forward_.program().slots << " slots of scratch, "
         << static_cast<std::size_t>(forward_.program().slots * tile_) * sizeof(Real) << " bytes";
    for (const auto& rewind : rewinds_) {
      if (rewind->bound.program().steps.empty()) continue;
      text << "; backwards " << rewind->bound.program().slots << " slots";
      if (rewind->is_split()) text << " in " << groups() << " groups of time";
    }
    if (saved_.bytes() > 0) text << "; " << saved_.bytes() << " bytes of saved states";
    if (rings_.bytes() > 0) text << "; " << rings_.bytes() << " bytes of earlier samples in rings";
    for (const int n : context_.plan.stages[static_cast<std::size_t>(stage_)].nodes)
      if (const PlanNode& node = context_.plan.nodes[static_cast<std::size_t>(n)];
          node.type->reach != nullptr)
        if (context_.plan.keeps_whole(node.inputs[0]))
          text << "; " << node.type->name << " reads the whole '"
               << context_.plan.nodes[static_cast<std::size_t>(node.inputs[0])].type->name << "'";
    if (advance_) text << "; forwards in " << chunks_ << " chunks of time";
    return text.str();
  }
  std::size_t bytes() const override {
    std::size_t bytes = saved_.bytes() + row_states_.bytes() + rings_.bytes() +
                        workspaces_.size() * forward_.workspace_bytes();
    for (const Buffer& rows : mixed_) bytes += rows.bytes();
    if (advance_) bytes += advance_workspaces_.size() * advance_->workspace_bytes();
    for (const auto& rewind : rewinds_) bytes += rewind->bytes();
    return bytes;
  }

 private:
  struct Rewind {
    Rewind(TiledStage& stage, TileProgram program)
        : row_adjoint_data(program.row_adjoints.size()),
          bound(std::move(program), stage.context_.plan, stage.stage_, stage.context_.storage, stage.states_,
                stage.histories_, stage.tile_, row_adjoint_data.data(), chunk_samples) {
      const Plan& plan = stage.context_.plan;
      const Shape rows = stage.shape().with_length(1);
      const auto row_count = static_cast<std::size_t>(stage.rows_);
      const auto shape_of = [&](int n) {
        return plan.nodes[static_cast<std::size_t>(n)].shape.with_length(1);
      };
      for (const int n : bound.program().row_adjoints) {
        row_adjoints.emplace_back(row_count * chunk_samples * sizeof(Real));
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
      const std::size_t count =
          row_adjoints.empty() ? static_cast<std::size_t>(stage.context_.executor.workers()) : row_count;
      for (std::size_t i = 0; i < count; ++i) workspaces.push_back(bound.make_workspace());
      if (!stage.has_threads_to_spare() || stage.groups() < 2 || !row_adjoints.empty() ||
          !bound.groups_are_independent())
        return;
      for (std::size_t row = 0; row < row_count; ++row) row_workspaces.push_back(bound.make_workspace());
      groups = Buffer(row_count * static_cast<std::size_t>(stage.groups()) * bound.group_bytes());
    }
    bool is_split() const { return !row_workspaces.empty(); }
    std::size_t bytes() const {
      std::size_t total =
          (workspaces.size() + row_workspaces.size()) * bound.workspace_bytes() + groups.bytes();
      for (const Buffer& buffer : row_adjoints) total += buffer.bytes();
      return total;
    }

    std::vector<Real*> row_adjoint_data;
    BoundProgram<Real> bound;
    std::vector<Buffer> row_adjoints;  // rows x chunk each
    std::vector<RowMap> adjoint_rows, sum_rows;
    std::vector<double> row_totals;  // [row sum][row]
    std::vector<double> work;
    std::vector<typename BoundProgram<Real>::Workspace>
        workspaces;  // one per worker, or per row where chunks need it
    std::vector<typename BoundProgram<Real>::Workspace> row_workspaces;  // where rows are split: their sums
    Buffer groups;                                                       // what each group left: [row][group]
  };

  bool has_threads_to_spare() const { return rows_ < context_.executor.workers(); }
  std::int64_t groups() const { return (length_ + group_samples - 1) / group_samples; }

  // Threads without a row of their own take chunks of time, where moving the states alone is little work: half
  // the program's steps at most.
  void split_over_time() {
    const auto workers = static_cast<std::int64_t>(context_.executor.workers());
    if (!has_threads_to_spare() || tiles_ < 2 * workers || !states_.reductions.empty() || reads_own_history())
      return;
    TileProgram program = advance_program(context_.plan, stage_, joins_fusions(element_type_of<Real>));
    const auto computed = std::ranges::count(program.steps, TileStep::Kind::forward, &TileStep::kind);
    if (2 * static_cast<std::size_t>(computed) > forward_.program().steps.size()) return;
    advance_.emplace(std::move(program), context_.plan, stage_, context_.storage, states_, histories_, tile_);
    for (std::int64_t worker = 0; worker < workers; ++worker)
      advance_workspaces_.push_back(advance_->make_workspace());
    // Several chunks for each thread, so that none waits long for the last.
    tiles_per_chunk_ = std::max<std::int64_t>(1, rows_ * tiles_ / (4 * workers));
    chunks_ = (tiles_ + tiles_per_chunk_ - 1) / tiles_per_chunk_;
  }

  // Whether a tile reads samples that the tiles before it compute, or keep.
  bool reads_own_history() const {
    return std::ranges::any_of(context_.plan.stages[static_cast<std::size_t>(stage_)].nodes, [&](int n) {
      const PlanNode& node = context_.plan.nodes[static_cast<std::size_t>(n)];
      if (node.type->reach == nullptr) return false;
      const int x = node.inputs[0];
      return context_.plan.nodes[static_cast<std::size_t>(x)].stage == stage_ ||
             !context_.plan.keeps_whole(x);
    });
  }
  // Those of a worker's row, or of a row where time goes in chunks.
  std::byte* rings(std::int64_t i) const {
    return rings_.data() + static_cast<std::size_t>(i) * histories_.bytes;
  }

  // What of the stage is a sum over rows.
  struct MixOfRows {
    int node, source;
    int kept;  // which of the values whose rows are kept for a chunk; -1: they are stored
    RowMix rows;
  };

  // Whether rows that are summed are kept for a chunk of time and no longer.
  bool has_chunks() const { return !mixed_data_.empty(); }

  void find_mixes() {
    std::size_t most = 0;
    for (const int n : context_.plan.stages[static_cast<std::size_t>(stage_)].nodes) {
      const PlanNode& node = context_.plan.nodes[static_cast<std::size_t>(n)];
      if (node.type->kind != NodeKind::over_rows) continue;
      const std::vector<int>& kept = forward_.program().row_adjoints;
      const auto at = std::ranges::find(kept, node.inputs[0]);
      mixes_.push_back({n, node.inputs[0], at == kept.end() ? -1 : static_cast<int>(at - kept.begin()),
                        RowMix(node.shape, shape())});
      most = std::max(most, mixes_.back().rows.work());
    }
    mix_work_.resize(static_cast<std::size_t>(context_.executor.workers()), std::vector<double>(most));
    for (Real*& rows : mixed_data_) {
      mixed_.emplace_back(static_cast<std::size_t>(rows_ * chunk_samples) * sizeof(Real));
      rows = reinterpret_cast<Real*>(mixed_.back().data());
    }
  }

  // Samples [from, to) of the sums over rows; a chunk, or all of them where all rows are stored.
  void add_rows(std::int64_t from, std::int64_t to) {
    constexpr std::int64_t part = 1024;
    const std::int64_t parts = (to - from + part - 1) / part;
    for (const MixOfRows& mix : mixes_)
      run_tasks(context_.executor, static_cast<int>(mix.rows.sums() * parts), [&](int task, int worker) {
        const std::int64_t sum = task / parts, start = from + task % parts * part;
        const bool is_kept = mix.kept >= 0;
        const Real* x = is_kept ? mixed_data_[static_cast<std::size_t>(mix.kept)] + (start - from)
                                : static_cast<const Real*>(context_.storage.value_data(mix.source)) + start;
        Real* y = static_cast<Real*>(context_.storage.value_data(mix.node)) + sum * length_;
        mix.rows.add(sum, x, is_kept ? chunk_samples : length_, y + start, std::min(part, to - start),
                     mix_work_[static_cast<std::size_t>(worker)].data());
      });
  }

  const Shape& shape() const { return context_.plan.stages[static_cast<std::size_t>(stage_)].shape; }

  bool is_trainable() const {
    for (const int n : context_.plan.stages[static_cast<std::size_t>(stage_)].nodes)
      if (context_.plan.nodes[static_cast<std::size_t>(n)].trainable) return true;
    return false;
  }

  // The largest tile whose scratch, with the adjoints', fits the budget.
  int choose_tile(const TileProgram& forward) const {
    const std::int64_t whole_row = (length_ + math::sum_lanes - 1) / math::sum_lanes * math::sum_lanes;
    const int most =
        std::min(context_.plan.stages[static_cast<std::size_t>(stage_)].most_tile, +Tile<Real>::max_samples);
    if (context_.tile != 0 || whole_row <= smallest_tile)
      return static_cast<int>(std::min<std::int64_t>(
          std::min(context_.tile != 0 ? context_.tile : smallest_tile, most), whole_row));
    // Adjoints come from outside for stored values alone.
    std::vector<bool> has_adjoint;
    for (const PlanNode& node : context_.plan.nodes) has_adjoint.push_back(node.stored);
    const int slots = std::max(
        forward.slots,
        is_trainable()
            ? backward_program(context_.plan, stage_, joins_fusions(element_type_of<Real>), has_adjoint).slots
            : 0);
    int tile = most;
    while (tile > smallest_tile && static_cast<std::size_t>(slots * tile) * sizeof(Real) > scratch_budget)
      tile /= 2;
    return static_cast<int>(std::min<std::int64_t>(tile, whole_row));
  }

  std::byte* saved_states(std::int64_t row, std::int64_t tile) const {
    return saved_.data() + static_cast<std::size_t>(row * tiles_ + tile) * states_.bytes;
  }
  int samples_in(std::int64_t tile) const {
    return static_cast<int>(std::min<std::int64_t>(tile_, length_ - tile * tile_));
  }

  void begin_states(typename BoundProgram<Real>::Workspace& workspace, const std::byte* states) const {
    if (states_.bytes > 0) std::memcpy(workspace.states(), states, states_.bytes);
  }

  // The tiles of [from, to), on from the states in the workspace.
  void play_row(std::int64_t row, typename BoundProgram<Real>::Workspace& workspace, std::int64_t from,
                std::int64_t to) {
    forward_.begin_row(workspace, row);
    for (std::int64_t tile = from / tile_; tile * tile_ < to; ++tile) {
      if (saved_.bytes() > 0) std::memcpy(saved_states(row, tile), workspace.states(), states_.bytes);
      forward_.run_tile(workspace, row, tile * tile_, samples_in(tile), nullptr, {.row_adjoints = from});
    }
  }

  void play_rows_of_chunk(std::int64_t from, std::int64_t to) {
    if (advance_) {
      const std::int64_t first = from / tile_, tiles = (to - 1) / tile_ + 1 - first;
      run_tasks(context_.executor, static_cast<int>(rows_ * tiles), [&](int task, int worker) {
        const std::int64_t row = task / tiles, tile = first + task % tiles;
        auto& workspace = workspaces_[static_cast<std::size_t>(worker)];
        forward_.begin_row(workspace, row);
        begin_states(workspace, saved_states(row, tile));
        forward_.run_tile(workspace, row, tile * tile_, samples_in(tile), nullptr, {.row_adjoints = from});
      });
      return;
    }
    run_tasks(context_.executor, static_cast<int>(rows_), [&](int row, int worker) {
      auto& workspace = workspaces_[static_cast<std::size_t>(states_.reductions.empty() ? worker : row)];
      std::byte* states = row_states_.data() + static_cast<std::size_t>(row) * states_.bytes;
      begin_states(workspace, from == 0 ? first_states_.data() : states);
      workspace.keep_history_at(rings(row));
      play_row(row, workspace, from, to);
      if (states_.bytes > 0) std::memcpy(states, workspace.states(), states_.bytes);
      if (to == length_) finish_reductions(row, workspace);
    });
  }

  void finish_reductions(std::int64_t row, typename BoundProgram<Real>::Workspace& workspace) {
    for (std::size_t i = 0; i < states_.reductions.size(); ++i) {
      const ReductionRow<Real>& reduction = workspace.reduction(i);
      static_cast<double*>(context_.storage.value_data(states_.reductions[i]))[row] = reduction.value;
      reduction_index_[i * static_cast<std::size_t>(rows_) + static_cast<std::size_t>(row)] = reduction.index;
    }
  }

  void advance_row(std::int64_t row, typename BoundProgram<Real>::Workspace& workspace) {
    advance_->begin_row(workspace, row);
    std::memcpy(workspace.states(), first_states_.data(), states_.bytes);
    for (std::int64_t tile = 0; tile < tiles_; ++tile) {
      std::memcpy(saved_states(row, tile), workspace.states(), states_.bytes);
      advance_->run_tile(workspace, row, tile * tile_, samples_in(tile), nullptr);
    }
  }

  void play_chunk(std::int64_t row, std::int64_t chunk, typename BoundProgram<Real>::Workspace& workspace) {
    forward_.begin_row(workspace, row);
    const std::int64_t end = std::min(tiles_, (chunk + 1) * tiles_per_chunk_);
    for (std::int64_t tile = chunk * tiles_per_chunk_; tile < end; ++tile) {
      if (states_.bytes > 0) std::memcpy(workspace.states(), saved_states(row, tile), states_.bytes);
      forward_.run_tile(workspace, row, tile * tile_, samples_in(tile), nullptr);
    }
  }

  void rewind_row(Rewind& rewind, typename BoundProgram<Real>::Workspace& workspace, std::int64_t row,
                  std::int64_t from, std::int64_t to) {
    rewind.bound.begin_row(workspace, row);
    for (std::size_t i = 0; i < states_.reductions.size(); ++i)
      workspace.reduction(i).index =
          reduction_index_[i * static_cast<std::size_t>(rows_) + static_cast<std::size_t>(row)];
    for (std::int64_t tile = (to - 1) / tile_; tile * tile_ >= from && tile >= 0; --tile) {
      const std::byte* states = states_.bytes > 0 ? saved_states(row, tile) : nullptr;
      if (states_.bytes > 0) std::memcpy(workspace.states(), states, states_.bytes);
      rewind.bound.run_tile(workspace, row, tile * tile_, samples_in(tile), states, {.row_adjoints = from});
      if (!rewind.is_split() && tile * tile_ % group_samples == 0) rewind.bound.join_group(workspace);
    }
  }

  void rewind_groups(Rewind& rewind) {
    for (auto& workspace : rewind.row_workspaces) rewind.bound.begin_adjoint(workspace);
    const auto left_by = [&](std::int64_t row, std::int64_t group) {
      return rewind.groups.data() +
             static_cast<std::size_t>(row * groups() + group) * rewind.bound.group_bytes();
    };
    run_tasks(context_.executor, static_cast<int>(rows_ * groups()), [&](int task, int worker) {
      auto& workspace = rewind.workspaces[static_cast<std::size_t>(worker)];
      const std::int64_t row = task / groups(), group = task % groups();
      rewind.bound.begin_group(workspace, rewind.row_workspaces[static_cast<std::size_t>(row)]);
      rewind_row(rewind, workspace, row, group * group_samples,
                 std::min(length_, (group + 1) * group_samples));
      rewind.bound.take_group(workspace, left_by(row, group));
    });
    for (std::int64_t row = 0; row < rows_; ++row) {
      auto& workspace = rewind.row_workspaces[static_cast<std::size_t>(row)];
      rewind.bound.begin_row(workspace, row);
      for (std::int64_t group = groups(); group-- > 0;)
        rewind.bound.join_group(workspace, left_by(row, group));
      finish_row(rewind, workspace, row);
    }
  }

  void finish_row(Rewind& rewind, typename BoundProgram<Real>::Workspace& workspace, std::int64_t row) {
    for (std::size_t i = 0; i < rewind.sum_rows.size(); ++i)
      rewind.row_totals[i * static_cast<std::size_t>(rows_) + static_cast<std::size_t>(row)] =
          workspace.row_sum(i).finish();
  }

  // The adjoint of a signal that rows share: the rows' adjoints of one chunk, added in row order.
  void add_over_rows(Rewind& rewind, std::size_t i, std::int64_t from, std::int64_t to) {
    const RowMap& rows = rewind.adjoint_rows[i];
    const bool accumulates = rewind.bound.program().row_adjoint_accumulates[i];
    Real* adjoint =
        context_.storage.adjoint(rewind.bound.program().row_adjoints[i]).template as<Real>().data();
    for (std::int64_t source = 0; source < rows.sources(); ++source) {
      Real* gx = adjoint + source * length_ + from;
      for (std::int64_t user = 0; user < rows.users(source); ++user) {
        const Real* row = rewind.row_adjoint_data[i] + rows.user(source, user) * chunk_samples;
        if (user == 0 && !accumulates)
          std::copy_n(row, to - from, gx);
        else
          for (std::int64_t n = 0; n < to - from; ++n) gx[n] += row[n];
      }
    }
  }

  StageContext context_;
  int stage_;
  std::int64_t rows_, length_;
  StageStates states_;
  int tile_;
  std::int64_t tiles_;
  StageHistories histories_;
  std::vector<Real*> mixed_data_;  // of values that are summed over rows: their rows in one chunk of time
  BoundProgram<Real> forward_;
  std::vector<Buffer> mixed_;
  Buffer first_states_, saved_;
  Buffer rings_;       // of earlier samples, of each worker or, where time goes in chunks, of each row
  Buffer row_states_;  // where time goes in chunks: those of each row at the chunk's end
  std::optional<BoundProgram<Real>> advance_;  // where few rows are split over time
  std::vector<typename BoundProgram<Real>::Workspace> advance_workspaces_;
  std::int64_t tiles_per_chunk_ = 0, chunks_ = 0;
  std::vector<typename BoundProgram<Real>::Workspace> workspaces_;  // one per worker
  std::vector<std::int64_t> reduction_index_;                       // [reduction][row]
  std::vector<MixOfRows> mixes_;
  std::vector<std::vector<double>> mix_work_;  // [worker]
  std::vector<std::unique_ptr<Rewind>> rewinds_;
};

}  // namespace

std::unique_ptr<StageRunner> make_tiled_stage(const StageContext& context, int stage) {
  if (context.type == ElementType::f32) return std::make_unique<TiledStage<float>>(context, stage);
  return std::make_unique<TiledStage<double>>(context, stage);
}

}  // namespace retrograd::cpu
