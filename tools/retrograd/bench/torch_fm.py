# gradrack's formulas in PyTorch, timed: an FM synth, or the six-resolution spectral loss.
#
# `retrograd bench` has this file inside it and runs it as `python3 -c SCRIPT`. Standard input holds a line of JSON
# that says what to do, then arrays of 32-bit floats; the answer is a line of JSON on standard output.
import json
import math
import statistics
import sys
import time

NO_TORCH = 3  # the exit code

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(NO_TORCH)

def seconds(run):
    """Median of five runs, after one that is not counted. On a GPU a run has ended when the GPU has."""
    def finish():
        if torch.zeros(0).is_cuda:
            torch.cuda.synchronize()

    run()
    finish()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        run()
        finish()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def running_sum(x, reset):
    """The sum of x over time, begun anew after each `reset` in x, as gradrack has it: what is summed up to a reset is
    taken away there. (Rows follow each other in that, so every row must have summed to zero at its last reset.)"""
    is_reset = x == reset
    counted = x.clone()
    counted[is_reset] = 0.0
    at_resets = counted.cumsum(-1)[is_reset]
    counted = x.clone()
    counted[is_reset] = -(at_resets - F.pad(at_resets, (1, 0))[:-1])
    total = counted.cumsum(-1)
    total[is_reset] = reset
    return total


def running_product(x):
    """Begun anew after each zero."""
    return torch.exp(running_sum(torch.log(x), -math.inf))


def starting_values(slope, before, here):
    """`slope` at the last sample before each region of the mask `here` that follows one of `before`, at that region's
    first sample; zero elsewhere."""
    return F.pad(slope * here.roll(-1, -1) * before, (1, 0))[..., :-1]


def adsr(gate, attack, decay, sustain, release):
    """gradrack's envelope: slopes over the whole signal, masked; two passes for what interrupts what. Times in
    samples."""
    k = running_sum(gate, 0.0)
    in_attack = (k <= attack) * gate
    in_decay = (k > attack) * gate
    in_release = 1 - gate
    decay_constant = 1 / math.e ** (1 / decay)
    release_constant = 1 / math.e ** (1 / release)

    attack_slope = k / attack
    decay_slope = sustain + (1 - sustain) * decay_constant ** (k - attack)
    for _ in range(2):
        held_slope = in_attack * attack_slope + in_decay * decay_slope
        factors = starting_values(held_slope, in_attack + in_decay, in_release)
        factors[factors == 0] = 1.0
        factors = factors * in_release * (gate.cumsum(-1) > 0) * release_constant
        release_slope = running_product(factors)
        room = (1 - starting_values(release_slope, in_release, in_attack)) * in_attack
        room = running_product(room)
        attack_slope = room * k / attack + (1 - room)
    return attack_slope * in_attack + decay_slope * in_decay + release_slope * in_release


def adsr_of_one_note(gate, attack, decay, sustain, release):
    """The same for a gate that is high from the first sample on and falls once: nothing is computed twice."""
    n = torch.arange(1.0, gate.shape[-1] + 1)
    held = gate.sum()

    def held_slope(k):
        fall = sustain + (1 - sustain) * torch.exp(-(k - attack).clamp(min=0.0) / decay)
        return torch.where(k <= attack, k / attack, fall)

    release_slope = held_slope(held) * torch.exp(-(n - held).clamp(min=0.0) / release)
    return torch.where(n <= held, held_slope(n), release_slope)


def sinusoid(frequency, phase_mod, sample_rate):
    phase = F.pad(frequency, (1, 0))[..., :-1].cumsum(-1)
    phase = math.tau * phase / sample_rate
    return torch.sin(phase + phase_mod if phase_mod is not None else phase)


def render(envelope_of, gate, pitch, operators, routing, order, audible, sample_rate):
    outputs = {}
    frequency = pitch.expand(-1, gate.shape[-1])
    for i in order:
        ratio, gain, attack, decay, sustain, release = operators[i]
        envelope = envelope_of(gate, attack * sample_rate, decay * sample_rate, sustain, release * sample_rate)
        modulators = [outputs[m] for m, carrier in routing if carrier == i]
        phase_mod = torch.stack(modulators).sum(0) if modulators else None
        outputs[i] = sinusoid(frequency * ratio, phase_mod, sample_rate) * envelope * gain
    return torch.stack([outputs[i] for i in audible]).sum(0)


def magnitudes(x, window, hop):
    frames = -(-(x.shape[-1] - window) // hop) + 1
    padded = F.pad(x, (0, (frames - 1) * hop + window - x.shape[-1]))
    hann = torch.hann_window(window, periodic=True)
    return torch.stft(padded, window, hop, window=hann, center=False, return_complex=True).abs()


def spectral_loss(x, targets):
    loss = 0.0
    for (window, hop), target in targets.items():
        own = magnitudes(x, window, hop)
        logarithms = (own + 1e-5).log() - (target + 1e-5).log()
        loss = loss + (own - target).abs().mean((-2, -1)) + logarithms.abs().mean((-2, -1))
    return loss


def time_synth(task, arrays):
    gate = arrays["gate"]
    adjoint, expected = arrays["adjoint"], arrays["audio"]

    def column(values):
        return torch.tensor(values, dtype=torch.float32).reshape(-1, 1).requires_grad_()

    pitch = column(task["pitch"])
    operators = [[column(values) for values in operator] for operator in task["operators"]]
    parameters = [pitch] + [p for operator in operators for p in operator]
    expected_gradients = [task["pitch_gradient"]] + [g for operator in task["gradients"] for g in operator]
    synth = torch.compile(render) if task["form"] == "compiled" else render
    envelope_of = adsr if task["form"] == "gradrack" else adsr_of_one_note

    def forward():
        return synth(envelope_of, gate, pitch, operators, task["routing"], task["order"], task["audible"],
                     task["sample_rate"])

    def backward():
        for p in parameters:
            p.grad = None
        forward().backward(adjoint)

    def forward_only():
        with torch.no_grad():
            forward()

    audio = forward()
    audio.backward(adjoint)
    gradient_error = max(
        (p.grad[:, 0] - torch.tensor(g)).abs().max().item() / max(map(abs, g))
        for p, g in zip(parameters, expected_gradients))
    return {
        "audio_error": (audio - expected).abs().max().item(),
        "gradient_error": gradient_error,
        "forward": seconds(forward_only),
        "forward_and_backward": seconds(backward),
    }


def time_loss(task, arrays):
    target = arrays["target"]
    with torch.no_grad():
        targets = {(w, w // 4): magnitudes(target, w, w // 4) for w in task["windows"]}
    sound = arrays["sound"].requires_grad_()

    def backward():
        sound.grad = None
        loss = spectral_loss(sound, targets)
        loss.sum().backward()
        return loss

    loss = backward()
    errors = [abs(a - b) / b for a, b in zip(loss.tolist(), task["loss"])]
    return {"loss_error": max(errors), "forward_and_backward": seconds(backward)}


def main():
    torch.set_num_threads(1)
    task = json.loads(sys.stdin.buffer.readline())
    device = task.get("device", "cpu")
    if device == "cuda":
        if not torch.cuda.is_available():
            print("PyTorch has no CUDA", file=sys.stderr)
            sys.exit(NO_TORCH)
        torch.set_default_device(device)
    arrays = {}
    for name, shape in task["arrays"]:
        data = bytearray(sys.stdin.buffer.read(4 * math.prod(shape)))
        arrays[name] = torch.frombuffer(data, dtype=torch.float32).reshape(shape).to(device)
    result = time_synth(task, arrays) if task["what"] == "synth" else time_loss(task, arrays)
    result["version"] = torch.__version__
    print(json.dumps(result))


main()
