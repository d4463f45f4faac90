// A polyphonic instrument: a patch whose rows are voices, played by notes.
//
//     Instrument instrument(patch, {.voices = 16});
//     instrument.prepare(48000.0, 512);
//     instrument.note_on(60, 0.8, 37);            // middle C, 37 samples into the next block
//     instrument.process(output, frames);
//
// A note on a free voice has the same bits as the patch rendered offline from the note's first sample, at any
// place in any block. Where no voice is free the one that is least missed goes on with the new note: its
// envelopes from the level they have, its pitch and loudness without a click.
//
// Threads: as for a Stream; notes on the audio thread, `set` on any.
#pragma once

#include <retrograd/patches/patch.hpp>
#include <retrograd/stream/stream.hpp>
#include <retrograd/stream/voices.hpp>

#include <memory>

namespace retrograd {

struct InstrumentOptions {
  int voices = 16;
  double glide = 0.02;      ///< seconds, of parameters, of the bend, and of the pitch of a voice taken over
  double bend_range = 2.0;  ///< semitones at a pitch bend of 1
  double tuning = 440.0;    ///< Hz of key 69
};

class Instrument {
 public:
  /// Throws what the patch's validation throws, and DomainError for options that cannot be. The patch's own
  /// note (frequency, gate) is not played.
  explicit Instrument(const Patch& patch, const InstrumentOptions& options = {});
  ~Instrument();
  Instrument(Instrument&&) noexcept;
  Instrument& operator=(Instrument&&) noexcept;

  void prepare(double sample_rate, int max_block);
  /// The sum of the voices, `frames` samples. Promises as Stream::process.
  StreamStatus process(float* output, int frames) noexcept;
  void reset() noexcept;

  /// Keys are MIDI's (60: middle C), fractions are quarter tones and the like; velocity 0 to 1, linear in
  /// amplitude; `offset` is a sample of the next block. False where the event cannot be taken.
  bool note_on(double key, double velocity, int offset = 0) noexcept;
  bool note_off(double key, int offset = 0) noexcept;
  /// -1 to 1, of the options' range.
  bool pitch_bend(double bend, int offset = 0) noexcept;
  /// While the pedal is down notes that end are held.
  bool sustain(bool is_down, int offset = 0) noexcept;
  bool all_notes_off(int offset = 0) noexcept;
  /// One MIDI message of 1 to 3 bytes: note on and off, pitch bend, sustain pedal, all notes off, on every
  /// channel. Others are passed over.
  bool midi(const unsigned char* bytes, int count, int offset = 0) noexcept;

  /// Voices whose envelopes are not at rest.
  int sounding() const noexcept;

  /// Parameters of the patch, by path, shared by all voices: "fm.operator.0.gain".
  int parameter(std::string_view name) const;
  bool set(int parameter, double value) noexcept;
  double value(int parameter) const noexcept;

  Stream& stream();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retrograd
