#include <retrograd/racks/wording.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

namespace retrograd {

namespace {

// The number of letters to insert, drop or change, or of neighbours to swap, to get from one word to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({last[j] + (a[i] == b[j] ? 0 : 1), row[j] + 1, last[j + 1] + 1});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
        row[j + 1] = std::min(row[j + 1], before_last[j - 1] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last.back();
}

}  // namespace

std::string written(double value) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

std::string rounded(double value) {
  if (std::isnan(value)) return "nan";  // whose sign means nothing
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, value, std::chars_format::general, 6).ptr);
}

std::string shown(std::string_view name, std::size_t most) {
  std::string text(name.substr(0, most));
  for (char& letter : text)
    if (static_cast<unsigned char>(letter) < 32 || letter == 127) letter = '?';
  return name.size() > most ? text + "..." : text;
}

std::string did_you_mean(std::string_view unknown, std::span<const std::string> known,
                         const std::string& kind) {
  constexpr std::size_t most_compared = 2000, most_listed = 16;
  if (known.empty()) return "there are no " + kind;
  const auto some = known.first(std::min(known.size(), most_compared));
  const std::string word = shown_key(unknown);
  const std::string* nearest = nullptr;
  std::size_t least = 0;
  for (const std::string& name : some) {
    if (name.size() > 2 * word.size()) continue;  // it would be too far
    const std::size_t distance = edit_distance(word, name);
    if (nearest != nullptr && distance >= least) continue;
    nearest = &name;
    least = distance;
  }
  if (nearest != nullptr && 2 * least <= nearest->size()) return "did you mean " + shown_key(*nearest) + "?";
  std::string list;
  for (const std::string& name : some.first(std::min(some.size(), most_listed)))
    list += (list.empty() ? "" : ", ") + shown_key(name);
  if (known.size() > most_listed) list += " and " + std::to_string(known.size() - most_listed) + " more";
  return "the " + kind + " are " + list;
}

std::string what_lies_in(const Domain& domain) {
  const bool has_low = std::isfinite(domain.low), has_high = std::isfinite(domain.high);
  if (has_low && has_high) return "a number from " + written(domain.low) + " to " + written(domain.high);
  if (has_low)
    return "a finite number" +
           (domain.low_is_open ? " above " + written(domain.low) : ", " + written(domain.low) + " or more");
  if (has_high) return "a finite number, " + written(domain.high) + " at most";
  return "a finite number";
}

}  // namespace retrograd
