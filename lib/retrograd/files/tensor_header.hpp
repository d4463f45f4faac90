// The header of a file of tensors (tensor_file.hpp): the little of JSON that it is made of.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace retrograd {

struct TensorEntry {
  std::string name, dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;  ///< bytes of the data
};

struct TensorHeader {
  std::vector<TensorEntry> entries;  ///< in the order of the text
  std::map<std::string, std::string> metadata;
};

/// `file`: its name, for the FileError that says at which byte of the header something else stands than should.
TensorHeader parse_tensor_header(std::string_view text, const std::string& file);

/// As JSON, without spaces.
std::string format_tensor_header(const TensorHeader& header);

}  // namespace retrograd
