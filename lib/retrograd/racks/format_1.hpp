// Format 1 of patch files: an FM synth. It is read for ever; what is written is format 2.
//
// The file holds every key of the format (only fm.audible may be left out) and no other.
#pragma once

#include <retrograd/racks/file_reader.hpp>
#include <retrograd/racks/fm.hpp>

namespace retrograd {

/// Reads the file of format 1 whose tree is `root`. What is wrong is reported; then what is returned is of no use.
Rack read_format_1(const TomlValue& root, const std::string& file, const ModuleList& modules,
                   FileReports& reports);

}  // namespace retrograd
