#include <retrograd/racks/finite.hpp>
#include <retrograd/racks/wording.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace retrograd {

namespace {

std::string of_row(const Shape& shape, std::int64_t row) {
  return shape.rows() > 1 ? " of row " + std::to_string(row) : "";
}

double peak_of(const TensorView& signal) {
  double peak = 0.0;
  for (std::int64_t i = 0; i < signal.shape.elements(); ++i) peak = std::max(peak, std::abs(signal.at(i)));
  return peak;
}

/// "; its largest value is fm.operator.0.gain, 1e+300": of what makes a sound overflow that is nearly always it.
std::string largest_parameter(const Tape& tape, const RecordedRack& recorded, std::int64_t row) {
  std::string name;
  double largest = 0.0;
  for (const Var parameter : recorded.parameters) {
    const TensorView values = tape.value(parameter);
    const double value = values.at(values.shape.rows() > 1 ? row : 0);
    if (std::abs(value) <= std::abs(largest)) continue;
    largest = value;
    name = tape.name(parameter);
  }
  return name.empty() ? "" : "; its largest value is " + name + ", " + rounded(largest);
}

}  // namespace

std::optional<std::int64_t> first_not_finite(const TensorView& values) {
  for (std::int64_t i = 0; i < values.shape.elements(); ++i)
    if (!std::isfinite(values.at(i))) return i;
  return std::nullopt;
}

void check_sound(const Tape& tape, const RecordedRack& recorded) {
  const TensorView audio = tape.value(recorded.audio);
  const std::optional<std::int64_t> found = first_not_finite(audio);
  if (!found) return;
  const std::int64_t row = *found / audio.shape.length(), sample = *found % audio.shape.length();
  raise<NotFiniteError>("the patch's sound" + of_row(audio.shape, row) + " is " + rounded(audio.at(*found)) +
                        " at sample " + std::to_string(sample) + largest_parameter(tape, recorded, row));
}

void check_loss(Tape& tape, const RecordedRack& recorded, Var loss, std::optional<Var> target) {
  const TensorView losses = tape.value(loss);
  const std::optional<std::int64_t> row = first_not_finite(losses);
  if (!row) return;
  const std::string what = "the loss" + of_row(losses.shape, *row) + " is " + rounded(losses.at(*row)) + ": ";
  tape.play({recorded.audio});
  try {
    check_sound(tape, recorded);
  } catch (const NotFiniteError& error) {
    raise<NotFiniteError>(what + error.what());
  }
  const double sound = peak_of(tape.value(recorded.audio)),
               recording = target ? peak_of(tape.value(*target)) : 0.0;
  raise<NotFiniteError>(what + (recording > sound ? "the recording" : "the patch's sound") +
                        " is too loud for it, with a peak of " + rounded(std::max(recording, sound)) +
                        (recording > sound ? "" : largest_parameter(tape, recorded, *row)));
}

void check_gradients(const Tape& tape, const RecordedRack& recorded) {
  std::string names;
  for (const Var parameter : recorded.parameters) {
    if (tape.is_frozen(parameter)) continue;
    const TensorView gradient = tape.gradient(parameter);
    const std::optional<std::int64_t> row = first_not_finite(gradient);
    if (row)
      names += (names.empty() ? "" : ", ") + tape.name(parameter) + of_row(gradient.shape, *row) + " (" +
               rounded(gradient.at(*row)) + ")";
  }
  if (!names.empty()) raise<NotFiniteError>("the gradient is not finite for " + names);
}

}  // namespace retrograd
