#include <retrograd/nodes/arctangent_shaper.hpp>
#include <retrograd/nodes/clip_shaper.hpp>
#include <retrograd/nodes/fold_shaper.hpp>
#include <retrograd/nodes/linear_recurrence.hpp>
#include <retrograd/nodes/tanh_shaper.hpp>

namespace retrograd {

Var arctangent_shaper(Var x) { return detail::record_recurrence(ArctangentShaper(), x); }
Var clip_shaper(Var x) { return detail::record_recurrence(ClipShaper(), x); }
Var cubic_shaper(Var x) { return detail::record_recurrence(CubicShaper(), x); }
Var fold_shaper(Var x) { return detail::record_recurrence(FoldShaper(), x); }
Var tanh_shaper(Var x) { return detail::record_recurrence(TanhShaper(), x); }

}  // namespace retrograd
