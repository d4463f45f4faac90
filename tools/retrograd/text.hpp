// Words and tables for people.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace retrograd::tool {

/// A number to six significant digits: "0.25", "1.5e-07".
std::string number(double value);

/// To two digits, for errors: "3.1e-14"; and to twelve, for numbers to be compared.
std::string brief(double value);
std::string precise(double value);

/// "1 sample", "2 samples".
std::string count(long long how_many, const std::string& thing);

/// "a, b, c"; "none" for none.
std::string listed(const std::vector<std::string>& words);

struct Column {
  std::string title;
  bool is_number = false;  ///< set flush right
};

/// The titles, then the rows, in aligned columns. Each row has a cell for every column.
void print_table(std::ostream& out, const std::vector<Column>& columns,
                 const std::vector<std::vector<std::string>>& rows);

}  // namespace retrograd::tool
