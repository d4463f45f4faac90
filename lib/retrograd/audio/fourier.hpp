// A plain fast Fourier transform in double precision, for analysing recordings.
#pragma once

#include <complex>
#include <vector>

namespace retrograd {

/// Replaces x by its unnormalised transform X[k] = sum over j of x[j] * exp(-2 pi i j k / size), in place.
/// The size is a power of two. Source: J. W. Cooley and J. W. Tukey 1965, radix 2.
void fourier_transform(std::vector<std::complex<double>>& x);

}  // namespace retrograd
