#include <retrograd/racks/rack_stream.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/tensor/errors.hpp>

namespace retrograd {

Stream stream_of(const Rack& rack, std::int64_t rows, const StreamOptions& options) {
  validate(rack, "the rack");
  if (rows < 1) raise<DomainError>("[stream] " + std::to_string(rows) + " rows; it must be 1 or more");
  return Stream(
      [rack, rows](Tape& tape) {
        const std::int64_t length = *tape.options().length;
        const Var gate = tape.input(
            "note.gate", Tensor(rows > 1 ? Shape{rows, length} : Shape{length}, tape.options().type));
        return record(tape, rack, {.rows = rows, .gate = gate}).outputs;
      },
      options);
}

}  // namespace retrograd
