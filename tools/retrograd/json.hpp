// JSON that the program prints.
//
// nlohmann's header takes seconds to compile; who only prints needs this alone.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace retrograd::tool {

/// A value to print. Objects keep the order of their members. Numbers that are not finite are printed as the texts
/// "nan", "inf" and "-inf", and bytes that are no UTF-8 as U+FFFD.
class Json {
 public:
  using Member = std::pair<std::string, Json>;

  Json();  ///< null
  Json(bool value);
  Json(double value);
  Json(std::signed_integral auto value) : Json(Whole{}, std::int64_t{value}) {}
  Json(std::unsigned_integral auto value) : Json(Whole{}, std::uint64_t{value}) {}
  Json(const std::string& value);
  Json(const char* value);
  /// A list of what converts.
  template <class Value>
  Json(const std::vector<Value>& values) : Json(list()) {
    for (const Value& value : values) add(value);
  }
  Json(const Json&);
  Json(Json&&) noexcept;
  Json& operator=(const Json&);
  Json& operator=(Json&&) noexcept;
  ~Json();

  static Json object(std::initializer_list<Member> members = {});
  static Json list(std::initializer_list<Json> values = {});

  /// Adds to an object, or to a list.
  Json& add(const std::string& key, Json value);
  Json& add(Json value);
  /// Adds the members of another object.
  Json& add_all(const Json& other);

  /// As text: on lines of their own, indented by two, or all on one line.
  std::string lines() const;
  std::string one_line() const;

 private:
  struct Whole {};
  Json(Whole, std::int64_t value);
  Json(Whole, std::uint64_t value);
  void print(std::string& text, const std::string& new_line) const;

  enum class Kind { scalar, list, object } kind_ = Kind::scalar;
  std::string text_;            // of a scalar
  std::vector<Member> within_;  // of a list, without keys, or of an object
};

}  // namespace retrograd::tool
