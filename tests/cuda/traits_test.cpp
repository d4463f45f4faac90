// Whether nvcc reads the constants that choose a path as this compiler does: a node would else compute one thing on a GPU and
// another on the CPU. Reads the PTX of traits.cu; exits with 77, which Meson counts as skipped, where there is none.
#include "traits.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

// The initial bytes of `retrograd_traits`: ".global .align 8 .b8 retrograd_traits[16384] = {3, 0, ...};", zeros at the end left out.
std::vector<long long> values_in(const std::string& ptx) {
  const std::size_t name = ptx.find(" retrograd_traits["), first = ptx.find('{', name),
                    last = ptx.find('}', first);
  if (name == std::string::npos || first == std::string::npos || last == std::string::npos) return {};
  std::string list = ptx.substr(first + 1, last - first - 1);
  for (char& c : list)
    if (c == ',') c = ' ';
  std::istringstream numbers(list);
  std::vector<unsigned long long> parts;
  for (unsigned long long part = 0; numbers >> part;) parts.push_back(part);
  const bool are_bytes = ptx.compare(name - 3, 3, ".b8") == 0;
  const std::size_t per_value = are_bytes ? 8 : 1;
  std::vector<long long> values((parts.size() + per_value - 1) / per_value);
  for (std::size_t i = 0; i < parts.size(); ++i)
    values[i / per_value] |= static_cast<long long>(parts[i] << (8 * (i % per_value)));
  return values;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::puts("no nvcc here (12.0 or newer): nothing to compare with");
    return 77;
  }
  std::ostringstream ptx;
  ptx << std::ifstream(arguments[1]).rdbuf();
  std::vector<long long> on_device = values_in(ptx.str());
  const retrograd::cuda::traits::Table here = retrograd::cuda::traits::table();
  if (on_device.empty()) {
    std::printf("%s has no table of constants\n", arguments[1]);
    return 1;
  }
  on_device.resize(retrograd::cuda::traits::Table::room);
  int differ = 0;
  for (int i = 0; i < here.count; ++i) {
    const retrograd::cuda::traits::Trait& trait = here.traits[i];
    if (trait.value == on_device[static_cast<std::size_t>(i)]) continue;
    std::printf("%s: %s is %lld here and %lld under nvcc\n", trait.of, trait.name, trait.value,
                on_device[static_cast<std::size_t>(i)]);
    ++differ;
  }
  std::printf("%d constants compared, %d differ\n", here.count, differ);
  return differ == 0 ? 0 : 1;
}
