// What an LV2 bundle holds besides the plug-in's binary, which is the same in all of them:
//
//     rack.toml      the rack that is played, a patch file of format 2
//     lv2.toml       its URI, its name and its level
//     manifest.ttl, retrograd.ttl, presets.ttl: what hosts read, in Turtle
//
// The binary reads the first two when a host loads it. There is no state but what the ports hold, which hosts save by
// themselves.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <string>
#include <vector>

namespace retrograd::lv2 {

inline constexpr const char* binary_name = "retrograd.so";

/// In every binary, so that a program can tell that it is one, and of its own version.
#define RETROGRAD_LV2_MARK "retrograd lv2 instrument " RETROGRAD_VERSION

struct Bundle {
  Rack rack;
  std::string uri, name;
  /// Of the sum of the voices at a volume of 0 dB.
  double level = 1.0;
};

/// The ports' values in a file of the same structure.
struct Preset {
  std::string name;
  Rack rack;
};

/// Another file of a bundle: its name and its text.
struct BundleFile {
  std::string name, text;
};

/// "urn:retrograd:NAME:HASH" of an instrument of this name: HASH is a number made of the name and of what its ports are
/// made of (modules, their types and structures, cables, outputs), not of values. So two instruments differ in it, and one
/// that is exported again with other values keeps what hosts have saved of it.
std::string uri_of(const std::string& name, const Rack& rack);

/// The level at which one note at full velocity peaks at a third of full scale, so that three stay below it whatever their
/// phases. 1 for a rack that is silent, or not finite.
double level_of(const Rack& rack);

/// What is the first difference in structure; nothing where the ports of both are the same.
std::string difference(const Rack& rack, const Rack& other);

/// All files but the binary. DomainError for a rack that is not valid.
std::vector<BundleFile> files_of(const Bundle& bundle, const std::vector<Preset>& presets = {});

/// Reads rack.toml and lv2.toml. FileError where they are not there or hold something else.
Bundle load_bundle(const std::string& folder);

}  // namespace retrograd::lv2
