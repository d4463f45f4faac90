// A tape's parameters, and what an optimiser remembers of them, in a file, by name: to go on later, on any tape that has
// parameters of these names.
//
//     save_parameters("model.safetensors", tape, &adam);
//     load_parameters("model.safetensors", other_tape, &other_adam);
//
// The format is safetensors (files/tensor_file.hpp): a tensor for each parameter, under its name, in the shape and
// type that it has on the tape; and where an optimiser is given "optimizer/NAME" for each of its state's lists
// (OptimizerState), of doubles: "optimizer/pitch/first_moment", "optimizer//steps".
#pragma once

#include <retrograd/optimizers/optimizer.hpp>
#include <retrograd/tape/tape.hpp>

namespace retrograd {

/// Writes the whole file or nothing. All of the tape's parameters, frozen ones too, from the GPU where they are there; and
/// `optimizer`'s state, where there is one. FileError where the file cannot be written, or where a parameter's name begins
/// with "optimizer/" or is "__metadata__".
void save_parameters(const std::string& path, const Tape& tape, const Optimizer* optimizer = nullptr);

/// Sets every parameter of the tape to what the file has under its name, and loads the optimiser's state where `optimizer`
/// is given (without, what the file has of one is passed over). Floats and doubles are converted into each other. Throws
/// FileError naming the file and what is wrong: no such file or no safetensors; a parameter that the file lacks or
/// that the tape lacks, of another shape, or outside its domain; no optimiser's state where one is wanted, or one that
/// does not fit. DomainError where a node that reads a parameter does not allow its value. The tape and the optimiser are then as
/// they were.
void load_parameters(const std::string& path, Tape& tape, Optimizer* optimizer = nullptr);

}  // namespace retrograd
