// rg_patch_...
#include <retrograd/c/call.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/racks/wording.hpp>
#include <retrograd/tensor/errors.hpp>

#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace retrograd::c {

namespace {

/// Its modules and cables stay as they are, so that what its parameters are called is found once.
struct PatchObject {
  static constexpr Kind kind = Kind::patch;
  std::mutex mutex;
  Rack patch;
  std::vector<RackParameter> parameters;            // which refer into it; empty before they were asked for
  std::unordered_map<std::string_view, int> index;  // by name
};

/// Sets what is no parameter, where the patch is valid then.
template <class Body>
void edit(rg_patch handle, Body body) {
  const Use<PatchObject> use(handle.id, Sharing::any_thread);
  PatchObject& object = *usable(use);
  const std::lock_guard lock(object.mutex);
  Rack changed = object.patch;
  body(changed);
  validate(changed, "the patch");
  object.patch.sample_rate = changed.sample_rate;
  object.patch.duration = changed.duration;
  object.patch.note.gate = std::move(changed.note.gate);
}

/// A patch's parameters, while this one is there.
class Parameters {
 public:
  explicit Parameters(rg_patch handle)
      : use_(handle.id, Sharing::any_thread), object_(*usable(use_)), lock_(object_.mutex) {
    if (!object_.parameters.empty()) return;
    std::vector<RackParameter> list = parameters(object_.patch);
    for (std::size_t i = 0; i < list.size(); ++i) object_.index.emplace(list[i].name, static_cast<int>(i));
    object_.parameters = std::move(list);  // the names stay where they are
  }

  const std::vector<RackParameter>& all() const { return object_.parameters; }

  const RackParameter& at(int index) const {
    if (index < 0 || index >= static_cast<int>(all().size()))
      fail(RG_BAD_ARGUMENT, "there is no parameter " + std::to_string(index) + "; there are " +
                                std::to_string(all().size()) + ", counted from 0");
    return all()[static_cast<std::size_t>(index)];
  }

  int index_of(const char* name) const {
    require(name, "name");
    if (const auto found = object_.index.find(name); found != object_.index.end()) return found->second;
    std::vector<std::string> known;
    for (const RackParameter& parameter : all()) known.push_back(parameter.name);
    fail(RG_BAD_ARGUMENT, "the patch has no parameter '" + std::string(name) + "'; " +
                              did_you_mean(name, known, "parameters"));
  }

 private:
  Use<PatchObject> use_;
  PatchObject& object_;
  std::lock_guard<std::mutex> lock_;
};

void check(const RackParameter& parameter, double value) {
  check_domain(parameter.domain(), TensorView{&value, Shape{1}, ElementType::f64}, parameter.name);
}

void set(const RackParameter& parameter, double value) {
  check(parameter, value);
  parameter.value = value;
}

/// The body of the calls that make a patch.
template <class Make>
rg_status make(rg_patch* handle, Make make_patch) noexcept {
  return guarded([&] {
    require(handle, "patch");
    *handle = {0};
    *handle = open_patch(make_patch());
  });
}

}  // namespace

Rack patch_of(rg_patch handle) {
  const Use<PatchObject> use(handle.id, Sharing::any_thread);
  PatchObject& object = *usable(use);
  const std::lock_guard lock(object.mutex);
  return object.patch;
}

rg_patch open_patch(Rack patch) {
  auto object = std::make_unique<PatchObject>();
  object->patch = std::move(patch);
  return open<rg_patch>(std::move(object));
}

}  // namespace retrograd::c

using namespace retrograd;
using namespace retrograd::c;

rg_status rg_patch_default(rg_patch* patch) {
  return make(patch, [] { return default_rack(); });
}

rg_status rg_patch_default_to_fit(rg_patch* patch) {
  return make(patch, [] { return default_rack_to_fit(); });
}

rg_status rg_patch_load(const char* path, rg_patch* patch) {
  return make(patch, [&] {
    require(path, "path");
    return load_rack(path);
  });
}

rg_status rg_patch_parse(const char* text, rg_patch* patch) {
  return make(patch, [&] {
    require(text, "text");
    return parse_rack(text, "patch");
  });
}

rg_status rg_patch_copy(rg_patch patch, rg_patch* copy) {
  return make(copy, [&] { return patch_of(patch); });
}

rg_status rg_patch_save(rg_patch patch, const char* path) {
  return guarded([&] {
    require(path, "path");
    save_rack(patch_of(patch), path);
  });
}

rg_status rg_patch_text(rg_patch patch, char* text, size_t capacity, size_t* length) {
  return guarded([&] { give_text(format_rack(patch_of(patch)), text, capacity, length); });
}

rg_status rg_patch_doubts(rg_patch patch, char* text, size_t capacity, size_t* length) {
  return guarded([&] {
    std::string lines;
    for (const RackProblem& doubt : find_doubts(patch_of(patch)))
      lines += doubt.key + ": " + doubt.message + "\n";
    give_text(lines, text, capacity, length);
  });
}

rg_status rg_patch_close(rg_patch patch) { return close<PatchObject>(patch.id); }

rg_status rg_patch_get_info(rg_patch patch, rg_patch_info* info) {
  return guarded([&] {
    const auto count = static_cast<int>(Parameters(patch).all().size());
    const Rack read = patch_of(patch);
    rg_patch_info written{};
    written.sample_rate = read.sample_rate;
    written.duration = read.duration;
    written.length = length_in_samples(read);
    written.parameters = count;
    written.modules = static_cast<int>(read.modules.size());
    written.gate_pairs = static_cast<int>(read.note.gate.size());
    written.channels = static_cast<int>(read.outputs.size());
    written.cables = static_cast<int>(read.cables.size());
    give(written, info, "rg_patch_info");
  });
}

rg_status rg_patch_set_sample_rate(rg_patch patch, double sample_rate) {
  return guarded([&] { edit(patch, [&](Rack& changed) { changed.sample_rate = sample_rate; }); });
}

rg_status rg_patch_set_duration(rg_patch patch, double duration) {
  return guarded([&] { edit(patch, [&](Rack& changed) { changed.duration = duration; }); });
}

rg_status rg_patch_get_gate(rg_patch patch, double* times, int pairs) {
  return guarded([&] {
    require(times, "times");
    const std::vector<GatePair> gate = patch_of(patch).note.gate;
    require_count(2 * std::int64_t{pairs}, 2 * std::ssize(gate), "times",
                  "an on and an off time for each pair");
    for (const GatePair& pair : gate) {
      *times++ = pair.on;
      *times++ = pair.off;
    }
  });
}

rg_status rg_patch_set_gate(rg_patch patch, const double* times, int pairs) {
  return guarded([&] {
    require(times, "times");
    std::vector<GatePair> gate;
    for (int i = 0; i < pairs; ++i) gate.push_back({times[2 * i], times[2 * i + 1]});
    edit(patch, [&](Rack& changed) { changed.note.gate = gate; });
  });
}

rg_status rg_patch_parameter(rg_patch patch, const char* name, int* index) {
  return guarded([&] {
    require(index, "index");
    *index = Parameters(patch).index_of(name);
  });
}

rg_status rg_patch_parameter_info(rg_patch patch, int index, rg_parameter_info* info) {
  return guarded([&] {
    const Parameters list(patch);
    const RackParameter& parameter = list.at(index);
    write_parameter(parameter.name, parameter.domain(), knob_of(parameter.spec), parameter.value, 1, info);
  });
}

rg_status rg_patch_parameter_name(rg_patch patch, int index, char* text, size_t capacity, size_t* length) {
  return guarded([&] { give_text(Parameters(patch).at(index).name, text, capacity, length); });
}

rg_status rg_patch_get(rg_patch patch, int index, double* value) {
  return guarded([&] {
    require(value, "value");
    *value = Parameters(patch).at(index).value;
  });
}

rg_status rg_patch_set(rg_patch patch, int index, double value) {
  return guarded([&] { set(Parameters(patch).at(index), value); });
}

rg_status rg_patch_get_named(rg_patch patch, const char* name, double* value) {
  return guarded([&] {
    require(value, "value");
    const Parameters list(patch);
    *value = list.at(list.index_of(name)).value;
  });
}

rg_status rg_patch_set_named(rg_patch patch, const char* name, double value) {
  return guarded([&] {
    const Parameters list(patch);
    set(list.at(list.index_of(name)), value);
  });
}

rg_status rg_patch_get_values(rg_patch patch, double* values, int count) {
  return guarded([&] {
    require(values, "values");
    const Parameters list(patch);
    require_count(count, std::ssize(list.all()), "values", "one for each parameter");
    for (const RackParameter& parameter : list.all()) *values++ = parameter.value;
  });
}

rg_status rg_patch_set_values(rg_patch patch, const double* values, int count) {
  return guarded([&] {
    require(values, "values");
    const Parameters list(patch);
    require_count(count, std::ssize(list.all()), "values", "one for each parameter");
    // All of them first, so that a bad one leaves the patch as it was.
    for (std::size_t i = 0; i < list.all().size(); ++i) check(list.all()[i], values[i]);
    for (std::size_t i = 0; i < list.all().size(); ++i) list.all()[i].value = values[i];
  });
}
