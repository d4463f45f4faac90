// One stage of a plan, ready to run: what a backend makes of it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace retrograd {

class StageRunner {
 public:
  virtual ~StageRunner() = default;
  virtual void play() = 0;

  /// Prepares the adjoints for one more set of seeds: `has_adjoint[node]` says in which stored adjoints
  /// something is at that point of the way back, and is updated for what this stage adds. Returns a number
  /// for rewind().
  virtual int prepare_rewind(std::vector<bool>& has_adjoint) = 0;
  virtual void rewind(int prepared) = 0;

  /// For `info`: how the stage runs, and the bytes it keeps for itself beside the stored values.
  virtual std::string describe() const = 0;
  virtual std::size_t bytes() const = 0;
};

}  // namespace retrograd
