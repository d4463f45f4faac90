// Where and with how many threads to compute: what the options that say so leave behind.
#pragma once

#include <string>

namespace retrograd::tool {

struct ComputeOptions {
  std::string device = "cpu";
  int threads = 0;  ///< 0: all cores
};

}  // namespace retrograd::tool
