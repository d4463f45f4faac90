// A polyphonic instrument: a rack whose rows are voices, played by notes.
//
//     Instrument instrument(rack, {.voices = 16});
//     instrument.prepare(48000.0, 512);
//     instrument.note_on(60, 0.8, 37);            // middle C, 37 samples into the next block
//     instrument.process(output, frames);
//
// A note on a free voice has the same bits as the rack rendered offline from the note's first sample, at any
// place in any block. Where no voice is free the one that is least missed goes on with the new note: its
// envelopes from the level they have, its pitch and loudness without a click. Which one that is, and when
// each voice becomes free, is decided at samples, so that the blocks change nothing.
//
// A voice is free when its sound has ended: when its note is released and every sample of it since 50 ms lay 100 dB under
// the note's loudest (voice_end.hpp). Free voices are not computed. In a rack with a module `voices` what that feeds plays once
// for all of them.
//
// Sixteen channels, as MIDI has them: each has its own keys, pedal, bend, tuning, volume and expression, and all
// share the voices. A call that names no channel is about the first, 0.
//
// Threads: as for a Stream; notes on the audio thread, `set` on any.
#pragma once

#include <retrograd/instrument/voices.hpp>
#include <retrograd/racks/rack.hpp>
#include <retrograd/stream/stream.hpp>

#include <cstdint>
#include <memory>
#include <string_view>

namespace retrograd {

/// How notes play a rack.
struct InstrumentOptions {
  int voices = 16;          ///< 1 to 1024
  double glide = 0.02;      ///< seconds, of parameters, of the bend, and of the pitch of a voice taken over
  double bend_range = 2.0;  ///< semitones at a pitch bend of 1, 0 to 120; MIDI may change it, per channel
  double tuning = 440.0;    ///< Hz of key 69, above 0, 768000 at most
  double level = 1.0;  ///< linear, of the sum of the voices, 0 to 1000; a note is as loud as its rack at 1
};

/// Voices, and what they are told.
class Instrument {
 public:
  /// Events that wait at a time; beyond them none is taken until the next `process`.
  static constexpr int max_events = 512;

  /// Throws DomainError for a rack that is not valid and for options that cannot be. The rack's own
  /// note (frequency, gate), sample rate and duration are not played.
  explicit Instrument(const Rack& rack, const InstrumentOptions& options = {});
  ~Instrument();
  Instrument(Instrument&&) noexcept;
  Instrument& operator=(Instrument&&) noexcept;

  /// Before playing, and where the rate (Hz) or the longest block changes. Allocates; throws as
  /// Stream::prepare. No note sounds afterwards.
  void prepare(double sample_rate, int max_block);

  /// Channels of the sound: the rack's outputs.
  int channels() const noexcept;
  /// The sum of the voices, voice 0 first, `frames` samples (0 to max_block) of each channel. Promises as
  /// Stream::process.
  /// `not_finite`: voices whose sound is NaN or infinite (`stream().bad_channels()`) were silenced, and their notes have
  /// ended; the others sound on.
  StreamStatus process(float* const* outputs, int frames) noexcept;
  /// The same as one channel, the mean of them.
  StreamStatus process(float* output, int frames) noexcept;
  /// As after `prepare`: no note, no event, every channel's controllers as at first. Parameters and the level
  /// keep their values.
  void reset() noexcept;

  // Events. `offset` is in samples from the next block's first; one beyond that block waits for its own.
  // Those at one sample happen in the order in which they were given. `channel` is 0 to 15. False, and nothing
  // happens, where a number is not finite or out of range, or there is no `room`.

  /// Keys are MIDI's (60: middle C), -1000 to 1000; fractions are quarter tones and the like. Velocity 0 to 1,
  /// linear in amplitude, silent below 2^-20. A key that still sounds starts again from the level it has.
  bool note_on(double key, double velocity, int offset = 0, int channel = 0) noexcept;
  /// The key is up: its note is released, or held by the pedal. Where a key that was down went down again at
  /// this very sample, the note that ends is the one before.
  bool note_off(double key, int offset = 0, int channel = 0) noexcept;
  /// -1 to 1, of the range; of all the channel's notes, those to come too.
  bool pitch_bend(double bend, int offset = 0, int channel = 0) noexcept;
  /// 0 to 1, of all the channel's notes: what cables from note.pressure carry.
  bool pressure(double pressure, int offset = 0, int channel = 0) noexcept;
  /// While the channel's pedal is down its notes that end are held.
  bool sustain(bool is_down, int offset = 0, int channel = 0) noexcept;
  /// Every note of every channel is released, pedal or not.
  bool all_notes_off(int offset = 0) noexcept;
  /// Every note of every channel, its release too, goes to silence in the time of a glide.
  bool all_sound_off(int offset = 0) noexcept;
  /// MIDI's bytes: one message or several, each with its status byte or, after one of its kind, without;
  /// real-time bytes may stand in between, and a system exclusive message may go on in the next call. On each
  /// channel: notes; the bend; controllers 7 and 11 (volume, expression: 40 log10(value / 127) dB each, with 39
  /// and 43 for 14 bits); 64 (pedal, down at 64); pressure, of the channel and of keys, where the rack has a cable from note.pressure; 6, 38, 96 and 97 with 100 and 101 (range of the bend, fine
  /// and coarse tuning); 120 (silence, in the time of a glide); 121 (bend, expression and pedal as at first);
  /// 123 to 127 (all keys up, which the pedal still holds). True and passed over: any other message. False, and
  /// nothing happens: a message cut short, or without a status byte.
  bool midi(const unsigned char* bytes, int count, int offset = 0) noexcept;
  /// Messages that `midi` passed over since `prepare` or `reset`, but for real-time ones.
  std::int64_t passed_over() const noexcept;
  /// Events that can be given before the next `process`, max_events where none wait.
  int room() const noexcept;

  /// Voices whose sound has not ended by the next block's first sample.
  int sounding() const noexcept;

  /// Parameters of the rack, by path, shared by all voices: "fm.operator.0.gain". TapeError for a name that
  /// is none, and for "note.frequency", which is what keys are for.
  int parameter(std::string_view name) const;
  /// On any thread, as Stream::set.
  bool set(int parameter, double value) noexcept;
  /// The value a parameter goes to or has.
  double value(int parameter) const noexcept;

  /// The level to go to, in the time of a glide. On any thread; false, and nothing changed, out of range.
  bool set_level(double level) noexcept;
  /// The level that the sum of the voices goes to or has.
  double level() const noexcept;

  /// What plays: its parameters' names and domains. It is the instrument's to play.
  const Stream& stream() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retrograd
