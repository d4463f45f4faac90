// Nothing here recurses, so that a chain of any length is fine.
#include <retrograd/modules/note.hpp>
#include <retrograd/racks/wiring.hpp>
#include <retrograd/racks/wording.hpp>

#include <algorithm>
#include <functional>
#include <queue>
#include <set>
#include <tuple>

namespace retrograd {

namespace {

using Index = std::size_t;

template <class Items, class NameOf>
int index_of(const Items& items, std::string_view name, const NameOf& name_of) {
  const auto found = std::ranges::find(items, name, name_of);
  return found == items.end() ? -1 : static_cast<int>(found - items.begin());
}

/// Nobody reads as many, and to compare names takes time.
constexpr Index most_suggestions = 100;

/// Cables to amounts of cables to amounts.
constexpr int most_amounts_of_amounts = 64;

std::string_view itself(const std::string& name) { return name; }

}  // namespace

Wiring::Wiring(const Rack& rack) : rack_(rack) {
  descriptions_.reserve(rack.modules.size() + 1);
  module_named_.reserve(rack.modules.size() + 1);
  for (const Module& module : rack.modules) {
    module_named_.emplace(module.name, static_cast<int>(descriptions_.size()));
    descriptions_.push_back(describe(*module.type, module.structure));
  }
  module_named_.emplace(note_module().name, note());
  descriptions_.push_back(describe(note_module(), {}));

  into_.resize(descriptions_.size());
  out_of_.resize(descriptions_.size());
  for (const Cable& cable : rack.cables) wires_.push_back({find(cable.from), find(cable.to)});
  find_amounts();
  for (Index w = 0; w < wires_.size(); ++w) {
    const Wire& wire = wires_[w];
    if (!wire.is_good()) continue;
    into_[static_cast<Index>(wire.to.module)].push_back(static_cast<int>(w));
    out_of_[static_cast<Index>(wire.from.module)].push_back(static_cast<int>(w));
  }
  for (const std::string& output : rack.outputs) outputs_.push_back(find(output));
  find_sources();
  sort();
  find_what_is_heard();
  find_what_is_of_each_note();
}

// What no module has may be the amount of a cable, which may itself go to an amount.
void Wiring::find_amounts() {
  std::unordered_map<std::string, int> cable_named;
  for (Index w = 0; w < wires_.size(); ++w) {
    if (wires_[w].to.kind != Kind::none) continue;
    if (cable_named.empty())
      for (Index c = 0; c < wires_.size(); ++c)
        cable_named.emplace(name_of(rack_.cables[c]), static_cast<int>(c));
    if (const auto found = cable_named.find(rack_.cables[w].to); found != cable_named.end())
      wires_[w].to = {Kind::amount, 0, found->second};
  }
  for (Wire& wire : wires_) {
    if (wire.to.kind != Kind::amount) continue;
    const Place* to = &wire.to;
    for (int steps = 0; to->kind == Kind::amount && steps < most_amounts_of_amounts; ++steps)
      to = &wires_[static_cast<Index>(to->index)].to;
    if (to->kind == Kind::parameter)
      wire.to.module = to->module;
    else
      wire.to = {};  // of a cable that modulates nothing
  }
}

Wiring::Place Wiring::find_in(int module, std::string_view port) const {
  const Description& d = description(module);
  if (const int output = index_of(d.outputs, port, itself); output >= 0)
    return {Kind::output, module, output};
  if (const int input = index_of(d.inputs, port, &PortSpec::name); input >= 0)
    return {Kind::input, module, input};
  if (const int parameter = index_of(d.parameters, port, &ParameterSpec::name); parameter >= 0)
    return {Kind::parameter, module, parameter};
  return {};
}

// Names of modules may hold dots: the longest that fits is meant.
Wiring::Place Wiring::find(std::string_view path) const {
  for (Index dot = path.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = path.rfind('.', dot - 1)) {
    const auto module = module_named_.find(path.substr(0, dot));
    if (module == module_named_.end()) continue;
    if (const Place place = find_in(module->second, path.substr(dot + 1)); place.kind != Kind::none)
      return place;
  }
  return {};
}

std::string Wiring::port_of(const Place& place) const {
  const Description& d = description(place.module);
  const auto i = static_cast<Index>(place.index);
  switch (place.kind) {
    case Kind::output:
      return d.outputs[i];
    case Kind::input:
      return d.inputs[i].name;
    case Kind::parameter:
      return d.parameters[i].name;
    case Kind::amount:
      return name_of(rack_.cables[i]);
    case Kind::none:
      break;
  }
  return "";
}

std::string Wiring::path_of(const Place& place) const {
  return place.kind == Kind::amount ? port_of(place) : name(place.module) + "." + port_of(place);
}

Wiring::Place Wiring::normal_of(const Place& input) const {
  const char* normalled = description(input.module).inputs[static_cast<Index>(input.index)].normalled;
  return *normalled == '\0' ? Place{} : find(normalled);
}

bool Wiring::is_read(const Place& output) const {
  if (std::ranges::find(outputs_, output) != outputs_.end()) return true;
  return std::ranges::any_of(out_of(output.module),
                             [&](int wire) { return wires_[static_cast<Index>(wire)].from == output; });
}

// ---- the order

// What does not depend on the note's frequency is there before all else, so that an envelope may move that frequency.
void Wiring::find_sources() {
  sources_.resize(descriptions_.size());
  const auto add = [&](const Place& from, int to) {
    if (from.module != note() || !NoteModule::is_there_first(from.index))
      sources_[static_cast<Index>(to)].push_back(from.module);
  };
  for (const Wire& wire : wires_)
    if (wire.is_good()) add(wire.from, wire.to.module);
  if (into(note()).empty()) return;  // the note is first, and what is normalled to it need not wait
  for (int module = 0; module < note(); ++module)
    for (Index i = 0; i < description(module).inputs.size(); ++i)
      if (const Place normal = normal_of({Kind::input, module, static_cast<int>(i)});
          normal.kind == Kind::output)
        add(normal, module);
}

void Wiring::sort() {
  std::vector<std::vector<int>> readers(descriptions_.size());
  std::vector<std::size_t> waits_for(descriptions_.size());
  for (Index m = 0; m < descriptions_.size(); ++m) {
    waits_for[m] = sources_[m].size();
    for (const int source : sources_[m]) readers[static_cast<Index>(source)].push_back(static_cast<int>(m));
  }
  order_.reserve(descriptions_.size());
  begins_loop_.assign(descriptions_.size(), 0);
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  const auto place = [&](int module) {
    order_.push_back(module);
    for (const int reader : readers[static_cast<Index>(module)])
      if (--waits_for[static_cast<Index>(reader)] == 0) ready.push(reader);
  };
  const auto waits_for_nobody = [&](int module) { return sources_[static_cast<Index>(module)].empty(); };
  const bool note_is_first = waits_for_nobody(note());
  for (int m = 0; m < note(); ++m)
    if (waits_for_nobody(m)) ready.push(m);
  if (note_is_first) place(note());
  for (;;) {
    while (!ready.empty()) {
      const int module = ready.top();
      ready.pop();
      place(module);
    }
    if (order_.size() == descriptions_.size()) return;
    // What is left waits for a loop. The first of its modules that delays goes ahead of what is heard in it.
    std::vector<int> loop = find_loop();
    std::ranges::sort(loop);
    const auto first = std::ranges::find_if(loop, [&](int module) { return !waits_to_hear(module).empty(); });
    if (first == loop.end()) return;
    for (const int source : waits_to_hear(*first)) {
      std::vector<int>&sources = sources_[static_cast<Index>(*first)],
      &of = readers[static_cast<Index>(source)];
      sources.erase(std::ranges::find(sources, source));
      of.erase(std::ranges::find(of, *first));
      --waits_for[static_cast<Index>(*first)];
    }
    begins_loop_[static_cast<Index>(*first)] = 1;
    if (waits_for[static_cast<Index>(*first)] == 0) ready.push(*first);
  }
}

// Of a module that delays: what it hears and is not placed yet.
std::vector<int> Wiring::waits_to_hear(int module) const {
  std::vector<int> sources;
  if (module == note() || !rack_.modules[static_cast<Index>(module)].type->delays || begins_loop(module))
    return sources;
  for (const int wire : into(module)) {
    const Wire& w = wires_[static_cast<Index>(wire)];
    if (w.to.kind == Kind::input && description(module).inputs[static_cast<Index>(w.to.index)].is_heard &&
        std::ranges::find(order_, w.from.module) == order_.end())
      sources.push_back(w.from.module);
  }
  return sources;
}

// What is not placed has a source that is not either, so that walking from module to source comes round.
std::vector<int> Wiring::find_loop() const {
  std::vector<bool> left_out(descriptions_.size(), true);
  for (const int module : order_) left_out[static_cast<Index>(module)] = false;
  std::vector<int> visited(descriptions_.size(), -1), walk;
  const auto source_of = [&](int module) {
    const std::vector<int>& sources = sources_[static_cast<Index>(module)];
    return *std::ranges::find_if(sources, [&](int source) { return left_out[static_cast<Index>(source)]; });
  };
  int at = static_cast<int>(std::ranges::find(left_out, true) - left_out.begin());
  while (visited[static_cast<Index>(at)] < 0) {
    visited[static_cast<Index>(at)] = static_cast<int>(walk.size());
    walk.push_back(at);
    at = source_of(at);
  }
  std::vector<int> loop(walk.begin() + visited[static_cast<Index>(at)], walk.end());
  std::ranges::reverse(loop);
  std::rotate(loop.begin(), std::ranges::min_element(loop), loop.end());
  return loop;
}

void Wiring::find_what_is_heard() {
  is_heard_.assign(descriptions_.size(), 0);
  std::vector<int> waiting;
  const auto hear = [&](const Place& output) {
    if (output.kind != Kind::output ||
        std::exchange(is_heard_[static_cast<Index>(output.module)], char{1}) != 0)
      return;
    waiting.push_back(output.module);
  };
  for (const Place& output : outputs_) hear(output);
  while (!waiting.empty()) {
    const int module = waiting.back();
    waiting.pop_back();
    for (const int wire : into(module)) {
      const Wire& w = wires_[static_cast<Index>(wire)];
      if (w.to.kind == Kind::input && description(module).inputs[static_cast<Index>(w.to.index)].is_heard)
        hear(w.from);
    }
  }
}

bool Wiring::is_mix_point(int module) const {
  return module != note() && rack_.modules[static_cast<Index>(module)].type->mixes_voices;
}

void Wiring::find_what_is_of_each_note() {
  for (int module = 0; module < note(); ++module) has_voices_ |= is_mix_point(module);
  is_of_each_note_.assign(descriptions_.size(), has_voices_ ? 0 : 1);
  if (!has_voices_) return;
  const auto is_so = [&](const Place& output) {
    return output.kind == Kind::output && is_of_each_note(output.module) && !is_mix_point(output.module);
  };
  is_of_each_note_.back() = 1;
  const auto visit = [&](int module) {
    char& it = is_of_each_note_[static_cast<Index>(module)];
    std::set<int> plugged;
    for (const int wire : into(module)) {
      const Wire& w = wires_[static_cast<Index>(wire)];
      it |= static_cast<char>(is_so(w.from));
      if (w.to.kind == Kind::input) plugged.insert(w.to.index);
    }
    for (Index i = 0; i < description(module).inputs.size(); ++i)
      if (!plugged.contains(static_cast<int>(i)))
        it |= static_cast<char>(is_so(normal_of({Kind::input, module, static_cast<int>(i)})));
  };
  for (std::vector<char> before; before != is_of_each_note_;) {  // again where a loop comes round
    before = is_of_each_note_;
    for (const int module : order_) visit(module);
  }
}

// ---- what is wrong

std::string Wiring::what_is_wrong_with(std::string_view path, bool is_source, bool suggests) const {
  const std::string named = "'" + shown(path) + "'";
  const Place place = find(path);
  if (place.kind == Kind::output && !is_source)
    return named + " is an output; a cable goes to an input or to a parameter";
  if (place.kind != Kind::none && is_source)
    return named + " is " + (place.kind == Kind::input ? "an input" : "a parameter") +
           "; a cable comes from an output";
  for (Index dot = path.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = path.rfind('.', dot - 1)) {
    const auto module = module_named_.find(path.substr(0, dot));
    if (module == module_named_.end()) continue;
    const Description& d = description(module->second);
    std::vector<std::string> ports;
    if (is_source) {
      ports = d.outputs;
    } else {
      for (const PortSpec& input : d.inputs) ports.push_back(input.name);
      for (const ParameterSpec& parameter : d.parameters)
        if (!parameter.is_latched) ports.push_back(parameter.name);
    }
    return named + ": " + shown(path.substr(0, dot)) + " has no " +
           (is_source ? "output " : "input or parameter ") + shown(path.substr(dot + 1)) +
           (suggests ? "; " + did_you_mean(path.substr(dot + 1), ports,
                                           is_source ? "outputs" : "places for a cable")
                     : "");
  }
  if (!suggests) return named + " names no module";
  std::vector<std::string> names{"note"};
  for (const Module& module : rack_.modules) names.push_back(module.name);
  const std::string_view wanted = path.substr(0, std::min(path.rfind('.'), path.size()));
  return named + " names no module; " + did_you_mean(wanted, names, "modules") +
         (path.find('.') == std::string_view::npos ? " (a port is module.port, as in \"osc.out\")" : "");
}

void Wiring::check_cables(std::vector<RackProblem>& problems) const {
  std::set<std::tuple<std::string_view, std::string_view>> seen;
  std::set<std::string> amounts;
  for (Index c = 0; c < wires_.size(); ++c) {
    const Wire& wire = wires_[c];
    const Cable& cable = rack_.cables[c];
    const std::string key = "cables." + std::to_string(c);
    const auto report = [&](const std::string& message) { problems.push_back({key, message}); };
    const bool suggests = problems.size() < most_suggestions;
    if (wire.from.kind != Kind::output) report(what_is_wrong_with(cable.from, true, suggests));
    if (wire.to.kind != Kind::input && !wire.to.modulates())
      report(what_is_wrong_with(cable.to, false, suggests));
    if (!wire.is_good()) continue;
    const std::string both = shown(cable.from) + " to " + shown(cable.to);
    if (!seen.insert({cable.from, cable.to}).second)
      report("goes from " + both + " a second time; once is enough");
    if (wire.modulates()) {
      if (wire.to.kind == Kind::parameter &&
          description(wire.to.module).parameters[static_cast<Index>(wire.to.index)].is_latched)
        report("goes to " + shown(cable.to) +
               ", which is read when the gate moves and cannot be modulated; leave it out");
      if (!real.contains(cable.amount))
        report("has the amount " + written(cable.amount) + "; an amount is a finite number");
      const std::string amount = name_of(cable);
      if (!amounts.insert(amount).second || find(amount).kind != Kind::none)
        report("has an amount named " + shown(amount) + ", which is taken; give it another name");
    } else if (cable.amount != 1.0 || !cable.name.empty()) {
      report(
          "goes to the input " + shown(cable.to) +
          ", which takes the signal as it is; an amount is for parameters, a level is a mixer's or a vca's");
    }
  }
}

// A loop leaves out of the order its own modules and all behind them.
void Wiring::check_loops(std::vector<RackProblem>& problems) const {
  if (order_.size() == descriptions_.size()) return;
  const std::vector<int> loop = find_loop();
  constexpr Index most_shown = 16;
  std::string text;
  for (Index i = 0; i < std::min(loop.size(), most_shown); ++i) text += shown(name(loop[i])) + " -> ";
  if (loop.size() > most_shown) text += "... -> ";
  text += shown(name(loop.front()));
  // Blamed is the last of its cables in the file.
  Index last = 0;
  for (Index i = 0; i < loop.size(); ++i)
    for (const int wire : out_of(loop[i]))
      if (wires_[static_cast<Index>(wire)].to.module == loop[(i + 1) % loop.size()])
        last = std::max(last, static_cast<Index>(wire));
  problems.push_back({"cables." + std::to_string(last),
                      "closes the loop " + text + "; leave one of its cables out (a loop needs a delay)"});
}

// Of a module whose name begins with another's, a path that both have: "x.envelope.attack".
std::string Wiring::shared_path(int module) const {
  const std::string& own = name(module);
  const Description& d = description(module);
  for (Index dot = own.rfind('.'); dot != std::string::npos && dot > 0; dot = own.rfind('.', dot - 1)) {
    const auto other = module_named_.find(std::string_view(own).substr(0, dot));
    if (other == module_named_.end()) continue;
    const auto is_shared = [&](const std::string& port) {
      return find_in(other->second, own.substr(dot + 1) + "." + port).kind != Kind::none;
    };
    for (const std::string& output : d.outputs)
      if (is_shared(output)) return own + "." + output;
    for (const PortSpec& input : d.inputs)
      if (is_shared(input.name)) return own + "." + input.name;
    for (const ParameterSpec& parameter : d.parameters)
      if (is_shared(parameter.name)) return own + "." + parameter.name;
  }
  return "";
}

std::vector<RackProblem> Wiring::problems() const {
  std::vector<RackProblem> problems;
  std::set<std::string_view> names{"note"};
  for (Index m = 0; m < rack_.modules.size(); ++m) {
    const Module& module = rack_.modules[m];
    const std::string key = "module." + std::to_string(m);
    if (module.name.empty())
      problems.push_back({key, "has no name; every module has one"});
    else if (!names.insert(module.name).second)
      problems.push_back(
          {key, module.name == "note"
                    ? "is named note, as what is played is; give it another name"
                    : "is named " + shown(module.name) + " as another is; names are there once"});
    else if (const std::string shared = shared_path(static_cast<int>(m)); !shared.empty())
      problems.push_back({key, "is named " + shown(module.name) + ", so that " + shown(shared) +
                                   " is what another module has, too; give one of them another name"});
  }
  check_cables(problems);
  check_loops(problems);
  std::set<std::pair<int, int>>
      plugged;  // a cable that comes from nowhere, too: that is a problem of its own
  for (const Wire& wire : wires_)
    if (wire.to.kind == Kind::input) plugged.insert({wire.to.module, wire.to.index});
  for (int module = 0; module < note(); ++module) {
    const Description& d = description(module);
    for (Index i = 0; i < d.inputs.size(); ++i) {
      const Place input{Kind::input, module, static_cast<int>(i)};
      if (d.inputs[i].is_required && !plugged.contains({module, input.index}))
        problems.push_back(
            {"module." + std::to_string(module), "has nothing plugged into its input " + d.inputs[i].name +
                                                     "; a cable must go to " + path_of(input)});
    }
  }
  if (outputs_.empty()) problems.push_back({"outputs", "is empty; name the output that is heard"});
  constexpr Index most_outputs = 64;
  if (outputs_.size() > most_outputs)
    problems.push_back({"outputs", "has " + std::to_string(outputs_.size()) + " channels; 64 at most"});
  for (Index o = 0; o < outputs_.size(); ++o) {
    const std::string key = "outputs." + std::to_string(o);
    if (outputs_[o].kind != Kind::output)
      problems.push_back(
          {key, what_is_wrong_with(rack_.outputs[o], true, problems.size() < most_suggestions)});
    else if (has_voices_ && is_of_each_note(outputs_[o].module) && !is_mix_point(outputs_[o].module))
      problems.push_back(
          {key,
           "'" + shown(rack_.outputs[o]) +
               "' is there once for each note; plug it into the voices, and name what comes out of them"});
  }
  return problems;
}

}  // namespace retrograd
