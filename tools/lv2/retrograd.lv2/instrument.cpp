// The instrument as an LV2 plug-in: it plays the rack of the bundle that it lies in. It is played by MIDI, or, in a host
// without, by the controls `gate`, `key` and `velocity`.
#include <lv2/atom/atom.h>
#include <lv2/atom/util.h>
#include <lv2/core/lv2.h>
#include <lv2/midi/midi.h>
#include <lv2/urid/urid.h>
#include <retrograd/instrument/instrument.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <list>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "../bundle.hpp"
#include "../ports.hpp"

namespace retrograd::lv2 {
namespace {

constexpr std::uint32_t longest_block = 1024;  // longer runs are played in parts

class Plugin {
 public:
  Plugin(const Bundle& bundle, double sample_rate, const LV2_URID_Map* map)
      : ports_(ports(bundle.rack)),
        level_(bundle.level),
        instrument_(bundle.rack, {.level = bundle.level}),
        connected_(ports_.size(), nullptr),
        parameter_(ports_.size(), -1),
        taken_(ports_.size(), std::numeric_limits<double>::quiet_NaN()) {
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      const auto index = static_cast<std::uint32_t>(i);
      switch (ports_[i].kind) {
        case Port::Kind::midi:
          midi_port_ = index;
          break;
        case Port::Kind::audio:
          audio_ports_.push_back(index);
          break;
        case Port::Kind::gate:
          gate_port_ = index;
          break;
        case Port::Kind::key:
          key_port_ = index;
          break;
        case Port::Kind::velocity:
          velocity_port_ = index;
          break;
        case Port::Kind::parameter:
          parameter_[i] = instrument_.parameter(ports_[i].parameter);
          break;
        case Port::Kind::volume:
          volume_port_ = index;
          break;
      }
    }
    outputs_.resize(audio_ports_.size());
    unheard_.resize(longest_block);
    if (map != nullptr) midi_event_ = map->map(map->handle, LV2_MIDI__MidiEvent);
    instrument_.prepare(sample_rate, static_cast<int>(longest_block));
  }

  void connect(std::uint32_t port, void* data) noexcept {
    if (port < connected_.size()) connected_[port] = data;
  }

  /// The next run is the first.
  void activate() noexcept {
    is_first_ = true;
    is_on_ = false;
  }

  void run(std::uint32_t frames) noexcept {
    take_parameters();
    take_gate();
    const auto* midi = static_cast<const LV2_Atom_Sequence*>(connected_[midi_port_]);
    const LV2_Atom_Event* event = midi != nullptr ? lv2_atom_sequence_begin(&midi->body) : nullptr;
    for (std::uint32_t start = 0; start < frames;) {
      std::uint32_t part = std::min(frames - start, longest_block);
      for (; event != nullptr && !lv2_atom_sequence_is_end(&midi->body, midi->atom.size, event);
           event = lv2_atom_sequence_next(event)) {
        const std::int64_t offset = std::max<std::int64_t>(event->time.frames - start, 0);
        if (offset >= part) break;
        if (!take(*event, static_cast<int>(offset))) {  // the instrument holds no more until it has played
          part = std::max<std::uint32_t>(static_cast<std::uint32_t>(offset), 1);
          break;
        }
      }
      play(start, part);
      start += part;
    }
  }

 private:
  // The next `part` samples, into the outputs from `start` on. An output that is not connected is played nowhere.
  void play(std::uint32_t start, std::uint32_t part) noexcept {
    for (std::size_t c = 0; c < outputs_.size(); ++c) {
      auto* output = static_cast<float*>(connected_[audio_ports_[c]]);
      outputs_[c] = output != nullptr ? output + start : unheard_.data();
    }
    instrument_.process(outputs_.data(), static_cast<int>(part));
  }

  // A control where it is a number, within its range.
  double control(std::uint32_t port) const noexcept {
    const auto* data = static_cast<const float*>(connected_[port]);
    const Port& what = ports_[port];
    // A float is not quite the rack's own number; where it is as near as can be, that is meant.
    if (data == nullptr || !std::isfinite(*data) || *data == static_cast<float>(what.usual))
      return what.usual;
    const auto value = static_cast<double>(*data);
    // What presets and hosts say beyond the knob's ends is taken where the parameter can have it.
    if (what.kind == Port::Kind::parameter && what.domain.contains(value)) return value;
    return std::clamp(value, what.low, what.high);
  }

  void take_parameters() noexcept {
    for (std::uint32_t i = 0; i < ports_.size(); ++i) {
      if (parameter_[i] < 0) continue;
      const double value = control(i);
      if (value != taken_[i] && instrument_.set(parameter_[i], value)) taken_[i] = value;
    }
    // -60 dB, the control's end, is silence.
    const double decibels = control(volume_port_);
    const double level = decibels <= ports_[volume_port_].low ? 0.0 : std::pow(10.0, decibels / 20.0);
    if (level * level_ != instrument_.level()) instrument_.set_level(std::min(level * level_, 1000.0));
    // What the first run finds is there at once; later changes glide.
    if (is_first_) instrument_.reset();
    is_first_ = false;
  }

  void take_gate() noexcept {
    const bool is_on = control(gate_port_) >= 0.5;
    const double key = control(key_port_);
    if (is_on == is_on_ && (!is_on || key == key_)) return;
    if (is_on_) instrument_.note_off(key_);
    if (is_on) instrument_.note_on(key, control(velocity_port_));
    is_on_ = is_on;
    key_ = key;
  }

  // False where the instrument has no room. What is no MIDI, or broken, is passed over.
  bool take(const LV2_Atom_Event& event, int offset) noexcept {
    if (midi_event_ == 0 || event.body.type != midi_event_) return true;
    const auto* bytes = static_cast<const unsigned char*>(LV2_ATOM_BODY_CONST(&event.body));
    const int size = static_cast<int>(std::min(event.body.size, std::uint32_t{1} << 20));
    // As many events as bytes are room enough for any message that is right.
    return instrument_.midi(bytes, size, offset) ||
           instrument_.room() >= std::min(size, Instrument::max_events);
  }

  std::vector<Port> ports_;
  double level_;  // at a volume of 0 dB
  Instrument instrument_;
  std::vector<void*> connected_;
  std::vector<int> parameter_;  // of each port, -1 for none
  std::vector<double> taken_;
  LV2_URID midi_event_ = 0;
  std::vector<std::uint32_t> audio_ports_;
  std::vector<float*> outputs_;
  std::vector<float> unheard_;
  std::uint32_t midi_port_ = 0, gate_port_ = 0, key_port_ = 0, velocity_port_ = 0, volume_port_ = 0;
  bool is_first_ = true, is_on_ = false;
  double key_ = 0.0;
};

/// What a bundle's plug-in is to a host. One binary may be loaded from many bundles, each for itself.
struct Instruments {
  LV2_Lib_Descriptor library{};
  struct Described : LV2_Descriptor {
    const Bundle* bundle;
  } described{};
  Bundle bundle;
};

/// Those that hosts have, until they say that they are done or, as lilv does, unload the binary without a word.
struct Described {
  std::mutex mutex;
  std::list<Instruments> all;
} described_so_far;

// No exception may reach the host.
LV2_Handle instantiate(const LV2_Descriptor* descriptor, double sample_rate, const char*,
                       const LV2_Feature* const* features) {
  const LV2_URID_Map* map = nullptr;
  for (; features != nullptr && *features != nullptr; ++features)
    if (std::strcmp((*features)->URI, LV2_URID__map) == 0)
      map = static_cast<LV2_URID_Map*>((*features)->data);
  try {
    return new Plugin(*static_cast<const Instruments::Described*>(descriptor)->bundle, sample_rate, map);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "retrograd: %s\n", error.what());
    return nullptr;
  }
}

Plugin& plugin_of(LV2_Handle handle) { return *static_cast<Plugin*>(handle); }

const LV2_Lib_Descriptor* describe(const char* folder) {
  Bundle bundle = load_bundle(folder);
  const std::lock_guard lock(described_so_far.mutex);
  Instruments* const made = &described_so_far.all.emplace_back();
  made->bundle = std::move(bundle);
  static_cast<LV2_Descriptor&>(made->described) = {
      made->bundle.uri.c_str(),
      instantiate,
      [](LV2_Handle handle, std::uint32_t port, void* data) { plugin_of(handle).connect(port, data); },
      [](LV2_Handle handle) { plugin_of(handle).activate(); },
      [](LV2_Handle handle, std::uint32_t frames) { plugin_of(handle).run(frames); },
      nullptr,
      [](LV2_Handle handle) { delete static_cast<Plugin*>(handle); },
      nullptr};
  made->described.bundle = &made->bundle;
  made->library = {made, sizeof(LV2_Lib_Descriptor),
                   [](LV2_Lib_Handle handle) {
                     const std::lock_guard done(described_so_far.mutex);
                     described_so_far.all.remove_if([&](const Instruments& each) { return &each == handle; });
                   },
                   [](LV2_Lib_Handle handle, std::uint32_t index) -> const LV2_Descriptor* {
                     return index == 0 ? &static_cast<Instruments*>(handle)->described : nullptr;
                   }};
  return &made->library;
}

}  // namespace
}  // namespace retrograd::lv2

LV2_SYMBOL_EXPORT const LV2_Lib_Descriptor* lv2_lib_descriptor(const char* bundle_path,
                                                               const LV2_Feature* const*) {
  try {
    return retrograd::lv2::describe(bundle_path);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", RETROGRAD_LV2_MARK, error.what());
    return nullptr;
  }
}
