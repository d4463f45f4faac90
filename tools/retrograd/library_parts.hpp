// What takes how much of the library.
#pragma once

#include "facts.hpp"

namespace retrograd::tool {

/// One row: the bytes of the shared library without its symbols and what takes how many. Empty where the build could not
/// tell: it had no shared library with symbols, or no binutils.
Facts facts_of_library();

}  // namespace retrograd::tool
