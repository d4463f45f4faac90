// The C interface: patches (racks of modules and cables), renders, gradients, fits, streams and instruments for hosts in C, C++ before C++20
// and every language that can call C.
//
//     rg_patch patch;
//     if (rg_patch_load("bell.toml", &patch) != RG_OK) puts(rg_last_error());
//     rg_render(patch, samples, length);
//     rg_patch_close(patch);
//
// Handles are numbers, not pointers: each call looks its handle up, so that one that was closed, or never
// opened, is RG_BAD_HANDLE and never a crash. A handle of zeros is none.
//
// Every call that can fail returns an rg_status; rg_last_error has the words, for each thread its own. What it
// gives back goes through pointers: of a call that fails a new handle is one of zeros, and arrays may be half
// written. No exception leaves a call, and the library writes to no stream.
//
// Structs begin with their `size`, as sizeof gives it to the host: a newer library takes an older host's
// struct, the fields that it lacks at their defaults. Set the rest with the struct's _init function.
//
// Threads: any call from any thread. Of a tape, a stream or an instrument one call is under way at a time, and
// a second one is RG_BUSY rather than waiting; the calls marked "any thread" may come at any time. Calls marked
// "audio thread" never allocate, lock, wait or make a system call, and do not touch rg_last_error.
//
// Times are seconds, frequencies Hz, gains linear. Arrays of rows are row-major: (rows, n) is rows times n
// numbers, row by row.
#ifndef RETROGRAD_C_H
#define RETROGRAD_C_H

#include <stddef.h>
#include <stdint.h>

/// Marks what the library exports.
#if defined(_WIN32)
#define RG_API
#else
#define RG_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

// --- the version ---------------------------------------------------------------------------------------------

/// The version this header belongs to.
#define RG_VERSION "0.1.0"

/// The version of the library that was linked: "0.1.0". Lives as long as the library. Any thread.
RG_API const char* rg_version(void);

// --- what calls return ---------------------------------------------------------------------------------------

/// What became of a call: RG_OK, or why it failed. A newer library may have more of them.
typedef int rg_status;

/// The statuses.
enum {
  RG_OK = 0,             ///< it was done
  RG_NOT_PREPARED = 1,   ///< a stream or an instrument that is played before it was prepared
  RG_BAD_BLOCK = 2,      ///< fewer than 0 frames or more than prepare was told, or no outputs
  RG_BAD_INPUT = 3,      ///< an input signal has a sample that is NaN or infinite
  RG_NOT_FINITE = 4,     ///< what was computed is NaN or infinite: those rows are silent and start again
  RG_BAD_HANDLE = 16,    ///< a handle that was closed, was never opened or is of another kind
  RG_BUSY = 17,          ///< another call is at work on the same handle
  RG_BAD_ARGUMENT = 18,  ///< a null pointer, an index or a name that is not there, an option that cannot be
  RG_BAD_VALUE = 19,     ///< a value outside its domain; NaN where a number is wanted
  RG_BAD_SHAPE = 20,     ///< a count that is not the one wanted
  RG_BAD_FILE = 21,      ///< a file that cannot be read or written, or is no patch of a format known here
  RG_BAD_CALL = 22,      ///< a call before the one it follows: a gradient before a play
  RG_NOT_TAKEN = 23,     ///< an event for which there is no room, or that names what is not there
  RG_NO_DEVICE = 24,     ///< a device that is not there
  RG_NO_MEMORY = 25,     ///< no memory is left
  RG_INTERNAL = 26       ///< a mistake of the library's own
};

/// A status in words, "the handle was closed or never opened", for people. Lives as long as the library.
/// Audio thread.
RG_API const char* rg_status_text(rg_status status);

/// What was wrong with the calling thread's last call that failed, in words, at most 4 kB; empty where none
/// has. Valid until the next call on this thread. Calls on the audio thread leave it as it was.
RG_API const char* rg_last_error(void);

// --- handles -------------------------------------------------------------------------------------------------

/// A patch, a rack of modules and cables: everything that makes a synth's sound. Each call on one is atomic.
typedef struct rg_patch {
  uint64_t id;  ///< which; 0: none
} rg_patch;

/// A patch recorded on a tape, with a row of values for each of its sounds: plays and gradients, many times.
typedef struct rg_tape {
  uint64_t id;  ///< which; 0: none
} rg_tape;

/// A patch that plays live, block by block.
typedef struct rg_stream {
  uint64_t id;  ///< which; 0: none
} rg_stream;

/// A patch that notes play, a voice for each.
typedef struct rg_instrument {
  uint64_t id;  ///< which; 0: none
} rg_instrument;

// --- patches -------------------------------------------------------------------------------------------------

/// The built-in patch: operator 1 modulates operator 0, 300 Hz, one second at 44100 Hz.
RG_API rg_status rg_patch_default(rg_patch* patch);
/// The patch that fits begin with: three pairs of operators.
RG_API rg_status rg_patch_default_to_fit(rg_patch* patch);
/// Reads a patch file (TOML) of format 1 or 2. RG_BAD_FILE, with file, line and key, for one that is not there, holds no
/// valid patch or is of a newer format. Files that it names lie in its folder or below.
RG_API rg_status rg_patch_load(const char* path, rg_patch* patch);
/// Reads the text of a patch file, which a zero ends. RG_BAD_FILE as rg_patch_load. Files that it names lie in the
/// current folder or below.
RG_API rg_status rg_patch_parse(const char* text, rg_patch* patch);
/// A second patch with what the first one holds.
RG_API rg_status rg_patch_copy(rg_patch patch, rg_patch* copy);
/// Writes a patch file of format 2, whole or not at all, and brings it to the disk; from any threads at once. A symbolic link
/// stays, and so do the permissions of a file that is replaced. Reading it gives the same patch bit for bit.
RG_API rg_status rg_patch_save(rg_patch patch, const char* path);
/// The text of a patch file of format 2. Needs `capacity` bytes with the zero at its end: RG_BAD_SHAPE where they are too
/// few. `length`, unless it is null, gets the text's length without that zero in either case. A null `text`
/// with a capacity of 0 only asks for the length, and is RG_OK.
RG_API rg_status rg_patch_text(rg_patch patch, char* text, size_t capacity, size_t* length);
/// What is valid in the patch and yet hardly meant, a line each, as rg_patch_text: pairs of the gate that lie
/// after its end, modules that nothing reads. Empty where there is nothing.
RG_API rg_status rg_patch_doubts(rg_patch patch, char* text, size_t capacity, size_t* length);
/// Closes the handle. Waits for calls on it that are under way. One of zeros is RG_OK, one that was closed
/// before RG_BAD_HANDLE.
RG_API rg_status rg_patch_close(rg_patch patch);

/// What a patch is made of.
typedef struct rg_patch_info {
  size_t size;         ///< sizeof(rg_patch_info)
  double sample_rate;  ///< Hz
  double duration;     ///< seconds
  int64_t length;      ///< samples: duration times sample_rate, rounded
  int parameters;      ///< how many
  int modules;         ///< besides the note
  int gate_pairs;      ///< pairs of on and off times
  int channels;        ///< of its sound: the rack's outputs, two of which are left and right
  int cables;          ///< between modules
} rg_patch_info;

/// Fills in `info`, as far as its `size` goes.
RG_API rg_status rg_patch_get_info(rg_patch patch, rg_patch_info* info);
/// Sets the rate (a whole number of Hz, 1 to 768000). RG_BAD_VALUE, and nothing changed, otherwise.
RG_API rg_status rg_patch_set_sample_rate(rg_patch patch, double sample_rate);
/// Sets the duration (seconds; 1 to 2^31 samples). RG_BAD_VALUE, and nothing changed, otherwise.
RG_API rg_status rg_patch_set_duration(rg_patch patch, double duration);
/// The gate: `times` (gate_pairs, 2) of on and off times in seconds. RG_BAD_SHAPE where `pairs` is another
/// number than the patch's.
RG_API rg_status rg_patch_get_gate(rg_patch patch, double* times, int pairs);
/// Sets the gate: `pairs` pairs of on and off times, 1 or more, one after the other; each begins an attack, one
/// that begins where the pair before ends, too. RG_BAD_VALUE, and nothing
/// changed, where they overlap or end before they begin.
RG_API rg_status rg_patch_set_gate(rg_patch patch, const double* times, int pairs);

/// A parameter: what it is called and where its values lie.
typedef struct rg_parameter_info {
  size_t size;  ///< sizeof(rg_parameter_info)
  char name
      [64];  ///< its path: "fm.operator.0.envelope.attack"; cut to 63 bytes where it is longer (name_length)
  char unit[8];             ///< "Hz", "s", or empty
  double value;             ///< that it has; of a stream's or an instrument's first row: goes to
  double low;               ///< the least that it may be, or -infinity
  double high;              ///< the most that it may be, or infinity
  int low_is_open;          ///< 1 where the value must lie above `low`, 0 where it may be `low`
  int rows;                 ///< values it has: a stream's rows, else 1
  size_t name_length;       ///< bytes of the whole name, which rg_..._parameter_name gives
  double low_shown;         ///< where a knob begins
  double high_shown;        ///< where it ends
  int knob_is_logarithmic;  ///< 1 where equal turns are equal factors
} rg_parameter_info;

/// The index of the parameter of that name. They are always in this order: note.frequency, then each module's as
/// `retrograd modules` lists them, then the amounts of the cables that modulate ("lfo.out>filter.cutoff"). Of an FM
/// patch, a file of format 1: for each operator ratio, gain, envelope.attack, envelope.decay, envelope.sustain,
/// envelope.release.
RG_API rg_status rg_patch_parameter(rg_patch patch, const char* name, int* index);
/// Fills in `info`, as far as its `size` goes.
RG_API rg_status rg_patch_parameter_info(rg_patch patch, int index, rg_parameter_info* info);
/// The parameter's whole name, however long: as rg_patch_text.
RG_API rg_status rg_patch_parameter_name(rg_patch patch, int index, char* text, size_t capacity,
                                         size_t* length);
/// The parameter's value.
RG_API rg_status rg_patch_get(rg_patch patch, int index, double* value);
/// Sets the parameter. RG_BAD_VALUE, and nothing changed, outside its domain.
RG_API rg_status rg_patch_set(rg_patch patch, int index, double value);
/// The same by name: "fm.operator.0.gain".
RG_API rg_status rg_patch_get_named(rg_patch patch, const char* name, double* value);
/// The same by name: "fm.operator.0.gain".
RG_API rg_status rg_patch_set_named(rg_patch patch, const char* name, double value);
/// All values, (parameters).
RG_API rg_status rg_patch_get_values(rg_patch patch, double* values, int count);
/// Sets all values, or none where one of them cannot be.
RG_API rg_status rg_patch_set_values(rg_patch patch, const double* values, int count);

// --- one call --------------------------------------------------------------------------------------------------

/// How far a sound is from a target.
typedef int rg_loss;

/// The losses.
enum {
  RG_MEAN_SQUARED = 0,          ///< mean over time of (sound - target)^2
  RG_MULTI_RESOLUTION_STFT = 1  ///< of magnitudes and their logarithms, in windows of 2048 to 64 samples
};

/// Renders the patch. `count` says what is wanted: the patch's length (rg_patch_get_info says it) is one channel, the mean
/// of the patch's; channels times length are all of them, `samples` (channels, length), one after the other. Of a patch
/// of one channel both are the same. The same bits as `retrograd render`.
RG_API rg_status rg_render(rg_patch patch, float* samples, int64_t count);

/// The loss of the patch (of several channels: of their mean) against `target` (length), and its slope along each parameter, `gradients`
/// (parameters), which may be null. RG_NOT_FINITE where one of them is NaN or infinite; rg_last_error says
/// which and why.
RG_API rg_status rg_gradient(rg_patch patch, rg_loss loss, const float* target, int64_t length, double* value,
                             double* gradients, int count);

// --- tapes -----------------------------------------------------------------------------------------------------

/// The type of a tape's signals.
enum {
  RG_F32 = 0,  ///< single precision
  RG_F64 = 1   ///< double precision: to check gradients with
};

/// How a patch is recorded.
typedef struct rg_tape_options {
  size_t size;   ///< sizeof(rg_tape_options)
  int64_t rows;  ///< sounds side by side, each with values of its own; 1 to 65536, by default 1
  int type;      ///< RG_F32 (by default) or RG_F64
  int threads;   ///< that rows are spread over; 1, the calling one, by default; 0: all the processor has
} rg_tape_options;

/// Sets the defaults. `size`: sizeof(rg_tape_options).
RG_API rg_status rg_tape_options_init(rg_tape_options* options, size_t size);

/// Records the patch as it is now; a later change of the patch does not change the tape. Null options are the
/// defaults.
RG_API rg_status rg_tape_open(rg_patch patch, const rg_tape_options* options, rg_tape* tape);
/// Closes the handle, as rg_patch_close.
RG_API rg_status rg_tape_close(rg_tape tape);
/// Sets all parameters of all rows: `values` (rows, parameters), and `count` their product. RG_BAD_VALUE, and
/// nothing changed, where one lies outside its domain.
RG_API rg_status rg_tape_set(rg_tape tape, const double* values, int64_t count);
/// The values that all parameters of all rows have: as rg_tape_set takes them.
RG_API rg_status rg_tape_get(rg_tape tape, double* values, int64_t count);
/// Writes all parameters of all rows to a file, whole or not at all: safetensors, a tensor of doubles, (rows, 1) or of
/// one row (1), for each parameter, under its name. RG_BAD_FILE where it cannot be written.
RG_API rg_status rg_tape_save_parameters(rg_tape tape, const char* path);
/// Sets them to what such a file has. RG_BAD_FILE, and nothing changed, where there is none, or where a name, a shape or a
/// value does not fit the tape; what an optimiser has left there is passed over.
RG_API rg_status rg_tape_load_parameters(rg_tape tape, const char* path);
/// Plays all rows: `samples` (rows, length), of several channels their mean, and `count` their product; or all channels,
/// (rows, channels, length), where `count` is that product. No memory is allocated from the second
/// time on. RG_NOT_FINITE, and all samples written, where one is NaN or infinite; rg_last_error says which.
RG_API rg_status rg_tape_play(rg_tape tape, float* samples, int64_t count);
/// Gradients of sum(seeds * samples) of the last rg_tape_play: `seeds` (rows, length), of the channels' mean, or (rows,
/// channels, length), where that play wrote all channels; `gradients` (rows, parameters). What a model that drives the synth, or a loss of the host's own, needs. RG_BAD_CALL before a
/// play, or after an rg_tape_set without one; RG_NOT_FINITE, and all gradients written, where one is.
RG_API rg_status rg_tape_rewind(rg_tape tape, const float* seeds, int64_t seed_count, double* gradients,
                                int64_t gradient_count);
/// Plays all rows against a target, one for all (length) or one for each (rows, length); `target_count` says
/// which. `losses` (rows); `gradients` (rows, parameters), or null where only the loss is wanted. The arrays
/// are filled where the call is RG_NOT_FINITE, too.
RG_API rg_status rg_tape_loss(rg_tape tape, rg_loss loss, const float* target, int64_t target_count,
                              double* losses, int64_t loss_count, double* gradients, int64_t gradient_count);

// --- fits --------------------------------------------------------------------------------------------------------

/// Told after every step, and before the first one (step 0), also while the first rows are drawn. 0 goes on;
/// anything else ends the fit with the best so far. Runs on the thread that called rg_fit.
typedef int (*rg_fit_progress)(void* context, int step, int steps, double best_loss);

/// How a patch is fitted.
typedef struct rg_fit_options {
  size_t size;               ///< sizeof(rg_fit_options)
  int steps;                 ///< of gradient descent; 0 or more, by default 300
  int restarts;              ///< patches fitted side by side; 1 to 10000, by default 8
  uint64_t seed;             ///< draws the patches of the other restarts; by default 0
  double learning_rate;      ///< above 0; by default 0.15
  double frequency;          ///< of the recording, Hz; 0, by default: detected
  double gate_on;            ///< seconds from the recording's start; with gate_off
  double gate_off;           ///< 0, by default: both are detected
  int threads;               ///< as of a tape
  rg_fit_progress progress;  ///< or null
  void* context;             ///< what `progress` is given
  double loss_floor;  ///< dB under the recording's loudest, -200 to 0; by default -60. What is quieter counts
                      ///< little
  const char* const*
      frozen;           ///< names of parameters that keep their values, or patterns: "env.*", where * is any
                        ///< letters; null, by default: all but what no fit moves are fitted
  size_t frozen_count;  ///< how many of them; by default 0
} rg_fit_options;

/// What a fit reached.
typedef struct rg_fit_result {
  size_t size;         ///< sizeof(rg_fit_result)
  double loss_before;  ///< of the initial patch, tuned to the recording's pitch and gate
  double loss_after;   ///< of the fitted patch
  double frequency;    ///< of the recording, Hz
  double gate_on;      ///< seconds from the recording's start
  double gate_off;     ///< seconds from the recording's start
  double confidence;   ///< in the frequency, 0 to 1; 1 where it was given
  int steps_done;      ///< fewer than asked for where the callback ended it
} rg_fit_result;

/// Sets the defaults. `size`: sizeof(rg_fit_options).
RG_API rg_status rg_fit_options_init(rg_fit_options* options, size_t size);

/// Fits a patch, the mean of its channels, to a recording (`length` samples of one channel at `sample_rate` Hz): the best of all restarts
/// is a new patch, `fitted`, at the rate of the `initial` one. An initial patch of zeros is
/// rg_patch_default_to_fit; null options are the defaults; `result` may be null, else its `size` must be set.
/// Nothing of the recording is cut off: silence before its note is a gate that rises later, so that the patch
/// plays in time with it. The same bits for any number of threads. RG_BAD_VALUE for a recording that is empty,
/// silent, not finite or too short to have a pitch, and for a pattern that names no parameter; RG_NOT_FINITE where the initial patch's loss is.
RG_API rg_status rg_fit(const float* recording, int64_t length, double sample_rate, rg_patch initial,
                        const rg_fit_options* options, rg_patch* fitted, rg_fit_result* result);

// --- streams -----------------------------------------------------------------------------------------------------

/// How a patch plays live.
typedef struct rg_stream_options {
  size_t size;     ///< sizeof(rg_stream_options)
  int64_t rows;    ///< sounds side by side, a channel in and out for each; by default 1
  double glide;    ///< seconds in which a parameter goes to its next value; 0: at once; by default 0.02
  int max_events;  ///< that rg_stream_schedule holds until the next block; by default 1024
  int gradients;   ///< 1: rg_stream_rewind is wanted; by default 0
} rg_stream_options;

/// What a stream has.
typedef struct rg_stream_info {
  size_t size;          ///< sizeof(rg_stream_info)
  int input_channels;   ///< gates: one for each row
  int output_channels;  ///< of the patch, times the rows: channel c of row r is output c * rows + r
  int parameters;       ///< of the patch
  int max_block;        ///< frames; 0 before rg_stream_prepare
  double sample_rate;   ///< Hz; 0 before rg_stream_prepare
  int64_t position;     ///< samples played since the start
} rg_stream_info;

/// What an event does.
enum {
  RG_EVENT_INPUT = 0,  ///< input channel `index` holds `value` from here on, where the host passes no samples
  RG_EVENT_JUMP = 1,   ///< parameter `index` of `row` is `value` from here on
  RG_EVENT_GLIDE = 2,  ///< parameter `index` of `row` goes to `value` in the options' time
  RG_EVENT_RESTART = 3,  ///< the states of voice `row` are as at the start; where it slept, it sounds again
  RG_EVENT_SLEEP = 4     ///< voice `row` is silent and costs nothing until a restart of it
};

/// Something that happens at a sample of the next block.
typedef struct rg_stream_event {
  size_t size;   ///< sizeof(rg_stream_event)
  int kind;      ///< RG_EVENT_INPUT and so on
  int offset;    ///< samples into the next block
  int index;     ///< of the input channel or the parameter
  int row;       ///< -1: all rows
  double value;  ///< the gate, or the parameter's value
} rg_stream_event;

/// Sets the defaults. `size`: sizeof(rg_stream_options).
RG_API rg_status rg_stream_options_init(rg_stream_options* options, size_t size);

/// A stream of the patch as it is now, its gate as input (a high gate is 0.5 and above) and its channels as outputs.
/// Null options are the defaults.
RG_API rg_status rg_stream_open(rg_patch patch, const rg_stream_options* options, rg_stream* stream);
/// Closes the handle, as rg_patch_close: waits for a block that is being played.
RG_API rg_status rg_stream_close(rg_stream stream);
/// Gets ready for blocks of up to `max_block` frames at `sample_rate` (Hz, 1 to 768000), at the start, with the
/// values that parameters have. May be called again. Allocates.
RG_API rg_status rg_stream_prepare(rg_stream stream, double sample_rate, int max_block);
/// The next `frames` samples (0 to max_block), planar. `inputs` holds a pointer for each input channel; where
/// one is null, or `inputs` is, the channel holds the value of its last event. With RG_NOT_FINITE the rows that
/// rg_stream_bad_rows names are silent in this block and start again in the next, and all others play on. With any
/// other status than these two and RG_OK the outputs are silence and the stream stays where it was; with RG_BAD_HANDLE
/// they are not touched, since nothing says how many there are. Audio thread.
RG_API rg_status rg_stream_process(rg_stream stream, const float* const* inputs, float* const* outputs,
                                   int frames);
/// What the last rg_stream_process returned; the handle's own mistakes excepted. Audio thread.
RG_API rg_status rg_stream_status(rg_stream stream);
/// The rows that the last rg_stream_process found to be NaN or infinite and silenced, the lowest first: `count` of
/// them, as many of these as there is room for in `rows` (capacity), which may be null where the capacity is 0. Audio
/// thread.
RG_API rg_status rg_stream_bad_rows(rg_stream stream, int* rows, int capacity, int* count);
/// Takes an event for the next block. RG_NOT_TAKEN where there is no room, or it names what is not there or a
/// value outside the domain. Audio thread.
RG_API rg_status rg_stream_schedule(rg_stream stream, const rg_stream_event* event);
/// Back to the first sample: states, held inputs, glides and events. Parameters keep their values. Audio
/// thread.
RG_API rg_status rg_stream_reset(rg_stream stream);
/// Gradients of sum(seeds * outputs) over the last block, with the states it began with as constants. `seeds`
/// holds a pointer to the block's frames for each output channel; a null one is zero. Wants
/// rg_stream_options.gradients, and a last block that was RG_OK. RG_NOT_FINITE where a gradient is NaN or infinite;
/// rg_stream_gradient gives them as they are. Audio thread.
RG_API rg_status rg_stream_rewind(rg_stream stream, const float* const* seeds);
/// What the last rg_stream_rewind found for a parameter of a row. Audio thread.
RG_API rg_status rg_stream_gradient(rg_stream stream, int parameter, int row, double* gradient);
/// Fills in `info`, as far as its `size` goes. Audio thread.
RG_API rg_status rg_stream_get_info(rg_stream stream, rg_stream_info* info);
/// The index of the parameter of that name: the patch's own. Any thread, while the stream is not being
/// prepared; so are the next four.
RG_API rg_status rg_stream_parameter(rg_stream stream, const char* name, int* index);
/// The parameter's whole name, as rg_patch_text.
RG_API rg_status rg_stream_parameter_name(rg_stream stream, int index, char* text, size_t capacity,
                                          size_t* length);
/// Fills in `info`, as far as its `size` goes.
RG_API rg_status rg_stream_parameter_info(rg_stream stream, int index, rg_parameter_info* info);
/// The value to glide to from the next block on, of one row or, with -1, of all. RG_BAD_VALUE, and nothing
/// changed, outside the domain. Never waits.
RG_API rg_status rg_stream_set(rg_stream stream, int parameter, int row, double value);
/// The value that a parameter of a row goes to or has. Never waits.
RG_API rg_status rg_stream_get(rg_stream stream, int parameter, int row, double* value);

// --- instruments -------------------------------------------------------------------------------------------------

/// How notes play a patch.
typedef struct rg_instrument_options {
  size_t size;        ///< sizeof(rg_instrument_options)
  int voices;         ///< notes that sound at once; by default 16
  double glide;       ///< seconds, of parameters, of the bend and of a voice taken over; by default 0.02
  double bend_range;  ///< semitones at a pitch bend of 1; by default 2
  double tuning;      ///< Hz of key 69; by default 440
  double level;       ///< linear, of the sum of the voices, 0 to 1000; by default 1
} rg_instrument_options;

/// What an instrument has.
typedef struct rg_instrument_info {
  size_t size;     ///< sizeof(rg_instrument_info)
  int parameters;  ///< the patch's, and those that are each note's own: note.frequency, note.velocity and, where
                   ///< cables read them, note.key, note.bend and note.pressure
  int max_block;       ///< frames; 0 before rg_instrument_prepare
  double sample_rate;  ///< Hz; 0 before rg_instrument_prepare
  int64_t
      passed_over;  ///< MIDI messages that mean nothing here, since prepare or reset, but for real-time ones
  int channels;     ///< of the sound: the patch's
} rg_instrument_info;

/// Sets the defaults. `size`: sizeof(rg_instrument_options).
RG_API rg_status rg_instrument_options_init(rg_instrument_options* options, size_t size);

/// An instrument of the patch as it is now; the patch's own note is not played. Null options are the defaults.
RG_API rg_status rg_instrument_open(rg_patch patch, const rg_instrument_options* options,
                                    rg_instrument* instrument);
/// Closes the handle, as rg_patch_close: waits for a block that is being played.
RG_API rg_status rg_instrument_close(rg_instrument instrument);
/// Gets ready, as rg_stream_prepare.
RG_API rg_status rg_instrument_prepare(rg_instrument instrument, double sample_rate, int max_block);
/// The next `frames` samples of the sum of the voices as one channel, the mean of the patch's; statuses and promises as
/// rg_stream_process. With RG_NOT_FINITE the notes of the voices that were NaN or infinite have ended, and the others sound
/// on. Audio thread.
RG_API rg_status rg_instrument_process(rg_instrument instrument, float* output, int frames);
/// The same, planar: `outputs` holds a pointer for each channel of rg_instrument_info. Audio thread.
RG_API rg_status rg_instrument_process_channels(rg_instrument instrument, float* const* outputs, int frames);
/// Back to silence and the first sample. Audio thread.
RG_API rg_status rg_instrument_reset(rg_instrument instrument);
/// Begins a note `offset` samples into the next block: `key` as MIDI's (60: middle C), fractions between them;
/// `velocity` 0 to 1, linear in amplitude. RG_NOT_TAKEN where the event cannot be taken. Audio thread, and so
/// are all events below. An instrument has MIDI's 16 channels; a call that names none is about the first.
RG_API rg_status rg_instrument_note_on(rg_instrument instrument, double key, double velocity, int offset);
/// Ends the note on `key`.
RG_API rg_status rg_instrument_note_off(rg_instrument instrument, double key, int offset);
/// Bends the channel's notes, -1 to 1 of its range: the options', until MIDI changes it.
RG_API rg_status rg_instrument_pitch_bend(rg_instrument instrument, double bend, int offset);
/// The sustain pedal: while it is down (not 0) notes of the channel that end are held.
RG_API rg_status rg_instrument_sustain(rg_instrument instrument, int is_down, int offset);
/// Pressure on the channel's keys, 0 to 1: what cables from note.pressure carry.
RG_API rg_status rg_instrument_pressure(rg_instrument instrument, double pressure, int offset);
/// The same five on a channel, 0 to 15.
RG_API rg_status rg_instrument_channel_note_on(rg_instrument instrument, int channel, double key,
                                               double velocity, int offset);
/// Ends the note on `key` of a channel.
RG_API rg_status rg_instrument_channel_note_off(rg_instrument instrument, int channel, double key,
                                                int offset);
/// Bends a channel's notes.
RG_API rg_status rg_instrument_channel_pitch_bend(rg_instrument instrument, int channel, double bend,
                                                  int offset);
/// A channel's sustain pedal.
RG_API rg_status rg_instrument_channel_sustain(rg_instrument instrument, int channel, int is_down,
                                               int offset);
/// Pressure on a channel's keys.
RG_API rg_status rg_instrument_channel_pressure(rg_instrument instrument, int channel, double pressure,
                                                int offset);
/// Ends all notes of all channels, pedal or not.
RG_API rg_status rg_instrument_all_notes_off(rg_instrument instrument, int offset);
/// Silence, the releases too, in the time of a glide.
RG_API rg_status rg_instrument_all_sound_off(rg_instrument instrument, int offset);
/// MIDI's bytes: one message or several, with running status, real-time bytes in between, and system exclusive
/// that goes on in the next call. Per channel: notes; bend; volume and expression (7, 11, with 39, 43); the
/// pedal (64); pressure, of the channel and of keys, where a cable reads it; range of the bend and tunings (6, 38, 96, 97 with 100, 101); all sound off (120), reset (121), all
/// notes off (123 to 127), which the pedal holds. Others are passed over. RG_NOT_TAKEN, and nothing happens,
/// where a message is cut short, begins without a status, or there is no room.
RG_API rg_status rg_instrument_midi(rg_instrument instrument, const unsigned char* bytes, int count,
                                    int offset);
/// The level of the sum of the voices to glide to. RG_BAD_VALUE, and nothing changed, outside 0 to 1000. Any
/// thread. Never waits.
RG_API rg_status rg_instrument_set_level(rg_instrument instrument, double level);
/// The level that the sum goes to or has. Any thread. Never waits.
RG_API rg_status rg_instrument_get_level(rg_instrument instrument, double* level);
/// Voices whose sound has not ended. Audio thread.
RG_API rg_status rg_instrument_sounding(rg_instrument instrument, int* voices);
/// Fills in `info`, as far as its `size` goes. Audio thread.
RG_API rg_status rg_instrument_get_info(rg_instrument instrument, rg_instrument_info* info);
/// The index of the patch's parameter of that name, shared by all voices. RG_BAD_ARGUMENT for note.frequency,
/// which is what keys are for. Any thread, as rg_stream_parameter; so are the next four.
RG_API rg_status rg_instrument_parameter(rg_instrument instrument, const char* name, int* index);
/// The parameter's whole name, as rg_patch_text.
RG_API rg_status rg_instrument_parameter_name(rg_instrument instrument, int index, char* text,
                                              size_t capacity, size_t* length);
/// Fills in `info`, as far as its `size` goes.
RG_API rg_status rg_instrument_parameter_info(rg_instrument instrument, int index, rg_parameter_info* info);
/// The value to glide to. RG_BAD_VALUE, and nothing changed, outside the domain or for a note's own parameter.
/// Never waits.
RG_API rg_status rg_instrument_set(rg_instrument instrument, int parameter, double value);
/// The value that the parameter goes to or has. Never waits.
RG_API rg_status rg_instrument_get(rg_instrument instrument, int parameter, double* value);

#ifdef __cplusplus
}
#endif

#endif
