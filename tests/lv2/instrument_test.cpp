// The LV2 instrument in a host, beside the library's own. (lv2apply feeds sound into a plugin's inputs, which an
// instrument does not have.)
#include <doctest/doctest.h>
#include <lilv/lilv.h>
#include <lv2/atom/atom.h>
#include <lv2/atom/util.h>
#include <lv2/midi/midi.h>
#include <lv2/urid/urid.h>
#include <retrograd/instrument/instrument.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

constexpr double rate = 48000.0;
constexpr const char* uri = "urn:retrograd:fm";

template <class T, void (*free_it)(T*)>
struct Freed {
  void operator()(T* that) const { free_it(that); }
};
using World = std::unique_ptr<LilvWorld, Freed<LilvWorld, lilv_world_free>>;
using Node = std::unique_ptr<LilvNode, Freed<LilvNode, lilv_node_free>>;
using Running = std::unique_ptr<LilvInstance, Freed<LilvInstance, lilv_instance_free>>;

/// The host's numbers for URIs.
struct Urids {
  std::map<std::string, LV2_URID> numbers;
  static LV2_URID map(LV2_URID_Map_Handle handle, const char* name) {
    auto& numbers = static_cast<Urids*>(handle)->numbers;
    return numbers.try_emplace(name, static_cast<LV2_URID>(numbers.size() + 1)).first->second;
  }
};

/// A host with the one plugin, all its ports connected.
struct Host {
  World world{lilv_world_new()};
  const LilvPlugin* plugin = nullptr;
  Urids urids;
  LV2_URID_Map map{&urids, &Urids::map};
  Running instance;
  std::map<std::string, float> controls;  // by symbol
  std::vector<std::uint64_t> midi;        // an atom sequence, aligned to 8 bytes
  static constexpr std::size_t midi_bytes = 1 << 16;

  explicit Host(bool has_map = true) : midi(midi_bytes / 8) {
    const Node bundle(lilv_new_file_uri(world.get(), nullptr, RETROGRAD_LV2_BUNDLE "/"));
    lilv_world_load_bundle(world.get(), bundle.get());
    const Node name(lilv_new_uri(world.get(), uri));
    plugin = lilv_plugins_get_by_uri(lilv_world_get_all_plugins(world.get()), name.get());
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

  std::vector<float> run(int frames) {
    std::vector<float> sound(static_cast<std::size_t>(frames) + 1, 7.0f);
    lilv_instance_connect_port(instance.get(), 1, sound.data());
    lilv_instance_run(instance.get(), static_cast<std::uint32_t>(frames));
    CHECK(sound.back() == 7.0f);  // not beyond its end
    sound.pop_back();
    clear_midi();
    return sound;
  }
};

/// The library's instrument, played as the plugin plays it.
struct Reference : Instrument {
  Reference() : Instrument(default_rack_to_fit(), {.level = 0.125}) { prepare(rate, 1024); }
  std::vector<float> run(int frames) {
    std::vector<float> sound(static_cast<std::size_t>(frames));
    for (int start = 0; start < frames; start += 1024)
      REQUIRE(process(sound.data() + start, std::min(1024, frames - start)) == StreamStatus::ok);
    return sound;
  }
};

bool is_heard(const std::vector<float>& sound) {
  return std::ranges::any_of(sound, [](float y) { return std::abs(y) > 1e-3f; });
}

}  // namespace

TEST_CASE(
    "each parameter of the patch is a control, with the patch's value, and nothing else but the note is") {
  const Host host;
  Rack patch = default_rack_to_fit();
  const std::vector<RackParameter> wanted = parameters(patch);
  const std::uint32_t count = lilv_plugin_get_num_ports(host.plugin);
  REQUIRE(count == 5 + wanted.size() - 1 + 1);  // all but the frequency, and the volume
  std::vector<float> low(count), high(count), usual(count);
  lilv_plugin_get_port_ranges_float(host.plugin, low.data(), high.data(), usual.data());
  const char* before[] = {"notes", "out", "gate", "key", "velocity"};
  for (std::uint32_t i = 0; i < 5; ++i) CHECK(host.symbol(i) == before[i]);
  CHECK(host.symbol(count - 1) == "volume");
  for (std::uint32_t i = 5; i < count - 1; ++i) {
    const RackParameter& parameter = wanted[i - 4];
    std::string symbol = parameter.name;
    std::ranges::replace(symbol, '.', '_');
    CHECK(host.symbol(i) == symbol);
    CHECK(usual[i] == static_cast<float>(parameter.value));
    CHECK(low[i] < high[i]);
    CHECK(low[i] <= usual[i]);
    CHECK(usual[i] <= high[i]);
    CHECK(parameter.domain().contains(low[i]));
    CHECK(parameter.domain().contains(high[i]));
  }
}

TEST_CASE("gate and key play the library's own sound, whatever the blocks") {
  for (const int frames : {1, 64, 1000, 5000}) {
    Host host(false);  // without MIDI, too
    Reference instrument;
    const auto same = [&](int blocks) {
      bool heard = false;
      for (int block = 0; block < blocks; ++block) {
        const std::vector<float> sound = host.run(frames);
        heard = heard || is_heard(sound);
        REQUIRE(sound == instrument.run(frames));
      }
      return heard;
    };
    const int blocks = std::max(1, 4000 / frames);
    CHECK_FALSE(same(1));
    host.controls["gate"] = 1.0f;
    host.controls["velocity"] = 0.5f;
    instrument.note_on(60, 0.5);
    CHECK(same(blocks));
    host.controls["key"] = 67.0f;  // another key while the gate is high is another note
    instrument.note_off(60);
    instrument.note_on(67, 0.5);
    CHECK(same(blocks));
    host.controls["gate"] = 0.0f;
    instrument.note_off(67);
    CHECK(same(blocks));
  }
}

TEST_CASE("MIDI plays the library's own sound, each message at its sample") {
  Host host;
  Reference instrument;
  std::mt19937 random(1);
  for (int block = 0; block < 30; ++block) {
    const int frames = 1 + static_cast<int>(random() % 3000);
    int at = 0;
    for (int i = 0; i < 20; ++i) {
      at = std::min(frames - 1, at + static_cast<int>(random() % 200));
      const unsigned char kinds[] = {0x90, 0x90, 0x80, 0xe0, 0xb0};
      const auto kind = static_cast<unsigned char>(kinds[random() % 5] + random() % 16);
      std::vector<unsigned char> bytes{kind, static_cast<unsigned char>(random() % 128),
                                       static_cast<unsigned char>(random() % 128)};
      if ((bytes[0] & 0xf0) == 0xb0) bytes[1] = 64;
      host.add_midi(at, bytes);
      REQUIRE(instrument.midi(bytes.data(), 3, at));
    }
    const std::vector<float> sound = host.run(frames);
    REQUIRE(sound == instrument.run(frames));
    if (block == 29) CHECK(is_heard(sound));
  }
}

TEST_CASE("a control that changes glides; what the first run finds is there at once") {
  Host host;
  Reference instrument;
  host.controls["fm_operator_1_gain"] = 3.0f;
  host.controls["fm_operator_0_envelope_attack"] = 0.25f;
  host.controls["gate"] = 1.0f;
  CHECK(instrument.set(instrument.parameter("fm.operator.1.gain"), 3.0));
  CHECK(instrument.set(instrument.parameter("fm.operator.0.envelope.attack"), 0.25));
  instrument.reset();
  instrument.note_on(60, 1.0);
  CHECK(host.run(500) == instrument.run(500));
  host.controls["fm_operator_1_gain"] = 1.0f;
  CHECK(instrument.set(instrument.parameter("fm.operator.1.gain"), 1.0));
  CHECK(host.run(2000) == instrument.run(2000));
}

TEST_CASE("controls that are no number count as untouched, those out of range as its end") {
  Host host;
  Reference instrument;
  host.controls["fm_operator_0_gain"] = std::numeric_limits<float>::quiet_NaN();
  host.controls["fm_operator_1_gain"] = std::numeric_limits<float>::infinity();
  host.controls["fm_operator_2_gain"] = -5.0f;
  host.controls["fm_operator_3_ratio"] = 0.0f;
  CHECK(instrument.set(instrument.parameter("fm.operator.2.gain"), 0.0));
  CHECK(instrument.set(instrument.parameter("fm.operator.3.ratio"), 0.05));
  instrument.reset();
  host.controls["gate"] = 1.0f;
  host.controls["key"] = 500.0f;
  instrument.note_on(127, 1.0);
  CHECK(host.run(3000) == instrument.run(3000));
}

TEST_CASE(
    "messages that are broken or of another kind are passed over, and more than it holds are all played") {
  Host host;
  Reference instrument;
  host.add_midi(0, {0x90, 60});
  host.add_midi(0, {60, 60, 60});
  host.add_midi(0, {0x90, 200, 60});
  host.add_midi(0, {0xf0, 1, 2, 3, 0xf7});
  host.add_midi(0, {0x90, 60, 60}, "urn:something-else");
  CHECK_FALSE(is_heard(host.run(2000)));
  for (int i = 0; i < 1500; ++i) host.add_midi(10, {0x90, static_cast<unsigned char>(i % 128), 100});
  for (int i = 0; i < 128; ++i) host.add_midi(500, {0x80, static_cast<unsigned char>(i), 0});
  CHECK(is_heard(host.run(24000)));
  for (int second = 0; second < 10; ++second) host.run(48000);
  CHECK_FALSE(is_heard(host.run(4800)));  // every note has ended
}

TEST_CASE("a note at full velocity peaks at a third of full scale, and the volume is in decibels") {
  const auto peak = [](float decibels, int notes) {
    Host host;
    host.controls["volume"] = decibels;
    for (int i = 0; i < notes; ++i) host.add_midi(0, {0x90, static_cast<unsigned char>(60 + 4 * i), 127});
    float most = 0.0f;
    for (const float y : host.run(96000)) most = std::max(most, std::abs(y));
    return most;
  };
  const float one = peak(0.0f, 1);
  CHECK(one > 0.2f);
  CHECK(one < 0.4f);
  CHECK(peak(0.0f, 3) < 1.0f);
  CHECK(peak(6.0f, 1) == doctest::Approx(one * std::pow(10.0, 0.3)).epsilon(1e-5));
  CHECK(peak(-60.0f, 1) == 0.0f);
  CHECK(peak(500.0f, 1) == doctest::Approx(one * std::pow(10.0, 0.9)).epsilon(1e-5));  // its end
}

TEST_CASE("an event of MIDI may hold several messages") {
  Host host;
  Reference instrument;
  host.add_midi(7, {0x90, 60, 100, 64, 100, 0xf8});
  instrument.note_on(60, 100 / 127.0, 7);
  instrument.note_on(64, 100 / 127.0, 7);
  CHECK(host.run(3000) == instrument.run(3000));
}

TEST_CASE("activate begins anew, and instances do not meet") {
  Host first, second;
  first.controls["gate"] = second.controls["gate"] = 1.0f;
  const std::vector<float> sound = first.run(3000);
  CHECK(is_heard(sound));
  CHECK(second.run(3000) == sound);
  lilv_instance_deactivate(first.instance.get());
  lilv_instance_activate(first.instance.get());
  CHECK(first.run(3000) == sound);
}
