# The FM synth of `retrograd bench` with phases and envelopes in closed form, timed on a GPU: in eager PyTorch, through
# torch.compile, or in JAX under jit. Each is what its users would write to be fast; none sums over time.
#
# `retrograd bench` has this file inside it and runs it as `python3 -c SCRIPT`. Standard input holds a line of JSON;
# the answer is a line of JSON on standard output.
import json
import math
import statistics
import sys
import time

NO_LIBRARY = 3  # the exit code


def seconds(run, finish):
    """Of one run among ten that are asked for together and waited for once: the median of seven times ten."""
    together = 10
    for _ in range(3):
        result = run()
    finish(result)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(together):
            result = run()
        finish(result)
        times.append((time.perf_counter() - start) / together)
    return statistics.median(times)


def envelope(library, n, held, attack, decay, sustain, release):
    """Of a gate that is high for the first `held` samples. Times in samples; n counts from 1."""
    def held_slope(k):
        fall = sustain + (1 - sustain) * library.exp(-library.clip(k - attack, min=0.0) / decay)
        return library.where(k <= attack, k / attack, fall)

    at_release = held_slope(0 * n[:1] + held)
    release_slope = at_release * library.exp(-library.clip(n - held, min=0.0) / release)
    return library.where(n <= held, held_slope(n), release_slope)


def render(library, synth, n, held, pitch, operators):
    rate, outputs = synth["sample_rate"], {}
    for i in synth["order"]:
        ratio, gain, attack, decay, sustain, release = operators[i]
        phase = pitch * ratio * (math.tau / rate) * (n - 1)
        for modulator, carrier in synth["routing"]:
            if carrier == i:
                phase = phase + outputs[modulator]
        level = envelope(library, n, held, attack * rate, decay * rate, sustain, release * rate)
        outputs[i] = library.sin(phase) * level * gain
    return sum(outputs[i] for i in synth["audible"])


def columns_of(synth, column):
    """The pitch, then six parameters of each operator."""
    return [column(synth["pitch"])] + [column(values) for operator in synth["operators"] for values in operator]


def in_operators(columns):
    return columns[0], [columns[i:i + 6] for i in range(1, len(columns), 6)]


def errors(synth, losses, gradients):
    """Of the losses, and of the gradients but those of frequencies: phases in floats that are never wrapped have lost four
    digits after four seconds, and those of pitch and ratio are sums that cancel. In doubles they agree with the tape to
    four digits."""
    expected = [g for operator in synth["gradients"] for g in operator]
    return {
        "loss_error": max(abs(a - b) / b for a, b in zip(losses, synth["losses"])),
        "gradient_error": max(
            max(abs(a - b) for a, b in zip(own, right)) / max(map(abs, right))
            for i, (own, right) in enumerate(zip(gradients[1:], expected)) if i % 6 != 0),
    }


def time_torch(task):
    import torch
    if task["device"] == "cuda" and not torch.cuda.is_available():
        raise ImportError("PyTorch has no CUDA")
    torch.set_default_device(task["device"])

    def finish(_):
        if task["device"] == "cuda":
            torch.cuda.synchronize()

    def column(values):
        return torch.tensor(values, dtype=torch.float32).reshape(-1, 1).requires_grad_()

    n = torch.arange(1.0, task["length"] + 1)
    target = torch.zeros(task["rows"], task["length"])
    answers = []
    for synth in task["synths"]:
        columns = columns_of(synth, column)

        def audio_of(*columns):
            return render(torch, synth, n, task["held"], *in_operators(columns))

        def losses_of(*columns):
            return ((audio_of(*columns) - target) ** 2).mean(-1)

        timed_audio, timed_losses = audio_of, losses_of
        if task["form"] == "compiled":
            torch._dynamo.reset()
            timed_audio, timed_losses = torch.compile(audio_of), torch.compile(losses_of)

        def forward():
            with torch.no_grad():
                return timed_audio(*columns)

        def both_ways():
            losses = timed_losses(*columns)
            return losses, torch.autograd.grad(losses.sum(), columns)

        losses, gradients = both_ways()
        answer = errors(synth, losses.tolist(), [g[:, 0].tolist() for g in gradients])
        answer["forward"] = seconds(forward, finish)
        if task["device"] == "cuda":
            torch.cuda.reset_peak_memory_stats()
        answer["forward_and_backward"] = seconds(both_ways, finish)
        answer["peak_bytes"] = torch.cuda.max_memory_allocated() if task["device"] == "cuda" else 0
        answers.append(answer)
    return torch.__version__, answers


def time_jax(task):
    import jax
    import jax.numpy as jnp
    device = jax.devices()[0]
    if task["device"] == "cuda" and device.platform != "gpu":
        raise ImportError("JAX has no CUDA")
    n = jnp.arange(1.0, task["length"] + 1)
    target = jnp.zeros((task["rows"], task["length"]))
    answers = []
    for synth in task["synths"]:
        columns = columns_of(synth, lambda values: jnp.array(values, dtype=jnp.float32).reshape(-1, 1))

        def audio_of(columns):
            return render(jnp, synth, n, task["held"], *in_operators(columns))

        def loss_of(columns, target):
            losses = ((audio_of(columns) - target) ** 2).mean(-1)
            return losses.sum(), losses

        forward = jax.jit(audio_of)
        both_ways = jax.jit(jax.value_and_grad(loss_of, has_aux=True))
        (_, losses), gradients = both_ways(columns, target)
        answer = errors(synth, losses.tolist(), [g[:, 0].tolist() for g in gradients])
        answer["forward"] = seconds(lambda: forward(columns), jax.block_until_ready)
        answer["forward_and_backward"] = seconds(lambda: both_ways(columns, target), jax.block_until_ready)
        answer["peak_bytes"] = (device.memory_stats() or {}).get("peak_bytes_in_use", 0)  # of all so far
        answers.append(answer)
    return jax.__version__, answers


def main():
    task = json.loads(sys.stdin.buffer.readline())
    try:
        version, answers = time_jax(task) if task["form"] == "jax" else time_torch(task)
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(NO_LIBRARY)
    print(json.dumps({"version": version, "synths": answers}))


main()
