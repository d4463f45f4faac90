#include <retrograd/c.h>

#include <stdio.h>
#include <stdlib.h>

int main(int arguments, char** argument) {
  rg_patch patch;
  rg_patch_info info = {.size = sizeof info};
  if ((arguments > 1 ? rg_patch_load(argument[1], &patch) : rg_patch_default(&patch)) != RG_OK) {
    fprintf(stderr, "%s\n", rg_last_error());
    return 1;
  }
  rg_patch_get_info(patch, &info);
  float* samples = malloc((size_t)info.length * sizeof(float));
  rg_render(patch, samples, info.length);
  fwrite(samples, sizeof(float), (size_t)info.length, stdout);
  free(samples);
  rg_patch_close(patch);
  return 0;
}
