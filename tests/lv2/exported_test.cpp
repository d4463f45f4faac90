// `retrograd export-lv2`: the bundles that it writes, in a host.
#include <doctest/doctest.h>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/racks/rack_file.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "../tools/program.hpp"
#include "host.hpp"

namespace {

namespace fs = std::filesystem;

/// The subtractive rack, in stereo: the second oscillator is heard on the right alone, too.
Rack stereo_rack() {
  Rack rack = load_rack(RETROGRAD_SOURCE_ROOT "/tests/racks/subtractive.toml");
  const ModuleList modules;
  rack.modules.push_back(make_module("amp_right", *modules.find("vca")));
  rack.cables.push_back({"osc_2.out", "amp_right.in"});
  rack.cables.push_back({"amp_env.out", "amp_right.cv"});
  rack.outputs = {"amp.out", "amp_right.out"};
  return rack;
}

/// A folder with stereo.toml, its presets bright.toml and dull.toml, and, where it could be exported, stereo.lv2.
struct Exported : Scratch {
  Rack rack = stereo_rack();

  explicit Exported(const Arguments& further = {}) {
    save_rack(rack, *this / "stereo.toml");
    Rack bright = rack;
    find_parameter(bright, "osc_1.ratio").value = 3.5;
    find_parameter(bright, "amp_env.attack").value = 0.0;  // below its knob
    save_rack(bright, *this / "bright.toml");
    Rack dull = rack;
    find_parameter(dull, "mix.level.1").value = 30.0;  // above it
    save_rack(dull, *this / "dull.toml");
    Arguments arguments{"export-lv2", "stereo.toml", "-o",       "stereo.lv2",
                        "--preset",   "bright.toml", "--preset", "dull.toml"};
    arguments.insert(arguments.end(), further.begin(), further.end());
    const Outcome outcome = run(*this, arguments);
    INFO(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.starts_with("stereo.lv2: "));
  }
  std::string bundle() const { return *this / "stereo.lv2"; }
};

/// The level that the bundle has at a volume of 0 dB.
double level_in(const std::string& bundle) {
  const std::string text = content(bundle + "/lv2.toml");
  return std::strtod(text.c_str() + text.find("level = ") + 8, nullptr);
}

/// The library's instrument of the rack, played as the plug-in plays it.
struct Reference : Instrument {
  Reference(const Rack& rack, double level) : Instrument(rack, {.level = level}) { prepare(rate, 1024); }
  std::vector<std::vector<float>> run(int frames) {
    std::vector<std::vector<float>> sounds(static_cast<std::size_t>(channels()),
                                           std::vector<float>(static_cast<std::size_t>(frames)));
    for (int start = 0; start < frames; start += 1024) {
      std::vector<float*> outputs;
      for (std::vector<float>& sound : sounds) outputs.push_back(sound.data() + start);
      REQUIRE(process(outputs.data(), std::min(1024, frames - start)) == StreamStatus::ok);
    }
    return sounds;
  }
};

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

}  // namespace

TEST_CASE("an exported rack plays in a host as the library plays it, by MIDI, on all its outputs") {
  const Exported exported;
  Host host(exported.bundle(), true);
  REQUIRE(host.outputs.size() == 2);
  Reference instrument(exported.rack, level_in(exported.bundle()));
  host.add_midi(100, {0x90, 57, 100});
  host.add_midi(700, {0xd0, 64});
  const unsigned char on[] = {0x90, 57, 100}, off[] = {0x80, 57, 0};
  REQUIRE(instrument.midi(on, 3, 100));
  const auto sound = host.run_all(5000);
  CHECK(sound == instrument.run(5000));
  CHECK(is_heard(sound[0]));
  CHECK(is_heard(sound[1]));
  CHECK(sound[0] != sound[1]);
  host.add_midi(3, {0x80, 57, 0});
  REQUIRE(instrument.midi(off, 3, 3));
  CHECK(host.run_all(48000) == instrument.run(48000));
  CHECK_FALSE(is_heard(host.run_all(4800)[0]));  // its note has ended
  // One output that is not connected leaves the other as it is.
  host.controls["gate"] = 1.0f;
  instrument.note_on(60, 1.0);
  std::vector<float> right(3000);
  lilv_instance_connect_port(host.instance.get(), host.outputs[0], nullptr);
  lilv_instance_connect_port(host.instance.get(), host.outputs[1], right.data());
  instrument.run(4800);
  lilv_instance_run(host.instance.get(), 3000);
  CHECK(is_heard(right));
}

TEST_CASE("an exported rack's ports are its parameters, in their shown ranges") {
  const Exported exported;
  const Host host(exported.bundle(), true);
  Rack rack = exported.rack;
  const std::vector<RackParameter> wanted = parameters(rack);
  const std::uint32_t count = lilv_plugin_get_num_ports(host.plugin);
  REQUIRE(count == 6 + wanted.size() - 1 + 1);
  const char* before[] = {"notes", "out_left", "out_right", "gate", "key", "velocity"};
  for (std::uint32_t i = 0; i < 6; ++i) CHECK(host.symbol(i) == before[i]);
  std::vector<float> low(count), high(count), usual(count);
  lilv_plugin_get_port_ranges_float(host.plugin, low.data(), high.data(), usual.data());
  const UniqueNode property(lilv_new_uri(host.world.get(), "http://lv2plug.in/ns/lv2core#portProperty"));
  const UniqueNode logarithmic(
      lilv_new_uri(host.world.get(), "http://lv2plug.in/ns/ext/port-props#logarithmic"));
  const UniqueNode unit(lilv_new_uri(host.world.get(), "http://lv2plug.in/ns/extensions/units#unit"));
  std::vector<std::string> symbols;
  for (std::uint32_t i = 6; i < count - 1; ++i) {
    const RackParameter& parameter = wanted[i - 5];
    const LilvPort* port = lilv_plugin_get_port_by_index(host.plugin, i);
    INFO(parameter.name);
    symbols.push_back(host.symbol(i));
    CHECK(usual[i] == static_cast<float>(parameter.value));
    const bool is_of_preset = parameter.name == "amp_env.attack" || parameter.name == "mix.level.1";
    if (!is_of_preset) {
      CHECK(low[i] == doctest::Approx(std::min(parameter.value, parameter.spec.low_shown)));
      CHECK(high[i] == doctest::Approx(std::max(parameter.value, parameter.spec.high_shown)));
      CHECK(lilv_port_has_property(host.plugin, port, logarithmic.get()) ==
            (parameter.spec.is_logarithmic && low[i] > 0));
    }
    const UniqueNode its_unit(lilv_port_get(host.plugin, port, unit.get()));
    if (parameter.spec.unit == Unit::seconds)
      CHECK(std::string(lilv_node_as_string(its_unit.get())).ends_with("#s"));
    if (parameter.spec.unit == Unit::hertz)
      CHECK(std::string(lilv_node_as_string(its_unit.get())).ends_with("#hz"));
  }
  const auto at = [&](const char* symbol) {
    const auto found = std::ranges::find(symbols, symbol);
    REQUIRE(found != symbols.end());
    return static_cast<std::size_t>(found - symbols.begin()) + 6;
  };
  CHECK(low[at("amp_env_attack")] == 0.0f);  // as far as presets go
  CHECK(high[at("mix_level_1")] == 30.0f);
  const UniqueNode name(lilv_port_get_name(
      host.plugin, lilv_plugin_get_port_by_index(
                       host.plugin, static_cast<std::uint32_t>(at("pitch_env_out_osc_1_ratio")))));
  CHECK(std::string(lilv_node_as_string(name.get())) == "Pitch env to osc 1 ratio");
}

TEST_CASE("presets are listed, and a host that loads one plays the preset's rack") {
  const Exported exported;
  Host host(exported.bundle(), true);
  const UniqueNode preset_class(lilv_new_uri(host.world.get(), "http://lv2plug.in/ns/ext/presets#Preset"));
  LilvNodes* presets = lilv_plugin_get_related(host.plugin, preset_class.get());
  REQUIRE(lilv_nodes_size(presets) == 2);
  std::vector<std::string> labels;
  LILV_FOREACH(nodes, i, presets) {
    const LilvNode* preset = lilv_nodes_get(presets, i);
    REQUIRE(lilv_world_load_resource(host.world.get(), preset) >= 0);  // both lie in one file
    LilvState* state = lilv_state_new_from_world(host.world.get(), &host.map, preset);
    REQUIRE(state != nullptr);
    labels.push_back(lilv_state_get_label(state));
    lilv_state_emit_port_values(
        state,
        [](const char* symbol, void* controls, const void* value, std::uint32_t, std::uint32_t) {
          (*static_cast<std::map<std::string, float>*>(controls))[symbol] = *static_cast<const float*>(value);
        },
        &host.controls);
    const Rack wanted = load_rack(exported / (labels.back() + ".toml"));
    Reference instrument(wanted, level_in(exported.bundle()));
    lilv_instance_activate(host.instance.get());
    Host fresh(exported.bundle(), true);
    for (const auto& [symbol, value] : host.controls) fresh.controls.at(symbol) = value;
    fresh.add_midi(0, {0x90, 57, 127});
    const unsigned char on[] = {0x90, 57, 127};
    REQUIRE(instrument.midi(on, 3, 0));
    const std::vector<float> heard = fresh.run_all(4800)[0], expected = instrument.run(4800)[0];
    float farthest = 0.0f, peak = 0.0f;
    for (std::size_t n = 0; n < heard.size(); ++n) {
      farthest = std::max(farthest, std::abs(heard[n] - expected[n]));
      peak = std::max(peak, std::abs(expected[n]));
    }
    CHECK(peak > 0.1f);
    CHECK(farthest < 1e-4f * peak);  // controls are floats
    lilv_state_free(state);
  }
  std::ranges::sort(labels);
  CHECK(labels == std::vector<std::string>{"bright", "dull"});
  lilv_nodes_free(presets);
}

TEST_CASE("a URI is the instrument's own and stays when values change") {
  const Exported exported, named({"--name", "Another one"});
  const std::string uri = Host(exported.bundle(), true).uri();
  CHECK(uri.starts_with("urn:retrograd:stereo:"));
  CHECK(Host(named.bundle(), true).uri().starts_with("urn:retrograd:another-one:"));
  REQUIRE(run(exported, {"export-lv2", "bright.toml", "--name", "stereo", "-o", "again.lv2"}).code == 0);
  CHECK(Host(exported / "again.lv2", true).uri() == uri);
  Rack other = exported.rack;
  other.cables.push_back({"vibrato.out", "amp.level", 0.0});
  save_rack(other, exported / "other.toml");
  REQUIRE(run(exported, {"export-lv2", "other.toml", "--name", "stereo", "-o", "other.lv2"}).code == 0);
  CHECK(Host(exported / "other.lv2", true).uri() != uri);
}

TEST_CASE("two bundles in one host are two instruments") {
  const Exported exported;
  Host stereo(exported.bundle(), true), fm(RETROGRAD_LV2_BUNDLE, true);
  stereo.add_midi(0, {0x90, 57, 127});
  fm.add_midi(0, {0x90, 57, 127});
  const std::vector<float> alone = stereo.run_all(3000)[0];
  CHECK(is_heard(alone));
  CHECK(is_heard(fm.run(3000)));
  CHECK(stereo.uri() != fm.uri());
}

TEST_CASE("one note of an exported rack peaks at a third of full scale, however slow its attack") {
  for (const double attack : {0.005, 3.0}) {
    const Exported exported({"--set", "amp_env.attack=" + std::to_string(attack)});
    Host host(exported.bundle(), true);
    host.add_midi(0, {0x90, 60, 127});
    float peak = 0.0f;
    for (int second = 0; second < 5; ++second)
      for (const std::vector<float>& sound : host.run_all(48000))
        for (const float y : sound) peak = std::max(peak, std::abs(y));
    CHECK(peak == doctest::Approx(1.0 / 3.0).epsilon(0.03));
  }
}

TEST_CASE("a bundle is written whole or not at all, and replaces nothing else") {
  const Exported exported;
  const std::vector<std::string> all = names_in(exported.path);
  const auto fails = [&](int code, const Arguments& arguments, const std::string& words) {
    const Outcome outcome = run(exported, arguments);
    INFO(outcome.err);
    CHECK(outcome.code == code);
    CHECK(contains(outcome.err, words));
    CHECK(names_in(exported.path) == all);
  };
  fails(3, {"export-lv2", "stereo.toml", "-o", "stereo.lv2"}, "--force");
  fails(2, {"export-lv2", "stereo.toml", "-o", "stereo"}, "does not end in .lv2");
  fails(3, {"export-lv2", "stereo.toml", "-o", "no/such/folder.lv2"}, "no folder");
  fails(3, {"export-lv2", "no.toml", "-o", "new.lv2"}, "no.toml");
  fails(3,
        {"export-lv2", "stereo.toml", "-o", "new.lv2", "--preset",
         RETROGRAD_SOURCE_ROOT "/tests/racks/subtractive.toml"},
        "has 7 modules where the rack has 8");
  fails(2, {"export-lv2", "stereo.toml", "-o", "new.lv2", "--preset", "dull.toml", "--preset", "dull.toml"},
        "two presets");
  fails(3, {"export-lv2", "stereo.toml", "-o", "new.lv2", "--plugin", "no.so"}, "no.so");
  fails(3, {"export-lv2", "stereo.toml", "-o", "new.lv2", "--plugin", "stereo.toml"},
        "is not the LV2 instrument");
  fs::create_directory(exported / "mine.lv2");
  const std::vector<std::string> with_mine = names_in(exported.path);
  CHECK(run(exported, {"export-lv2", "stereo.toml", "-o", "mine.lv2", "--force"}).code == 3);
  CHECK(names_in(exported.path) == with_mine);
  fs::remove(exported / "mine.lv2");
  // With --force it is the new one, and nothing of the old is left.
  put(exported / "stereo.lv2/left-over.ttl", "");
  CHECK(run(exported, {"export-lv2", "bright.toml", "-o", "stereo.lv2/", "--force"}).code == 0);
  CHECK(names_in(exported.path) == all);
  CHECK(names_in(exported / "stereo.lv2") == std::vector<std::string>{"lv2.toml", "manifest.ttl",
                                                                      "presets.ttl", "rack.toml",
                                                                      "retrograd.so", "retrograd.ttl"});
  CHECK(Host(exported / "stereo.lv2", true).uri().starts_with("urn:retrograd:bright:"));
}

TEST_CASE("symbols are distinct whatever the modules are called, and names may hold anything") {
  const Scratch scratch;
  const ModuleList modules;
  Rack rack;
  rack.note.gate = {{0.0, 0.5}};
  rack.modules = {
      make_module("a.b_c", *modules.find("oscillator")), make_module("a_b.c", *modules.find("oscillator")),
      make_module("1 \"\\ \xc3\xb6", *modules.find("oscillator")), make_module("sum", *modules.find("sum"))};
  for (int i = 0; i < 3; ++i)
    rack.cables.push_back({rack.modules[static_cast<std::size_t>(i)].name + ".out", "sum.in"});
  rack.outputs = {"sum.out"};
  save_rack(rack, scratch / "odd.toml");
  const Outcome outcome =
      run(scratch, {"export-lv2", "odd.toml", "-o", "odd.lv2", "--name", "an \"odd\" \\ one"});
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  Host host(scratch / "odd.lv2", true);
  CHECK(host.symbol(5) == "a_b_c_ratio");
  CHECK(host.symbol(6) == "a_b_c_ratio_2");
  CHECK(host.symbol(7).starts_with("_1___"));
  const UniqueNode name(lilv_plugin_get_name(host.plugin));
  CHECK(std::string(lilv_node_as_string(name.get())) == "an \"odd\" \\ one");
  host.controls["gate"] = 1.0f;
  CHECK(is_heard(host.run(3000)));
}
