// The files beside their targets that are being written, so that a program that is ended leaves none.
#pragma once

#include <string>

namespace retrograd {

/// From now on SIGINT, SIGTERM and SIGHUP end the program as they always do, but first remove the files beside
/// that are being written. A signal that is ignored stays ignored. A program calls this once, at its start; a
/// library that is a guest in another's program leaves its signals alone.
void remove_partial_files_on_signals();

/// Notes that a file of this name is being written, and that it no longer is. Does nothing before the call
/// above. More than 16 at a time, and names beyond 4095 bytes, are not noted.
void remember_partial_file(const std::string& name);
void forget_partial_file(const std::string& name);

}  // namespace retrograd
