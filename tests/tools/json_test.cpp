// The JSON that the program prints is what another parser reads.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "../../tools/retrograd/json.hpp"

using retrograd::tool::Json;

TEST_CASE("what is printed as JSON is read as the same values, in the same order") {
  const std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
  const Json json = Json::object({{"z", 0.1},
                                  {"a", largest},
                                  {"least", std::numeric_limits<std::int64_t>::min()},
                                  {"yes", true},
                                  {"text", "line\n\"quoted\" \xc3\xa9"},
                                  {"none", Json()},
                                  {"names", std::vector<std::string>{"a", "b"}},
                                  {"pair", Json::list({1.5, 2})},
                                  {"empty", Json::object()},
                                  {"nothing", Json::list()}});
  for (const std::string& text : {json.lines(), json.one_line()}) {
    const auto read = nlohmann::ordered_json::parse(text);
    CHECK(read.begin().key() == "z");
    CHECK(read["z"] == 0.1);
    CHECK(read["a"] == largest);
    CHECK(read["least"] == std::numeric_limits<std::int64_t>::min());
    CHECK(read["yes"] == true);
    CHECK(read["text"] == "line\n\"quoted\" \xc3\xa9");
    CHECK(read["none"].is_null());
    CHECK(read["names"] == nlohmann::ordered_json{"a", "b"});
    CHECK(read["pair"] == nlohmann::ordered_json{1.5, 2});
    CHECK(read["empty"].is_object());
    CHECK(read["nothing"].is_array());
  }
  CHECK(json.one_line().find('\n') == std::string::npos);
}

TEST_CASE("numbers that JSON has no word for are printed as texts, and bytes that are no text as a mark") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(Json::list({infinity, -infinity, std::numeric_limits<double>::quiet_NaN()}).one_line() ==
        R"(["inf","-inf","nan"])");
  CHECK(Json("a\xff.wav").one_line() == "\"a\xef\xbf\xbd.wav\"");
}
