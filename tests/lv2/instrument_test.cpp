// The LV2 instrument in a host, beside the library's own. (lv2apply feeds sound into a plugin's inputs, which an
// instrument does not have.)
#include <doctest/doctest.h>
#include <retrograd/instrument/instrument.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "host.hpp"

using namespace retrograd;

namespace {

/// The instrument that is built with the library.
struct BuiltIn : Host {
  explicit BuiltIn(bool has_map = true) : Host(RETROGRAD_LV2_BUNDLE, has_map) {}
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

}  // namespace

TEST_CASE(
    "each parameter of the rack is a control, with its value and its shown range, and nothing else but the "
    "note is") {
  const BuiltIn host;
  Rack patch = default_rack_to_fit();
  CHECK(host.uri() == "urn:retrograd:fm");
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
    CHECK(low[i] == doctest::Approx(std::min(parameter.spec.low_shown, parameter.value)));
    CHECK(high[i] == doctest::Approx(std::max(parameter.spec.high_shown, parameter.value)));
  }
}

TEST_CASE("what sessions have saved stays right: symbols, names and indices are those of the first version") {
  const BuiltIn host;
  const char* ends[] = {"ratio",           "gain", "envelope_attack", "envelope_decay", "envelope_sustain",
                        "envelope_release"};
  const char* names[] = {"ratio", "gain", "attack", "decay", "sustain", "release"};
  std::uint32_t port = 5;
  for (int i = 0; i < 6; ++i)
    for (int p = 0; p < 6; ++p, ++port) {
      CHECK(host.symbol(port) == "fm_operator_" + std::to_string(i) + "_" + ends[p]);
      const UniqueNode name(
          lilv_port_get_name(host.plugin, lilv_plugin_get_port_by_index(host.plugin, port)));
      CHECK(lilv_node_as_string(name.get()) == "Operator " + std::to_string(i) + " " + names[p]);
    }
}

TEST_CASE("gate and key play the library's own sound, whatever the blocks") {
  for (const int frames : {1, 64, 1000, 5000}) {
    BuiltIn host(false);  // without MIDI, too
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
  BuiltIn host;
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
  BuiltIn host;
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
  BuiltIn host;
  Reference instrument;
  host.controls["fm_operator_0_gain"] = std::numeric_limits<float>::quiet_NaN();
  host.controls["fm_operator_1_gain"] = std::numeric_limits<float>::infinity();
  host.controls["fm_operator_2_gain"] = -5.0f;
  host.controls["fm_operator_3_ratio"] = 0.0f;
  CHECK(instrument.set(instrument.parameter("fm.operator.2.gain"), 0.0));
  CHECK(instrument.set(instrument.parameter("fm.operator.3.ratio"), 0.125));
  instrument.reset();
  host.controls["gate"] = 1.0f;
  host.controls["key"] = 500.0f;
  instrument.note_on(127, 1.0);
  CHECK(host.run(3000) == instrument.run(3000));
}

TEST_CASE(
    "messages that are broken or of another kind are passed over, and more than it holds are all played") {
  BuiltIn host;
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
    BuiltIn host;
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
  BuiltIn host;
  Reference instrument;
  host.add_midi(7, {0x90, 60, 100, 64, 100, 0xf8});
  instrument.note_on(60, 100 / 127.0, 7);
  instrument.note_on(64, 100 / 127.0, 7);
  CHECK(host.run(3000) == instrument.run(3000));
}

TEST_CASE("activate begins anew, and instances do not meet") {
  BuiltIn first, second;
  first.controls["gate"] = second.controls["gate"] = 1.0f;
  const std::vector<float> sound = first.run(3000);
  CHECK(is_heard(sound));
  CHECK(second.run(3000) == sound);
  lilv_instance_deactivate(first.instance.get());
  lilv_instance_activate(first.instance.get());
  CHECK(first.run(3000) == sound);
}
