// A rack as a graph: which output each cable comes from and where it goes, in which order the modules are computed, and
// what is heard.
#pragma once

#include <retrograd/racks/rack.hpp>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace retrograd {

/// One thing wrong with a rack: where, and what was wrong and what would be right. Places are "sample_rate",
/// "note.gate.0", "module.2" (the third), "cables.1", "outputs.0", or a parameter's path.
struct RackProblem {
  std::string key;      ///< "filter.cutoff"
  std::string message;  ///< "is -1; it must be ..."
};

/// The note is the module after the last.
class Wiring {
 public:
  enum class Kind { none, input, parameter, amount, output };
  /// A port or a parameter of a module; or the amount of a cable, of which the module is the one that it modulates.
  struct Place {
    Kind kind = Kind::none;
    int module = 0;
    int index = 0;  ///< in the module's description; of an amount: which cable's
    bool operator==(const Place&) const = default;
    /// Whether a cable to it modulates.
    bool modulates() const { return kind == Kind::parameter || kind == Kind::amount; }
  };
  struct Wire {
    Place from, to;
    bool is_good() const { return from.kind == Kind::output && (to.kind == Kind::input || to.modulates()); }
    bool modulates() const { return is_good() && to.modulates(); }
  };

  explicit Wiring(const Rack& rack);

  int note() const { return static_cast<int>(rack_.modules.size()); }
  const Description& description(int module) const { return descriptions_[static_cast<std::size_t>(module)]; }
  /// The module's name; the note's is "note".
  const std::string& name(int module) const {
    return module == note() ? note_name_ : rack_.modules[static_cast<std::size_t>(module)].name;
  }
  /// Of each cable; not good where the rack's names do not say.
  const std::vector<Wire>& wires() const { return wires_; }
  /// Of each output.
  const std::vector<Place>& outputs() const { return outputs_; }
  /// The good wires into a module, and those out of it, in the cables' order.
  const std::vector<int>& into(int module) const { return into_[static_cast<std::size_t>(module)]; }
  const std::vector<int>& out_of(int module) const { return out_of_[static_cast<std::size_t>(module)]; }
  /// The output that an input is normalled to; none where it is to none.
  Place normal_of(const Place& input) const;

  /// Every module once, each behind those that feed it; of those that are ready the first in the rack goes first. A loop
  /// begins with a module of it that delays; one without such leaves its modules out.
  const std::vector<int>& order() const { return order_; }
  /// Whether a module that delays is computed before what comes into its heard inputs.
  bool begins_loop(int module) const { return begins_loop_[static_cast<std::size_t>(module)] != 0; }
  /// Whether what a module makes is heard, rather than that it modulates something.
  bool is_heard(int module) const { return is_heard_[static_cast<std::size_t>(module)] != 0; }
  /// Whether the rack has a mix point.
  bool has_voices() const { return has_voices_; }
  /// Whether a module plays once for each note: it reads the note, directly or through others, and not through a mix
  /// point. Without a mix point all do.
  bool is_of_each_note(int module) const { return is_of_each_note_[static_cast<std::size_t>(module)] != 0; }
  /// Whether anything reads this output.
  bool is_read(const Place& output) const;

  /// All that is wrong with names, cables and outputs.
  std::vector<RackProblem> problems() const;

  /// The place that a path names, of any kind.
  Place find(std::string_view path) const;
  std::string path_of(const Place& place) const;
  /// The same without the module's name.
  std::string port_of(const Place& place) const;

 private:
  bool is_mix_point(int module) const;
  Place find_in(int module, std::string_view port) const;
  std::string what_is_wrong_with(std::string_view path, bool is_source, bool suggests) const;
  void check_cables(std::vector<RackProblem>& problems) const;
  void check_loops(std::vector<RackProblem>& problems) const;
  std::string shared_path(int module) const;
  void find_amounts();
  void find_sources();
  std::vector<int> find_loop() const;
  std::vector<int> waits_to_hear(int module) const;
  void sort();
  void find_what_is_heard();
  void find_what_is_of_each_note();

  const Rack& rack_;
  const std::string note_name_ = "note";
  std::vector<Description> descriptions_;
  std::unordered_map<std::string_view, int> module_named_;
  std::vector<Wire> wires_;
  std::vector<Place> outputs_;
  std::vector<std::vector<int>> into_, out_of_;
  std::vector<std::vector<int>> sources_;  // of each module: those that are computed before it
  std::vector<int> order_;
  std::vector<char> is_heard_, is_of_each_note_, begins_loop_;
  bool has_voices_ = false;
};

}  // namespace retrograd
