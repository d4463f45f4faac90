// Tensors by name in a file, in the format safetensors, which PyTorch, JAX and NumPy people have:
//
//     8 bytes      the header's length, little-endian
//     the header   JSON: {"pitch": {"dtype": "F32", "shape": [16, 1], "data_offsets": [0, 64]}, ...,
//                         "__metadata__": {"any": "text"}}, spaces after it
//     the data     every tensor's elements, little-endian, one tensor after the other without gaps
//
//     save_tensors("weights.safetensors", {.tensors = {{"pitch", Tensor{440.0}}}});
//     Tensor pitch = load_tensors("weights.safetensors").tensors.at("pitch");
//
// Source of the format: the README of huggingface/safetensors. Elements are F32 or F64, as a Tensor's are.
#pragma once

#include <retrograd/tensor/tensor.hpp>

#include <map>
#include <string>
#include <string_view>

namespace retrograd {

/// What such a file holds.
struct TensorFile {
  std::map<std::string, Tensor> tensors;        ///< by name; a number has the shape (1)
  std::map<std::string, std::string> metadata;  ///< texts for people
};

/// The file's bytes: the header in whole multiples of 8 bytes, tensors of doubles before those of floats, each in the
/// order of their names. Tensors on a GPU are copied from there. FileError for the name "__metadata__".
std::string format_tensors(const TensorFile& file);

/// What such bytes hold; `name` is the file's, for messages. An empty shape is a number. Throws FileError that says what is
/// wrong and at which tensor: bytes that are missing or too many, a header that is no such JSON or longer than 100 MB, a
/// name that is there twice, an element type other than F32 and F64, an axis of 0 or more than eight, offsets that overlap,
/// leave a gap or do not fit the shape. Nothing is allocated for more than there are bytes.
TensorFile parse_tensors(std::string_view bytes, const std::string& name = "safetensors");

/// Writes the whole file or nothing (files/atomic_file.hpp). FileError where that cannot be.
void save_tensors(const std::string& path, const TensorFile& file);

/// Reads one. FileError where there is none, or as parse_tensors.
TensorFile load_tensors(const std::string& path);

}  // namespace retrograd
