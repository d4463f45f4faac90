#include "bundle.hpp"

#include <retrograd/files/text_file.hpp>
#include <retrograd/files/toml.hpp>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/wording.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "turtle.hpp"

namespace retrograd::lv2 {
namespace {

// FNV-1a, each text with its end.
struct Hash {
  std::uint64_t value = 14695981039346656037u;
  void add(const std::string& text) {
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211u;
    value = (value ^ 0xffu) * 1099511628211u;  // no byte of UTF-8
  }
};

std::string hexadecimal(std::uint64_t value) {
  std::string text(16, '0');
  for (std::size_t i = text.size(); i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  return text;
}

// Small letters, digits and single hyphens.
std::string in_uri(const std::string& name) {
  std::string text;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (is_kept)
      text += c;
    else if (!text.empty() && text.back() != '-')
      text += '-';
  }
  while (!text.empty() && text.back() == '-') text.pop_back();
  return text.empty() ? "rack" : text;
}

std::string in_toml(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 32 || c == 127 ? ' ' : c;
  }
  return quoted + "\"";
}

std::string lv2_toml(const Bundle& bundle) {
  return "uri = " + in_toml(bundle.uri) + "\nname = " + in_toml(bundle.name) +
         "\nlevel = " + decimal(bundle.level) + "\n";
}

}  // namespace

std::string uri_of(const std::string& name, const Rack& rack) {
  Hash hash;
  hash.add(name);
  for (const Module& module : rack.modules) {
    hash.add(module.name);
    hash.add(module.type->name);
    for (const std::int64_t value : module.structure) hash.add(std::to_string(value));
    hash.add("");
  }
  hash.add("cables");
  for (const Cable& cable : rack.cables) {
    hash.add(cable.from);
    hash.add(cable.to);
    hash.add(cable.name);
  }
  hash.add("outputs");
  for (const std::string& output : rack.outputs) hash.add(output);
  return "urn:retrograd:" + in_uri(name) + ":" + hexadecimal(hash.value);
}

double level_of(const Rack& rack) {
  constexpr int block = 512, blocks = 94;  // a second
  Instrument instrument(rack, {.voices = 1});
  instrument.prepare(48000.0, block);
  const auto channels = static_cast<std::size_t>(instrument.channels());
  std::vector<float> samples(channels * block);
  std::vector<float*> outputs;
  for (std::size_t c = 0; c < channels; ++c) outputs.push_back(samples.data() + c * block);
  float peak = 0.0f;
  const auto is_finite_for_a_second = [&] {
    for (int b = 0; b < blocks; ++b) {
      if (instrument.process(outputs.data(), block) != StreamStatus::ok) return false;
      for (const float y : samples) peak = std::max(peak, std::abs(y));
    }
    return true;
  };
  instrument.note_on(60.0, 1.0);
  // Held until it grows no more: an attack may be slow.
  for (int second = 0; second < 12; ++second) {
    const float before = peak;
    if (!is_finite_for_a_second()) return 1.0;
    if (second > 0 && peak > 0.0f && peak <= 1.01f * before) break;
  }
  instrument.note_off(60.0);
  if (!is_finite_for_a_second()) return 1.0;
  if (peak == 0.0f) return 1.0;
  // Three digits: a whole number over a power of ten.
  const double level = std::clamp(1.0 / (3.0 * static_cast<double>(peak)), 1e-6, 1000.0);
  const double power = std::pow(10.0, std::max(2.0 - std::floor(std::log10(level)), 0.0));
  return std::round(level * power) / power;
}

std::string difference(const Rack& rack, const Rack& other) {
  const auto differ = [](const std::string& what, std::size_t a, std::size_t b) {
    return "has " + std::to_string(b) + " " + what + " where the rack has " + std::to_string(a);
  };
  if (rack.modules.size() != other.modules.size())
    return differ("modules", rack.modules.size(), other.modules.size());
  for (std::size_t m = 0; m < rack.modules.size(); ++m) {
    const Module &a = rack.modules[m], &b = other.modules[m];
    if (a.name != b.name || std::string_view(a.type->name) != b.type->name)
      return "has the module " + shown(b.name) + " of type " + b.type->name + " where the rack has " +
             shown(a.name) + " of type " + a.type->name;
    if (a.structure != b.structure) return "has another structure of the module " + shown(a.name);
  }
  if (rack.cables.size() != other.cables.size())
    return differ("cables", rack.cables.size(), other.cables.size());
  for (std::size_t c = 0; c < rack.cables.size(); ++c) {
    const Cable &a = rack.cables[c], &b = other.cables[c];
    if (a.from != b.from || a.to != b.to || a.name != b.name)
      return "has the cable " + shown(name_of(b)) + " where the rack has " + shown(name_of(a));
  }
  if (rack.outputs != other.outputs) return "has other outputs";
  return "";
}

std::vector<BundleFile> files_of(const Bundle& bundle, const std::vector<Preset>& presets) {
  return {{"manifest.ttl", manifest(bundle, presets)},
          {"retrograd.ttl", description(bundle, presets)},
          {"presets.ttl", settings(bundle, presets)},
          {"rack.toml", format_rack(bundle.rack)},
          {"lv2.toml", lv2_toml(bundle)}};
}

Bundle load_bundle(const std::string& folder) {
  const std::string path = folder + "/lv2.toml";
  const TomlValue root = parse_toml(read_text(path, 1 << 16), path);
  const auto find = [&](const char* key) -> const TomlValue& {
    const TomlValue* value = root.find(key);
    if (value == nullptr) raise<FileError>(path + ": " + key + ": missing key");
    return *value;
  };
  Bundle bundle{.rack = load_rack(folder + "/rack.toml"),
                .uri = find("uri").text,
                .name = find("name").text,
                .level = find("level").number};
  if (bundle.uri.empty()) raise<FileError>(path + ": uri: is not a text");
  if (!(bundle.level > 0.0 && bundle.level <= 1000.0))
    raise<FileError>(path + ": level: is not a number above 0");
  return bundle;
}

}  // namespace retrograd::lv2
