// A build without FFTW: one row that says so.
#include "rows.hpp"

namespace retrograd::tool {

void add_fft_rows(Rows& rows) {
  rows.push_back({"against FFTW, real transforms", "of FFTW's rate", at_least(0.7), []() -> double {
                    throw LeftOut{"this build has no FFTW to compare with (meson setup -Dfftw=enabled)"};
                  }});
}

}  // namespace retrograd::tool
