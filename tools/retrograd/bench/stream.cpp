// How much of its real time a live instrument takes: six operators, 16 voices, played hard. And what voices cost that
// are free.
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/racks/fm.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "rows.hpp"
#include "synth.hpp"
#include "timing.hpp"

namespace retrograd::tool {
namespace {

constexpr int frames = 64;
constexpr int blocks = 5 * bench_sample_rate / frames;  // five seconds

Rack six_operators() {
  const std::vector<FMOperator> operators(
      6,
      {.ratio = 1.0, .gain = 0.7, .envelope = {.attack = 0.1, .decay = 0.5, .sustain = 0.3, .release = 0.7}});
  return fm_rack(operators, bench_routing(6));
}

/// All voices sound all the time. Four times a second a chord takes four of them over, the next the pedal
/// holds; in between the bend moves in every block, and one of the gains glides to another value.
class Performance {
 public:
  Performance() {
    instrument_.prepare(bench_sample_rate, frames);
    for (int voice = 0; voice < voices; ++voice) instrument_.note_on(40 + 2 * voice, 0.5);
  }

  /// The share of its real time that each block took.
  std::vector<double> play() {
    using Clock = std::chrono::steady_clock;
    constexpr double real_time = static_cast<double>(frames) / bench_sample_rate;
    std::vector<double> shares;
    for (int block = 0; block < blocks; ++block) {
      const auto start = Clock::now();
      touch(block);
      instrument_.process(sound_, frames);
      shares.push_back(std::chrono::duration<double>(Clock::now() - start).count() / real_time);
    }
    return shares;
  }

 private:
  static constexpr int voices = 16;

  void touch(int block) {
    constexpr int chord_every = bench_sample_rate / 4 / frames;
    const int chord = block / chord_every;
    if (block % chord_every == 0) {
      instrument_.sustain(chord % 2 == 1, 3);
      for (int note = 0; note < 4; ++note) {
        instrument_.note_off(40 + (7 * chord + 3 * note) % 50, 5 * note);
        instrument_.note_on(41 + (11 * chord + 5 * note) % 50, 0.7, 10 * note + 7);
      }
    }
    if (chord % 3 == 0) instrument_.pitch_bend(0.01 * (block % 100), block % frames);
    if (block % 10 == 0) instrument_.set(gain_, 0.5 + 0.01 * (block % 50));
  }

  Instrument instrument_{six_operators(), {.voices = voices}};
  int gain_ = instrument_.parameter("fm.operator.1.gain");
  float sound_[frames] = {};
};

/// An instrument of so many voices, of which one sounds.
class OneSounds {
 public:
  explicit OneSounds(int voices) : instrument_(six_operators(), {.voices = voices}) {
    instrument_.prepare(bench_sample_rate, frames);
    instrument_.note_on(60, 0.5);
  }
  void play() {
    for (int block = 0; block < bench_sample_rate / 4 / frames; ++block) instrument_.process(sound_, frames);
  }

 private:
  Instrument instrument_;
  float sound_[frames] = {};
};

/// Each block's share, the median of seven performances: what else the machine does hits another block each
/// time.
std::vector<double> shares() {
  std::vector<std::vector<double>> of_block(blocks);
  for (int round = 0; round < repetitions; ++round) {
    const std::vector<double> played = Performance().play();
    for (std::size_t block = 0; block < played.size(); ++block) of_block[block].push_back(played[block]);
  }
  std::vector<double> medians;
  for (std::vector<double>& times : of_block) {
    std::ranges::sort(times);
    medians.push_back(times[times.size() / 2]);
  }
  std::ranges::sort(medians);
  return medians;
}

}  // namespace

void add_stream_rows(Rows& rows) {
  // Measured once for both rows, when the first of them is wanted.
  const auto measured = std::make_shared<std::vector<double>>();
  const auto share_at = [measured](double place) {
    if (measured->empty()) *measured = shares();
    return (*measured)[static_cast<std::size_t>(place * static_cast<double>(measured->size() - 1))];
  };
  const std::string name = "stream, fm 6 operators, 16 voices, 64 frames, ";
  rows.push_back(
      {name + "worst block", "of its real time", at_most(0.2), [share_at] { return share_at(1.0); }});
  rows.push_back(
      {name + "median block", "of its real time", at_most(0.2), [share_at] { return share_at(0.5); }});
  rows.push_back(
      {"stream, fm 6 operators, 16 voices of which one sounds, over one voice", "times", at_most(1.3), [] {
         OneSounds many(16), one(1);
         return compare([&] { many.play(); }, [&] { one.play(); }).ratio;
       }});
}

}  // namespace retrograd::tool
