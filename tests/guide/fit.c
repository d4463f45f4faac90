#include <retrograd/c.h>

#include <stdio.h>

static float recording[10 * 44100];

int main(void) {
  const size_t length = fread(recording, sizeof(float), 10 * 44100, stdin);
  const rg_patch default_patch_to_fit = {0};
  rg_fit_options options;
  rg_fit_result result = {.size = sizeof result};
  rg_patch fitted;
  char text[10000];
  rg_fit_options_init(&options, sizeof options);
  options.steps = 50;
  options.restarts = 2;
  if (rg_fit(recording, (int64_t)length, 44100.0, default_patch_to_fit, &options, &fitted, &result) !=
          RG_OK ||
      rg_patch_text(fitted, text, sizeof text, NULL) != RG_OK) {
    fprintf(stderr, "%s\n", rg_last_error());
    return 1;
  }
  fprintf(stderr, "loss %g before, %g after\n", result.loss_before, result.loss_after);
  fputs(text, stdout);
  rg_patch_close(fitted);
  return 0;
}
