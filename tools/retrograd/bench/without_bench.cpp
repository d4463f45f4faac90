// In place of the rows of `retrograd bench`, in a build that leaves them out.
#include <retrograd/tensor/errors.hpp>

#include "rows.hpp"

namespace retrograd::tool {

Rows all_rows(const BenchOptions&, Device) {
  raise<DeviceError>(
      "this build of retrograd has no benchmarks; configure it with -Dbench=enabled, where google-benchmark "
      "is (Debian: "
      "libbenchmark-dev)");
}

}  // namespace retrograd::tool
