// Rack files: TOML, read with the place of every mistake, written so that reading gives the same rack bit for bit.
//
//     format = 2
//     outputs = ["amp.out"]                                 # one: mono; two: left and right
//     cables = [
//         ["osc.out", "amp.in"],                            # to an input: the signal
//         ["env.out", "amp.cv"],
//         ["lfo.out", "osc.ratio", 0.01],                   # to a parameter: it is modulated, by that amount
//     ]
//     [note]
//     frequency = 220.0
//     gate = [[0.0, 0.5]]
//     [[module]]
//     name = "osc"
//     type = "oscillator"
//     ratio = 1.0                                           # parameters that are not named have their usual value
//
// A module may be a rack of its own, type = "./voice.toml": its modules come in under the module's name, lead.osc, and
// lead.out (lead.left and lead.right of two) is what it sounds like. Such a file lies in the folder of the one that
// names it, or below.
//
// All mistakes are reported together, in the order of the file, one line each: "file:line:column: key: what is wrong;
// what would be right". Only a file that is not TOML, or of another format, is refused at the first. Line and column are
// those of the value; of the key, where it is unknown; of the table, where a key is missing.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <string>
#include <string_view>

namespace retrograd {

/// How files are read.
struct RackFileOptions {
  ModuleList modules = {};   ///< the kinds of modules that a file may name
  bool allow_paths = false;  ///< files that a rack names may lie anywhere
  std::string folder = {};   ///< of a text: where the files that it names lie; empty: the current folder
};

/// Racks within racks within racks.
inline constexpr int deepest_nesting = 16;

/// Reads a rack file of any format. Throws FileError when it cannot be read or does not hold a valid rack.
Rack load_rack(const std::string& path, const RackFileOptions& options = {});

/// Reads a rack from the text of a rack file. Throws FileError; its lines begin with `name_for_errors`.
Rack parse_rack(std::string_view text, const std::string& name_for_errors,
                const RackFileOptions& options = {});

/// The text of a rack file, format 2, that holds `rack`. Throws DomainError when the rack is not valid.
std::string format_rack(const Rack& rack);

/// Writes that text to the file, whole or not at all: a full disk or a power failure leaves what was there. A
/// symbolic link stays, and so do the permissions of a file that is replaced. Throws FileError when it cannot be
/// written, DomainError when the rack is not valid.
void save_rack(const Rack& rack, const std::string& path);

}  // namespace retrograd
