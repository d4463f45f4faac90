// rg_tape_..., and what needs one tape for one call.
#include <retrograd/c/call.hpp>
#include <retrograd/losses/losses.hpp>
#include <retrograd/optimizers/saved_parameters.hpp>
#include <retrograd/racks/finite.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace retrograd::c {

namespace {

constexpr std::int64_t most_rows = 65536;

constexpr rg_tape_options default_tape_options() {
  rg_tape_options options{};
  options.rows = 1;
  options.type = RG_F32;
  options.threads = 1;
  return options;
}

TapeOptions options_of(const Rack& patch, const rg_tape_options& options, Threads& threads) {
  if (options.rows < 1 || options.rows > most_rows)
    fail(RG_BAD_ARGUMENT, "rows is " + std::to_string(options.rows) + "; it must lie between 1 and " +
                              std::to_string(most_rows));
  if (options.type != RG_F32 && options.type != RG_F64)
    fail(RG_BAD_ARGUMENT, "type is " + std::to_string(options.type) + "; it must be RG_F32 or RG_F64");
  TapeOptions tape = tape_options(patch);
  tape.type = options.type == RG_F64 ? ElementType::f64 : ElementType::f32;
  tape.executor = threads.executor();
  return tape;
}

/// A patch's rows on a tape, and the losses that were asked for so far.
class TapeObject {
 public:
  static constexpr Kind kind = Kind::tape;

  TapeObject(const Rack& patch, const rg_tape_options& options)
      : threads_(options.threads),
        tape_(options_of(patch, options, threads_)),
        recorded_(record(tape_, patch, options.rows)),
        rows_(options.rows),
        length_(length_in_samples(patch)),
        parameters_(std::ssize(recorded_.parameters)),
        row_values_(recorded_.parameters.at(0).shape()) {}

  void set(const double* values, std::int64_t count) {
    require(values, "values");
    require_count(count, rows_ * parameters_, "values", "rows times parameters");
    // All of them first, so that a bad one leaves the tape as it was.
    for (std::int64_t p = 0; p < parameters_; ++p)
      check_domain(domain_at(p), values_of(values, p), name_at(p));
    for (std::int64_t p = 0; p < parameters_; ++p) tape_.set(parameter_at(p), values_of(values, p));
  }

  void get(double* values, std::int64_t count) const {
    require(values, "values");
    require_count(count, rows_ * parameters_, "values", "rows times parameters");
    for (std::int64_t p = 0; p < parameters_; ++p)
      for (std::int64_t row = 0; row < rows_; ++row)
        values[row * parameters_ + p] = tape_.value(parameter_at(p)).at(row);
  }

  void save_parameters(const char* path) const {
    require(path, "path");
    retrograd::save_parameters(path, tape_);
  }
  void load_parameters(const char* path) {
    require(path, "path");
    retrograd::load_parameters(path, tape_);
  }

  void play(float* samples, std::int64_t count) {
    require(samples, "samples");
    const auto channels = std::ssize(recorded_.outputs);
    const bool has_all = count == rows_ * channels * length_;
    if (!has_all)
      require_count(count, rows_ * length_, "samples",
                    channels == 1 ? "rows times the patch's length"
                                  : "rows times the patch's length, or that times its channels");
    // The mean too, which a rewind goes on from and which is looked at.
    std::vector<Var> played{recorded_.audio};
    if (has_all) played.insert(played.end(), recorded_.outputs.begin(), recorded_.outputs.end());
    tape_.play(played);
    const TensorView audio = tape_.value(recorded_.audio);
    if (has_all) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const TensorView channel = tape_.value(recorded_.outputs[static_cast<std::size_t>(c)]);
        for (std::int64_t row = 0; row < rows_; ++row)
          for (std::int64_t i = 0; i < length_; ++i)
            samples[(row * channels + c) * length_ + i] = static_cast<float>(channel.at(row * length_ + i));
      }
    } else {
      for (std::int64_t i = 0; i < count; ++i) samples[i] = static_cast<float>(audio.at(i));
    }
    check_sound(tape_, recorded_);
  }

  void rewind(const float* seeds, std::int64_t seed_count, double* gradients, std::int64_t gradient_count) {
    require(seeds, "seeds");
    require(gradients, "gradients");
    const auto channels = std::ssize(recorded_.outputs);
    const bool has_all = channels > 1 && seed_count == rows_ * channels * length_;
    if (!has_all)
      require_count(seed_count, rows_ * length_, "seeds",
                    "rows times the patch's length, or that times its channels");
    require_count(gradient_count, rows_ * parameters_, "gradients", "rows times parameters");
    require_finite(seeds, seed_count, "seeds");
    if (!has_all) {
      tape_.rewind(recorded_.audio, TensorView{seeds, recorded_.audio.shape(), ElementType::f32});
      read_gradients(gradients);
      return check_gradients(tape_, recorded_);
    }
    std::vector<float> of_channel(static_cast<std::size_t>(rows_ * length_));
    std::vector<double> slopes(static_cast<std::size_t>(gradient_count));
    std::fill_n(gradients, gradient_count, 0.0);
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t row = 0; row < rows_; ++row)
        std::copy_n(seeds + (row * channels + c) * length_, length_, of_channel.data() + row * length_);
      const Var channel = recorded_.outputs[static_cast<std::size_t>(c)];
      tape_.rewind(channel, TensorView{of_channel.data(), channel.shape(), ElementType::f32});
      read_gradients(slopes.data());
      for (std::size_t i = 0; i < slopes.size(); ++i) gradients[i] += slopes[i];
    }
    for (std::int64_t i = 0; i < gradient_count; ++i)
      if (!std::isfinite(gradients[i]))
        raise<NotFiniteError>("the gradient is not finite for " + name_at(i % parameters_));
  }

  void loss(rg_loss loss, const float* target, std::int64_t target_count, double* losses,
            std::int64_t loss_count, double* gradients, std::int64_t gradient_count) {
    require(target, "target");
    require(losses, "losses");
    if (loss != RG_MEAN_SQUARED && loss != RG_MULTI_RESOLUTION_STFT)
      fail(RG_BAD_ARGUMENT, "there is no loss " + std::to_string(loss));
    const bool is_shared = target_count == length_;
    if (!is_shared)
      require_count(target_count, rows_ * length_, "target", "the patch's length, or rows times it");
    require_count(loss_count, rows_, "losses", "one for each row");
    if (gradients != nullptr)
      require_count(gradient_count, rows_ * parameters_, "gradients", "rows times parameters");
    require_finite(target, target_count, "target");

    const Shape shape = is_shared ? Shape{length_} : Shape{rows_, length_};
    const Loss& measured = loss_against(loss, is_shared, TensorView{target, shape, ElementType::f32});
    tape_.play({measured.value});
    for (std::int64_t row = 0; row < rows_; ++row) losses[row] = tape_.value(measured.value).at(row);
    if (gradients != nullptr) {
      tape_.rewind(measured.value);
      read_gradients(gradients);
    }
    check_loss(tape_, recorded_, measured.value, measured.target);
    if (gradients != nullptr) check_gradients(tape_, recorded_);
  }

 private:
  struct Loss {
    Var target, value;
  };

  /// Recorded when it is first asked for.
  const Loss& loss_against(rg_loss loss, bool is_shared, const TensorView& target) {
    std::optional<Loss>& wanted = losses_[loss == RG_MEAN_SQUARED ? 0 : 1][is_shared ? 0 : 1];
    if (wanted) {
      tape_.set(wanted->target, target);
      return *wanted;
    }
    const std::string name = std::string(loss == RG_MEAN_SQUARED ? "mean squared" : "spectral") +
                             (is_shared ? " target" : " targets");
    const Var input = tape_.input(name, target);
    wanted = Loss{input, loss == RG_MEAN_SQUARED ? mean_squared_loss(recorded_.audio, input)
                                                 : multi_resolution_stft_loss(recorded_.audio, input)};
    return *wanted;
  }

  Var parameter_at(std::int64_t p) const { return recorded_.parameters[static_cast<std::size_t>(p)]; }
  const Domain& domain_at(std::int64_t p) const { return tape_.domain(parameter_at(p)); }
  const std::string& name_at(std::int64_t p) const { return tape_.name(parameter_at(p)); }

  /// The values (rows, parameters) of parameter `p`, as the tape takes them.
  TensorView values_of(const double* values, std::int64_t p) {
    const std::span<double> column = row_values_.as<double>();
    for (std::int64_t row = 0; row < rows_; ++row)
      column[static_cast<std::size_t>(row)] = values[row * parameters_ + p];
    return row_values_;
  }

  void read_gradients(double* gradients) const {
    for (std::int64_t p = 0; p < parameters_; ++p) {
      const TensorView gradient = tape_.gradient(parameter_at(p));
      for (std::int64_t row = 0; row < rows_; ++row) gradients[row * parameters_ + p] = gradient.at(row);
    }
  }

  Threads threads_;
  Tape tape_;
  RecordedRack recorded_;
  std::int64_t rows_, length_, parameters_;
  Tensor row_values_;
  std::optional<Loss> losses_[2][2];
};

/// The body of a call on a tape.
template <class Body>
rg_status with_tape(rg_tape handle, Body body) noexcept {
  return guarded([&] {
    const Use<TapeObject> use(handle.id, Sharing::one_at_a_time);
    body(*usable(use));
  });
}

}  // namespace

}  // namespace retrograd::c

using namespace retrograd;
using namespace retrograd::c;

rg_status rg_tape_options_init(rg_tape_options* options, size_t size) {
  return set_defaults(options, size, default_tape_options(), "rg_tape_options");
}

rg_status rg_tape_open(rg_patch patch, const rg_tape_options* options, rg_tape* tape) {
  return guarded([&] {
    require(tape, "tape");
    *tape = {0};
    const rg_tape_options read = read_struct(options, default_tape_options(), "rg_tape_options");
    *tape = open<rg_tape>(std::make_unique<TapeObject>(patch_of(patch), read));
  });
}

rg_status rg_tape_close(rg_tape tape) { return close<TapeObject>(tape.id); }

rg_status rg_tape_set(rg_tape tape, const double* values, int64_t count) {
  return with_tape(tape, [&](TapeObject& object) { object.set(values, count); });
}

rg_status rg_tape_get(rg_tape tape, double* values, int64_t count) {
  return with_tape(tape, [&](TapeObject& object) { object.get(values, count); });
}

rg_status rg_tape_save_parameters(rg_tape tape, const char* path) {
  return with_tape(tape, [&](TapeObject& object) { object.save_parameters(path); });
}

rg_status rg_tape_load_parameters(rg_tape tape, const char* path) {
  return with_tape(tape, [&](TapeObject& object) { object.load_parameters(path); });
}

rg_status rg_tape_play(rg_tape tape, float* samples, int64_t count) {
  return with_tape(tape, [&](TapeObject& object) { object.play(samples, count); });
}

rg_status rg_tape_rewind(rg_tape tape, const float* seeds, int64_t seed_count, double* gradients,
                         int64_t gradient_count) {
  return with_tape(tape,
                   [&](TapeObject& object) { object.rewind(seeds, seed_count, gradients, gradient_count); });
}

rg_status rg_tape_loss(rg_tape tape, rg_loss loss, const float* target, int64_t target_count, double* losses,
                       int64_t loss_count, double* gradients, int64_t gradient_count) {
  return with_tape(tape, [&](TapeObject& object) {
    object.loss(loss, target, target_count, losses, loss_count, gradients, gradient_count);
  });
}

rg_status rg_render(rg_patch patch, float* samples, int64_t count) {
  return guarded([&] {
    require(samples, "samples");
    const Rack read = patch_of(patch);
    // Before it is recorded.
    const std::int64_t length = length_in_samples(read), channels = std::ssize(read.outputs);
    if (count != channels * length)
      require_count(count, length, "samples",
                    channels == 1 ? "the patch's length" : "the patch's length, or that times its channels");
    TapeObject(read, default_tape_options()).play(samples, count);
  });
}

rg_status rg_gradient(rg_patch patch, rg_loss loss, const float* target, int64_t length, double* value,
                      double* gradients, int count) {
  return guarded([&] {
    TapeObject(patch_of(patch), default_tape_options())
        .loss(loss, target, length, value, 1, gradients, count);
  });
}
