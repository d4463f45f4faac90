// Statuses and their words.
#include <retrograd/c/call.hpp>
#include <retrograd/tensor/errors.hpp>
#include <retrograd/tensor/not_finite_error.hpp>

#include <algorithm>
#include <stdexcept>

namespace retrograd::c {

namespace {

// Plain bytes: nothing to construct or destroy, whatever thread comes or goes.
thread_local char last_error[4096];

// As much of the text as there is room for, cut not in the middle of a character of several bytes.
std::size_t cut(std::string_view text, std::size_t room) noexcept {
  std::size_t length = std::min(text.size(), room);
  if (length < text.size())
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  return length;
}

rg_status report(rg_status status, std::string_view message) noexcept {
  const std::size_t length = cut(message, sizeof last_error - 1);
  std::memcpy(last_error, message.data(), length);
  last_error[length] = '\0';
  return status;
}

}  // namespace

void fail(rg_status status, const std::string& message) { throw Failure{status, message}; }

rg_status report_exception() noexcept {
  try {
    throw;
  } catch (const Failure& failure) {
    return report(failure.status, failure.message);
  } catch (const ShapeError& error) {
    return report(RG_BAD_SHAPE, error.what());
  } catch (const TapeError& error) {
    return report(RG_BAD_CALL, error.what());
  } catch (const DeviceError& error) {
    return report(RG_NO_DEVICE, error.what());
  } catch (const DomainError& error) {
    return report(RG_BAD_VALUE, error.what());
  } catch (const NotFiniteError& error) {
    return report(RG_NOT_FINITE, error.what());
  } catch (const RoutingError& error) {
    return report(RG_BAD_VALUE, error.what());
  } catch (const FileError& error) {
    return report(RG_BAD_FILE, error.what());
  } catch (const OutOfMemoryError& error) {
    return report(RG_NO_MEMORY, error.what());
  } catch (const std::bad_alloc&) {
    return report(RG_NO_MEMORY, rg_status_text(RG_NO_MEMORY));
  } catch (const std::length_error&) {
    return report(RG_NO_MEMORY, rg_status_text(RG_NO_MEMORY));
  } catch (const std::exception& error) {
    return report(RG_INTERNAL, error.what());
  } catch (...) {
    return report(RG_INTERNAL, rg_status_text(RG_INTERNAL));
  }
}

void require_size(std::size_t size, std::size_t known, const char* name) {
  if (size < sizeof(std::size_t))
    fail(RG_BAD_ARGUMENT, "the size of an " + std::string(name) + " is " + std::to_string(size) +
                              "; it must be sizeof(" + name + "), here " + std::to_string(known));
}

void require_count(std::int64_t given, std::int64_t wanted, const char* name, const char* meaning) {
  if (given != wanted)
    fail(RG_BAD_SHAPE, std::string(name) + " has " + std::to_string(given) + " numbers; " +
                           std::to_string(wanted) + " are wanted (" + meaning + ")");
}

void give_text(std::string_view written, char* text, std::size_t capacity, std::size_t* length) {
  if (length != nullptr) *length = written.size();
  if (text == nullptr && capacity == 0) return;
  require(text, "text");
  if (capacity <= written.size())
    fail(RG_BAD_SHAPE, "text has room for " + std::to_string(capacity) + " bytes; " +
                           std::to_string(written.size() + 1) + " are needed");
  written.copy(text, written.size());
  text[written.size()] = '\0';
}

Knob knob_of(const ParameterSpec& spec) {
  return {spec.unit, spec.low_shown, spec.high_shown, spec.is_logarithmic};
}

Knobs::Knobs(const Rack& patch) {
  Rack named = patch;
  for (const RackParameter& parameter : parameters(named))
    by_name_.emplace(parameter.name, knob_of(parameter.spec));
}

Knob Knobs::of(const std::string& name, const Domain& domain) const {
  const auto found = by_name_.find(name);
  return found != by_name_.end() ? found->second : Knob{.low = domain.low, .high = domain.high};
}

void write_parameter(std::string_view name, const Domain& domain, const Knob& knob, double value, int rows,
                     rg_parameter_info* info) {
  rg_parameter_info written{};
  name.copy(written.name, cut(name, sizeof written.name - 1));
  std::string_view(to_string(knob.unit)).copy(written.unit, sizeof written.unit - 1);
  written.value = value;
  written.low = domain.low;
  written.high = domain.high;
  written.low_is_open = domain.low_is_open ? 1 : 0;
  written.rows = rows;
  written.name_length = name.size();
  written.low_shown = knob.low;
  written.high_shown = knob.high;
  written.knob_is_logarithmic = knob.is_logarithmic ? 1 : 0;
  give(written, info, "rg_parameter_info");
}

Threads::Threads(int threads) {
  if (threads < 0 || threads > 1024)
    fail(RG_BAD_ARGUMENT, "threads is " + std::to_string(threads) + "; it must lie between 0 and 1024");
  if (threads != 1) pool_.emplace(threads);
}

}  // namespace retrograd::c

using namespace retrograd::c;

const char* rg_version(void) { return RG_VERSION; }

const char* rg_last_error(void) { return last_error; }

const char* rg_status_text(rg_status status) {
  switch (status) {
    case RG_OK:
      return "ok";
    case RG_NOT_PREPARED:
      return "played before it was prepared";
    case RG_BAD_BLOCK:
      return "fewer than 0 frames or more than prepare was told, or no outputs";
    case RG_BAD_INPUT:
      return "an input is NaN or infinite";
    case RG_NOT_FINITE:
      return "what was computed is NaN or infinite";
    case RG_BAD_HANDLE:
      return "the handle was closed, was never opened or is of another kind";
    case RG_BUSY:
      return "another call is at work on the same handle";
    case RG_BAD_ARGUMENT:
      return "an argument cannot be";
    case RG_BAD_VALUE:
      return "a value lies outside its domain";
    case RG_BAD_SHAPE:
      return "a count is not the one wanted";
    case RG_BAD_FILE:
      return "a file cannot be read or written, or does not hold what it should";
    case RG_BAD_CALL:
      return "called before what it follows";
    case RG_NOT_TAKEN:
      return "the event cannot be taken: no room, or it names what is not there or a value outside the "
             "domain";
    case RG_NO_DEVICE:
      return "the device is not there";
    case RG_NO_MEMORY:
      return "no memory is left";
    case RG_INTERNAL:
      return "a mistake of the library's own";
    default:
      return "a status this version does not know";
  }
}
