// A host of one LV2 instrument, all its ports connected.
#pragma once

#include <doctest/doctest.h>
#include <lilv/lilv.h>
#include <lv2/atom/atom.h>
#include <lv2/atom/util.h>
#include <lv2/midi/midi.h>
#include <lv2/urid/urid.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace retrograd {

inline constexpr double rate = 48000.0;

template <class T, void (*free_it)(T*)>
struct Freed {
  void operator()(T* that) const { free_it(that); }
};
using UniqueWorld = std::unique_ptr<LilvWorld, Freed<LilvWorld, lilv_world_free>>;
using UniqueNode = std::unique_ptr<LilvNode, Freed<LilvNode, lilv_node_free>>;
using UniqueInstance = std::unique_ptr<LilvInstance, Freed<LilvInstance, lilv_instance_free>>;

/// The host's numbers for URIs.
struct Urids {
  std::map<std::string, LV2_URID> numbers;
  static LV2_URID map(LV2_URID_Map_Handle handle, const char* name) {
    auto& numbers = static_cast<Urids*>(handle)->numbers;
    return numbers.try_emplace(name, static_cast<LV2_URID>(numbers.size() + 1)).first->second;
  }
};

struct Host {
  UniqueWorld world{lilv_world_new()};
  const LilvPlugin* plugin = nullptr;
  Urids urids;
  LV2_URID_Map map{&urids, &Urids::map};
  UniqueInstance instance;
  std::map<std::string, float> controls;  // by symbol
  std::vector<std::uint64_t> midi;        // an atom sequence, aligned to 8 bytes
  static constexpr std::size_t midi_bytes = 1 << 16;

  std::vector<std::uint32_t> outputs;  // the audio ports

  /// The one instrument of the bundle in `folder`.
  Host(const std::string& folder, bool has_map) : midi(midi_bytes / 8) {
    const UniqueNode bundle(lilv_new_file_uri(world.get(), nullptr, (folder + "/").c_str()));
    lilv_world_load_bundle(world.get(), bundle.get());
    const LilvPlugins* all = lilv_world_get_all_plugins(world.get());
    REQUIRE(lilv_plugins_size(all) == 1);
    plugin = lilv_plugins_get(all, lilv_plugins_begin(all));
    REQUIRE(plugin != nullptr);
    const LV2_Feature feature{LV2_URID__map, &map};
    const LV2_Feature* features[] = {has_map ? &feature : nullptr, nullptr};
    instance.reset(lilv_plugin_instantiate(plugin, rate, features));
    REQUIRE(instance);
    const std::uint32_t count = lilv_plugin_get_num_ports(plugin);
    std::vector<float> usual(count);
    lilv_plugin_get_port_ranges_float(plugin, nullptr, nullptr, usual.data());
    for (std::uint32_t i = 0; i < count; ++i)
      if (!std::isnan(usual[i])) {
        float& value = controls[symbol(i)];
        value = usual[i];
        lilv_instance_connect_port(instance.get(), i, &value);
      }
    const UniqueNode audio(lilv_new_uri(world.get(), LV2_CORE__AudioPort));
    for (std::uint32_t i = 0; i < count; ++i)
      if (lilv_port_is_a(plugin, lilv_plugin_get_port_by_index(plugin, i), audio.get())) outputs.push_back(i);
    lilv_instance_connect_port(instance.get(), 0, has_map ? midi.data() : nullptr);
    clear_midi();
    lilv_instance_activate(instance.get());
  }

  std::string symbol(std::uint32_t port) const {
    return lilv_node_as_string(lilv_port_get_symbol(plugin, lilv_plugin_get_port_by_index(plugin, port)));
  }

  LV2_Atom_Sequence* sequence() { return reinterpret_cast<LV2_Atom_Sequence*>(midi.data()); }
  void clear_midi() {
    sequence()->atom.type = Urids::map(&urids, LV2_ATOM__Sequence);
    sequence()->body = {0, 0};
    lv2_atom_sequence_clear(sequence());
  }
  void add_midi(int frame, std::vector<unsigned char> bytes, const char* type = LV2_MIDI__MidiEvent) {
    struct {
      LV2_Atom_Event event;
      unsigned char bytes[8];
    } atom{};
    atom.event.time.frames = frame;
    atom.event.body = {static_cast<std::uint32_t>(bytes.size()), Urids::map(&urids, type)};
    std::ranges::copy(bytes, atom.bytes);
    REQUIRE(lv2_atom_sequence_append_event(sequence(), midi_bytes, &atom.event) != nullptr);
  }

  std::string uri() const { return lilv_node_as_uri(lilv_plugin_get_uri(plugin)); }

  /// The next `frames` of each output.
  std::vector<std::vector<float>> run_all(int frames) {
    std::vector<std::vector<float>> sounds(outputs.size(),
                                           std::vector<float>(static_cast<std::size_t>(frames) + 1, 7.0f));
    for (std::size_t c = 0; c < outputs.size(); ++c)
      lilv_instance_connect_port(instance.get(), outputs[c], sounds[c].data());
    lilv_instance_run(instance.get(), static_cast<std::uint32_t>(frames));
    for (std::vector<float>& sound : sounds) {
      CHECK(sound.back() == 7.0f);  // not beyond its end
      sound.pop_back();
    }
    clear_midi();
    return sounds;
  }
  /// Of an instrument of one output.
  std::vector<float> run(int frames) {
    REQUIRE(outputs.size() == 1);
    return run_all(frames)[0];
  }
};

inline bool is_heard(const std::vector<float>& sound) {
  return std::ranges::any_of(sound, [](float y) { return std::abs(y) > 1e-3f; });
}

}  // namespace retrograd
