#include <retrograd/files/tensor_file.hpp>
#include <retrograd/optimizers/saved_parameters.hpp>
#include <retrograd/tensor/errors.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace retrograd {

namespace {

constexpr std::string_view of_optimizer = "optimizer/";

// The state in `file`, without its prefix.
OptimizerState optimizer_state(const TensorFile& file, const std::string& name) {
  OptimizerState state;
  for (const auto& [key, tensor] : file.tensors) {
    if (!key.starts_with(of_optimizer)) continue;
    if (tensor.type() != ElementType::f64)
      raise<FileError>("'" + name + "': '" + key + "' is of floats; an optimiser's state is of doubles");
    state[key.substr(of_optimizer.size())] = {tensor.as<double>().begin(), tensor.as<double>().end()};
  }
  if (state.empty())
    raise<FileError>("'" + name + "' has no state of an optimiser, no tensor 'optimizer/...'");
  return state;
}

std::string list_of(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

// The values for the tape's parameters, in its order; all that can be wrong with them is said here.
std::vector<Tensor> values_for(const Tape& tape, const TensorFile& file, const std::string& name) {
  std::set<std::string> of_tape, of_file;
  for (const Var parameter : tape.parameters()) of_tape.insert(tape.name(parameter));
  for (const auto& [key, tensor] : file.tensors)
    if (!key.starts_with(of_optimizer)) of_file.insert(key);
  for (const std::string& key : of_file)
    if (!of_tape.contains(key))
      raise<FileError>("'" + name + "' has a tensor '" + key +
                       "', and the tape no parameter of that name; it has: " + list_of(of_tape));
  std::vector<Tensor> values;
  for (const Var parameter : tape.parameters()) {
    const std::string& key = tape.name(parameter);
    if (!of_file.contains(key))
      raise<FileError>("'" + name + "' has no tensor '" + key +
                       "', which the tape has a parameter of; it has: " + list_of(of_file));
    Tensor value = file.tensors.at(key);
    const TensorView now = tape.value(parameter);
    if (value.shape() != now.shape)
      raise<FileError>("'" + name + "': '" + key + "' has the shape " + to_string(value.shape()) +
                       ", and on the tape " + to_string(now.shape));
    value = value.to(now.type);
    if (!contains(tape.domain(parameter), value.view())) {
      for (std::int64_t i = 0; i < value.shape().elements(); ++i)
        if (!tape.domain(parameter).contains(value.view().at(i)))
          raise<FileError>("'" + name + "': '" + key + "' has " + std::to_string(value.view().at(i)) +
                           " at element " + std::to_string(i) + ", but must be " +
                           to_string(tape.domain(parameter)));
    }
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace

void save_parameters(const std::string& path, const Tape& tape, const Optimizer* optimizer) {
  TensorFile file;
  file.metadata["producer"] = "retrograd";
  for (const Var parameter : tape.parameters()) {
    const std::string& name = tape.name(parameter);
    if (name.starts_with(of_optimizer))
      raise<FileError>("cannot write '" + path + "': the parameter '" + name +
                       "' has a name that begins with 'optimizer/', as an optimiser's state does");
    file.tensors.emplace(name, Tensor(tape.value(parameter)));
  }
  if (optimizer != nullptr)
    for (const auto& [key, values] : optimizer->save())
      file.tensors.emplace(std::string(of_optimizer) + key, Tensor(std::span<const double>(values)));
  save_tensors(path, file);
}

void load_parameters(const std::string& path, Tape& tape, Optimizer* optimizer) {
  const std::string& name = path;
  const TensorFile file = load_tensors(path);
  const std::vector<Tensor> values = values_for(tape, file, name);
  OptimizerState state, before;
  if (optimizer != nullptr) {
    state = optimizer_state(file, name);
    before = optimizer->save();
  }
  std::vector<Tensor> old;
  for (const Var parameter : tape.parameters()) old.emplace_back(tape.value(parameter));
  const auto set = [&](const std::vector<Tensor>& to, std::size_t count) {
    for (std::size_t p = 0; p < count; ++p) tape.set(tape.parameters()[p], to[p]);
  };
  std::size_t done = 0;
  bool is_loading = false;
  try {
    for (; done < values.size(); ++done) tape.set(tape.parameters()[done], values[done]);
    if (optimizer != nullptr) {
      is_loading = true;
      optimizer->load(state);
      // The values themselves: a coordinate in free space may give another last digit, or another value where one
      // was set that lies on a bound.
      set(values, values.size());
    }
  } catch (const TapeError& error) {
    if (is_loading) optimizer->load(before);
    set(old, done);
    raise<FileError>("'" + name + "': " + error.what());
  } catch (const Error&) {
    if (is_loading) optimizer->load(before);
    set(old, done);
    throw;
  }
}

}  // namespace retrograd
