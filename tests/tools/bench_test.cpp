// retrograd bench: what it prints.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "program.hpp"

TEST_CASE("bench puts each figure beside its unit and goal, in a table, as Markdown or as JSON") {
  const Workplace place;
  const Outcome table = run(place, {"bench", "planning 100 nodes, forward"});
  CHECK(table.code == 0);
  for (const std::string part :
       {"measured", "recording and planning 100 nodes, forward + backward", "<= 100", "us"})
    CHECK_MESSAGE(contains(table.out, part), part);
  CHECK(contains(table.err, "SIMD level"));

  const Outcome markdown = run(place, {"bench", "machine: sine", "--markdown"});
  CHECK(markdown.code == 0);
  CHECK(markdown.err.empty());
  CHECK(contains(markdown.out, "`retrograd bench 'machine: sine'`"));
  CHECK(contains(markdown.out, "SIMD level"));
  CHECK(contains(markdown.out, "\n| machine: sine of a phase in turns | "));

  const Outcome with_goal = run(place, {"bench", "100 nodes, forward", "--json"});
  CHECK(with_goal.code == 0);
  const Json report = json_of(with_goal.out);
  CHECK(report["threads"] == 2);
  CHECK(report["simd"].is_string());
  CHECK(report["processor"].is_string());
  REQUIRE(report["rows"].size() == 2);
  const Json& row = report["rows"][0];
  CHECK(row["name"] == "recording and planning 100 nodes, forward");
  CHECK(row["unit"] == "us");
  CHECK(row["goal"] == 100.0);
  CHECK(row["better"] == "lower");
  CHECK(row["value"].get<double>() > 0.0);
  CHECK(row["met"] == (row["value"].get<double>() <= 100.0));
  CHECK(report["rows"][1]["goal"].is_null());
}

TEST_CASE("bench leaves out what this machine cannot compare with, and says so") {
  const Workplace place;
  const Outcome outcome = run(place, {"bench", "PyTorch", "--python", "no-such-python", "--json"});
  CHECK(outcome.code == 0);
  CHECK(json_of(outcome.out)["rows"].empty());
  CHECK(outcome.err == "left out: there is no no-such-python to compare with PyTorch\n");
  const Outcome nothing = run(place, {"bench", "no such benchmark"});
  CHECK(nothing.code == 2);
  CHECK(nothing.out.empty());
  CHECK(contains(nothing.err, "'no such benchmark'"));
}

TEST_CASE("bench runs the one row whose name it is given, though others begin with it") {
  const Workplace place;
  const Outcome outcome = run(place, {"bench", "recording and planning 100 nodes, forward", "--json"});
  CHECK(outcome.code == 0);
  REQUIRE(json_of(outcome.out)["rows"].size() == 1);
  CHECK(json_of(outcome.out)["rows"][0]["name"] == "recording and planning 100 nodes, forward");
}

TEST_CASE("a yardstick that disagrees is a row that says so, and the others are measured") {
  const Workplace place;
  const auto stand_in = [&](const std::string& answer) {
    std::ofstream(place / "python") << "#!/bin/sh\ncat > /dev/null\necho '" << answer << "'\n";
    std::filesystem::permissions(place / "python", std::filesystem::perms::owner_all);
    return (place / "python").string();
  };
  const std::string rows = "against eager PyTorch, fm 2 operators";
  const Arguments bench{"bench", rows, "--json", "--python"};
  const Outcome outcome = run(
      place,
      with(
          bench,
          {stand_in(
              R"({"audio_error": 0.0017, "gradient_error": 1e-4, "forward": 1.0, "forward_and_backward": 2.0})")}));
  CHECK(outcome.code == 0);
  const Json measured = json_of(outcome.out)["rows"];
  REQUIRE(measured.size() == 2);
  for (const Json& row : measured) {
    CHECK(row["disagrees"] == "eager PyTorch and the tape disagree: audio_error 0.0017, allowed are 0.001");
    CHECK(row["value"].get<double>() > 0.0);
  }
  CHECK(measured[1]["goal"] == 300.0);
  CHECK(measured[1]["met"].is_null());
  CHECK(contains(outcome.err,
                 "disagrees: against eager PyTorch, fm 2 operators, 16 rows x 1 s, 1 thread, forward: "));
  const Outcome table = run(place, {"bench", rows, "--python", (place / "python").string()});
  CHECK(contains(table.out, "disagrees"));
  CHECK(!contains(table.out, "met"));
  for (const std::string answer : {"{}", R"({"audio_error": "none"})", "[1]", R"({"audio_error": NaN})"}) {
    const Outcome nothing = run(place, with(bench, {stand_in(answer)}));
    CHECK_MESSAGE(nothing.code == 0, answer);
    CHECK_MESSAGE(contains(nothing.err, "left out: eager PyTorch "), answer);
    CHECK(json_of(nothing.out)["rows"].empty());
  }
}
