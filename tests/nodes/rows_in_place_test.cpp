// Rows that are joined or cut need no memory of their own, and have the bits of copies: of a back part that is played and
// rewound alone, on parameters that are what the front part computed.
#include <doctest/doctest.h>

#include "../tape/bits.hpp"

#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

using namespace retrograd;

namespace {

constexpr std::int64_t rows = 8, length = 5003;

using Vars = std::vector<Var>;
using Back = std::function<Vars(Tape&, const Vars&)>;  // of three signals of `rows` rows: losses

Var pitches(Tape& tape, int i) {
  Tensor values(Shape{rows, 1});
  for (std::int64_t row = 0; row < rows; ++row)
    values.as<double>()[static_cast<std::size_t>(row)] = 100.0 * i + 31.0 * static_cast<double>(row) + 90.0;
  return tape.parameter("pitch" + std::to_string(i), values);
}

// The last two are clipped here and there: adjoints of 0 and -0 are among the others.
Var front(Tape& tape, int i) {
  const Var voices = sinusoid(pitches(tape, i), std::nullopt, length);
  return i == 0 ? voices * 0.7 : clamp(voices, tape.constant(-0.2 * i), tape.constant(0.9)) * -1.0;
}

Var loss_of(Var x) { return mean(square(tanh(x + cumulative_sum(x) * 1e-3)) * select(x < 0.1, x * 0.5, x)); }

struct Case {
  const char* name;
  Back back;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"a stack",
       [](Tape&, const Vars& x) {
         return Vars{loss_of(stack({x[0], x[1]}, 0))};
       }},
      {"four voices of eight", [](Tape&, const Vars& x) { return Vars{loss_of(slice(x[0], 0, 2, 6))}; }},
      {"two slices of one source",
       [](Tape&, const Vars& x) {
         const Var a = slice(x[1], 0, 5, 8), b = slice(x[1], 0, 1, 4);
         return Vars{loss_of(a) + loss_of(b * 0.3), loss_of(b), loss_of(a) + loss_of(concat({b, a}, 0))};
       }},
      {"slices that overlap",
       [](Tape&, const Vars& x) { return Vars{loss_of(slice(x[0], 0, 0, 5) * tanh(slice(x[0], 0, 3, 8)))}; }},
      {"a slice of a slice",
       [](Tape& tape, const Vars& x) {
         const Var outer = slice(x[2], 0, 1, 7), inner = slice(outer, 0, 2, 5);
         tape.keep(inner);
         return Vars{loss_of(inner), loss_of(reshape(inner, {3 * length}))};
       }},
      {"a slice of what is read elsewhere too",
       [](Tape&, const Vars& x) {
         return Vars{loss_of(slice(x[2], 0, 1, 7)) + loss_of(x[2] * x[1]) + loss_of(slice(x[2], 0, 7, 8))};
       }},
      {"a stack one part of which is read elsewhere too",
       [](Tape& tape, const Vars& x) {
         tape.keep(x[1]);
         return Vars{loss_of(stack({x[0], x[1], x[2]}, 0)) + loss_of(sin(x[1])), loss_of(x[1])};
       }},
      {"a part that is there twice",
       [](Tape&, const Vars& x) {
         return Vars{loss_of(concat({x[0], x[1], x[0]}, 0) * 0.9)};
       }},
      {"parts of parts",
       [](Tape&, const Vars& x) {
         const Var joined = concat({slice(x[2], 0, 0, 3), x[1], x[2], x[0]}, 0);
         return Vars{loss_of(joined), loss_of(concat({joined, x[1]}, 0))};
       }},
      {"what is stacked is cut again",
       [](Tape&, const Vars& x) {
         const Var joined = stack({x[0], tanh(x[1]), x[2]}, 0);
         const Var some = slice(joined, 0, 1, 3);
         return Vars{loss_of(some) + loss_of(mix(slice(joined, 0, 0, 1))),
                     loss_of(reshape(slice(some, 0, 1, 2), {rows * length}))};
       }},
      {"a stack in a stack",
       [](Tape&, const Vars& x) {
         const Var pair = stack({x[0], x[1]}, 0), wide = stack({pair, stack({x[2], x[2]}, 0)}, 0);
         return Vars{loss_of(wide), loss_of(mix(wide)), loss_of(pair)};
       }},
      {"a stack of other shapes",
       [](Tape&, const Vars& x) {
         const Var a = reshape(x[0], {2, 4, length}),
                   b = reshape(reshape(x[1], {1, rows, length}), {2, 4, length});
         return Vars{loss_of(concat({a, b}, 0)),
                     loss_of(concat({a, reshape(x[2], {2, 4, length})}, 0)) + loss_of(a)};
       }},
      {"another axis, in the middle",
       [](Tape&, const Vars& x) {
         const Var wide = stack({x[0], x[1]}, 1);
         return Vars{loss_of(slice(wide, 1, 1, 2)) + loss_of(wide)};
       }},
      {"rows that become time, and samples that are cut off",
       [](Tape&, const Vars& x) {
         const Var row = reshape(x[1], {rows * length});
         return Vars{loss_of(slice(row, 0, 1001, 30011)) + loss_of(slice(row, 0, 30017, 30019))};
       }},
      {"one row for all, and one part alone",
       [](Tape&, const Vars& x) {
         const Var alone = stack({x[2]}, 0), row = slice(x[0], 0, 3, 4);
         return Vars{loss_of(alone * row) + loss_of(broadcast_to(x[1], {1, rows, length}))};
       }},
  };
  return all;
}

TapeOptions options_of(ElementType type, Executor& executor, int tile) {
  return {.type = type, .sample_rate = 44100.0, .length = length, .tile = tile, .executor = &executor};
}

// Gradients of the three pitches, for each loss, twice over; and the losses.
std::vector<Bits> at_once(const Case& of, ElementType type, int threads, int tile) {
  ThreadPool pool(threads);
  Tape tape(options_of(type, pool, tile));
  const Vars x{front(tape, 0), front(tape, 1), front(tape, 2)}, losses = of.back(tape, x);
  tape.play(losses);
  std::vector<Bits> bits;
  for (int round = 0; round < 2; ++round)
    for (const Var loss : losses) {
      tape.rewind(loss);
      bits.push_back(bits_of("loss", tape.value(loss)));
      for (int i = 0; i < 3; ++i) {
        const std::string name = "pitch" + std::to_string(i);
        bits.push_back(bits_of(name, tape.gradient(tape.find(name))));
      }
    }
  return bits;
}

std::vector<Bits> by_copies(const Case& of, ElementType type) {
  SerialExecutor executor;
  Tape before(options_of(type, executor, 0)), behind(options_of(type, executor, 0));
  const Vars x{front(before, 0), front(before, 1), front(before, 2)};
  before.play(x);
  Vars copies;
  for (const Var signal : x)
    copies.push_back(behind.parameter("x" + std::to_string(copies.size()), Tensor(before.value(signal))));
  const Vars losses = of.back(behind, copies);
  behind.play(losses);
  std::vector<Bits> bits;
  for (int round = 0; round < 2; ++round)
    for (const Var loss : losses) {
      behind.rewind(loss);
      bits.push_back(bits_of("loss", behind.value(loss)));
      for (int i = 0; i < 3; ++i) {
        const auto at = static_cast<std::size_t>(i);
        before.rewind(x[at], behind.gradient(copies[at]));
        const std::string name = "pitch" + std::to_string(i);
        bits.push_back(bits_of(name, before.gradient(before.find(name))));
      }
    }
  return bits;
}

std::int64_t stored_bytes(Tape& tape, const Vars& outputs) {
  const std::string text = tape.describe_plan(outputs);
  return std::stoll(text.substr(text.find("in all: ") + 8));
}

// Bytes of a tape in f32 that plays, and then rewinds too, without its numbers, which are few.
std::int64_t signals_stored(const std::function<Var(Tape&)>& record, bool rewinds) {
  Tape tape({.sample_rate = 44100.0, .length = length});
  const Vars outputs{record(tape)};
  tape.play(outputs);
  if (rewinds) tape.rewind(outputs[0]);
  return stored_bytes(tape, outputs) / (length * 4);
}

}  // namespace

TEST_CASE("rows in place have the values and gradients of rows that are copied, to the last bit") {
  for (const Case& of : cases())
    for (const ElementType type : {ElementType::f32, ElementType::f64}) {
      INFO(std::string(of.name) << " in " << std::string(name(type)));
      const std::vector<Bits> expected = by_copies(of, type);
      CHECK(first_difference(at_once(of, type, 1, 0), expected) == "");
      if (type == ElementType::f32) CHECK(first_difference(at_once(of, type, 3, 128), expected) == "");
    }
}

TEST_CASE("two oscillators in stereo store two signals, and their adjoints two more") {
  for (const bool rewinds : {false, true}) {
    CHECK(signals_stored(
              [](Tape& tape) {
                const Var left = sinusoid(tape.parameter("left", 300.0), std::nullopt, length),
                          right = sinusoid(tape.parameter("right", 450.0), std::nullopt, length);
                return stack({left, right * 0.5}, 0);
              },
              rewinds) == (rewinds ? 4 : 2));
    CHECK(signals_stored(
              [](Tape& tape) {
                const Shape shape{2, 4, length};
                return concat({reshape(front(tape, 1), shape), reshape(tanh(front(tape, 0)), shape)}, 0);
              },
              rewinds) == (rewinds ? 4 * rows : 2 * rows));
  }
}

TEST_CASE("slices of voices store nothing beside the voices, one of a slice neither") {
  for (const bool rewinds : {false, true}) {
    const auto stored = [&](const std::function<Var(Var)>& cut) {
      return signals_stored([&](Tape& tape) { return cut(front(tape, 1)); }, rewinds);
    };
    const std::int64_t voices = rewinds ? 2 * rows : rows;
    CHECK(stored([](Var x) { return x; }) == voices);
    CHECK(stored([](Var x) { return slice(x, 0, 2, 6); }) == voices);
    CHECK(stored([](Var x) { return slice(slice(x, 0, 2, 7), 0, 1, 4); }) == voices);
    CHECK(stored([](Var x) { return reshape(slice(x, 0, 4, 8), {2, 2, length}); }) == voices);
    CHECK(stored([](Var x) { return loss_of(slice(x, 0, 0, 4)) + loss_of(slice(x, 0, 4, 8)); }) <= voices);
  }
}

TEST_CASE("an output that is part of an input is what was played, whatever is set since") {
  Tape tape;
  Tensor values(Shape{2, 100});
  values.fill(1.0);
  const Var x = tape.input("x", values), y = slice(x, 0, 1, 2), z = slice(x, 0, 0, 1) * 2.0;
  const Var inner = slice(slice(x, 0, 0, 2), 0, 0, 1), again = slice(inner, 1, 10, 20);
  tape.play({y, z, inner, again});
  values.fill(3.0);
  tape.set(x, values);
  CHECK(tape.value(inner).at(5) == 1.0);
  CHECK(tape.value(again).at(5) == 1.0);
  CHECK(tape.value(y).at(50) == 1.0);
  CHECK(tape.value(z).at(50) == 2.0);
  tape.play({y, z});
  CHECK(tape.value(y).at(50) == 3.0);
  CHECK(tape.value(z).at(50) == 6.0);
}

TEST_CASE("a seed for a part, or for a value of which parts are read, reaches that alone") {
  Tape tape({.sample_rate = 44100.0, .length = length});
  const Var first = front(tape, 0), other = front(tape, 1), both = stack({first, other}, 0),
            some = slice(other, 0, 2, 4);
  const Var loud = tanh(both) * 2.0, alone = tanh(some);
  const auto pitch = [&](int i) { return tape.find("pitch" + std::to_string(i)); };
  tape.play({first, other, both, some, loud, alone});
  const auto gradient_of = [&](Var y, const Tensor& seed, int i) {
    tape.rewind(y, seed);
    return std::vector<double>(tape.gradient(pitch(i)).as<double>().begin(),
                               tape.gradient(pitch(i)).as<double>().end());
  };
  const auto ones = [](const Shape& shape) {
    Tensor seed(shape, ElementType::f32);
    seed.fill(1.0);
    return seed;
  };
  const std::vector<double> of_first = gradient_of(first, ones(first.shape()), 0),
                            of_other = gradient_of(other, ones(other.shape()), 1);
  tape.rewind(loud);  // leaves something else in all adjoints
  tape.rewind(alone);
  CHECK(gradient_of(both, ones(both.shape()), 0) == of_first);
  CHECK(gradient_of(both, ones(both.shape()), 1) == of_other);
  tape.rewind(loud);
  CHECK(gradient_of(first, ones(first.shape()), 0) == of_first);
  CHECK(gradient_of(first, ones(first.shape()), 1) == std::vector<double>(rows, 0.0));
  tape.rewind(loud);
  const std::vector<double> of_some = gradient_of(some, ones(some.shape()), 1);
  for (std::size_t row = 0; row < rows; ++row)
    CHECK(of_some[row] == (row == 2 || row == 3 ? of_other[row] : 0.0));
}
