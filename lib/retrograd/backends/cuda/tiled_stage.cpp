// A tiled stage on the device: one launch forwards and one backwards, whatever the number of nodes, a block to a row.
//
// Where rows are few, their time is split over blocks. Forwards, each tile says how it moves the states of oscillators
// and envelopes, a scan over tiles makes of that the states at their starts, and then all tiles are independent.
// Backwards, groups of tiles begin as if no time came after them, and what they leave is joined from the last to the
// first. A stage with another causal node, or with one whose frequency or gate is computed in the stage, keeps a block
// to a row.
#include <retrograd/backends/cuda/bound_program.hpp>
#include <retrograd/backends/cuda/kernels.hpp>
#include <retrograd/backends/cuda/stage.hpp>

#include <algorithm>
#include <sstream>

namespace retrograd::cuda {

namespace {

constexpr std::size_t scratch_budget =
    32 * 1024;  // bytes of slots: so that several blocks share a multiprocessor
// Samples of row adjoints that are kept before they are added over the rows: of all rows together, and at least of one.
constexpr std::int64_t chunk_of_all_rows = std::int64_t{4} << 20, least_chunk = 4096;

// Rows below which their time is split: so many blocks keep a multiprocessor busy.
std::int64_t few_rows(const Gpu& gpu) { return std::int64_t{4} * gpu.multiprocessors(); }

std::int64_t in_parts(std::int64_t count, std::int64_t part) { return (count + part - 1) / part; }

// Room that an ordered sum of so many terms works in.
std::int64_t work_of_sum(std::int64_t terms) { return in_parts(terms, math::sum_tile); }

template <class Real>
class TiledStage final : public StageRunner {
 public:
  TiledStage(const StageContext& context, int stage)
      : context_(context),
        stage_(stage),
        rows_(shape().rows()),
        length_(shape().length()),
        states_(context.plan, stage),
        fields_(context.gpu),
        tables_(context.gpu, context.plan, stage, context.storage),
        tile_(choose_tile()),
        tiles_(in_parts(length_, tile_)),
        forward_(context.gpu, forward_program(context.plan, stage, false), context.plan, tables_, fields_,
                 states_, context.type, tile_, rows_ * tiles_) {
    at_.rows = rows_;
    at_.length = length_;
    at_.tile = tile_;
    at_.tiles = tiles_;
    at_.state_bytes = states_.bytes;
    at_.sum_tiles = in_parts(length_, math::sum_tile);
    find_movements();
    if (states_.bytes > 0 && (is_trainable() || is_split_))
      saved_ = DeviceMemory(context.gpu, static_cast<std::size_t>(rows_ * tiles_ * states_.bytes));
    at_.saved_states = saved_.template as<std::byte>();
    prepare_reductions();
    prepare_mixes();
  }

  void play() override {
    if (!forward_.program().steps.empty()) play_rows();
    for (const MixOfRows& mix : mixes_) add_rows(mix);
  }

  void play_rows() {
    if (is_split_ && !moving_.empty()) {
      const auto moving = static_cast<std::int64_t>(moving_.size()) * rows_;
      const auto* on_gpu = moving_on_gpu_.template as<const MovingAt>();
      launch<SummariseTiles<Real>>(context_.gpu, moving * tiles_, 0, {at_, on_gpu});
      launch<ScanStates<Real>>(context_.gpu, moving, ScanStates<Real>::shared_bytes, {at_, on_gpu});
    }
    const std::int64_t tiles_in_task =
        is_split_ ? std::max<std::int64_t>(1, rows_ * tiles_ / (2 * few_rows(context_.gpu))) : tiles_;
    const std::int64_t tasks = rows_ * in_parts(tiles_, tiles_in_task);
    launch<PlayTiles<Real>>(context_.gpu, forward_.blocks(tasks), forward_.shared_bytes(),
                            {at_, forward_.at(), is_split_, tiles_in_task, tasks});
    const auto reductions = static_cast<std::int64_t>(states_.reductions.size()) * rows_;
    launch<FinishReductions>(context_.gpu, reductions, FinishReductions::shared_bytes,
                             {at_, reductions_on_gpu_.template as<const ReductionAt>(),
                              reduction_work_.template as<double>(), work_of_sum(at_.sum_tiles)});
  }

  int prepare_rewind(std::vector<bool>& has_adjoint) override {
    auto prepared =
        std::make_unique<Rewind>(*this, backward_program(context_.plan, stage_, false, has_adjoint));
    for (const int n : prepared->bound->program().row_sums) has_adjoint[static_cast<std::size_t>(n)] = true;
    rewinds_.push_back(std::move(prepared));
    return static_cast<int>(rewinds_.size()) - 1;
  }

  void rewind(int prepared) override {
    Rewind& rewind = *rewinds_[static_cast<std::size_t>(prepared)];
    const BoundProgram& bound = *rewind.bound;
    if (bound.program().steps.empty()) return;
    if (rewind.totals.bytes() > 0) context_.gpu.zero(rewind.totals.data(), rewind.totals.bytes());
    typename RewindTiles<Real>::Arguments arguments{at_,
                                                    bound.at(),
                                                    rewind.sums(),
                                                    rewind.carries.template as<std::byte>(),
                                                    bound.carry_bytes(),
                                                    rewind.joins.template as<const JoinAt>(),
                                                    static_cast<int>(bound.joins().size()),
                                                    rewind.is_split,
                                                    true,
                                                    0,
                                                    length_,
                                                    rewind.chunk,
                                                    rewind.tasks_in_row};
    const auto run = [&] {
      launch<RewindTiles<Real>>(context_.gpu, bound.blocks(rows_ * rewind.tasks_in_row), bound.shared_bytes(),
                                arguments);
    };
    if (rewind.row_adjoints.empty()) {
      run();
    } else {
      for (std::int64_t start = (length_ - 1) / rewind.chunk * rewind.chunk; start >= 0;
           start -= rewind.chunk) {
        arguments.from = start;
        arguments.to = std::min(length_, start + rewind.chunk);
        run();
        arguments.begins = false;
        for (std::size_t i = 0; i < rewind.row_adjoints.size(); ++i)
          add_over_rows(rewind, i, arguments.from, arguments.to);
      }
    }
    if (rewind.is_split && !bound.joins().empty())
      launch<JoinGroups>(
          context_.gpu, rows_ * static_cast<std::int64_t>(bound.joins().size()), 0,
          {bound.at(), rewind.sums(), rewind.carries.template as<const std::byte>(), bound.carry_bytes(),
           rewind.joins.template as<const JoinAt>(), rows_, rewind.tasks_in_row});
    const auto sums = static_cast<std::int64_t>(bound.program().row_sums.size());
    launch<FinishSums>(context_.gpu, sums * rows_, 0,
                       {rewind.sums(), rows_, at_.sum_tiles, rewind.of_rows.template as<double>(),
                        rewind.work.template as<double>(), work_of_sum(at_.sum_tiles)});
    launch<AddSums>(
        context_.gpu, rewind.gain_count, 0,
        {rewind.gains.template as<const GainAt>(), rewind.gain_sums.template as<const std::int32_t>(),
         rewind.gain_users.template as<const std::int64_t>(), rows_,
         rewind.of_rows.template as<const double>(), rewind.gain_work.template as<double>(),
         work_of_sum(rows_)});
  }

  std::string describe() const override {
    std::ostringstream text;
    text << rows_ << (rows_ == 1 ? " row" : " rows") << " x " << length_ << " samples in tiles of " << tile_
         << ": " << forward_.program().slots << " slots of scratch, " << forward_.workspace_bytes()
         << " bytes a block"
         << (forward_.shared_bytes() > 0 ? " in shared memory" : " in the device's memory");
    for (const auto& rewind : rewinds_) {
      if (rewind->bound->program().steps.empty()) continue;
      text << "; backwards " << rewind->bound->program().slots << " slots, "
           << rewind->bound->workspace_bytes() << " bytes a block"
           << (rewind->bound->shared_bytes() > 0 ? "" : " in the device's memory");
      if (rewind->is_split) text << ", in " << rewind->tasks_in_row << " groups of time";
    }
    if (saved_.bytes() > 0) text << "; " << saved_.bytes() << " bytes of saved states";
    if (is_split_)
      text << "; forwards split over time";
    else if (!sequential_.empty())
      text << "; one tile of a row after the other, for " << sequential_;
    return text.str();
  }

  std::size_t bytes() const override {
    std::size_t total = saved_.bytes() + fields_.bytes() + tables_.bytes() + forward_.bytes() +
                        moving_on_gpu_.bytes() + reductions_on_gpu_.bytes() + reduced_tiles_.bytes() +
                        largest_tiles_.bytes() + largest_index_.bytes() + reduction_work_.bytes();
    for (const MixOfRows& mix : mixes_) total += mix.bytes();
    for (const auto& rewind : rewinds_) total += rewind->bytes();
    return total;
  }

 private:
  struct Rewind {
    Rewind(TiledStage& stage, TileProgram program) {
      Gpu& gpu = stage.context_.gpu;
      const Plan& plan = stage.context_.plan;
      const std::int64_t rows = stage.rows_;
      chunk = std::max(least_chunk, chunk_of_all_rows / rows / group_samples * group_samples);
      std::vector<void*> row_adjoint_data;
      for (const int n : program.row_adjoints) {
        row_adjoints.push_back({DeviceMemory(gpu, static_cast<std::size_t>(rows * chunk) * sizeof(Real)),
                                RowUsers(gpu, plan, n, stage.shape()), stage.context_.storage.adjoint(n)});
        row_adjoint_data.push_back(row_adjoints.back().of_rows.data());
      }
      bound.emplace(gpu, std::move(program), plan, stage.tables_, stage.fields_, stage.states_,
                    stage.context_.type, stage.tile_, rows * in_parts(stage.length_, group_samples),
                    row_adjoint_data);
      std::vector<JoinAt> joins_at;
      for (const auto& join : bound->joins()) joins_at.push_back({join.step, join.carry});
      joins = on_device(gpu, joins_at);

      const std::int64_t groups = in_parts(stage.length_, group_samples);
      is_split =
          rows < few_rows(gpu) && groups > 1 && row_adjoints.empty() && bound->groups_are_independent();
      tasks_in_row = is_split ? groups : 1;
      carries = DeviceMemory(gpu, static_cast<std::size_t>(rows * tasks_in_row * bound->carry_bytes()));

      const auto sum_count = static_cast<std::int64_t>(bound->program().row_sums.size());
      const auto doubles = [&](std::int64_t count) {
        return DeviceMemory(gpu, static_cast<std::size_t>(count) * sizeof(double));
      };
      tile_sums = doubles(sum_count * rows * stage.at_.sum_tiles);
      // An envelope's adjoints come beside the tiles, whose sums nobody writes.
      if (tile_sums.bytes() > 0) gpu.zero(tile_sums.data(), tile_sums.bytes());
      totals = doubles(sum_count * rows);
      of_rows = doubles(sum_count * rows);
      work = doubles(sum_count * rows * work_of_sum(stage.at_.sum_tiles));
      prepare_gains(stage);
    }

    SumsOverTime sums() const { return {tile_sums.template as<double>(), totals.template as<double>()}; }
    std::size_t bytes() const {
      std::size_t total = bound->bytes() + joins.bytes() + carries.bytes() + tile_sums.bytes() +
                          totals.bytes() + of_rows.bytes() + work.bytes() + gains.bytes() +
                          gain_sums.bytes() + gain_users.bytes() + gain_work.bytes();
      for (const RowAdjoint& adjoint : row_adjoints)
        total += adjoint.of_rows.bytes() + adjoint.row_users.first.bytes() + adjoint.row_users.users.bytes();
      return total;
    }

    // Which rows of the stage use each row of a node: a RowMap there.
    struct RowUsers {
      DeviceMemory first, users;
      std::int64_t sources;
      RowUsers(Gpu& gpu, const Plan& plan, int n, const Shape& stage) {
        const RowMap map(plan.nodes[static_cast<std::size_t>(n)].shape.with_length(1), stage.with_length(1));
        std::vector<std::int64_t> first_user{0}, user;
        sources = map.sources();
        for (std::int64_t source = 0; source < sources; ++source) {
          for (std::int64_t u = 0; u < map.users(source); ++u) user.push_back(map.user(source, u));
          first_user.push_back(static_cast<std::int64_t>(user.size()));
        }
        first = on_device(gpu, first_user);
        users = on_device(gpu, user);
      }
    };
    struct RowAdjoint {
      DeviceMemory of_rows;  // rows x chunk
      RowUsers row_users;
      void* adjoint;
    };

    // Numbers whose adjoint has several sums get one after the other, in the order of the steps.
    void prepare_gains(TiledStage& stage) {
      const Plan& plan = stage.context_.plan;
      const std::vector<int>& row_sums = bound->program().row_sums;
      std::vector<GainAt> all;
      std::vector<std::int32_t> sums_of_gains;
      std::vector<std::int64_t> users;
      std::vector<bool> is_done(row_sums.size(), false);
      for (std::size_t i = 0; i < row_sums.size(); ++i) {
        if (is_done[i]) continue;
        const auto first_sum = static_cast<std::int64_t>(sums_of_gains.size());
        for (std::size_t j = i; j < row_sums.size(); ++j)
          if (row_sums[j] == row_sums[i]) {
            sums_of_gains.push_back(static_cast<std::int32_t>(j));
            is_done[j] = true;
          }
        const RowMap map(plan.nodes[static_cast<std::size_t>(row_sums[i])].shape.with_length(1),
                         stage.shape().with_length(1));
        auto* adjoint = static_cast<double*>(stage.context_.storage.adjoint(row_sums[i]));
        for (std::int64_t source = 0; source < map.sources(); ++source) {
          all.push_back({adjoint + source, first_sum,
                         static_cast<std::int64_t>(sums_of_gains.size()) - first_sum,
                         static_cast<std::int64_t>(users.size()), map.users(source)});
          for (std::int64_t u = 0; u < map.users(source); ++u) users.push_back(map.user(source, u));
        }
      }
      gain_count = static_cast<std::int64_t>(all.size());
      gains = on_device(stage.context_.gpu, all);
      gain_sums = on_device(stage.context_.gpu, sums_of_gains);
      gain_users = on_device(stage.context_.gpu, users);
      gain_work =
          DeviceMemory(stage.context_.gpu,
                       static_cast<std::size_t>(gain_count * work_of_sum(stage.rows_)) * sizeof(double));
    }

    std::optional<BoundProgram> bound;
    std::vector<RowAdjoint> row_adjoints;
    DeviceMemory joins, carries, tile_sums, totals, of_rows, work, gains, gain_sums, gain_users, gain_work;
    std::int64_t chunk = 0, gain_count = 0, tasks_in_row = 1;
    bool is_split = false;
  };

  const Shape& shape() const { return context_.plan.stages[static_cast<std::size_t>(stage_)].shape; }
  const PlanNode& node(int n) const { return context_.plan.nodes[static_cast<std::size_t>(n)]; }
  const std::vector<int>& nodes() const {
    return context_.plan.stages[static_cast<std::size_t>(stage_)].nodes;
  }
  bool is_trainable() const {
    return std::ranges::any_of(nodes(), [&](int n) { return node(n).trainable; });
  }

  // 1024 samples where the scratch, with the adjoints', fits the budget.
  int choose_tile() const {
    constexpr int largest = Tile<Real>::max_samples;
    if (length_ <= math::sum_tile) return math::sum_tile;
    std::vector<bool> has_adjoint;
    for (const PlanNode& of_plan : context_.plan.nodes) has_adjoint.push_back(of_plan.stored);
    const int slots =
        std::max(forward_program(context_.plan, stage_, false).slots,
                 is_trainable() ? backward_program(context_.plan, stage_, false, has_adjoint).slots : 0);
    return static_cast<std::size_t>(slots) * largest * sizeof(Real) <= scratch_budget ? largest
                                                                                      : math::sum_tile;
  }

  // Whether every state can be moved from tile to tile without the values, and by what.
  void find_movements() {
    for (const int n : nodes()) {
      if (states_.offset[static_cast<std::size_t>(n)] < 0) continue;
      const Movement movement = movement_of(node(n));
      const int moved_by = node(n).inputs[0];
      if (movement.moves == Moves::by_values || node(moved_by).stage == stage_) {
        sequential_ = node(n).type->name;
        return;
      }
      MovingAt moving{movement.moves == Moves::by_gate,
                      movement.unit,
                      states_.offset[static_cast<std::size_t>(n)],
                      tables_.stored(moved_by, false),
                      {}};
      if (moving.is_envelope)
        for (std::size_t i = 0; i < 4; ++i) moving.numbers[i] = tables_.stored(node(n).inputs[1 + i], false);
      moving_.push_back(moving);
    }
    is_split_ = tiles_ > 1 && rows_ < few_rows(context_.gpu);
    moving_on_gpu_ = on_device(context_.gpu, moving_);
  }

  void prepare_reductions() {
    Gpu& gpu = context_.gpu;
    std::vector<ReductionAt> reductions;
    for (const int n : states_.reductions)
      reductions.push_back({std::string_view(node(n).type->name) == MaximumOverTime::name,
                            static_cast<double*>(context_.storage.value(n))});
    reductions_on_gpu_ = on_device(gpu, reductions);
    const std::size_t count = reductions.size() * static_cast<std::size_t>(rows_);
    reduced_tiles_ = DeviceMemory(gpu, count * static_cast<std::size_t>(at_.sum_tiles) * sizeof(double));
    largest_tiles_ = DeviceMemory(gpu, count * static_cast<std::size_t>(tiles_) * sizeof(LargestOfTile));
    largest_index_ = DeviceMemory(gpu, count * sizeof(std::int64_t));
    reduction_work_ =
        DeviceMemory(gpu, count * static_cast<std::size_t>(work_of_sum(at_.sum_tiles)) * sizeof(double));
    at_.reduced_tiles = reduced_tiles_.template as<double>();
    at_.largest_tiles = largest_tiles_.template as<LargestOfTile>();
    at_.largest_index = largest_index_.template as<std::int64_t>();
  }

  // A node that is a sum over the stage's rows, and whose samples it adds.
  struct MixOfRows {
    int node, source;
    std::int64_t sums, count;
    DeviceMemory row_of;    // the rows of each sum
    DeviceMemory tiles[2];  // sums of 512 rows each, where there are more; of 512 of those
    std::size_t bytes() const { return row_of.bytes() + tiles[0].bytes() + tiles[1].bytes(); }
  };

  void prepare_mixes() {
    for (const int n : nodes()) {
      if (node(n).type->kind != NodeKind::over_rows) continue;
      const RowMap map(node(n).shape.with_length(1), shape().with_length(1));
      std::vector<std::int64_t> row_of;
      for (std::int64_t sum = 0; sum < map.sources(); ++sum)
        for (std::int64_t i = 0; i < map.users(sum); ++i) row_of.push_back(map.user(sum, i));
      MixOfRows mix{n, node(n).inputs[0], map.sources(), map.users(0), on_device(context_.gpu, row_of), {}};
      std::int64_t tiles = mix.count;
      for (DeviceMemory& sums : mix.tiles)
        if (tiles = in_parts(tiles, math::sum_tile); tiles > 1)
          sums = DeviceMemory(context_.gpu,
                              static_cast<std::size_t>(mix.sums * tiles * length_) * sizeof(double));
      if (in_parts(tiles, math::sum_tile) > 1)
        raise<DeviceError>("a mix of " + std::to_string(mix.count) +
                           " rows on device cuda, which adds up to 134217728; the CPU adds more");
      mixes_.push_back(std::move(mix));
    }
  }

  void add_rows(const MixOfRows& mix) {
    const Real* rows = static_cast<const Real*>(context_.storage.value(mix.source));
    const double* terms = nullptr;  // in place of the rows
    std::int64_t count = mix.count;
    for (const DeviceMemory& sums : mix.tiles)
      if (const std::int64_t tiles = in_parts(count, math::sum_tile); tiles > 1) {
        add_tiles<double>(mix, rows, terms, sums.template as<double>(), count, tiles);
        terms = sums.template as<double>();
        count = tiles;
      }
    add_tiles<Real>(mix, rows, terms, static_cast<Real*>(context_.storage.value(mix.node)), count, 1);
  }

  template <class Y>
  void add_tiles(const MixOfRows& mix, const Real* rows, const double* terms, Y* y, std::int64_t count,
                 std::int64_t tiles) {
    const std::int64_t blocks = blocks_for(mix.sums * tiles * length_);
    if (terms == nullptr)
      launch<MixRows<Real, Y>>(
          context_.gpu, blocks, 0,
          {rows, mix.row_of.template as<const std::int64_t>(), y, mix.sums, count, tiles, length_});
    else
      launch<MixRows<double, Y>>(context_.gpu, blocks, 0,
                                 {terms, nullptr, y, mix.sums, count, tiles, length_});
  }

  void add_over_rows(const Rewind& rewind, std::size_t i, std::int64_t from, std::int64_t to) {
    const typename Rewind::RowAdjoint& adjoint = rewind.row_adjoints[i];
    const std::int64_t samples = adjoint.row_users.sources * (to - from);
    launch<AddRowAdjoints<Real>>(
        context_.gpu, in_parts(samples, threads), 0,
        {static_cast<Real*>(adjoint.adjoint), adjoint.of_rows.template as<const Real>(),
         adjoint.row_users.first.template as<const std::int64_t>(),
         adjoint.row_users.users.template as<const std::int64_t>(), adjoint.row_users.sources, length_, from,
         to, rewind.chunk, rewind.bound->program().row_adjoint_accumulates[i]});
  }

  StageContext context_;
  int stage_;
  std::int64_t rows_, length_;
  StatesOf states_;
  NodeFields fields_;
  OperandTables tables_;
  int tile_;
  std::int64_t tiles_;
  BoundProgram forward_;
  StageAt at_{};
  DeviceMemory saved_, moving_on_gpu_, reductions_on_gpu_, reduced_tiles_, largest_tiles_, largest_index_,
      reduction_work_;
  std::vector<MovingAt> moving_;  // where time is split
  bool is_split_ = false;
  std::string sequential_;  // the node that keeps a block to a row
  std::vector<std::unique_ptr<Rewind>> rewinds_;
  std::vector<MixOfRows> mixes_;
};

}  // namespace

std::unique_ptr<StageRunner> make_tiled_stage(const StageContext& context, int stage) {
  if (context.type == ElementType::f32) return std::make_unique<TiledStage<float>>(context, stage);
  return std::make_unique<TiledStage<double>>(context, stage);
}

}  // namespace retrograd::cuda
