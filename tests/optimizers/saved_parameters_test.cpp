// Parameters and optimisers in a file: training goes on bit for bit on another tape, and what does not fit changes nothing.
#include <doctest/doctest.h>
#include <retrograd/files/tensor_file.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/optimizers/saved_parameters.hpp>

#include "../tools/scratch.hpp"

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

using namespace retrograd;
using doctest::Contains;

namespace {

// A number on a bound, one for each row, and a signal of floats.
struct Model {
  Tape tape;
  Var loss;
  explicit Model(double start = 0.3, bool is_reversed = false) {
    if (is_reversed) tape.parameter("curve", Tensor(Shape{2, 3}), range(-1.0, 1.0));
    tape.parameter("gain", 0.0, unit_interval);
    tape.parameter("pitch", Tensor{start, 2.0}.reshaped(Shape{2, 1}), positive);
    if (!is_reversed) tape.parameter("curve", Tensor(Shape{2, 3}), range(-1.0, 1.0));
    loss = sum_over_time(square(tape.find("curve") + tape.find("pitch") * tape.find("gain") - 0.7));
  }
  void steps(Optimizer& optimizer, int count) {
    for (int i = 0; i < count; ++i) {
      tape.play({loss});
      tape.rewind(loss);
      optimizer.step();
    }
  }
  bool equals(const Model& other) const {
    for (const Var p : tape.parameters()) {
      const TensorView a = tape.value(p), b = other.tape.value(other.tape.find(tape.name(p)));
      for (std::int64_t i = 0; i < a.shape.elements(); ++i)
        if (a.at(i) != b.at(i)) return false;
    }
    return true;
  }
};

}  // namespace

TEST_CASE("training goes on bit for bit from a file, on a tape that recorded in another order") {
  const Scratch place;
  const auto path = place / "model.safetensors";
  Model whole, second(5.0, true);
  Adam adam(whole.tape, {.learning_rate = 0.05}), other(second.tape, {.learning_rate = 0.05});
  second.steps(other, 2);
  whole.steps(adam, 7);
  save_parameters(path, whole.tape, &adam);
  load_parameters(path, second.tape, &other);
  CHECK(second.equals(whole));
  whole.steps(adam, 5);
  second.steps(other, 5);
  CHECK(second.equals(whole));
  CHECK(adam.save() == other.save());
}

TEST_CASE("a value on a bound, which no step has moved, is loaded as it is") {
  const Scratch place;
  Model one, two(5.0);
  Adam adam(one.tape), other(two.tape);
  save_parameters(place / "x", one.tape, &adam);
  two.steps(other, 1);
  load_parameters(place / "x", two.tape, &other);
  CHECK(two.tape.value(two.tape.find("gain")).item() == 0.0);
  CHECK(two.equals(one));
}

TEST_CASE("parameters alone are saved and loaded, with the state of an optimiser passed over") {
  const Scratch place;
  Model one, two(5.0);
  one.tape.freeze(one.tape.find("pitch"));  // frozen ones too
  Adam adam(one.tape);
  save_parameters(place / "with", one.tape, &adam);
  save_parameters(place / "without", one.tape);
  for (const char* name : {"with", "without"}) {
    Model loaded(5.0);
    load_parameters(place / name, loaded.tape);
    CHECK(loaded.equals(one));
  }
  const TensorFile file = load_tensors(place / "with");
  CHECK(file.tensors.at("curve").type() == ElementType::f32);
  CHECK(file.tensors.at("curve").shape() == Shape{2, 3});
  CHECK(file.tensors.at("pitch").type() == ElementType::f64);
  CHECK(file.tensors.at("optimizer//steps").item() == 0.0);
  CHECK(load_tensors(place / "without").tensors.size() == 3);
  Adam other(two.tape);
  CHECK_THROWS_WITH_AS(load_parameters(place / "without", two.tape, &other),
                       Contains("no state of an optimiser"), FileError);
}

TEST_CASE("a file that does not fit the tape is refused by name, and nothing has changed") {
  const Scratch place;
  const auto path = place / "model.safetensors";
  Model model;
  Adam adam(model.tape, {.learning_rate = 0.05});
  model.steps(adam, 3);
  save_parameters(path, model.tape, &adam);
  model.steps(adam, 2);
  const OptimizerState before = adam.save();
  std::vector<Tensor> values;
  for (const Var p : model.tape.parameters()) values.emplace_back(model.tape.value(p));
  const TensorFile good = load_tensors(path);
  const auto refused = [&](const char* message, const auto& spoil) {
    TensorFile file = good;
    spoil(file.tensors);
    save_tensors(path, file);
    CHECK_THROWS_WITH_AS(load_parameters(path, model.tape, &adam), Contains(message), FileError);
    CHECK_THROWS_WITH_AS(load_parameters(path, model.tape, &adam), Contains("model.safetensors"), FileError);
    CHECK(adam.save() == before);
    for (std::size_t p = 0; p < values.size(); ++p) {
      const TensorView now = model.tape.value(model.tape.parameters()[p]);
      for (std::int64_t i = 0; i < now.shape.elements(); ++i) CHECK(now.at(i) == values[p].view().at(i));
    }
  };
  using Tensors = std::map<std::string, Tensor>;
  refused("has no tensor 'pitch'", [](Tensors& t) { t.erase("pitch"); });
  refused("has a tensor 'more', and the tape no parameter",
          [](Tensors& t) { t.emplace("more", Tensor{1.0}); });
  refused("'pitch' has the shape (2), and on the tape (2, 1)", [](Tensors& t) {
    t.at("pitch") = Tensor{1.0, 2.0};
  });
  refused("'pitch' has -2.0", [](Tensors& t) { t.at("pitch").as<double>()[1] = -2.0; });
  refused("'pitch' has nan", [](Tensors& t) { t.at("pitch").as<double>()[1] = std::nan(""); });
  refused("has no 'curve/free'", [](Tensors& t) { t.erase("optimizer/curve/free"); });
  refused("3 values for 'pitch/first_moment'", [](Tensors& t) {
    t.at("optimizer/pitch/first_moment") = Tensor{1.0, 2.0, 3.0};
  });
  refused("is of floats", [](Tensors& t) { t.at("optimizer/gain/free") = Tensor{1.0}.to(ElementType::f32); });
  refused("no count of steps", [](Tensors& t) { t.at("optimizer//steps") = Tensor{-1.0}; });
}

TEST_CASE("a value that a node does not allow is a DomainError, and nothing has changed") {
  const Scratch place;
  Tape tape({.length = 4}), other;
  const Var first = tape.parameter("first", 1.0), attack = tape.parameter("attack", 1.0),
            one = tape.constant(1.0);
  adsr(tape.input("gate", Tensor(Shape{4})), {attack, one, one * 0.5, one});
  other.parameter("first", 2.0);
  other.parameter("attack", -1.0);
  save_parameters(place / "x", other);
  CHECK_THROWS_AS(load_parameters(place / "x", tape), DomainError);
  CHECK(tape.value(first).item() == 1.0);
  CHECK(tape.value(attack).item() == 1.0);
}

TEST_CASE("floats are loaded into doubles, and doubles into floats") {
  const Scratch place;
  Tape tape;
  const Var number = tape.parameter("number", 1.0), signal = tape.parameter("signal", Tensor(Shape{2}));
  TensorFile file;
  file.tensors.emplace("number", Tensor{0.25}.to(ElementType::f32));
  file.tensors.emplace("signal", Tensor{0.1, 0.2});
  save_tensors(place / "x", file);
  load_parameters(place / "x", tape);
  CHECK(tape.value(number).item() == 0.25);
  CHECK(tape.value(signal).as<float>()[1] == 0.2F);
}

TEST_CASE("a parameter whose name is the optimiser's cannot be written, and no file is left") {
  const Scratch place;
  Tape tape;
  tape.parameter("optimizer/x", 1.0);
  CHECK_THROWS_WITH_AS(save_parameters(place / "x", tape), Contains("begins with 'optimizer/'"), FileError);
  CHECK(!std::filesystem::exists(place / "x"));
}
