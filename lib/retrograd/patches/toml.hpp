// Patch files: TOML, read with the place of every mistake, written so that reading gives the same patch bit
// for bit.
//
// A file that is read holds every key of the format (only fm.audible may be left out) and no other. All
// mistakes are reported together, in the order of the file, one line each: "file:line:column: key: what is
// wrong; what would be right". Only a file that is not TOML, or of another format, is refused at the first.
// Line and column are those of the value; of the key, where it is unknown; of the table, where a key is
// missing.
//
// For who changes the format: a key is read, written and listed as known in toml.cpp, its values are ruled in
// patch.cpp.
#pragma once

#include <retrograd/patches/patch.hpp>

#include <string>
#include <string_view>

namespace retrograd {

/// Reads a patch file. Throws FileError when it cannot be read or does not hold a valid patch.
Patch load_patch(const std::string& path);

/// Reads a patch from the text of a patch file. Throws FileError; its lines begin with `name_for_errors`.
Patch parse_patch(std::string_view text, const std::string& name_for_errors);

/// The text of a patch file that holds `patch`. Throws DomainError when the patch is not valid.
std::string format_patch(const Patch& patch);

/// Writes that text to the file, whole or not at all: a full disk or a power failure leaves what was there. A
/// symbolic link stays, and so do the permissions of a file that is replaced. Throws FileError when it cannot be
/// written, DomainError when the patch is not valid.
void save_patch(const Patch& patch, const std::string& path);

}  // namespace retrograd
