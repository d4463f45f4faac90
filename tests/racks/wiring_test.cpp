// Racks as graphs: what feeds a module is computed before it, what cannot be ordered is named, and what is heard is known.
#include <doctest/doctest.h>

#include "rack_fixture.hpp"

#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/racks/wiring.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace retrograd;

namespace {

const ModuleList modules;

Module module(const std::string& name, const std::string& type, StructureValues structure = {}) {
  return make_module(name, *modules.find(type), std::move(structure));
}

std::string letter(std::size_t i) { return std::string(1, static_cast<char>('a' + i)); }

// Operators named a, b, c and so on; each pair is a cable from one's output to the other's phase.
Rack operators(std::size_t count, const std::vector<std::pair<std::size_t, std::size_t>>& routes) {
  Rack rack;
  rack.note.gate = {{0.0, 0.5}};
  for (std::size_t i = 0; i < count; ++i) rack.modules.push_back(module(letter(i), "fm_operator"));
  for (const auto& [from, to] : routes) rack.cables.push_back({letter(from) + ".out", letter(to) + ".phase"});
  rack.outputs = {"a.out"};
  return rack;
}

// "b a c", without the note.
std::string order_of(const Rack& rack) {
  const Wiring wiring(rack);
  std::string text;
  for (const int m : wiring.order())
    if (m != wiring.note()) text += (text.empty() ? "" : " ") + wiring.name(m);
  return text;
}

// All problems, "key: message", one a line.
std::string problems_of(const Rack& rack) {
  std::string text;
  for (const auto& [key, message] : find_problems(rack))
    text += (text.empty() ? "" : "\n") + key + ": " + message;
  return text;
}

std::string heard_in(const Rack& rack) {
  const Wiring wiring(rack);
  std::string text;
  for (int m = 0; m < wiring.note(); ++m)
    if (wiring.is_heard(m)) text += (text.empty() ? "" : " ") + wiring.name(m);
  return text;
}

std::string of_each_note_in(const Rack& rack) {
  const Wiring wiring(rack);
  std::string text;
  for (int m = 0; m <= wiring.note(); ++m)
    if (wiring.is_of_each_note(m)) text += (text.empty() ? "" : " ") + wiring.name(m);
  return text;
}

const std::string leave_out = "; leave one of its cables out (a loop needs a delay)";

}  // namespace

TEST_CASE("what feeds a module comes before it, and of those that are ready the first in the rack") {
  CHECK(order_of(operators(3, {})) == "a b c");
  CHECK(order_of(operators(2, {{1, 0}})) == "b a");
  CHECK(order_of(operators(6, {{1, 0}, {2, 1}, {4, 3}, {5, 4}})) == "c b a f e d");
  CHECK(order_of(operators(4, {{0, 1}, {0, 2}, {1, 3}, {2, 3}})) == "a b c d");
  CHECK(order_of(operators(4, {{3, 0}, {3, 1}})) == "c d a b");
  CHECK(order_of(subtractive_rack(0.1)) == "low env lfo high mix amp");
}

TEST_CASE("the note comes first, and behind what moves its frequency, which may follow the gate") {
  Rack rack = subtractive_rack(0.1);
  CHECK(Wiring(rack).order().front() == Wiring(rack).note());
  rack.cables.push_back({"env.out", "note.frequency", 0.5});
  rack.cables.push_back({"note.velocity", "env.gate"});
  const Wiring wiring(rack);
  const auto place = [&](int m) { return std::ranges::find(wiring.order(), m) - wiring.order().begin(); };
  REQUIRE(wiring.order().size() == 7);
  CHECK(place(3) < place(wiring.note()));  // env
  CHECK(place(wiring.note()) < place(0));  // low, whose hertz are the note's without a cable
  CHECK(problems_of(rack) == "");
  // What follows the frequency cannot move it.
  rack.cables.back() = {"note.pitch", "env.gate"};
  CHECK(problems_of(rack) == "cables.6: closes the loop env -> note -> env" + leave_out);
}

TEST_CASE("random graphs without a loop are ordered as a naive sort has them") {
  std::mt19937 random(1);
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t count = 2 + random() % 12;
    std::vector<std::size_t> hidden(count);
    for (std::size_t i = 0; i < count; ++i) hidden[i] = i;
    std::ranges::shuffle(hidden, random);
    std::vector<std::pair<std::size_t, std::size_t>> routes;
    for (std::size_t x = 0; x < count; ++x)
      for (std::size_t y = x + 1; y < count; ++y)
        if (random() % 3 == 0) routes.push_back({hidden[x], hidden[y]});
    std::ranges::shuffle(routes, random);

    std::string naive;
    std::vector<char> is_done(count);
    for (std::size_t done = 0; done < count; ++done)
      for (std::size_t i = 0; i < count; ++i) {
        const bool waits = std::ranges::any_of(
            routes, [&](const auto& r) { return r.second == i && is_done[r.first] == 0; });
        if (is_done[i] != 0 || waits) continue;
        naive += (naive.empty() ? "" : " ") + letter(i);
        is_done[i] = 1;
        break;
      }
    CHECK(order_of(operators(count, routes)) == naive);

    if (routes.empty()) continue;
    routes.push_back({routes[0].second, routes[0].first});
    const std::string problem = problems_of(operators(count, routes));
    CHECK(problem.find("closes the loop") != std::string::npos);
  }
}

TEST_CASE(
    "a loop is named from its first module on, in the direction of its cables, and its last cable is "
    "blamed") {
  CHECK(problems_of(operators(2, {{0, 1}, {1, 0}})) == "cables.1: closes the loop a -> b -> a" + leave_out);
  CHECK(problems_of(operators(2, {{1, 0}, {0, 1}})) == "cables.1: closes the loop a -> b -> a" + leave_out);
  CHECK(problems_of(operators(4, {{3, 2}, {2, 1}, {1, 3}})) ==
        "cables.2: closes the loop b -> d -> c -> b" + leave_out);
  CHECK(problems_of(operators(3, {{2, 2}})) == "cables.0: closes the loop c -> c" + leave_out);
  // What a loop only feeds, or feeds it, is not blamed.
  CHECK(problems_of(operators(5, {{1, 0}, {2, 1}, {2, 3}, {4, 3}, {3, 2}})) ==
        "cables.4: closes the loop c -> d -> c" + leave_out);
  // Through a parameter, too.
  Rack rack = subtractive_rack(0.1);
  rack.cables.push_back({"amp.out", "low.ratio", 0.1});
  CHECK(problems_of(rack) == "cables.5: closes the loop low -> mix -> amp -> low" + leave_out);
}

TEST_CASE("a chain of a hundred thousand modules is ordered, its loop found and named in a line") {
  constexpr std::size_t count = 100000;
  Rack rack;
  rack.sample_rate = 100;
  rack.duration = 0.02;
  rack.note.gate = {{0.0, 0.5}};
  for (std::size_t i = 0; i < count; ++i) {
    rack.modules.push_back(module("m" + std::to_string(i), "vca"));
    if (i + 1 < count)
      rack.cables.push_back({"m" + std::to_string(i + 1) + ".out", "m" + std::to_string(i) + ".in"});
  }
  rack.modules.push_back(module("source", "oscillator"));
  rack.cables.push_back({"source.out", "m" + std::to_string(count - 1) + ".in"});
  rack.outputs = {"m0.out"};
  {
    const Wiring wiring(rack);
    REQUIRE(wiring.order().size() == count + 2);
    CHECK(wiring.order()[1] == static_cast<int>(count));
    CHECK(wiring.order().back() == 0);
    CHECK(wiring.is_heard(static_cast<int>(count)));
  }
  Tape tape(tape_options(rack));
  const RecordedRack recorded = record(tape, rack);
  CHECK(recorded.parameters.size() == count + 2);
  CHECK(recorded.audio.shape() == Shape{2});

  rack.cables.back() = {"m0.out", "m" + std::to_string(count - 1) + ".in"};
  const std::string problem = problems_of(rack);
  CHECK(problem.size() < 300);
  CHECK(problem.starts_with("cables.99999: closes the loop m0 -> m99999 -> m99998"));
  CHECK(problem.find(" -> ... -> m0;") != std::string::npos);
}

TEST_CASE("heard is what reaches an output by inputs that are heard, not by phases, gates or parameters") {
  CHECK(heard_in(operators(6, {{1, 0}, {2, 1}})) == "a");
  CHECK(heard_in(subtractive_rack(0.1)) == "low high mix amp");
  Rack two = subtractive_rack(0.1);
  two.outputs = {"amp.out", "lfo.out"};
  CHECK(heard_in(two) == "low high mix amp lfo");
  two.outputs = {"env.out"};
  CHECK(heard_in(two) == "env");
}

TEST_CASE("an output that nothing reads is known") {
  const Rack rack = subtractive_rack(0.1);
  const Wiring wiring(rack);
  CHECK(wiring.is_read(wiring.find("env.out")));
  CHECK(wiring.is_read(wiring.find("amp.out")));
  CHECK_FALSE(wiring.is_read(wiring.find("note.velocity")));
}

TEST_CASE("before a mix point all plays once for each note, behind it once, and so does what reads no note") {
  Rack rack = subtractive_rack(0.1);
  CHECK(of_each_note_in(rack) == "low high mix env amp lfo note");  // without a mix point
  rack.modules.push_back(module("all", "voices"));
  rack.modules.push_back(module("volume", "vca"));
  rack.modules.push_back(module("slow", "oscillator", {0, 1}));
  rack.cables.push_back({"amp.out", "all.in"});
  rack.cables.push_back({"all.out", "volume.in"});
  rack.cables.push_back({"slow.out", "volume.level", 0.2});
  rack.outputs = {"volume.out"};
  CHECK(problems_of(rack) == "");
  // The LFO reads no note: one serves all. The mix point itself is fed by notes.
  CHECK(of_each_note_in(rack) == "low high mix env amp all note");
  // A cable from the note makes its reader one for each.
  rack.cables.push_back({"note.velocity", "lfo.phase"});
  CHECK(of_each_note_in(rack) == "low high mix env amp lfo all note");

  rack.outputs = {"volume.out", "amp.out"};
  CHECK(problems_of(rack) ==
        "outputs.1: 'amp.out' is there once for each note; plug it into the voices, and name what comes out "
        "of them");
}

TEST_CASE("names of modules may hold dots: the longest that fits is meant") {
  Rack rack;
  rack.note.gate = {{0.0, 0.5}};
  rack.modules = {module("a", "mixer", {2}), module("a.in", "oscillator"), module("a.in.0", "oscillator")};
  rack.cables = {{"a.in.out", "a.in.0"}, {"a.in.0.out", "a.in.1"}};
  rack.outputs = {"a.out"};
  const Wiring wiring(rack);
  CHECK(wiring.find("a.in.out") == Wiring::Place{Wiring::Kind::output, 1, 0});
  CHECK(wiring.find("a.in.0.out") == Wiring::Place{Wiring::Kind::output, 2, 0});
  CHECK(wiring.find("a.in.0") == Wiring::Place{Wiring::Kind::input, 0, 0});
  CHECK(wiring.find("a.level.1") == Wiring::Place{Wiring::Kind::parameter, 0, 1});
  CHECK(wiring.path_of(wiring.find("a.in.0.phase")) == "a.in.0.phase");
  for (const char* none :
       {"", ".", "a", "a.", ".a", "a..out", "a.in", "b.out", "note", "note.", "a.out.out"}) {
    CAPTURE(none);
    CHECK(wiring.find(none).kind == Wiring::Kind::none);
  }
  CHECK(problems_of(rack) == "");
}

TEST_CASE("cables that cannot be are each named with what would be right") {
  const auto problem = [](Cable cable) {
    Rack rack = subtractive_rack(0.1);
    rack.cables.push_back(std::move(cable));
    return problems_of(rack);
  };
  CHECK(problem({"osc.out", "amp.in"}) ==
        "cables.5: 'osc.out' names no module; the modules are note, low, high, mix, env, amp, lfo");
  CHECK(problem({"hihg.out", "amp.in"}) == "cables.5: 'hihg.out' names no module; did you mean high?");
  CHECK(problem({"low", "amp.in"}) ==
        "cables.5: 'low' names no module; did you mean low? (a port is module.port, as in \"osc.out\")");
  CHECK(problem({"low.sine", "amp.in"}) ==
        "cables.5: 'low.sine': low has no output sine; the outputs are out");
  CHECK(problem({"low.out", "amp.leevl"}) ==
        "cables.5: 'amp.leevl': amp has no input or parameter leevl; did you mean level?");
  CHECK(problem({"amp.in", "low.phase"}) == "cables.5: 'amp.in' is an input; a cable comes from an output");
  CHECK(problem({"amp.level", "low.phase"}) ==
        "cables.5: 'amp.level' is a parameter; a cable comes from an output");
  CHECK(problem({"low.out", "lfo.out"}) ==
        "cables.5: 'lfo.out' is an output; a cable goes to an input or to a parameter");
  CHECK(problem({"lfo.out", "env.attack", 0.5}) ==
        "cables.5: goes to env.attack, which is read when the gate moves and cannot be modulated; leave it "
        "out");
  CHECK(problem({"low.out", "mix.in.0"}) ==
        "cables.5: goes from low.out to mix.in.0 a second time; once is enough");
  CHECK(problem({"lfo.out", "high.ratio", 0.5, "other"}) ==
        "cables.5: goes from lfo.out to high.ratio a second time; once is enough");
  CHECK(problem({"lfo.out", "amp.in", 0.5}) ==
        "cables.5: goes to the input amp.in, which takes the signal as it is; an amount is for parameters, a "
        "level is a "
        "mixer's or a vca's");
  CHECK(problem({"lfo.out", "amp.level", infinity}) ==
        "cables.5: has the amount inf; an amount is a finite number");
  CHECK(problem({"lfo.out", "amp.level", 1.0, "env.attack"}) ==
        "cables.5: has an amount named env.attack, which is taken; give it another name");
  CHECK(problem({"lfo.out", "amp.level", 1.0, "lfo.out>high.ratio"}) ==
        "cables.5: has an amount named lfo.out>high.ratio, which is taken; give it another name");
}

TEST_CASE("a required input without a cable, a name twice, none, or the note's is a problem of its module") {
  Rack rack = subtractive_rack(0.1);
  rack.cables.erase(rack.cables.begin() + 2);
  CHECK(problems_of(rack) == "module.4: has nothing plugged into its input in; a cable must go to amp.in");
  rack = subtractive_rack(0.1);
  rack.modules.push_back(module("env", "adsr"));
  rack.modules.push_back(module("", "adsr"));
  rack.modules.push_back(module("note", "adsr"));
  CHECK(problems_of(rack) ==
        "module.6: is named env as another is; names are there once\n"
        "module.7: has no name; every module has one\n"
        "module.8: is named note, as what is played is; give it another name");
}

TEST_CASE("a path that two modules would have is a problem, whatever it is of") {
  Rack rack = subtractive_rack(0.1);
  rack.modules.push_back(module("op", "fm_operator"));
  rack.modules.push_back(module("op.envelope", "adsr"));
  CHECK(problems_of(rack) ==
        "module.7: is named op.envelope, so that op.envelope.attack is what another module has, too; give "
        "one of them "
        "another name");
  rack.modules[7] = module("mix.level", "mixer", {1});
  CHECK(problems_of(rack) == "");  // mix.level.in.0, mix.level.level.0
  rack.modules[7].name = "op.env";
  CHECK(problems_of(rack) == "");
}

TEST_CASE("what is normalled to the note's pitch cannot move the note's pitch") {
  Rack rack = subtractive_rack(0.1);
  rack.cables.push_back({"high.out", "note.frequency", 0.1});
  CHECK(problems_of(rack) == "cables.5: closes the loop high -> note -> high" + leave_out);
}

TEST_CASE("outputs are there, are outputs, and are sixty-four at most") {
  Rack rack = subtractive_rack(0.1);
  rack.outputs = {};
  CHECK(problems_of(rack) == "outputs: is empty; name the output that is heard");
  rack.outputs = {"amp.in"};
  CHECK(problems_of(rack) == "outputs.0: 'amp.in' is an input; a cable comes from an output");
  rack.outputs.assign(64, "amp.out");
  CHECK(problems_of(rack) == "");
  rack.outputs.push_back("amp.out");
  CHECK(problems_of(rack) == "outputs: has 65 channels; 64 at most");
}
