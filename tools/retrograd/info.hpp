// What `info` knows of each kind of file.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <string>

#include "facts.hpp"
#include "sound_file.hpp"

namespace retrograd::tool {

/// What a patch holds, without its parameters; and these.
Facts facts_of(const Rack& patch);
void print_parameters(Rack patch);
Json json_of_parameters(Rack patch);

/// A patch whole: what it holds, its parameters, and how it will be computed.
void print_patch(const Rack& patch);
void add_patch_to(Json& object, const Rack& patch);
/// The steps that each tile of the patch's sound goes through, forwards and backwards.
void print_programs(const Rack& patch);

/// Of a sound read from `path`; where its channels cancel, that is said on stderr.
Facts facts_of(const Sound& sound, const std::string& path);

/// Of a standard MIDI file with these bytes. Raises a FileError as parse_midi_file does; what was mended in it
/// and what is passed over is said on stderr.
Facts facts_of_midi(const std::string& bytes, const std::string& name);

}  // namespace retrograd::tool
