#include <retrograd/nodes/all.hpp>
#include <retrograd/tape/node.hpp>

#include <doctest/doctest.h>

using namespace retrograd;

TEST_CASE("any number of inputs has an adjoint where all have one, and none beyond those that are named") {
  for (const std::size_t input : {0, 1, 30, 31, 32, 63, 64, 1000}) {
    CAPTURE(input);
    CHECK(node_type<Concat>.has_adjoint(input));
    CHECK(node_type<Select>.has_adjoint(input) == (input == 1 || input == 2));
    CHECK_FALSE(node_type<StopGradient>.has_adjoint(input));
  }
}
