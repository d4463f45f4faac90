// Notes of an instrument have the bits that they had before racks were modules and cables.
#include <doctest/doctest.h>

#include "../racks/format_1_racks.hpp"

#include <retrograd/instrument/instrument.hpp>
#include <retrograd/racks/rack_file.hpp>

using namespace retrograd;

namespace {

// Two keys, one let go and pressed once more, and a bend, in blocks of 128 samples.
std::uint64_t hash_of_notes(std::uint64_t seed) {
  Instrument instrument(parse_rack(format_1_racks::text(seed), "p"), {.voices = 4});
  instrument.prepare(22050.0, 128);
  std::vector<float> samples(128);
  std::uint64_t hash = format_1_racks::no_hash;
  for (int block = 0; block < 20; ++block) {
    if (block == 0) instrument.note_on(60, 0.8, 5);
    if (block == 3) instrument.note_on(64.5, 0.5, 77);
    if (block == 8) instrument.note_off(60, 3);
    if (block == 9) {
      instrument.note_on(60, 1.0, 0);
      instrument.pitch_bend(0.3, 50);
    }
    instrument.process(samples.data(), 128);
    for (float& sample : samples) sample += 0.0f;  // a voice that sleeps is 0 where a silent one could be -0
    hash = format_1_racks::hash_of(hash, samples.data(), samples.size() * sizeof(float));
  }
  return hash;
}

// Made before format 2 was there.
constexpr std::uint64_t before[] = {
    0xa03b54fbfa46c6f6, 0xa4014bb1ecc6582c, 0x452df0801ad9c1de, 0x42814da6b44823eb, 0xb4c0ce8828af4e65,
    0x2f5c2f02c6ce9d13, 0x2e0870f734fcf814, 0x85d5f19aa4f8f628, 0xd42a38246bce2a25, 0xc68d13dcecdbd535,
    0x3761e6fe421a50d3, 0x223b48ecaaca63bf, 0x98569d41570f8892, 0xad94183a8ee240d8, 0x9ff9b53c8a5cda3b,
    0xd3c7500a984b5b2b, 0xc6a5386118be7c64, 0x70632a27f40c4d5f, 0x6541eafc51e479c2, 0xd93e5204d5012a30,
    0x6a2503a595b70896, 0x2477dc6020987e00, 0xcb012fc642fd405c, 0x95f3f5e04603c834, 0x68c0e77f835b7a59,
    0x066f53794de35b94, 0xce4a4cc892559d4e, 0x97a67e238b115594, 0xfb52e20971914520, 0xca99540cf514680b,
    0x49082691fdb4a8bc, 0x549ba3437840de1a, 0x5619f6142aa74fe8, 0x44be168930330f8c, 0x6857d01f12b7b0e9,
    0x958261d9c4ecca12, 0x267ef532c1e3dc71, 0x6eca2249c5af22c3, 0x2e6c39d32511befc, 0x68a627dfc9fc5920,
};

}  // namespace

TEST_CASE("notes of forty random racks of format 1 keep their bits") {
  if (!format_1_racks::has_these_bits()) return;
  for (std::uint64_t seed = 0; seed < std::size(before); ++seed) {
    CAPTURE(seed);
    CHECK(hash_of_notes(seed) == before[seed]);
  }
}
