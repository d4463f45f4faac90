// retrograd gradcheck: what it prints, and its verdict.
#include <doctest/doctest.h>
#include <retrograd/gradcheck/node_check.hpp>
#include <retrograd/racks/rack_file.hpp>

#include <string>
#include <vector>

#include "program.hpp"

TEST_CASE("gradcheck prints what it found of the nodes it is asked for") {
  const Workplace place;
  const Outcome table = run(place, {"gradcheck", "sin", "phase"});
  CHECK(table.code == 0);
  CHECK(contains(table.out, "node"));
  CHECK(contains(table.out, "\nsin "));
  CHECK(contains(table.out, "\nphase "));
  CHECK(!contains(table.out, "FAIL"));
  CHECK(!contains(table.err, "\r"));

  const Json json = json_of(run(place, {"gradcheck", "tanh", "--json"}).out);
  CHECK(json.at("passed") == true);
  REQUIRE(json.at("nodes").size() == 1);
  const Json& node = json.at("nodes")[0];
  CHECK(node.at("node") == "tanh");
  CHECK(node.at("dot_product_cases").get<int>() > 0);
  CHECK(node.at("difference_cases").get<int>() > 0);
  CHECK(node.at("worst_dot_product").get<double>() <= 1e-12);
  CHECK(node.at("worst_difference").get<double>() <= 1e-7);
}

TEST_CASE("gradcheck --list names every node") {
  const Workplace place;
  std::string wanted;
  for (const std::string& name : checkable_nodes()) wanted += name + "\n";
  CHECK(run(place, {"gradcheck", "--list"}).out == wanted);
  CHECK(json_of(run(place, {"gradcheck", "--list", "--json"}).out)
            .at("nodes")
            .get<std::vector<std::string>>() == checkable_nodes());
}

TEST_CASE("gradcheck of a patch puts each parameter's gradient beside a numeric one") {
  const Workplace place;
  const Outcome outcome = run(place, {"gradcheck", "small.toml", "--json"});
  CHECK(outcome.code == 0);
  const Json json = json_of(outcome.out);
  CHECK(json.at("passed") == true);
  Rack patch = parse_rack(small_patch, "small");
  const auto named = parameters(patch);
  REQUIRE(json.at("parameters").size() == named.size());
  for (std::size_t p = 0; p < named.size(); ++p) {
    const Json& parameter = json.at("parameters")[p];
    CHECK(parameter.at("name") == named[p].name);
    const double analytic = parameter.at("analytic").get<double>();
    CHECK(parameter.at("numeric").get<double>() == doctest::Approx(analytic).epsilon(1e-4));
    CHECK(parameter.at("relative_error").get<double>() <= 1e-6);
  }
  CHECK(contains(run(place, {"gradcheck", "small.toml"}).out, "fm.operator.1.envelope.decay"));
}

TEST_CASE("a gradient check that fails exits with 1") {
  const Workplace place;  // a gain at which the sound overflows has no gradient that differences confirm
  put(place / "mad.toml", replaced(small_patch, "gain = 1.0", "gain = 1e300"));
  const Outcome outcome = run(place, {"gradcheck", "mad.toml"});
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.out, "FAIL"));
  CHECK(json_of(run(place, {"gradcheck", "mad.toml", "--json"}).out).at("passed") == false);
}
