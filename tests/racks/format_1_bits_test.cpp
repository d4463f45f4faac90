// Renders and gradients of racks of format 1 have the bits that they had before racks were modules and cables.
#include <doctest/doctest.h>

#include "format_1_racks.hpp"

#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/record.hpp>

using namespace retrograd;
using format_1_racks::hash_of;

namespace {

struct Hashes {
  std::uint64_t sound, gradients;
  bool operator==(const Hashes&) const = default;
};

// Of one row and of three, names and order of the parameters included.
Hashes hashes_of(std::uint64_t seed) {
  Rack rack = parse_rack(format_1_racks::text(seed), "p");
  Hashes hashes{format_1_racks::no_hash, format_1_racks::no_hash};
  for (const std::int64_t rows : {1, 3}) {
    Tape tape(tape_options(rack));
    const RecordedRack recorded = record(tape, rack, rows);
    const std::vector<RackParameter> all = parameters(rack);
    for (std::size_t p = 0; p < recorded.parameters.size(); ++p) {
      const Var parameter = recorded.parameters[p];
      Tensor value(parameter.shape());
      for (std::int64_t row = 0; row < rows; ++row)
        value.as<double>()[static_cast<std::size_t>(row)] =
            all[p].value * (1.0 - 0.01 * static_cast<double>(row));
      tape.set(parameter, value);
      hashes.sound = hash_of(hashes.sound, tape.name(parameter).data(), tape.name(parameter).size());
    }
    const Var loss = mean_over_time(square(recorded.audio));
    tape.play({recorded.audio, loss});
    tape.rewind(loss);
    const TensorView audio = tape.value(recorded.audio);
    hashes.sound =
        hash_of(hashes.sound, audio.data, static_cast<std::size_t>(audio.shape.elements()) * sizeof(float));
    for (const Var parameter : recorded.parameters) {
      const TensorView slopes = tape.gradient(parameter);
      for (std::int64_t i = 0; i < slopes.shape.elements(); ++i) {
        const double slope = slopes.at(i);
        hashes.gradients = hash_of(hashes.gradients, &slope, sizeof slope);
      }
    }
  }
  return hashes;
}

// Made before format 2 was there.
constexpr Hashes before[] = {
    {0x7fa2eb2e63fcc56c, 0xe17a100e9416370b}, {0x567684dcb53315fa, 0x61499cf8bb7b5411},
    {0x8de99a4df557faf7, 0xb3408a8f612092e4}, {0x741e16617ad0b719, 0x4c576216a65c3dcc},
    {0x115659148a10bdc0, 0xf44af7be4cf041e5}, {0x836247f1c2a82198, 0xe25d2b6e3f0db2f5},
    {0x64da6ec3ebcda9a3, 0x340b342db8a77260}, {0x73dc795e332b38e4, 0xb4398e3d35ab3c69},
    {0x2ca34f187977b37b, 0xd3f42fac4a16fa8b}, {0xaa6383754ceedd8e, 0x34ac72e765665ed1},
    {0xc29dda33f6efa28e, 0x6483d4282ea6f4b4}, {0x5880f9aa4885e1b9, 0x68fd7ddd74f6042f},
    {0x65c85a4e87885000, 0x104d999d3181ae00}, {0x18afa8249e3cb34e, 0xece5e4185a6aaa49},
    {0x0f2754e6d42ba30c, 0x2ccdd61794ad80a4}, {0x2cbbbfbf49bdd023, 0x73967766cf6ac5b6},
    {0xd3b11e7119b92cc0, 0x2e3807f95617042b}, {0x956d26654a266acb, 0x7d39ad53dde5b311},
    {0x861822ce92d06416, 0x413ccfc72c7f1e63}, {0xc434d5f466e62214, 0xb9261599f75c8fdf},
    {0x9e207b3e00e4b399, 0xd815daf6c517fa9d}, {0x48e4862cd25260ca, 0x890e96e50bed97f4},
    {0xfe8bccba04a4bfc4, 0xb0e7fe81e5ff828a}, {0xb3bd23b3d4dd429a, 0x49a081bbc847987f},
    {0x93151eaa3d9acd8d, 0x8ab0220ff0558cd5}, {0x949f27cdcb1ab43d, 0x171eda03226feac7},
    {0xd7d4944f2646d5bd, 0xeee241c513433053}, {0x6b7492bd5c4fc19e, 0x1b7aa4eca23612b5},
    {0xc477c787166b2641, 0x2a2516d5d1e015b8}, {0xfae240cde008b6e3, 0x7923bd700778fb4c},
    {0xb6aa05bfab3900c7, 0xc23cca78e8910a8a}, {0x351d2eefefc610ba, 0x43a75bda2b8f1439},
    {0xf92972b5afb08686, 0x943cc06932a3fa63}, {0x9af9b9e364b8e50c, 0x5e7bcb08616ab976},
    {0x14995aba0af2cd02, 0x16796133b490ce5e}, {0x92c972123cfd9904, 0x46935ff79876360d},
    {0x122c18831c59bf66, 0x0ef81e97fef57a94}, {0x0872e59652363faa, 0x16e92e15680f8cbb},
    {0xeceb9cb75a317c87, 0xf17c8e4bcce4f1bf}, {0xdf36e5a43911e218, 0x06108937537b4225},
};

}  // namespace

TEST_CASE(
    "forty random racks of format 1 keep the bits of their renders and gradients, and the names of their "
    "parameters") {
  if (!format_1_racks::has_these_bits()) return;
  for (std::uint64_t seed = 0; seed < std::size(before); ++seed) {
    CAPTURE(seed);
    const Hashes now = hashes_of(seed);
    CHECK(now.sound == before[seed].sound);
    CHECK(now.gradients == before[seed].gradients);
  }
}
