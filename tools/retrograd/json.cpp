// JSON that the program prints.
#include "json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace retrograd::tool {
namespace {

/// A number or a text as nlohmann's library writes it.
template <class Value>
std::string written(const Value& value) {
  using Other = nlohmann::ordered_json;
  return Other(value).dump(-1, ' ', false, Other::error_handler_t::replace);
}

}  // namespace

Json::Json() : text_("null") {}
Json::Json(bool value) : text_(value ? "true" : "false") {}
Json::Json(double value)
    : text_(std::isnan(value)   ? "\"nan\""
            : std::isinf(value) ? (value > 0.0 ? "\"inf\"" : "\"-inf\"")
                                : written(value)) {}
Json::Json(Whole, std::int64_t value) : text_(std::to_string(value)) {}
Json::Json(Whole, std::uint64_t value) : text_(std::to_string(value)) {}
Json::Json(const std::string& value) : text_(written(value)) {}
Json::Json(const char* value) : text_(written(value)) {}

// Here, so that nobody who prints compiles them.
Json::Json(const Json&) = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(const Json&) = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

Json Json::object(std::initializer_list<Member> members) {
  Json made;
  made.kind_ = Kind::object;
  made.within_ = members;
  return made;
}

Json Json::list(std::initializer_list<Json> values) {
  Json made;
  made.kind_ = Kind::list;
  for (const Json& value : values) made.within_.emplace_back("", value);
  return made;
}

Json& Json::add(const std::string& key, Json value) {
  within_.emplace_back(key, std::move(value));
  return *this;
}

Json& Json::add(Json value) { return add("", std::move(value)); }

Json& Json::add_all(const Json& other) {
  within_.insert(within_.end(), other.within_.begin(), other.within_.end());
  return *this;
}

// `new_line` is a line's end with the indentation of this value; empty for all on one line.
void Json::print(std::string& text, const std::string& new_line) const {
  if (kind_ == Kind::scalar) {
    text += text_;
    return;
  }
  const bool is_list = kind_ == Kind::list;
  const std::string inner = new_line.empty() || within_.empty() ? "" : new_line + "  ";
  text += is_list ? '[' : '{';
  for (std::size_t i = 0; i < within_.size(); ++i) {
    const auto& [key, value] = within_[i];
    text += (i > 0 ? "," : "") + inner;
    if (!is_list) text += written(key) + (new_line.empty() ? ":" : ": ");
    value.print(text, inner);
  }
  if (!within_.empty()) text += new_line;
  text += is_list ? ']' : '}';
}

std::string Json::lines() const {
  std::string text;
  print(text, "\n");
  return text;
}

std::string Json::one_line() const {
  std::string text;
  print(text, "");
  return text;
}

}  // namespace retrograd::tool
