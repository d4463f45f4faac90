#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/gradcheck/node_check.hpp>
#include <retrograd/nodes/all.hpp>
#include <set>
#include <sstream>

using namespace retrograd;

TEST_CASE("every node of the library passes its gradient check") {
  std::size_t reports = 0;
  const bool passed = check_all(
      [&](const NodeReport& report) {
        CAPTURE(report.node);
        INFO(report.failure);
        CHECK(report.passed);
        CHECK(report.worst_dot_product <= dot_product_tolerance);
        CHECK(report.worst_difference <= difference_tolerance);
        CHECK(report.dot_product_cases >= 16);
        // Of these no input has a gradient that differences would show: they stop it, or hand it straight through.
        const bool is_stopped =
            report.node == "stop_gradient" || report.node == "quantize" || report.node == "hold";
        CHECK((report.difference_cases >= 10) == !is_stopped);
        ++reports;
      },
      8);
  CHECK(passed);
  CHECK(reports == checkable_nodes().size());
}

TEST_CASE("a node that is none is refused with the nearest name and all there are") {
  try {
    check_node("mutliply");
    FAIL("no error");
  } catch (const DomainError& error) {
    const std::string what = error.what();
    CHECK(what.find("'mutliply'") != std::string::npos);
    CHECK(what.find("did you mean 'multiply'") != std::string::npos);
    for (const std::string& name : checkable_nodes()) CHECK(what.find(name) != std::string::npos);
  }
}

// --- no node without a check ---------------------------------------------------------------------

namespace {

struct WithoutCheck : Pointwise<1> {
  template <class T>
  T forward(T x) const {
    return x;
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T, T) const {
    return {gy};
  }
};
static_assert(!gradcheck::Checkable<WithoutCheck>);
static_assert(gradcheck::Checkable<Multiply>);

#ifdef RETROGRAD_SOURCE_ROOT
std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The `name` of every node that a header defines. A struct after `template <...>` is a base of nodes, not a
// node.
std::set<std::string> nodes_of(const std::string& header) {
  std::set<std::string> found;
  std::istringstream lines(header);
  bool in_node = false;
  for (std::string line, before; std::getline(lines, line); before = line) {
    if (line.starts_with("struct ")) {
      const std::size_t base = line.find(" : ");
      in_node = false;
      if (base == std::string::npos || before.starts_with("template <")) continue;
      for (const char* kind : {"Pointwise<", "Causal<", "LinearRecurrence<", "Antialiased<", "ClippedShaper<",
                               "DelayOf<", "Oscillation<", "OverRows", "Reduction", "Whole", "Rearrange<"})
        in_node = in_node || line.compare(base + 3, std::strlen(kind), kind) == 0;
    }
    const std::string mark = "name = \"";
    const std::size_t name = line.find(mark);
    if (!in_node || name == std::string::npos) continue;
    const std::size_t first = name + mark.size();
    found.insert(line.substr(first, line.find('"', first) - first));
    in_node = false;
  }
  return found;
}
#endif

}  // namespace

TEST_CASE("the list of nodes has every node of the folder, and each is checked") {
#ifdef RETROGRAD_SOURCE_ROOT
  const auto folder = std::filesystem::path(RETROGRAD_SOURCE_ROOT) / "lib/retrograd/nodes";
  std::set<std::string> in_folder;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".hpp") in_folder.merge(nodes_of(read(entry.path())));
  const std::vector<std::string> names = checkable_nodes();
  std::set<std::string> in_list(names.begin(), names.end());
  CHECK(in_list.size() == names.size());
  // An oscillator is made from its waveform; no header spells its name.
  CHECK(in_list.erase("sinusoid_oscillator") == 1);
  std::vector<std::string> missing;  // from the list, or a header
  std::ranges::set_symmetric_difference(in_folder, in_list, std::back_inserter(missing));
  for (const std::string& name : missing) CHECK_MESSAGE(false, name);
  CHECK(in_folder.size() >= 40);
#else
  MESSAGE("RETROGRAD_SOURCE_ROOT is not defined: the list of nodes is not compared with the folder");
#endif
}

// --- the check finds what is wrong ---------------------------------------------------------------

namespace {

// a*b*b with an adjoint that is right, or wrong in one way.
enum class Fault { none, dropped_term, sign, a_billionth, undeclared_input };

template <Fault fault>
struct Scaled : OwnPointwise<Scaled<fault>, 2> {
  static constexpr const char* name = "scaled";
  static constexpr unsigned differentiable = fault == Fault::undeclared_input ? 0b01 : 0b11;
  template <class T>
  T forward(T a, T b) const {
    return a * b * b;
  }
  template <class T>
  std::array<T, 2> adjoint(T gy, T, T a, T b) const {
    const T factor = fault == Fault::dropped_term  ? T(real_t<T>(1.0))
                     : fault == Fault::a_billionth ? T(real_t<T>(2.000000002))
                                                   : T(real_t<T>(2.0));
    return {fault == Fault::sign ? -gy * b * b : gy * b * b, gy * factor * a * b};
  }
  static Check check() { return {.inputs = {anything, anything}}; }
};

// y[n] = 0.9 y[n-1] + x[n]; `forgets`: the adjoint does not carry on to the sample before.
template <bool forgets>
struct Smooth : OwnCausal<Smooth<forgets>, 1> {
  static constexpr const char* name = "smooth";
  template <class T>
  struct State {
    T y{};
  };
  template <class T>
  T forward(State<T>& s, T x) const {
    return s.y = T(real_t<T>(0.9)) * s.y + x;
  }
  template <class T>
  std::array<T, 1> adjoint(State<T>& gs, const State<T>&, T gy, T) const {
    const T g = gy + gs.y;
    gs.y = forgets ? T(real_t<T>(0.0)) : T(real_t<T>(0.9)) * g;
    return {g};
  }
  static Check check() { return {.inputs = {anything}}; }
};

}  // namespace

TEST_CASE("a user's own node is checked like the library's") {
  const NodeReport pointwise = check_own_node<Scaled<Fault::none>>(8);
  INFO(pointwise.failure);
  CHECK(pointwise.passed);
  CHECK(pointwise.difference_cases > 0);
  const NodeReport causal = check_own_node<Smooth<false>>(8);
  INFO(causal.failure);
  CHECK(causal.passed);
  CHECK(causal.dot_product_cases > 0);
}

TEST_CASE("a wrong adjoint fails the check") {
  for (const NodeReport& report : {check_own_node<Scaled<Fault::dropped_term>>(4),
                                   check_own_node<Scaled<Fault::sign>>(4), check_own_node<Smooth<true>>(4)}) {
    CAPTURE(report.node);
    CHECK(!report.passed);
    CHECK(report.worst_dot_product > 1e-3);
    CHECK(report.worst_difference > 1e-3);
  }
}

TEST_CASE("an adjoint off by a billionth fails the dot-product test, which names the case") {
  const NodeReport report = check_own_node<Scaled<Fault::a_billionth>>(4);
  CHECK(!report.passed);
  CHECK(report.worst_dot_product > dot_product_tolerance);
  CHECK(report.worst_difference < difference_tolerance);
  for (const char* part : {"<v, Ju>", "shapes (", "tile ", "seed "})
    CHECK(report.failure.find(part) != std::string::npos);
}

TEST_CASE("an input declared without a derivative that has one fails the differences") {
  const NodeReport report = check_own_node<Scaled<Fault::undeclared_input>>(4);
  CHECK(!report.passed);
  CHECK(report.worst_dot_product <= dot_product_tolerance);
  CHECK(report.worst_difference > 1e-3);
  CHECK(report.failure.find("of input 1") != std::string::npos);
}

namespace {

// tanh(1000 x), with an adjoint that is right, or wrong by a part in ten thousand. Differences over the usual step see little of it.
template <bool is_wrong>
struct Steep : OwnPointwise<Steep<is_wrong>, 1> {
  static constexpr const char* name = "steep";
  template <class T>
  T forward(T x) const {
    return math::tanh(T(real_t<T>(1000.0)) * x);
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T y, T) const {
    return {gy * T(real_t<T>(is_wrong ? 1000.1 : 1000.0)) * (T(real_t<T>(1.0)) - y * y)};
  }
  static Check check() { return {.inputs = {{-0.002, 0.002}}}; }
};

// The logarithm of small numbers: the usual step reaches below zero.
struct SmallLogarithm : OwnPointwise<SmallLogarithm, 1> {
  static constexpr const char* name = "log";  // as the library's
  template <class T>
  T forward(T x) const {
    return T(real_t<T>(0.1)) * math::log(x);
  }
  template <class T>
  std::array<T, 1> adjoint(T gy, T, T x) const {
    return {T(real_t<T>(0.1)) * gy / x};
  }
  static Check check() { return {.inputs = {{1e-6, 1e-5}}}; }
};

// A state with an array, whose adjoint is wrong, where asked, for what left the line after a while alone.
template <bool is_wrong>
struct Line : OwnCausal<Line<is_wrong>, 1> {
  static constexpr const char* name = "line";
  template <class T>
  struct State {
    T line[6] = {};
    int at = 0;
    int steps = 0;
  };
  template <class T>
  T forward(State<T>& s, T x) const {
    const T y = x + T(real_t<T>(0.5)) * s.line[s.at];
    s.line[s.at] = y;
    s.at = (s.at + 1) % 6;
    ++s.steps;
    return y;
  }
  template <class T>
  std::array<T, 1> adjoint(State<T>& gs, const State<T>& s, T gy, T) const {
    const T g = gy + gs.line[s.at];
    gs.line[s.at] = T(real_t<T>(0.5)) * g;
    return {is_wrong && s.steps == 3000 ? g * T(real_t<T>(1.01)) : g};
  }
  static Check check() { return {.inputs = {anything}}; }
};

}  // namespace

TEST_CASE("a right adjoint passes however steep the node, and a wrong one fails all the same") {
  for (const NodeReport& report : {check_own_node<Steep<false>>(8), check_own_node<SmallLogarithm>(8)}) {
    INFO(report.node << ": " << report.failure);
    CHECK(report.passed);
    CHECK(report.unclear_differences * 10 <= report.difference_cases);
  }
  const NodeReport wrong = check_own_node<Steep<true>>(8);
  CHECK(!wrong.passed);
  CHECK(wrong.worst_difference > 1e-6);
}

TEST_CASE("a node with an array in its state is checked, and an error at one late sample is found") {
  const NodeReport right = check_own_node<Line<false>>(8);
  INFO(right.failure);
  CHECK(right.passed);
  CHECK(!check_own_node<Line<true>>(8).passed);
}
