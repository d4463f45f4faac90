#include <retrograd/c.h>

#include <stdio.h>

int main(int arguments, char** argument) {
  rg_patch patch;
  rg_stream stream;
  if ((arguments > 1 ? rg_patch_load(argument[1], &patch) : rg_patch_default(&patch)) != RG_OK ||
      rg_stream_open(patch, NULL, &stream) != RG_OK || rg_stream_prepare(stream, 48000.0, 256) != RG_OK) {
    fprintf(stderr, "%s\n", rg_last_error());
    return 1;
  }
  rg_stream_event gate = {.size = sizeof gate};
  int gain;
  rg_stream_parameter(stream, "fm.operator.0.gain", &gain);
  float block[256];
  float* outputs[] = {block};
  for (int call = 0; call < 375; ++call) { /* two seconds of an audio callback's calls */
    if (call == 0 || call == 200) {
      gate.value = call == 0 ? 1.0 : 0.0; /* rises and falls */
      rg_stream_schedule(stream, &gate);
    }
    if (call == 100) rg_stream_set(stream, gain, -1, 0.5); /* glides there; any thread may do this */
    rg_stream_process(stream, NULL, outputs, 256);
    fwrite(block, sizeof(float), 256, stdout);
  }
  rg_stream_close(stream);
  rg_patch_close(patch);
  return 0;
}
