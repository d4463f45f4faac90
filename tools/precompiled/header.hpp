// What most files of the program include, compiled once for all of them. Only a build that asks for it
// (-Dprecompiled=true) has it: in the others each file shows that it includes what it needs.

#include <retrograd/racks/gate.hpp>
#include <retrograd/racks/rack.hpp>
#include <retrograd/tape/tape.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
