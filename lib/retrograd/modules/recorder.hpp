// What a module sees of its rack while it is recorded: its cables, its knobs, and where its outputs go.
#pragma once

#include <retrograd/tape/tape.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace retrograd {

/// Names are the module's own; one that it did not describe is a TapeError.
class Recorder {
 public:
  virtual ~Recorder() = default;

  /// The sum of the cables into an input; where there is none, what it is normalled to; else the number 0.
  virtual Var in(std::string_view input) = 0;
  /// Whether anything comes in there.
  virtual bool has(std::string_view input) const = 0;
  /// A parameter with the modulation that cables bring, held inside its domain: a number, or one for each row, where
  /// nothing varies over time.
  virtual Var value(std::string_view parameter) = 0;
  /// A value of the module's structure.
  virtual std::int64_t structure(std::string_view name) const = 0;

  /// Whether any cable or output of the rack reads this output: others need not be recorded.
  virtual bool is_read(std::string_view output) const = 0;
  /// What an output carries.
  virtual void out(std::string_view output, Var value) = 0;

  /// What is recorded on.
  virtual Tape& tape() = 0;
  /// The samples of a signal that nothing else says the length of.
  virtual std::optional<std::int64_t> length() const = 0;

  /// What is played, for the module `note`: when it is held, and what an instrument says of the key. A note that nothing
  /// plays has none of the latter.
  struct Played {
    Var gate;                     ///< high while the note is held
    std::optional<Var> key;       ///< as MIDI numbers them, 69 at 440 Hz
    std::optional<Var> velocity;  ///< 0 to 1
    std::optional<Var> bend;      ///< the wheel, -1 to 1
    std::optional<Var> pressure;  ///< 0 to 1
  };
  /// What is played.
  virtual const Played& played() const = 0;
  /// The sum of voices, for the module `voices`: the same Var where one note is one row.
  virtual Var mix_voices(Var signal) = 0;
};

/// As in() where there is a cable, and nothing where there is none.
inline std::optional<Var> input_of(Recorder& recorder, std::string_view input) {
  return recorder.has(input) ? std::optional(recorder.in(input)) : std::nullopt;
}

}  // namespace retrograd
