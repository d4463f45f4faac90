#include <retrograd/files/tensor_header.hpp>
#include <retrograd/tensor/errors.hpp>

#include <limits>
#include <set>

namespace retrograd {

namespace {

class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  [[noreturn]] void fail(const std::string& what) const {
    raise<FileError>("'" + file_ + "' is no file of tensors (safetensors): byte " + std::to_string(at_) +
                     " of its header: " + what);
  }

  /// Calls `member(key)` for each member of an object, at its value.
  template <class Member>
  void object(const Member& member) {
    std::set<std::string> keys;
    expect('{');
    if (take('}')) return;
    do {
      skip_spaces();
      std::string key = string();
      expect(':');
      if (!keys.insert(key).second) fail("'" + key + "' is there twice");
      member(key);
    } while (take(','));
    expect('}');
  }

  /// Calls `element()` at each element of a list.
  template <class Element>
  void list(const Element& element) {
    expect('[');
    if (take(']')) return;
    do element();
    while (take(','));
    expect(']');
  }

  std::string string() {
    expect('"');
    std::string value;
    while (true) {
      const unsigned char c = next();
      if (c == '"') return value;
      if (c < 0x20) fail("a control character in a text");
      if (c != '\\')
        value += static_cast<char>(c);
      else
        escape(value);
    }
  }

  std::uint64_t whole() {
    skip_spaces();
    if (at_ == text_.size() || !is_digit(text_[at_])) fail("a whole number, 0 or more, should be here");
    if (text_[at_] == '0' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))
      fail("a number that begins with 0");
    std::uint64_t value = 0;
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    for (; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
      const auto digit = static_cast<std::uint64_t>(text_[at_] - '0');
      if (value > (most - digit) / 10) fail("a number beyond 2^63 - 1");
      value = 10 * value + digit;
    }
    return value;
  }

  void end() {
    skip_spaces();
    if (at_ != text_.size()) fail("the header goes on after its object");
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  void skip_spaces() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool take(char c) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string("'") + c + "' should be here");
  }
  unsigned char next() {
    if (at_ == text_.size()) fail("the header ends within a text");
    return static_cast<unsigned char>(text_[at_++]);
  }

  unsigned sixteen_bits() {
    unsigned value = 0;
    for (int i = 0; i < 4; ++i) {
      const unsigned char c = next();
      const unsigned digit = is_digit(static_cast<char>(c)) ? c - '0'
                             : c >= 'a' && c <= 'f'         ? c - 'a' + 10u
                             : c >= 'A' && c <= 'F'         ? c - 'A' + 10u
                                                            : 16u;
      if (digit == 16) fail("\\u wants four hexadecimal digits");
      value = 16 * value + digit;
    }
    return value;
  }

  void escape(std::string& value) {
    constexpr std::string_view names = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const char c = static_cast<char>(next());
    if (const std::size_t which = names.find(c); which != std::string_view::npos) {
      value += meanings[which];
      return;
    }
    if (c != 'u') fail("an escape that JSON does not have");
    unsigned code = sixteen_bits();
    if (code >= 0xDC00 && code < 0xE000) fail("half of a surrogate pair");
    if (code >= 0xD800 && code < 0xDC00) {
      if (next() != '\\' || next() != 'u') fail("half of a surrogate pair");
      const unsigned low = sixteen_bits();
      if (low < 0xDC00 || low >= 0xE000) fail("half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    const auto put = [&](unsigned byte) { value += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F));
      put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
    }
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
};

TensorEntry read_entry(Reader& read, const std::string& name) {
  TensorEntry entry;
  entry.name = name;
  std::set<std::string> seen;
  read.object([&](const std::string& key) {
    seen.insert(key);
    if (key == "dtype") {
      entry.dtype = read.string();
    } else if (key == "shape") {
      read.list([&] { entry.shape.push_back(read.whole()); });
    } else if (key == "data_offsets") {
      std::vector<std::uint64_t> offsets;
      read.list([&] { offsets.push_back(read.whole()); });
      if (offsets.size() != 2) read.fail("data_offsets of '" + name + "' are not two numbers");
      entry.begin = offsets[0];
      entry.end = offsets[1];
    } else {
      read.fail("'" + name + "' has an unknown key '" + key + "'");
    }
  });
  for (const char* wanted : {"dtype", "shape", "data_offsets"})
    if (!seen.contains(wanted)) read.fail("'" + name + "' has no '" + wanted + "'");
  return entry;
}

void put_string(std::string& text, std::string_view value) {
  constexpr std::string_view digits = "0123456789abcdef";
  text += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte < 0x20) {
      text += "\\u00";
      text += digits[byte >> 4];
      text += digits[byte & 15];
    } else {
      text += c;
    }
  }
  text += '"';
}

}  // namespace

TensorHeader parse_tensor_header(std::string_view text, const std::string& file) {
  TensorHeader header;
  Reader read(text, file);
  read.object([&](const std::string& key) {
    if (key == "__metadata__")
      read.object([&](const std::string& name) { header.metadata[name] = read.string(); });
    else
      header.entries.push_back(read_entry(read, key));
  });
  read.end();
  return header;
}

std::string format_tensor_header(const TensorHeader& header) {
  std::string text = "{";
  const auto key = [&](std::string_view name) {
    if (text.back() != '{') text += ',';
    put_string(text, name);
    text += ':';
  };
  if (!header.metadata.empty()) {
    key("__metadata__");
    text += '{';
    for (const auto& [name, value] : header.metadata) {
      key(name);
      put_string(text, value);
    }
    text += '}';
  }
  for (const TensorEntry& entry : header.entries) {
    key(entry.name);
    text += "{\"dtype\":\"" + entry.dtype + "\",\"shape\":[";
    for (std::size_t axis = 0; axis < entry.shape.size(); ++axis)
      text += (axis > 0 ? "," : "") + std::to_string(entry.shape[axis]);
    text += "],\"data_offsets\":[" + std::to_string(entry.begin) + "," + std::to_string(entry.end) + "]}";
  }
  return text + "}";
}

}  // namespace retrograd
