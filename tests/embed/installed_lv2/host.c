/* A host's first steps with an instrument: load it, ask what it is, make one and throw it away. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <lv2/core/lv2.h>
#include <lv2/urid/urid.h>
#include <stdio.h>
#include <string.h>

static LV2_URID number_of(LV2_URID_Map_Handle handle, const char* uri) {
  (void)handle;
  return (LV2_URID)strlen(uri) * 256 + (unsigned char)uri[strlen(uri) - 1];
}

int main(int count, char** arguments) {
  void* library = dlopen(count > 2 ? arguments[1] : "", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
  LV2_Lib_Descriptor_Function describe;
  *(void**)&describe = dlsym(library, "lv2_lib_descriptor");
  if (describe == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
  LV2_Lib_Descriptor const* all = describe(arguments[2], NULL);
  if (all == NULL) return 4;
  const LV2_Descriptor* plugin = all->get_plugin(all->handle, 0);
  if (plugin == NULL || strcmp(plugin->URI, "urn:retrograd:fm") != 0) return 2;

  LV2_URID_Map map = {NULL, number_of};
  const LV2_Feature feature = {LV2_URID__map, &map};
  const LV2_Feature* features[] = {&feature, NULL};
  LV2_Handle instrument = plugin->instantiate(plugin, 44100.0, "", features);
  if (instrument == NULL) return 3;
  plugin->cleanup(instrument);
  all->cleanup(all->handle);
  return puts("made") < 0;
}
