"""Drives the whole C interface from Python's ctypes with NumPy arrays: LIBRARY [PROGRAM]."""
import ctypes
import math
import os
import subprocess
import sys
import tempfile
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_double, c_float, c_int, c_int64, c_size_t, c_uint64
from ctypes import c_ubyte, c_void_p, sizeof

try:
    import numpy
except ImportError:
    print("skipped: NumPy is not there")
    sys.exit(77)

library = ctypes.CDLL(sys.argv[1])
program = sys.argv[2] if len(sys.argv) > 2 else None

OK, NOT_PREPARED, BAD_BLOCK, BAD_INPUT = 0, 1, 2, 3
BAD_HANDLE, BAD_ARGUMENT, BAD_VALUE, BAD_SHAPE, BAD_FILE = 16, 18, 19, 20, 21
MEAN_SQUARED, SPECTRAL = 0, 1
F64 = 1


def struct(name, fields):
    return type(name, (Structure,), {"_fields_": fields})


def handle(name):
    return struct(name, [("id", c_uint64)])


Patch, Tape, Stream, Instrument = (handle(n) for n in ("Patch", "Tape", "Stream", "Instrument"))
PatchInfo = struct("PatchInfo", [("size", c_size_t), ("sample_rate", c_double), ("duration", c_double),
                                 ("length", c_int64), ("parameters", c_int), ("modules", c_int),
                                 ("gate_pairs", c_int), ("channels", c_int), ("cables", c_int)])
ParameterInfo = struct("ParameterInfo", [("size", c_size_t), ("name", c_char * 64), ("unit", c_char * 8),
                                         ("value", c_double), ("low", c_double), ("high", c_double),
                                         ("low_is_open", c_int), ("rows", c_int),
                                         ("name_length", c_size_t), ("low_shown", c_double),
                                         ("high_shown", c_double), ("knob_is_logarithmic", c_int)])
TapeOptions = struct("TapeOptions", [("size", c_size_t), ("rows", c_int64), ("type", c_int), ("threads", c_int)])
Progress = ctypes.CFUNCTYPE(c_int, c_void_p, c_int, c_int, c_double)
FitOptions = struct("FitOptions", [("size", c_size_t), ("steps", c_int), ("restarts", c_int), ("seed", c_uint64),
                                   ("learning_rate", c_double), ("frequency", c_double), ("gate_on", c_double),
                                   ("gate_off", c_double), ("threads", c_int), ("progress", Progress),
                                   ("context", c_void_p), ("loss_floor", c_double),
                                   ("frozen", POINTER(c_char_p)), ("frozen_count", c_size_t)])
FitResult = struct("FitResult", [("size", c_size_t), ("loss_before", c_double), ("loss_after", c_double),
                                 ("frequency", c_double), ("gate_on", c_double), ("gate_off", c_double),
                                 ("confidence", c_double), ("steps_done", c_int)])
StreamOptions = struct("StreamOptions", [("size", c_size_t), ("rows", c_int64), ("glide", c_double),
                                         ("max_events", c_int), ("gradients", c_int)])
StreamInfo = struct("StreamInfo", [("size", c_size_t), ("input_channels", c_int), ("output_channels", c_int),
                                   ("parameters", c_int), ("max_block", c_int), ("sample_rate", c_double),
                                   ("position", c_int64)])
StreamEvent = struct("StreamEvent", [("size", c_size_t), ("kind", c_int), ("offset", c_int), ("index", c_int),
                                     ("row", c_int), ("value", c_double)])
InstrumentOptions = struct("InstrumentOptions", [("size", c_size_t), ("voices", c_int), ("glide", c_double),
                                                 ("bend_range", c_double), ("tuning", c_double)])
InstrumentInfo = struct("InstrumentInfo", [("size", c_size_t), ("parameters", c_int), ("max_block", c_int),
                                           ("sample_rate", c_double), ("passed_over", c_int64),
                                           ("channels", c_int)])

Floats = numpy.ctypeslib.ndpointer(numpy.float32, flags="C_CONTIGUOUS")
Doubles = numpy.ctypeslib.ndpointer(numpy.float64, flags="C_CONTIGUOUS")
Channels = POINTER(POINTER(c_float))

SIGNATURES = {
    "rg_patch_default": [POINTER(Patch)],
    "rg_patch_parse": [c_char_p, POINTER(Patch)],
    "rg_patch_load": [c_char_p, POINTER(Patch)],
    "rg_patch_save": [Patch, c_char_p],
    "rg_patch_close": [Patch],
    "rg_patch_get_info": [Patch, POINTER(PatchInfo)],
    "rg_patch_set_duration": [Patch, c_double],
    "rg_patch_set_gate": [Patch, Doubles, c_int],
    "rg_patch_parameter": [Patch, c_char_p, POINTER(c_int)],
    "rg_patch_parameter_info": [Patch, c_int, POINTER(ParameterInfo)],
    "rg_patch_parameter_name": [Patch, c_int, c_char_p, c_size_t, POINTER(c_size_t)],
    "rg_patch_text": [Patch, c_char_p, c_size_t, POINTER(c_size_t)],
    "rg_patch_get_named": [Patch, c_char_p, POINTER(c_double)],
    "rg_patch_get": [Patch, c_int, POINTER(c_double)],
    "rg_patch_set_named": [Patch, c_char_p, c_double],
    "rg_patch_get_values": [Patch, Doubles, c_int],
    "rg_patch_set_values": [Patch, Doubles, c_int],
    "rg_render": [Patch, Floats, c_int64],
    "rg_gradient": [Patch, c_int, Floats, c_int64, POINTER(c_double), Doubles, c_int],
    "rg_tape_options_init": [POINTER(TapeOptions), c_size_t],
    "rg_tape_open": [Patch, POINTER(TapeOptions), POINTER(Tape)],
    "rg_tape_close": [Tape],
    "rg_tape_set": [Tape, Doubles, c_int64],
    "rg_tape_get": [Tape, Doubles, c_int64],
    "rg_tape_save_parameters": [Tape, c_char_p],
    "rg_tape_load_parameters": [Tape, c_char_p],
    "rg_tape_play": [Tape, Floats, c_int64],
    "rg_tape_rewind": [Tape, Floats, c_int64, Doubles, c_int64],
    "rg_tape_loss": [Tape, c_int, Floats, c_int64, Doubles, c_int64, Doubles, c_int64],
    "rg_fit_options_init": [POINTER(FitOptions), c_size_t],
    "rg_fit": [Floats, c_int64, c_double, Patch, POINTER(FitOptions), POINTER(Patch), POINTER(FitResult)],
    "rg_stream_options_init": [POINTER(StreamOptions), c_size_t],
    "rg_stream_open": [Patch, POINTER(StreamOptions), POINTER(Stream)],
    "rg_stream_close": [Stream],
    "rg_stream_prepare": [Stream, c_double, c_int],
    "rg_stream_process": [Stream, Channels, Channels, c_int],
    "rg_stream_schedule": [Stream, POINTER(StreamEvent)],
    "rg_stream_reset": [Stream],
    "rg_stream_rewind": [Stream, Channels],
    "rg_stream_gradient": [Stream, c_int, c_int, POINTER(c_double)],
    "rg_stream_get_info": [Stream, POINTER(StreamInfo)],
    "rg_stream_parameter": [Stream, c_char_p, POINTER(c_int)],
    "rg_stream_set": [Stream, c_int, c_int, c_double],
    "rg_stream_get": [Stream, c_int, c_int, POINTER(c_double)],
    "rg_instrument_options_init": [POINTER(InstrumentOptions), c_size_t],
    "rg_instrument_open": [Patch, POINTER(InstrumentOptions), POINTER(Instrument)],
    "rg_instrument_close": [Instrument],
    "rg_instrument_prepare": [Instrument, c_double, c_int],
    "rg_instrument_process": [Instrument, POINTER(c_float), c_int],
    "rg_instrument_process_channels": [Instrument, Channels, c_int],
    "rg_instrument_get_info": [Instrument, POINTER(InstrumentInfo)],
    "rg_instrument_pressure": [Instrument, c_double, c_int],
    "rg_instrument_note_on": [Instrument, c_double, c_double, c_int],
    "rg_instrument_note_off": [Instrument, c_double, c_int],
    "rg_instrument_midi": [Instrument, POINTER(c_ubyte), c_int, c_int],
    "rg_instrument_sounding": [Instrument, POINTER(c_int)],
}
for name, arguments in SIGNATURES.items():
    getattr(library, name).argtypes = arguments
for name in ("rg_version", "rg_last_error"):
    getattr(library, name).restype = c_char_p


class Failed(Exception):
    def __init__(self, status):
        super().__init__(f"{status}: {library.rg_last_error().decode()}")
        self.status = status


def call(name, *arguments):
    status = getattr(library, name)(*arguments)
    if status != OK:
        raise Failed(status)


def fails_with(status, name, *arguments):
    try:
        call(name, *arguments)
    except Failed as failed:
        assert failed.status == status, failed
        return
    raise AssertionError(f"{name} did not fail")


def given(type_, name, *arguments):
    """What a call gives back through its last argument."""
    result = type_()
    if hasattr(result, "size"):
        result.size = sizeof(result)
    call(name, *arguments, byref(result))
    return result


def defaults(type_, name):
    options = type_()
    call(name, byref(options), sizeof(options))
    return options


def floats(*shape):
    return numpy.zeros(shape, numpy.float32)


def channels(*arrays):
    """Planar pointers to the rows of arrays; None is a null pointer."""
    pointers = [a.ctypes.data_as(POINTER(c_float)) if a is not None else POINTER(c_float)() for a in arrays]
    return (POINTER(c_float) * len(pointers))(*pointers)


def a_patch(duration=0.2, gate=(0.0, 0.1)):
    patch = given(Patch, "rg_patch_default")
    call("rg_patch_set_duration", patch, duration)
    call("rg_patch_set_gate", patch, numpy.array(gate, numpy.float64), len(gate) // 2)
    return patch


def values_of(patch):
    values = numpy.zeros(given(PatchInfo, "rg_patch_get_info", patch).parameters)
    call("rg_patch_get_values", patch, values, len(values))
    return values


def render(patch):
    samples = floats(given(PatchInfo, "rg_patch_get_info", patch).length)
    call("rg_render", patch, samples, len(samples))
    return samples


def wav_samples(path):
    """The samples of a WAV file of 32-bit floats."""
    data = open(path, "rb").read()
    at = 12
    while data[at:at + 4] != b"data":
        at += 8 + int.from_bytes(data[at + 4:at + 8], "little")
    size = int.from_bytes(data[at + 4:at + 8], "little")
    return numpy.frombuffer(data[at + 8:at + 8 + size], numpy.float32)


def test_a_render_has_the_bits_of_the_program():
    if program is None:
        return
    patch = a_patch()
    with tempfile.TemporaryDirectory() as folder:
        toml, wav = os.path.join(folder, "patch.toml"), os.path.join(folder, "patch.wav")
        call("rg_patch_save", patch, toml.encode())
        subprocess.run([program, "render", toml, "-o", wav], check=True, stderr=subprocess.DEVNULL)
        again = given(Patch, "rg_patch_load", toml.encode())
        expected = wav_samples(wav)
        assert numpy.array_equal(render(patch).view(numpy.uint32), expected.view(numpy.uint32))
        assert numpy.array_equal(render(again), expected)
        assert numpy.abs(expected).max() > 0.1


def test_parameters_are_named_and_bounded():
    patch = a_patch()
    names = []
    for index in range(len(values_of(patch))):
        info = ParameterInfo(size=sizeof(ParameterInfo))
        call("rg_patch_parameter_info", patch, index, byref(info))
        names.append(info.name.decode())
        assert given(c_int, "rg_patch_parameter", patch, info.name).value == index
        assert info.low == 0.0 and info.value >= info.low
        assert info.name_length == len(info.name) and info.low <= info.low_shown < info.high_shown
    assert names[0] == "note.frequency" and "fm.operator.1.envelope.sustain" in names
    call("rg_patch_set_named", patch, b"fm.operator.1.envelope.sustain", 1.0)
    fails_with(BAD_VALUE, "rg_patch_set_named", patch, b"fm.operator.1.envelope.sustain", 1.01)
    fails_with(BAD_VALUE, "rg_patch_set_named", patch, b"note.frequency", math.nan)
    fails_with(BAD_ARGUMENT, "rg_patch_set_named", patch, b"no.such", 1.0)


def test_a_gradient_is_the_slope_of_its_loss():
    patch = a_patch(0.05, (0.0, 0.03))
    options = defaults(TapeOptions, "rg_tape_options_init")
    options.type = F64
    tape = given(Tape, "rg_tape_open", patch, byref(options))
    values = values_of(patch)
    target = (0.3 * numpy.sin(0.05 * numpy.arange(2205))).astype(numpy.float32)
    loss, nothing = numpy.zeros(1), numpy.zeros(len(values))

    def loss_at(at):
        call("rg_tape_set", tape, at, len(at))
        call("rg_tape_loss", tape, MEAN_SQUARED, target, len(target), loss, 1, nothing, len(nothing))
        return loss[0]

    loss_at(values)
    gradients = nothing.copy()
    assert numpy.abs(gradients).max() > 0.0
    for index in range(len(values)):
        step = numpy.zeros(len(values))
        step[index] = 1e-6 * max(abs(values[index]), 1e-3)
        slope = (loss_at(values + step) - loss_at(values - step)) / (2.0 * step[index])
        assert abs(slope - gradients[index]) <= 1e-6 + 2e-4 * abs(slope), (index, slope, gradients[index])
    one_call = numpy.zeros(len(values))
    call("rg_gradient", patch, MEAN_SQUARED, target, len(target), byref(c_double()), one_call, len(one_call))
    assert numpy.allclose(one_call, gradients, rtol=1e-3, atol=1e-4)
    call("rg_tape_close", tape)


def test_a_loss_in_numpy_trains_rows_of_values():
    """Gradient descent of the host's own: the gain of each row towards that of its target."""
    patch = a_patch(0.1, (0.0, 0.1))
    options = defaults(TapeOptions, "rg_tape_options_init")
    options.rows = 3
    tape = given(Tape, "rg_tape_open", patch, byref(options))
    gain = given(c_int, "rg_patch_parameter", patch, b"fm.operator.0.gain").value
    values = numpy.tile(values_of(patch), (3, 1))
    wanted = numpy.array([0.25, 0.5, 2.0])
    target, audio = floats(3, 4410), floats(3, 4410)
    values[:, gain] = wanted
    call("rg_tape_set", tape, values, values.size)
    call("rg_tape_play", tape, target, target.size)
    values[:, gain] = 1.0
    gradients = numpy.zeros(values.shape)
    for _ in range(60):
        call("rg_tape_set", tape, values, values.size)
        call("rg_tape_play", tape, audio, audio.size)
        seeds = 2.0 * (audio - target) / numpy.sum(target * target, axis=1, keepdims=True)
        seeds = seeds.astype(numpy.float32)
        call("rg_tape_rewind", tape, seeds, seeds.size, gradients, gradients.size)
        values[:, gain] -= 0.2 * wanted * wanted * gradients[:, gain]
    assert numpy.abs(values[:, gain] - wanted).max() < 1e-3, values[:, gain]


def test_a_fit_reduces_the_loss_and_may_be_stopped():
    times = numpy.arange(8820) / 44100.0
    recording = (0.5 * numpy.exp(-8.0 * times) * numpy.sin(2.0 * numpy.pi * 330.0 * times)).astype(numpy.float32)
    options = defaults(FitOptions, "rg_fit_options_init")
    options.steps, options.restarts, options.threads = 20, 2, 2
    seen = []

    def progress(_, step, steps, best_loss):
        seen.append((step, best_loss))
        return int(step == 15)

    options.progress = Progress(progress)
    fitted, result = Patch(), FitResult(size=sizeof(FitResult))
    call("rg_fit", recording, len(recording), 44100.0, Patch(), byref(options), byref(fitted), byref(result))
    assert result.steps_done == 15 and seen[-1][0] == 15
    assert abs(result.frequency - 330.0) < 3.0
    assert result.loss_after < 0.8 * result.loss_before
    samples = render(fitted)
    assert abs(len(samples) - len(recording)) < 100 and numpy.abs(samples).max() > 0.1
    fails_with(BAD_VALUE, "rg_fit", numpy.zeros(1000, numpy.float32), 1000, 44100.0, Patch(), byref(options),
               byref(fitted), None)


def gate_of(gate, length, rate=44100.0):
    samples = floats(length)
    for on, off in zip(gate[::2], gate[1::2]):
        samples[round(on * rate):round(off * rate)] = 1.0
    return samples


def test_a_stream_in_odd_blocks_equals_the_render():
    gate = (0.0, 0.05, 0.1, 0.15)
    patch = a_patch(0.2, gate)
    expected = render(patch)
    stream = given(Stream, "rg_stream_open", patch, None)
    call("rg_stream_prepare", stream, 44100.0, 1024)
    info = given(StreamInfo, "rg_stream_get_info", stream)
    assert (info.input_channels, info.output_channels, info.max_block) == (1, 1, 1024)
    held = gate_of(gate, len(expected))
    random = numpy.random.default_rng(1)
    sizes = [lambda: 1, lambda: 7, lambda: 441, lambda: 1024, lambda: int(random.integers(0, 1025))]
    for size in sizes:
        call("rg_stream_reset", stream)
        heard, at = floats(len(expected)), 0
        while at < len(expected):
            frames = min(size(), len(expected) - at)
            call("rg_stream_process", stream, channels(held[at:]), channels(heard[at:]), frames)
            at += frames
        assert numpy.array_equal(heard.view(numpy.uint32), expected.view(numpy.uint32))
        assert given(StreamInfo, "rg_stream_get_info", stream).position == len(expected)
    call("rg_stream_close", stream)
    fails_with(BAD_HANDLE, "rg_stream_process", stream, channels(held), channels(heard), 1)


def test_a_stream_takes_events_and_parameters():
    patch = a_patch(0.1, (0.0, 0.1))
    expected = render(patch)
    stream = given(Stream, "rg_stream_open", patch, None)
    call("rg_stream_prepare", stream, 44100.0, 4410)
    event = StreamEvent(sizeof(StreamEvent), 0, 0, 0, 0, 1.0)
    call("rg_stream_schedule", stream, byref(event))
    heard = floats(4410)
    call("rg_stream_process", stream, None, channels(heard), 4410)
    assert numpy.array_equal(heard, expected)
    gain = given(c_int, "rg_stream_parameter", stream, b"fm.operator.0.gain").value
    call("rg_stream_set", stream, gain, -1, 0.0)
    value = c_double()
    call("rg_stream_get", stream, gain, 0, byref(value))
    assert value.value == 0.0
    call("rg_stream_process", stream, None, channels(heard), 4410)
    assert numpy.abs(heard[:441]).max() > 0.0 and numpy.abs(heard[2205:]).max() == 0.0
    fails_with(BAD_VALUE, "rg_stream_set", stream, gain, -1, math.nan)


def test_a_stream_has_gradients():
    patch = a_patch(0.02, (0.0, 0.02))
    options = defaults(StreamOptions, "rg_stream_options_init")
    options.gradients = 1
    stream = given(Stream, "rg_stream_open", patch, byref(options))
    call("rg_stream_prepare", stream, 44100.0, 882)
    heard, held = floats(882), numpy.ones(882, numpy.float32)
    call("rg_stream_process", stream, channels(held), channels(heard), 882)
    seeds = numpy.cos(numpy.arange(882)).astype(numpy.float32)
    call("rg_stream_rewind", stream, channels(seeds))
    tape = given(Tape, "rg_tape_open", patch, None)
    audio, gradients = floats(882), numpy.zeros(13)
    call("rg_tape_play", tape, audio, 882)
    assert numpy.array_equal(audio, heard)
    call("rg_tape_rewind", tape, seeds, 882, gradients, 13)
    for index in range(13):
        value = c_double()
        call("rg_stream_gradient", stream, index, 0, byref(value))
        assert math.isclose(value.value, gradients[index], rel_tol=1e-4, abs_tol=1e-4), (index, value.value)


def test_an_instrument_plays_notes():
    patch = a_patch(0.1, (0.0, 0.1))
    call("rg_patch_set_named", patch, b"note.frequency", 440.0)
    expected = render(patch)
    instrument = given(Instrument, "rg_instrument_open", patch, None)
    call("rg_instrument_prepare", instrument, 44100.0, 512)
    call("rg_instrument_note_on", instrument, 69.0, 1.0, 100)
    heard = floats(4608)
    for at in range(0, len(heard), 512):
        call("rg_instrument_process", instrument, heard[at:].ctypes.data_as(POINTER(c_float)), 512)
    assert numpy.array_equal(heard[100:100 + 4410], expected)
    assert given(c_int, "rg_instrument_sounding", instrument).value == 1
    call("rg_instrument_midi", instrument, (c_ubyte * 3)(0x90, 60, 100), 3, 0)
    call("rg_instrument_process", instrument, heard.ctypes.data_as(POINTER(c_float)), 512)
    assert given(c_int, "rg_instrument_sounding", instrument).value == 2
    call("rg_instrument_note_off", instrument, 69.0, 0)
    call("rg_instrument_close", instrument)


SUBTRACTIVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "racks", "subtractive.toml")


def name_of(patch, index):
    """The length first, then the name."""
    length = c_size_t()
    call("rg_patch_parameter_name", patch, index, None, 0, byref(length))
    text = ctypes.create_string_buffer(length.value + 1)
    call("rg_patch_parameter_name", patch, index, text, len(text), None)
    return text.value.decode()


def a_subtractive_rack(duration=0.2, gate=(0.0, 0.1)):
    patch = given(Patch, "rg_patch_load", SUBTRACTIVE.encode())
    call("rg_patch_set_duration", patch, duration)
    call("rg_patch_set_gate", patch, numpy.array(gate, numpy.float64), len(gate) // 2)
    return patch


def test_a_subtractive_rack_renders_and_is_written_and_read():
    patch = a_subtractive_rack()
    info = given(PatchInfo, "rg_patch_get_info", patch)
    assert (info.modules, info.cables, info.channels) == (7, 6, 1)
    samples = render(patch)
    assert numpy.abs(samples).max() > 0.1
    names = [name_of(patch, index) for index in range(info.parameters)]
    assert "osc_2.ratio" in names and "pitch_env.out>osc_1.ratio" in names and "mix.level.1" in names
    length = c_size_t()
    call("rg_patch_text", patch, None, 0, byref(length))
    text = ctypes.create_string_buffer(length.value + 1)
    call("rg_patch_text", patch, text, len(text), None)
    again = given(Patch, "rg_patch_parse", text.value)
    assert numpy.array_equal(render(again), samples)
    call("rg_patch_set_named", patch, b"pitch_env.out>osc_1.ratio", 0.0)
    assert not numpy.array_equal(render(patch), samples)


def test_a_subtractive_rack_fits():
    patch = a_subtractive_rack()
    recording = render(patch)
    call("rg_patch_set_named", patch, b"amp_env.decay", 0.05)
    call("rg_patch_set_named", patch, b"mix.level.1", 0.05)
    options = defaults(FitOptions, "rg_fit_options_init")
    options.steps, options.restarts = 60, 1
    options.frequency, options.gate_on, options.gate_off = 220.0, 0.0, 0.1
    patterns = (c_char_p * 2)(b"vibrato.*", b"*>*")
    options.frozen, options.frozen_count = patterns, 2
    fitted, result = Patch(), FitResult(size=sizeof(FitResult))
    call("rg_fit", recording, len(recording), 44100.0, patch, byref(options), byref(fitted), byref(result))
    assert result.loss_after < 0.9 * result.loss_before
    frozen = {"vibrato.frequency", "vibrato.out>note.frequency", "pitch_env.out>osc_1.ratio"}
    before, after = values_of(patch), values_of(fitted)
    names = [name_of(patch, index) for index in range(len(before))]
    assert frozen <= set(names)
    for name, was, has in zip(names, before, after):
        assert name not in frozen or was == has, name
    assert before[names.index("mix.level.1")] != after[names.index("mix.level.1")]


def test_a_subtractive_rack_streams_and_plays_notes():
    patch = a_subtractive_rack(0.1, (0.0, 0.1))
    expected = render(patch)
    stream = given(Stream, "rg_stream_open", patch, None)
    call("rg_stream_prepare", stream, 44100.0, 441)
    heard, held = floats(4410), numpy.ones(4410, numpy.float32)
    for at in range(0, 4410, 441):
        call("rg_stream_process", stream, channels(held[at:]), channels(heard[at:]), 441)
    assert numpy.array_equal(heard, expected)
    call("rg_stream_close", stream)
    call("rg_patch_set_named", patch, b"note.frequency", 440.0)
    expected = render(patch)
    instrument = given(Instrument, "rg_instrument_open", patch, None)
    call("rg_instrument_prepare", instrument, 44100.0, 4410)
    info = given(InstrumentInfo, "rg_instrument_get_info", instrument)
    assert info.channels == 1
    call("rg_instrument_note_on", instrument, 69.0, 1.0, 0)
    call("rg_instrument_process_channels", instrument, channels(heard), 4410)
    assert numpy.array_equal(heard, expected)
    call("rg_instrument_close", instrument)


def test_mistakes_have_statuses_and_words():
    patch = a_patch()
    fails_with(BAD_SHAPE, "rg_render", patch, floats(10), 10)
    fails_with(BAD_FILE, "rg_patch_load", b"no-such-file.toml", byref(Patch()))
    assert b"no-such-file.toml" in library.rg_last_error()
    fails_with(BAD_FILE, "rg_patch_parse", b"format = 3\n", byref(Patch()))
    stream = given(Stream, "rg_stream_open", patch, None)
    fails_with(NOT_PREPARED, "rg_stream_process", stream, channels(floats(8)), channels(floats(8)), 8)
    call("rg_stream_prepare", stream, 44100.0, 8)
    heard = numpy.ones(8, numpy.float32)
    fails_with(BAD_BLOCK, "rg_stream_process", stream, channels(heard), channels(heard), 9)
    held = numpy.full(8, math.nan, numpy.float32)
    fails_with(BAD_INPUT, "rg_stream_process", stream, channels(held), channels(heard), 8)
    assert not heard.any()
    call("rg_patch_close", patch)
    fails_with(BAD_HANDLE, "rg_render", patch, floats(10), 10)
    assert b"closed" in library.rg_last_error()


def main():
    print("retrograd", library.rg_version().decode(), "NumPy", numpy.__version__)
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    only = os.environ.get("ONLY", "")
    for name, test in tests:
        if only in name:
            test()
            print("ok ", name[5:].replace("_", " "))


main()
