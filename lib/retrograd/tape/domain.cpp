#include <retrograd/tape/domain.hpp>

#include <sstream>

namespace retrograd {

std::string to_string(const Domain& domain) {
  if (domain == real) return "finite";
  if (domain == positive) return "positive";
  std::ostringstream text;
  if (domain.high == real.high)
    text << "finite and " << (domain.low_is_open ? "above " : "at least ") << domain.low;
  else if (domain.low == real.low)
    text << "finite and at most " << domain.high;
  else
    text << "in " << (domain.low_is_open ? '(' : '[') << domain.low << ", " << domain.high << ']';
  return text.str();
}

bool contains(const Domain& domain, const Domain& inner) {
  const bool low = domain.low_is_open
                       ? inner.low > domain.low || (inner.low == domain.low && inner.low_is_open)
                       : inner.low >= domain.low;
  return low && inner.high <= domain.high;
}

bool contains(const Domain& domain, const TensorView& values) {
  for (std::int64_t i = 0; i < values.shape.elements(); ++i)
    if (!domain.contains(values.at(i))) return false;
  return true;
}

void check_domain(const Domain& domain, const TensorView& values, const std::string& what) {
  for (std::int64_t i = 0; i < values.shape.elements(); ++i) {
    if (domain.contains(values.at(i))) continue;
    std::ostringstream text;
    text << what << " is " << values.at(i);
    if (values.shape.elements() > 1) text << " at element " << i;
    text << ", but must be " << to_string(domain);
    raise<DomainError>(text.str());
  }
}

}  // namespace retrograd
