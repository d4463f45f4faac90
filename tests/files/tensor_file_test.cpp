// Files of tensors in the format safetensors: bytes made by hand are read, what is written has these bytes, and a file that is
// damaged is refused with a word, without allocating what it asks for.
#include <doctest/doctest.h>
#include <retrograd/files/tensor_file.hpp>
#include <retrograd/tensor/errors.hpp>

#include "../tools/scratch.hpp"

#include <cstring>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace retrograd;
using doctest::Contains;

namespace {

template <class T>
std::string bytes_of_values(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::string file_of(const std::string& header, const std::string& data, std::int64_t length = -1) {
  const auto count =
      length < 0 ? static_cast<std::uint64_t>(header.size()) : static_cast<std::uint64_t>(length);
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(count >> (8 * i) & 255);
  return bytes + header + data;
}

const std::string eight(8, '\0');

}  // namespace

TEST_CASE("a file that was made by hand is read") {
  const std::string header =
      "{\"__metadata__\": {\"format\": \"pt\", \"a\\\"\\u00e9\\ud83c\\udfb9\": \"b\\n\"},\n"
      " \"weights\": {\"shape\": [2, 3], \"data_offsets\": [8, 32], \"dtype\": \"F32\"},"
      " \"gain\": {\"dtype\": \"F64\", \"shape\": [], \"data_offsets\": [0, 8]}}   ";
  const TensorFile file = parse_tensors(
      file_of(header, bytes_of_values<double>({0.5}) + bytes_of_values<float>({1, 2, 3, 4, 5, 6})));
  REQUIRE(file.tensors.size() == 2);
  CHECK(file.tensors.at("weights").shape() == Shape{2, 3});
  CHECK(file.tensors.at("weights").as<float>()[5] == 6.0F);
  CHECK(file.tensors.at("gain").shape() == Shape{1});
  CHECK(file.tensors.at("gain").item() == 0.5);
  CHECK(file.metadata.at("format") == "pt");
  CHECK(file.metadata.at("a\"\u00e9\U0001F3B9") == "b\n");
}

TEST_CASE("what is written has the bytes of the format") {
  const std::vector<float> two{1.5F, -2.0F};
  TensorFile file;
  file.tensors.emplace("b", Tensor(std::span(two), Shape{2, 1}));
  file.tensors.emplace("z \"", Tensor{3.0});
  file.metadata["producer"] = "me\t";
  std::string header =
      R"({"__metadata__":{"producer":"me\u0009"},"z \"":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  CHECK(format_tensors(file) ==
        file_of(header, bytes_of_values<double>({3.0}) + bytes_of_values<float>({1.5F, -2.0F})));
  CHECK(format_tensors({}) == file_of("{}      ", ""));
  file.tensors.emplace("__metadata__", Tensor{1.0});
  CHECK_THROWS_AS(format_tensors(file), FileError);
}

TEST_CASE("what is written is read back bit for bit, whatever the names, shapes and numbers") {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    TensorFile file;
    const auto count = random() % 6;
    for (unsigned t = 0; t < count; ++t) {
      std::vector<std::int64_t> axes(1 + random() % 4);
      for (std::int64_t& extent : axes) extent = 1 + static_cast<std::int64_t>(random() % 5);
      Tensor tensor(Shape(std::span<const std::int64_t>(axes)),
                    random() % 2 == 0 ? ElementType::f32 : ElementType::f64);
      auto* bytes = static_cast<unsigned char*>(tensor.data());
      for (std::size_t i = 0;
           i < static_cast<std::size_t>(tensor.shape().elements()) * bytes_of(tensor.type()); ++i)
        bytes[i] = static_cast<unsigned char>(random());
      std::string name;
      for (unsigned c = random() % 8; c > 0; --c) name += static_cast<char>(1 + random() % 126);
      file.tensors.emplace(name, tensor);
    }
    const std::string bytes = format_tensors(file);
    const TensorFile read = parse_tensors(bytes);
    CHECK(read.tensors.size() == file.tensors.size());
    CHECK(format_tensors(read) == bytes);
  }
}

TEST_CASE("a file that is no such file is refused, and the message says what is wrong and where") {
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"x":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::string good = entry("F64", "[1]", "[0,8]");
  CHECK_NOTHROW(parse_tensors(file_of(good, eight)));
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"", "fewer than 8 bytes"},
      {"1234567", "fewer than 8 bytes"},
      {file_of("", "", 0), "byte 0 of its header: '{' should be here"},
      {file_of(good, eight, 200), "it ends early: its header is 200 bytes long"},
      {file_of(good, eight, std::int64_t{1} << 40), "100 MB are the most"},
      {file_of(good, eight, std::numeric_limits<std::int64_t>::max()), "100 MB are the most"},
      {file_of(good, eight.substr(1)), "it ends early: there are 7 bytes of data, and the header wants 8"},
      {file_of(good, eight + "x"), "it goes on after the 8 bytes"},
      {file_of(good + "}", eight), "the header goes on after its object"},
      {file_of(good.substr(0, 12), eight), "byte 12 of its header: the header ends within a text"},
      {file_of(R"({"x)", ""), "the header ends within a text"},
      {file_of(entry("BF16", "[4]", "[0,8]"), eight), "'x' has elements of 'BF16'; F32 and F64 are read"},
      {file_of(entry("F64", "[2]", "[0,8]"), eight), "'x' has a shape of more bytes"},
      {file_of(entry("F64", "[4611686018427387904,4]", "[0,8]"), eight), "'x' has a shape of more bytes"},
      {file_of(entry("F32", "[1]", "[0,8]"), eight),
       "'x' has 8 bytes by its data_offsets and 4 by its shape"},
      {file_of(entry("F64", "[0]", "[0,8]"), eight), "'x' has an axis of 0"},
      {file_of(entry("F64", "[1,1,1,1,1,1,1,1,1]", "[0,8]"), eight), "9 axes; eight are the most"},
      {file_of(entry("F64", "[1]", "[8,0]"), eight), "'x' ends before it begins"},
      {file_of(entry("F64", "[1]", "[1,9]"), eight + "x"), "'x' begins at byte 1 of the data"},
      {file_of(entry("F64", "[1]", "[0,8,9]"), eight), "data_offsets of 'x' are not two numbers"},
      {file_of(entry("F64", "[-1]", "[0,8]"), eight), "a whole number, 0 or more"},
      {file_of(entry("F64", "[1.0]", "[0,8]"), eight), "should be here"},
      {file_of(entry("F64", "[01]", "[0,8]"), eight), "begins with 0"},
      {file_of(entry("F64", "[99999999999999999999]", "[0,8]"), eight), "beyond 2^63"},
      {file_of(R"({"x":{"dtype":"F64","shape":[1]}})", eight), "'x' has no 'data_offsets'"},
      {file_of(R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8],"y":1}})", eight), "unknown key 'y'"},
      {file_of(R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8],"dtype":"F64"}})", eight),
       "'dtype' is there twice"},
      {file_of(
           R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"x":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}})",
           eight + eight),
       "'x' is there twice"},
      {file_of(
           R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"y":{"dtype":"F64","shape":[1],"data_offsets":[4,12]}})",
           eight + eight),
       "'y' begins at byte 4 of the data, where that before it ends at 8"},
      {file_of(
           R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"y":{"dtype":"F64","shape":[1],"data_offsets":[16,24]}})",
           eight + eight + eight),
       "'y' begins at byte 16 of the data, where that before it ends at 8"},
      {file_of(R"({"__metadata__":{"a":1}})", ""), "'\"' should be here"},
      {file_of(R"({"a\q":1})", ""), "an escape that JSON does not have"},
      {file_of(R"({"\ud800":1})", ""), "half of a surrogate pair"},
      {file_of(R"({"\u12g4":1})", ""), "four hexadecimal digits"},
      {file_of("{\"a\n\":1}", ""), "a control character"},
  };
  for (const auto& one : wrong) {
    const std::string &bytes = one.first, &message = one.second;
    INFO(message);
    CHECK_THROWS_WITH_AS(parse_tensors(bytes, "w.safetensors"), Contains(message.c_str()), FileError);
    CHECK_THROWS_WITH_AS(parse_tensors(bytes, "w.safetensors"),
                         Contains("'w.safetensors' is no file of tensors"), FileError);
  }
}

TEST_CASE("no cut or flipped byte of a file does more than be refused") {
  TensorFile file;
  file.tensors.emplace("weights", Tensor(Shape{3, 4}, ElementType::f32));
  file.tensors.emplace("gain", Tensor{2.0});
  const std::string bytes = format_tensors(file);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    CHECK_THROWS_AS(parse_tensors(bytes.substr(0, length)), FileError);
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (const int flip : {1, 2, 128}) {
      std::string other = bytes;
      other[at] = static_cast<char>(other[at] ^ flip);
      try {
        parse_tensors(other);
      } catch (const FileError&) {
      }
    }
}

TEST_CASE("a file is written and read whole, and errors name it") {
  const Scratch place;
  const std::filesystem::path path = place / "some.safetensors";
  TensorFile file;
  file.tensors.emplace("a", Tensor{1.0, 2.0, 3.0});
  save_tensors(path, file);
  CHECK(load_tensors(path).tensors.at("a").as<double>()[2] == 3.0);
  CHECK_THROWS_WITH_AS(load_tensors(place / "none"), Contains("there is no such file"), FileError);
  CHECK_THROWS_WITH_AS(load_tensors(place.path), Contains("it is a directory"), FileError);
  CHECK_THROWS_AS(save_tensors(place / "none" / "x", file), FileError);
  std::ofstream(path, std::ios::app) << "more";
  CHECK_THROWS_WITH_AS(load_tensors(path), Contains("some.safetensors"), FileError);
  std::ofstream(path, std::ios::binary) << file_of("{", "", 90'000'000);
  CHECK_THROWS_WITH_AS(load_tensors(path), Contains("ends early"), FileError);
}
