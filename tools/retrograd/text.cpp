// Words and tables for people.
#include "text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace retrograd::tool {

namespace {

std::string with_digits(int digits, double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  return text.data();
}

}  // namespace

std::string number(double value) { return with_digits(6, value); }

std::string brief(double value) { return with_digits(2, value); }

std::string precise(double value) { return with_digits(12, value); }

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? "none" : text;
}

std::string count(long long how_many, const std::string& thing) {
  return std::to_string(how_many) + " " + thing + (how_many == 1 ? "" : "s");
}

void print_table(std::ostream& out, const std::vector<Column>& columns,
                 const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    std::size_t width = columns[c].title.size();
    for (const auto& row : rows) width = std::max(width, row[c].size());
    widths.push_back(width);
  }
  const auto print_row = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const std::string& cell = cell_of(c);
      const std::string space(widths[c] - cell.size(), ' ');
      if (c > 0) line += "  ";
      line += columns[c].is_number ? space + cell : cell + space;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  print_row([&](std::size_t c) -> const std::string& { return columns[c].title; });
  for (const auto& row : rows) print_row([&](std::size_t c) -> const std::string& { return row[c]; });
}

}  // namespace retrograd::tool
