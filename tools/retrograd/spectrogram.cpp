#include "spectrogram.hpp"

#include <retrograd/nodes/stft_magnitude.hpp>
#include <retrograd/racks/finite.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/tape/tape.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "text.hpp"

namespace retrograd::tool {
namespace {

using Index = std::size_t;

constexpr int rows_of_picture = 112, most_columns = 240;
constexpr double lowest_shown = 40.0, highest_shown = 16000.0;
// From the paper's colour to black.
constexpr std::array<const char*, shades> colors{
    "#fbfaf7", "#faf3e1", "#fae9c6", "#fadda9", "#fbd08c", "#fbc171", "#fab05b", "#f79d4b",
    "#f18a44", "#e77646", "#d9634a", "#c65150", "#ae4255", "#8f3557", "#6c2a53", "#431f44"};

struct Magnitudes {
  std::vector<float> values{};  // (bins, frames)
  Index frames = 0;
  double hertz_per_bin = 0.0;
};

// The frame of a time lies around it: half a window of silence comes before the sound and after it.
Magnitudes magnitudes_of(const Rack& rack) {
  Tape tape(tape_options(rack));
  const RecordedRack recorded = record(tape, rack);
  tape.play({recorded.audio});
  check_sound(tape, recorded);
  const TensorView samples = tape.value(recorded.audio);
  int window = 64;
  while (window < 65536 && window < 0.06 * rack.sample_rate) window *= 2;
  const std::int64_t length = length_in_samples(rack);
  const std::int64_t hop =
      std::clamp<std::int64_t>((length + most_columns - 1) / most_columns, 1, window / 2);
  std::vector<float> padded(static_cast<Index>(length + window + hop));
  for (std::int64_t n = 0; n < length; ++n)
    padded[static_cast<Index>(window / 2 + n)] = static_cast<float>(samples.at(n));

  Tape transform;
  const Var magnitudes = stft_magnitude(transform.input("sound", Tensor(std::span<const float>(padded))),
                                        window, static_cast<int>(hop));
  transform.play({magnitudes});
  const auto values = transform.value(magnitudes).as<float>();
  const Index bins = static_cast<Index>(window) / 2 + 1, all = values.size() / bins;
  Magnitudes result{.frames = std::min(all, static_cast<Index>((length + hop - 1) / hop)),
                    .hertz_per_bin = rack.sample_rate / window};
  result.values.reserve(bins * result.frames);
  for (Index bin = 0; bin < bins; ++bin)
    result.values.insert(result.values.end(), values.begin() + static_cast<std::ptrdiff_t>(bin * all),
                         values.begin() + static_cast<std::ptrdiff_t>(bin * all + result.frames));
  return result;
}

// The largest of the bins from `low` to `high`; between two bins, what lies between them.
double largest(const Magnitudes& of, double low, double high, Index frame) {
  const auto at = [&](double bin) {
    const Index last = of.values.size() / of.frames - 1;
    const Index below = std::min(static_cast<Index>(bin), last), above = std::min(below + 1, last);
    const double part = std::min(bin - static_cast<double>(below), 1.0);
    return (1.0 - part) * of.values[below * of.frames + frame] + part * of.values[above * of.frames + frame];
  };
  double most = std::max(at(low), at(high));
  for (double bin = std::ceil(low); bin < high; ++bin) most = std::max(most, at(bin));
  return most;
}

// The upper edge: a little above the highest that is loud enough to be seen.
double highest_of(const Magnitudes& of, double lowest, double sample_rate) {
  const double quietest = *std::ranges::max_element(of.values) * std::pow(10.0, -range_in_decibels / 20.0);
  Index last = of.values.size();
  while (last > 0 && of.values[last - 1] <= quietest) --last;
  const double highest = 1.25 * of.hertz_per_bin * static_cast<double>(last / of.frames);
  return std::min({std::max(highest, 8.0 * lowest), highest_shown, sample_rate / 2.0});
}

std::string label(double x, double y, const char* anchor, const std::string& words) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" + words +
         "</text>\n";
}
std::string stroke(double x, double y, const std::string& path) {
  return "<path d=\"M" + number(x) + " " + number(y) + path + "\"/>\n";
}
std::string rectangle(double x, double y, double width, double height, const std::string& style) {
  return "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(width) + "\" height=\"" +
         number(height) + "\" " + style + "/>\n";
}

// Runs of one shade in a row are one stroke: the pen is as thick as a row is high.
std::string cells(const Spectrogram& picture, int shade) {
  std::string path;
  for (int row = 0; row < picture.rows; ++row) {
    const auto shade_at = [&](int column) {
      return picture.shades[static_cast<Index>(row * picture.columns + column)];
    };
    for (int column = 0; column < picture.columns;) {
      const int first = column;
      while (column < picture.columns && shade_at(column) == shade) ++column;
      if (column > first)
        path += "M" + std::to_string(first) + " " + std::to_string(picture.rows - 1 - row) + "h" +
                std::to_string(column - first);
      else
        ++column;
    }
  }
  return path.empty() ? path
                      : "<path stroke=\"" + std::string(colors[static_cast<Index>(shade)]) + "\" d=\"" +
                            path + "\"/>\n";
}

// 1, 2 or 5 times a power of ten, so that there are at most so many steps.
double step_of(double whole, double most_steps) {
  const double power = std::pow(10.0, std::floor(std::log10(whole / most_steps)));
  for (const double step : {1.0, 2.0, 5.0})
    if (whole / (step * power) <= most_steps) return step * power;
  return 10.0 * power;
}

}  // namespace

Spectrogram spectrogram_of(const Rack& rack) {
  const Magnitudes magnitudes = magnitudes_of(rack);
  const Index pooled = (magnitudes.frames + most_columns - 1) / most_columns;
  Spectrogram picture{.columns = static_cast<int>((magnitudes.frames + pooled - 1) / pooled),
                      .rows = rows_of_picture,
                      .seconds = static_cast<double>(length_in_samples(rack)) / rack.sample_rate,
                      .lowest = std::min(lowest_shown, rack.sample_rate / 16.0)};
  picture.highest = highest_of(magnitudes, picture.lowest, rack.sample_rate);
  std::vector<double> levels;
  double loudest = 0.0;
  for (int row = 0; row < picture.rows; ++row) {
    const auto edge = [&](int r) {
      return picture.lowest *
             std::pow(picture.highest / picture.lowest, static_cast<double>(r) / picture.rows) /
             magnitudes.hertz_per_bin;
    };
    const double low = edge(row), high = edge(row + 1);
    for (int column = 0; column < picture.columns; ++column) {
      const Index first = static_cast<Index>(column) * pooled,
                  end = std::min(first + pooled, magnitudes.frames);
      double level = 0.0;
      for (Index frame = first; frame < end; ++frame)
        level = std::max(level, largest(magnitudes, low, high, frame));
      levels.push_back(level);
      loudest = std::max(loudest, level);
    }
  }
  for (const double level : levels) {
    const double decibels =
        level > 0.0 && std::isfinite(level) ? 20.0 * std::log10(level / loudest) : -range_in_decibels;
    const double shade = std::floor((1.0 + decibels / range_in_decibels) * shades);
    picture.shades.push_back(static_cast<int>(std::clamp(shade, 0.0, shades - 1.0)));
  }
  return picture;
}

std::string drawn(const Spectrogram& picture, double x, double y, double width) {
  constexpr double for_hertz = 56.0, for_decibels = 76.0, for_seconds = 40.0, bar = 14.0;
  const double left = x + for_hertz, right = x + width - for_decibels,
               bottom = y + spectrogram_height - for_seconds;
  const double wide = right - left, high = bottom - y;
  std::string svg = "<g transform=\"translate(" + number(left) + " " + number(y + high / picture.rows / 2.0) +
                    ") scale(" + number(wide / picture.columns) + " " + number(high / picture.rows) +
                    ")\" shape-rendering=\"crispEdges\" stroke-width=\"1.05\">\n";
  for (int shade = 1; shade < shades; ++shade) svg += cells(picture, shade);
  svg += "</g>\n" + rectangle(left, y, wide, high, "fill=\"none\" stroke=\"#38352e\"");
  for (int shade = 0; shade < shades; ++shade)
    svg += rectangle(right + 16.0, bottom - high * (shade + 1) / shades, bar, high / shades,
                     "fill=\"" + std::string(colors[static_cast<Index>(shade)]) + "\"");
  svg += rectangle(right + 16.0, y, bar, high, "fill=\"none\" stroke=\"#38352e\"");

  std::string ticks, words;
  for (double power = 1.0; power <= picture.highest; power *= 10.0)
    for (const double hertz : {1.0 * power, 2.0 * power, 5.0 * power}) {
      if (hertz < picture.lowest || hertz > picture.highest) continue;
      const double at =
          bottom - high * std::log(hertz / picture.lowest) / std::log(picture.highest / picture.lowest);
      ticks += stroke(left, at, "h-5");
      words +=
          label(left - 9.0, at + 4.0, "end", hertz < 1000.0 ? number(hertz) : number(hertz / 1000.0) + "k");
    }
  const double step = step_of(picture.seconds, 10.0);
  for (int i = 0; i * step <= picture.seconds * (1.0 + 1e-9); ++i) {
    const double at = left + wide * (i * step / picture.seconds);
    ticks += stroke(at, bottom, "v5");
    words += label(at, bottom + 18.0, "middle", number(i * step));
  }
  for (const double decibels : {0.0, 16.0, 32.0, 48.0, 64.0}) {
    const double at = y + high * decibels / range_in_decibels;
    ticks += stroke(right + 16.0 + bar, at, "h5");
    words += label(right + 16.0 + bar + 9.0, at + 4.0, "start", number(decibels == 0.0 ? 0.0 : -decibels));
  }
  words += label(x, y + 4.0, "start", "Hz") + label(right, bottom + 34.0, "end", "s") +
           label(right + 16.0 + bar + 9.0, bottom + 18.0, "start", "dB");
  return svg + "<g stroke=\"#38352e\">\n" + ticks + "</g>\n<g fill=\"#1d1b17\" font-size=\"11\">\n" + words +
         "</g>\n";
}

}  // namespace retrograd::tool
