#include <retrograd/optimizers/moves.hpp>
#include <retrograd/optimizers/parameter_space.hpp>

namespace retrograd {

double to_free(const Domain& domain, double value) { return moves::to_free(domain, value); }

double from_free(const Domain& domain, double free) { return moves::from_free(domain, free); }

double slope_at(const Domain& domain, double free) { return moves::slope_at(domain, free); }

}  // namespace retrograd
