/* A host in C99: renders, streams and fits, and checks what came out. */
#include <retrograd/c.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { length = 8820, parameters = 13, block = 441 };

static float rendered[length], streamed[length], recording[length];

static void check(int is_true, const char* promise) {
  if (is_true) return;
  fprintf(stderr, "failed: %s (%s)\n", promise, rg_last_error());
  exit(1);
}

static int goes_on_to_step_5(void* steps, int step, int asked_for, double best_loss) {
  *(int*)steps = step;
  return step == 5 || step > asked_for || !(best_loss >= 0.0);
}

int main(void) {
  rg_patch patch;
  const double gate[] = {0.0, 0.1};
  double loss, gradients[parameters];
  check(strcmp(rg_version(), RG_VERSION) == 0, "the library is the header's");
  check(rg_patch_default(&patch) == RG_OK, "a patch");
  check(rg_patch_set_duration(patch, 0.2) == RG_OK, "its duration");
  check(rg_patch_set_gate(patch, gate, 1) == RG_OK, "its gate");
  check(rg_patch_set_named(patch, "fm.operator.0.gain", 0.5) == RG_OK, "a gain");
  check(rg_render(patch, rendered, length) == RG_OK, "a render");
  check(rg_gradient(patch, RG_MEAN_SQUARED, rendered, length, &loss, gradients, parameters) == RG_OK,
        "a gradient");
  check(loss == 0.0 && gradients[0] == 0.0, "no distance from itself");

  rg_stream stream;
  rg_stream_event event = {sizeof event, RG_EVENT_INPUT, 0, 0, 0, 1.0};
  check(rg_stream_open(patch, NULL, &stream) == RG_OK, "a stream");
  check(rg_stream_prepare(stream, 44100.0, block) == RG_OK, "which is prepared");
  check(rg_stream_schedule(stream, &event) == RG_OK, "a gate that rises");
  for (int at = 0; at < length; at += block) {
    float* outputs[] = {streamed + at};
    event.value = 0.0;
    if (at == length / 2) check(rg_stream_schedule(stream, &event) == RG_OK, "and falls");
    check(rg_stream_process(stream, NULL, outputs, block) == RG_OK, "a block");
  }
  check(memcmp(streamed, rendered, sizeof rendered) == 0, "a stream has the bits of the render");
  check(rg_stream_close(stream) == RG_OK, "which is closed");
  check(rg_stream_process(stream, NULL, NULL, 1) == RG_BAD_HANDLE, "and then is no handle");

  for (int n = 0; n < length; ++n) recording[n] = 0.5f * (float)(exp(-n / 5000.0) * sin(n * 0.047));
  int steps = 0;
  rg_patch fitted;
  rg_fit_options options;
  rg_fit_result result = {.size = sizeof result};
  check(rg_fit_options_init(&options, sizeof options) == RG_OK, "options");
  options.restarts = 1;
  options.progress = goes_on_to_step_5;
  options.context = &steps;
  check(rg_fit(recording, length, 44100.0, patch, &options, &fitted, &result) == RG_OK, "a fit");
  check(steps == 5 && result.steps_done == 5, "which the callback ends");
  check(result.loss_after < result.loss_before, "nearer to the recording");
  check(rg_patch_close(fitted) == RG_OK && rg_patch_close(patch) == RG_OK, "patches are closed");
  check(rg_patch_close(patch) == RG_BAD_HANDLE, "once");
  return 0;
}
