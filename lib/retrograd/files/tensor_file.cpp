#include <retrograd/files/atomic_file.hpp>
#include <retrograd/files/tensor_file.hpp>
#include <retrograd/files/tensor_header.hpp>
#include <retrograd/files/text_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace retrograd {

static_assert(std::endian::native == std::endian::little, "elements are written as they are in memory");

namespace {

constexpr std::uint64_t longest_header = 100'000'000;  // the format's own bound

struct Fail {
  const std::string& file;
  [[noreturn]] void operator()(const std::string& what) const {
    raise<FileError>("'" + file + "' is no file of tensors (safetensors): " + what);
  }
};

ElementType element_type(const TensorEntry& entry, const Fail& fail) {
  if (entry.dtype == "F32") return ElementType::f32;
  if (entry.dtype == "F64") return ElementType::f64;
  fail("'" + entry.name + "' has elements of '" + entry.dtype + "'; F32 and F64 are read");
}

Shape shape_of(const TensorEntry& entry, ElementType type, const Fail& fail) {
  if (entry.shape.size() > Shape::max_axes)
    fail("'" + entry.name + "' has " + std::to_string(entry.shape.size()) + " axes; eight are the most");
  const std::uint64_t bytes = entry.end - entry.begin;
  std::uint64_t needed = bytes_of(type);
  std::vector<std::int64_t> axes;
  for (const std::uint64_t extent : entry.shape) {
    if (extent == 0) fail("'" + entry.name + "' has an axis of 0");
    if (needed > bytes / extent) fail("'" + entry.name + "' has a shape of more bytes than its data_offsets");
    needed *= extent;
    axes.push_back(static_cast<std::int64_t>(extent));
  }
  if (needed != bytes)
    fail("'" + entry.name + "' has " + std::to_string(bytes) + " bytes by its data_offsets and " +
         std::to_string(needed) + " by its shape");
  return axes.empty() ? Shape{1} : Shape(std::span<const std::int64_t>(axes));
}

// Each must begin where the one before ends.
void check_places(std::vector<TensorEntry> entries, std::uint64_t bytes, const Fail& fail) {
  std::ranges::sort(entries, {}, &TensorEntry::begin);
  std::uint64_t end = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.end < entry.begin) fail("'" + entry.name + "' ends before it begins");
    if (entry.begin != end)
      fail("'" + entry.name + "' begins at byte " + std::to_string(entry.begin) +
           " of the data, where that before it ends at " + std::to_string(end));
    end = entry.end;
  }
  if (end > bytes)
    fail("it ends early: there are " + std::to_string(bytes) + " bytes of data, and the header wants " +
         std::to_string(end));
  if (end < bytes)
    fail("it goes on after the " + std::to_string(end) + " bytes of data that its header wants");
}

std::uint64_t header_length(std::string_view bytes, const Fail& fail) {
  std::uint64_t length = 0;
  if (bytes.size() < sizeof(length)) fail("it has fewer than 8 bytes");
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > longest_header)
    fail("its header would be " + std::to_string(length) + " bytes long; 100 MB are the most");
  return length;
}

}  // namespace

std::string format_tensors(const TensorFile& file) {
  if (file.tensors.contains("__metadata__"))
    raise<FileError>("a tensor cannot be named '__metadata__' in a file of tensors (safetensors)");
  TensorHeader header;
  header.metadata = file.metadata;
  std::uint64_t end = 0;
  constexpr std::array types{ElementType::f64, ElementType::f32};  // so that all are aligned
  for (const ElementType type : types)
    for (const auto& [name, tensor] : file.tensors) {
      if (tensor.type() != type) continue;
      TensorEntry entry{name, type == ElementType::f32 ? "F32" : "F64", {}, end, 0};
      for (int axis = 0; axis < tensor.shape().axes(); ++axis)
        entry.shape.push_back(static_cast<std::uint64_t>(tensor.shape()[axis]));
      end += static_cast<std::uint64_t>(tensor.shape().elements()) * bytes_of(type);
      entry.end = end;
      header.entries.push_back(std::move(entry));
    }
  std::string text = format_tensor_header(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  if (length > longest_header)
    raise<FileError>("the header of a file of tensors (safetensors) would be " + std::to_string(length) +
                     " bytes long; 100 MB are the most");
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  bytes.reserve(bytes.size() + text.size() + end);
  bytes += text;
  for (const TensorEntry& entry : header.entries) {
    const Tensor here = file.tensors.at(entry.name).to(Device::cpu);
    bytes.append(static_cast<const char*>(here.data()), entry.end - entry.begin);
  }
  return bytes;
}

TensorFile parse_tensors(std::string_view bytes, const std::string& name) {
  const Fail fail{name};
  const std::uint64_t length = header_length(bytes, fail);
  bytes.remove_prefix(sizeof(length));
  if (length > bytes.size())
    fail("it ends early: its header is " + std::to_string(length) + " bytes long, and " +
         std::to_string(bytes.size()) + " are there");
  const TensorHeader header = parse_tensor_header(bytes.substr(0, length), name);
  bytes.remove_prefix(length);
  check_places(header.entries, bytes.size(), fail);
  TensorFile file;
  file.metadata = header.metadata;
  for (const TensorEntry& entry : header.entries) {
    const ElementType type = element_type(entry, fail);
    Tensor tensor(shape_of(entry, type, fail), type);
    std::memcpy(tensor.data(), bytes.data() + entry.begin, entry.end - entry.begin);
    file.tensors.emplace(entry.name, std::move(tensor));
  }
  return file;
}

void save_tensors(const std::string& path, const TensorFile& file) { write_text(path, format_tensors(file)); }

TensorFile load_tensors(const std::string& path) {
  // The header first, so that what is no such file is not read whole; and no more than it says, but for one byte.
  const std::string& name = path;
  InputFile file(path);
  std::string bytes = file.read(sizeof(std::uint64_t));
  const std::uint64_t length = header_length(bytes, Fail{name});
  const std::string header = file.read(static_cast<std::size_t>(length));
  bytes += header;
  if (header.size() == length) {
    std::uint64_t end = 0;
    for (const TensorEntry& entry : parse_tensor_header(header, name).entries) end = std::max(end, entry.end);
    bytes += file.read(static_cast<std::size_t>(end + 1));
  }
  return parse_tensors(bytes, name);
}

}  // namespace retrograd
