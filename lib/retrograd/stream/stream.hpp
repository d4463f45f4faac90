// A stream: what a tape records, played live, block by block, in an audio callback.
//
//     Stream stream([](Tape& tape) -> std::vector<Var> {
//       Var gate = tape.input("gate", Tensor(Shape{*tape.options().length}));
//       Var pitch = tape.parameter("pitch", 440.0, positive);
//       ...
//       return {audio};
//     });
//     stream.prepare(48000.0, 512);                   // records at that rate; may allocate and throw
//     stream.process(inputs, outputs, frames);        // in the callback
//     stream.set(stream.parameter("pitch"), 220.0);   // from any thread; glides
//
// What is heard has the same bits as the tape's own play, whatever the blocks: a stream works on blocks of 16
// samples, and a call that ends inside one computes its part again in the next call.
//
// Threads: `prepare` while nothing else runs, `set` and `value` included; these two on any thread at any other
// time; `process`, `schedule`, `reset`, `rewind` and what they left behind (`status`, `bad_channels`, `gradient`) on the
// audio thread.
#pragma once

#include <retrograd/tape/tape.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retrograd {

struct Patch;

/// What a call found. With anything but `ok` and `not_finite` the outputs are silence and the stream stays where it was.
enum class StreamStatus {
  ok,            ///< it was done
  not_prepared,  ///< no `prepare` yet; of `rewind`: none with `gradients`
  bad_block,     ///< fewer than 0 frames, or more than `prepare` was told; or no outputs
  bad_input,     ///< an input that is NaN or infinite
  /// Something computed is NaN or infinite. Of `process`: the rows that are (`bad_channels` says which) are silent in
  /// this block and start again in the next; all others play on. Of `rewind`: a gradient is.
  not_finite,
};

/// "ok", "an input is NaN or infinite": for people.
const char* to_string(StreamStatus status);

/// How a stream plays.
struct StreamOptions {
  /// Seconds in which a parameter goes from its value to the next. 0: at once, which clicks.
  double glide = 0.02;
  /// Events of `schedule` that can wait at the same time.
  int max_events = 1024;
  /// Keeps what `rewind` needs.
  bool gradients = false;
};

/// Something that happens at a sample of the next block.
struct StreamEvent {
  /// What it does.
  enum class Kind {
    input,    ///< input channel `index` holds `value` from here on, where the host passes no samples for it
    jump,     ///< parameter `index` of `row` is `value` from here on
    glide,    ///< parameter `index` of `row` goes to `value` in the options' time
    restart,  ///< the states of voice `row` are as at the start; where it slept, it sounds again
    sleep,    ///< voice `row` is silent and costs nothing until a restart of it
  };
  Kind kind = Kind::input;  ///< what it does
  int offset = 0;           ///< samples into the next block
  int index = 0;            ///< of the input channel or the parameter
  int row = 0;              ///< of the parameter, or the voice; -1: all, of a restart what is mixed too
  double value = 0.0;       ///< of the channel or the parameter
};

/// Live states of recorded nodes, played block by block.
class Stream {
 public:
  /// Records on a tape of the rate and length it is given, and returns the outputs. Every named signal is an
  /// input of the stream (its samples are ignored), every other named value a parameter.
  using Builder = std::function<std::vector<Var>(Tape& tape)>;

  /// Throws what the builder throws, and TapeError where a node cannot stream, saying which and why.
  explicit Stream(Builder builder, const StreamOptions& options = {});
  ~Stream();
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;

  // --- what there is (not on the audio thread; references last until the next `prepare`) ----------

  /// Channels of audio that `process` takes and gives: one for each row of each input and output, in the order
  /// in which they were recorded and returned.
  int input_channels() const;
  int output_channels() const;  ///< one for each row of each output
  /// The first channel of the input of that name; TapeError naming the ones there are otherwise.
  int input(std::string_view name) const;

  /// How many there are; they are counted from 0, in the order in which they were recorded.
  int parameters() const;
  /// The index of the parameter of that name; TapeError naming the ones there are otherwise.
  int parameter(std::string_view name) const;
  const std::string& name(int parameter) const;  ///< as it was recorded
  const Domain& domain(int parameter) const;     ///< where its values may lie
  int rows(int parameter) const;                 ///< values it has: 1, or one for each row

  /// Rows that play as one each, all that a mix does not come before and that has the most rows: what `restart` and
  /// `sleep` events name.
  int voices() const;
  /// How many samples a voice may be silent for and sound again: what its delays reach back, all together.
  std::int64_t memory_of_voices() const noexcept;

  // --- before playing ----------------------------------------------------------------------------

  /// Records at `sample_rate` (Hz, 1 to 768000) for blocks of up to `max_block` frames, with the values that
  /// parameters have. Throws DomainError for a rate or a block that cannot be. The stream is at its start.
  void prepare(double sample_rate, int max_block);
  double sample_rate() const;  ///< Hz; 0 before `prepare`
  int max_block() const;       ///< frames; 0 before `prepare`

  // --- on the audio thread -----------------------------------------------------------------------

  /// The next `frames` samples (0 to max_block). `inputs` holds a pointer for each input channel; where one is
  /// null, or `inputs` is, the channel holds the value of its last event. Never allocates, locks, waits,
  /// throws or makes a system call.
  StreamStatus process(const float* const* inputs, float* const* outputs, int frames) noexcept;
  StreamStatus status() const noexcept;  ///< of the last `process`
  /// The output channels that the last `process` found to be NaN or infinite and silenced, in their order; empty but
  /// after `not_finite`. Such a row's states are as at the start from the next block on, as after a restart event of that
  /// row; its parameters, held inputs and events are what they were. The states of rows that are no output start again
  /// too where they went wrong. No other row's bits change.
  std::span<const int> bad_channels() const noexcept;

  /// False where there is no room, or the event names what is not there or a value outside the domain. Events
  /// at one sample happen in the order in which they were scheduled; one beyond the next block waits for its
  /// sample. What `prepare` or `reset` finds waiting is dropped.
  bool schedule(const StreamEvent& event) noexcept;

  /// Back to the first sample: states, held inputs, glides and events; every voice is awake. Parameters keep their values.
  void reset() noexcept;

  /// Samples played since the start.
  std::int64_t position() const noexcept;

  /// Gradients of sum(seed * output) over the last block for all parameters, with the states the block began
  /// with as constants; `seeds` holds a pointer to the last call's frames for each output channel, a null one
  /// is zero. Of a row that an event restarted or whose parameters one changed, the part since then counts;
  /// a parameter that glides is taken at the value it has reached. Wants `gradients`, and a last block that was `ok`.
  /// `not_finite` where one of the gradients is NaN or infinite: `gradient` gives them as they are.
  StreamStatus rewind(const float* const* seeds) noexcept;
  /// What the last `rewind` found; 0 before one, and for what is not there.
  double gradient(int parameter, int row = 0) const noexcept;

  // --- on any thread -----------------------------------------------------------------------------

  /// The value to glide to, from the next block on; of all rows, or of one. False, and nothing changed, where
  /// it lies outside the domain or the parameter or row does not exist. What is computed from parameters is not
  /// checked, as a tape's play would: a sustain of 2*p above 1 is heard.
  bool set(int parameter, double value) noexcept;
  /// The same for one row.
  bool set(int parameter, int row, double value) noexcept;
  /// The value a parameter goes to or has.
  double value(int parameter, int row = 0) const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retrograd
