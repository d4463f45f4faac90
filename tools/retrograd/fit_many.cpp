// retrograd fit --output-dir: a patch for each of many recordings.
#include <retrograd/tensor/errors.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>
#include <map>
#include <new>
#include <set>
#include <system_error>

#include "files_in_use.hpp"
#include "fit_command.hpp"
#include "sound_endings.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

namespace fs = std::filesystem;

/// A file's identity, whatever its name.
using Identity = std::pair<dev_t, ino_t>;

std::optional<Identity> identity_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Identity{status.st_dev, status.st_ino};
}

bool is_sound_by_name(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return !ending.empty() && std::ranges::find(sound_endings(), ending.substr(1)) != sound_endings().end();
}

/// The recordings of a folder and of those within, by their names, sorted; not what is hidden, and nothing of
/// `but`. `passed_over` counts the files that are no recordings by their names.
std::vector<fs::path> recordings_of(const fs::path& folder, const fs::path& but, long long& passed_over) {
  std::vector<fs::path> found;
  try {
    for (auto at = fs::recursive_directory_iterator(folder); at != fs::recursive_directory_iterator(); ++at) {
      std::error_code ignored;
      const bool is_hidden = at->path().filename().string().starts_with('.');
      if (at->is_directory(ignored)) {
        if (is_hidden || fs::equivalent(at->path(), but, ignored)) at.disable_recursion_pending();
      } else if (!is_hidden && is_sound_by_name(at->path())) {
        found.push_back(at->path());
      } else {
        ++passed_over;
      }
    }
  } catch (const fs::filesystem_error& error) {
    raise<FileError>("cannot read the folder '" + folder.string() + "': " + error.code().message());
  }
  std::ranges::sort(found);
  return found;
}

class ManyFits {
 public:
  ManyFits(const FitCommand& command, FitEngine& engine)
      : command_(command), engine_(engine), directory_(*command.directory) {}

  ExitCode run() {
    collect();
    check_nothing_read_is_written();
    for (const FitJob& job : jobs_) {
      if (engine_.interrupt.is_requested()) break;
      attempt(job);
    }
    const long long left = std::ssize(jobs_) - fitted_ - there_ - failed_;
    std::cerr << fitted_ << " fitted, " << there_ << " there already, " << failed_ << " failed";
    if (left > 0) std::cerr << ", " << left << " left; the same command goes on";
    std::cerr << '\n';
    return failed_ > 0 ? ExitCode::bad_input : ExitCode::done;
  }

 private:
  void add(const fs::path& recording, const fs::path& name) {
    if (const auto identity = identity_of(recording); identity && !inputs_.insert(*identity).second)
      return;  // named twice, or by a folder too
    FitJob job{recording.string(), (directory_ / name).replace_extension(".toml").string(),
               (directory_ / name).replace_extension(".wav").string(),
               (directory_ / name).replace_extension(".fit.json").string(), true};
    jobs_.push_back(job);
  }

  void collect() {
    for (const std::string& target : command_.targets) {
      std::error_code ignored;
      if (!fs::is_directory(target, ignored)) {
        add(target, fs::path(target).filename());
        continue;
      }
      long long passed_over = 0;
      const std::vector<fs::path> recordings = recordings_of(target, directory_, passed_over);
      if (recordings.empty())
        raise<FileError>("the folder '" + target +
                         "' holds no recordings: no file whose name ends as a sound's");
      if (passed_over > 0)
        std::cerr << target << ": " << count(passed_over, "file") << " passed over, no "
                  << (passed_over == 1 ? "recording by its name" : "recordings by their names") << '\n';
      for (const fs::path& recording : recordings) add(recording, recording.lexically_relative(target));
    }
    if (command_.patch.file)
      if (const auto identity = identity_of(*command_.patch.file)) inputs_.insert(*identity);
  }

  void check_nothing_read_is_written() const {
    for (const FitJob& job : jobs_)
      for (const std::string& file : {job.output, job.rendered, *job.resume})
        if (const auto identity = identity_of(file); identity && inputs_.contains(*identity))
          throw UsageError("--output-dir",
                           "'" + file + "' would be replaced, which is to be read; name another folder");
  }

  void attempt(const FitJob& job) {
    const auto failed = [&](const std::string& why) {
      ++failed_;
      std::cerr << "retrograd: " << why << std::endl;
      if (command_.json)
        std::cout << Json::object({{"target", job.target}, {"status", "failed"}, {"error", why}}).one_line()
                  << std::endl;
    };
    try {
      fit(job);
    } catch (const DeviceError&) {
      throw;
    } catch (const TapeError&) {
      throw;
    } catch (const Error& error) {
      failed(error.what());
    } catch (const std::bad_alloc&) {
      failed("cannot fit to '" + job.target + "': out of memory");
    }
  }

  void fit(const FitJob& job) {
    const auto [other, is_new] = owners_.emplace(job.output, job.target);
    if (!is_new)
      raise<FileError>("cannot fit to '" + job.target + "': its patch would be '" + job.output +
                       "', which is that of '" + other->second + "'");
    std::error_code error;
    const bool is_begun = fs::exists(*job.resume, error);
    if (command_.force) {
      fs::remove(*job.resume, error);
    } else if (!is_begun && fs::exists(job.output, error) && fs::exists(job.rendered, error)) {
      ++there_;
      if (command_.json)
        std::cout << Json::object({{"target", job.target},
                                   {"status", "there already"},
                                   {"files", std::vector{job.output, job.rendered}}})
                         .one_line()
                  << std::endl;
      else
        std::cout << job.target << ": there already, " << job.output << std::endl;
      return;
    }
    fs::create_directories(fs::path(job.output).parent_path(), error);
    if (error)
      raise<FileError>("cannot make the folder '" + fs::path(job.output).parent_path().string() +
                       "': " + error.message());
    FilesInUse files;
    files.writes("--output", job.output).writes("--render", job.rendered);
    if (!command_.force && !is_begun) files.check_none_is_replaced();
    files.check_can_write();

    Fitted fitted = fit_one(command_, job, engine_);
    if (!fitted.was_interrupted) {
      fs::remove(*job.resume, error);
      std::erase(fitted.files, *job.resume);
      ++fitted_;
    }
    tell(job, fitted);
  }

  void tell(const FitJob& job, Fitted& fitted) const {
    const char* const status = fitted.was_interrupted ? "interrupted" : "fitted";
    if (command_.json) {
      Json object = Json::object({{"target", job.target}, {"status", status}});
      std::cout << object.add_all(json_of(fitted)).one_line() << std::endl;
      return;
    }
    std::cout << job.target << ": " << (fitted.was_interrupted ? "interrupted, " : "") << "loss "
              << number(fitted.result.loss_before) << " before, " << number(fitted.result.loss_after)
              << " after " << count(fitted.result.steps_done, "step") << ", "
              << number(fitted.target.frequency) << " Hz, " << job.output << std::endl;
  }

  const FitCommand& command_;
  FitEngine& engine_;
  fs::path directory_;
  std::vector<FitJob> jobs_;
  std::set<Identity> inputs_;
  std::map<std::string, std::string> owners_;  // recordings, by the patch file that is theirs
  long long fitted_ = 0, there_ = 0, failed_ = 0;
};

}  // namespace

ExitCode fit_many(const FitCommand& command, FitEngine& engine) { return ManyFits(command, engine).run(); }

}  // namespace retrograd::tool
