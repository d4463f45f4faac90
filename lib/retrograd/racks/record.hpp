// Recording a rack on a tape: parameters first, by their names, then the modules, each behind those that feed it.
#pragma once

#include <retrograd/racks/rack.hpp>
#include <retrograd/tape/tape.hpp>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace retrograd {

/// How a rack is recorded.
struct RecordOptions {
  /// Over 1: every parameter has one value per row, (rows, 1), at first the rack's.
  std::int64_t rows = 1;
  /// The domain that a parameter is given on the tape; its own where there is none.
  std::function<Domain(const RackParameter&)> domain_of = {};
  /// Vars in place of parameters, by path: of a host's own names, or what a network computes. They may vary over time where
  /// a cable could go.
  std::vector<std::pair<std::string, Var>> given = {};
  /// Another gate than the note's, shared by all rows or one for each: (rows, length).
  std::optional<Var> gate = std::nullopt;
  /// What an instrument says of its keys: numbers, or one for each row. Else the note's, a key of its frequency, and no
  /// bend or pressure. `velocity` is also what the sound is multiplied by where no cable goes from note.velocity.
  std::optional<Var> key = std::nullopt;
  std::optional<Var> velocity = std::nullopt;  ///< 0 to 1
  std::optional<Var> bend = std::nullopt;      ///< the wheel, -1 to 1
  std::optional<Var> pressure = std::nullopt;  ///< 0 to 1
  /// The rows are voices that a module `voices` adds up: what it feeds has one row, and its parameters one value. Else a
  /// row is a note by itself.
  bool rows_are_voices = false;
};

/// What was recorded.
struct RecordedRack {
  Var audio;                    ///< the mean of the outputs: (length), or (rows, length)
  std::vector<Var> outputs;     ///< the channels, the same shape each
  std::vector<Var> parameters;  ///< in the order of parameters(rack), named by path, or given
  std::vector<Var>
      voices;  ///< what each note sounds like: what goes into the modules `voices`, else the outputs
};

/// Options of a tape that fits the rack: its sample rate and length.
TapeOptions tape_options(const Rack& rack);

/// Records the rack. Throws DomainError for a rack that validate() refuses, and where a given Var is of no parameter.
RecordedRack record(Tape& tape, const Rack& rack, const RecordOptions& options = {});
/// The same with so many rows.
inline RecordedRack record(Tape& tape, const Rack& rack, std::int64_t rows) {
  return record(tape, rack, RecordOptions{.rows = rows});
}

/// Copies the parameters' values of one row back into the rack.
void read_parameters(const Tape& tape, const RecordedRack& recorded, std::int64_t row, Rack& rack);

}  // namespace retrograd
