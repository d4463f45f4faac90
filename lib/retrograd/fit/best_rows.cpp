#include <retrograd/fit/best_rows.hpp>

namespace retrograd {

BestRows::BestRows(Tape& tape, Var loss, std::span<const Var> parameters, std::vector<double> losses,
                   std::vector<std::vector<double>> values)
    : tape_(tape),
      loss_(loss),
      parameters_(parameters.begin(), parameters.end()),
      losses_(std::move(losses)),
      values_(std::move(values)) {
  if (tape.options().device == Device::cpu) return;
  std::vector<Leaf*> leaves;
  for (const Var parameter : parameters_) leaves.push_back(&leaf_of(tape.state(), parameter));
  on_device_ = least_rows_on_device(tape.options(), leaves, losses_, values_);
}

void BestRows::keep() {
  if (on_device_ != nullptr) {
    on_device_->keep(value_on_device(tape_.state(), loss_));
    return;
  }
  const TensorView loss = tape_.value(loss_);
  for (std::size_t row = 0; row < losses_.size(); ++row) {
    const auto at = static_cast<std::int64_t>(row);
    if (!(loss.at(at) < losses_[row])) continue;
    losses_[row] = loss.at(at);
    for (std::size_t p = 0; p < parameters_.size(); ++p) values_[p][row] = tape_.value(parameters_[p]).at(at);
  }
}

const std::vector<double>& BestRows::losses() {
  if (on_device_ != nullptr) on_device_->fetch_least(losses_);
  return losses_;
}

const std::vector<std::vector<double>>& BestRows::values() {
  if (on_device_ != nullptr) on_device_->fetch_leaves(values_);
  return values_;
}

}  // namespace retrograd
