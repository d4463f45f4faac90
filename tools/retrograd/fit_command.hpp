// What `fit` is asked for, and the fit of one recording.
#pragma once

#include <retrograd/fit/fit.hpp>
#include <retrograd/tape/executor.hpp>

#include <optional>
#include <string>
#include <vector>

#include "compute_options.hpp"
#include "exit_codes.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "options.hpp"

namespace retrograd::tool {

struct FitCommand {
  std::vector<std::string> targets;  // as given: recordings and folders of them
  PatchSource patch;
  std::optional<std::string> output, rendered, resume, directory;
  std::string frequency, gate;  // as written; empty where not given
  std::optional<double> loss_floor;
  std::string seed = "0", learning_rate;
  FitOptions fit;
  bool force = false;
  bool json = false;
  ComputeOptions compute;
};

/// One recording, and where its patch goes.
struct FitJob {
  std::string target, output, rendered;
  std::optional<std::string> resume;
  bool is_one_of_many =
      false;  ///< says only what is wrong with it; --steps are those of all its runs together
};

/// A fit that is done, or was interrupted and kept.
struct Fitted {
  FitTarget target;
  Rack before;
  FitResult result;
  bool was_interrupted = false;
  std::vector<std::string> files;  ///< that were written
};

/// Where all fits of one command are computed.
struct FitEngine {
  Device device;
  Rack initial;
  ThreadPool& threads;
  const Interrupt& interrupt;
};

/// Fits to the job's recording and writes what comes out. Raises a FileError where that cannot be.
Fitted fit_one(const FitCommand& command, const FitJob& job, FitEngine& engine);

/// What it reached, for programs.
Json json_of(Fitted& fitted);

/// Fits to every recording of command.targets, a patch each, into command.directory. What was fitted before is
/// passed over; what cannot be fitted is told, and the others follow. Raises a UsageError where a recording would
/// be replaced.
ExitCode fit_many(const FitCommand& command, FitEngine& engine);

}  // namespace retrograd::tool
