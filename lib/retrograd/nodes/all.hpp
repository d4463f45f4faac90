// Every node the library has. Dispatch, kernels and gradient checks derive from this list: a node is its
// header and one line here.
#pragma once

#include <retrograd/nodes/abs.hpp>
#include <retrograd/nodes/add.hpp>
#include <retrograd/nodes/adsr.hpp>
#include <retrograd/nodes/arctangent_shaper.hpp>
#include <retrograd/nodes/arithmetic.hpp>
#include <retrograd/nodes/biquad.hpp>
#include <retrograd/nodes/broadcast_to.hpp>
#include <retrograd/nodes/clamp.hpp>
#include <retrograd/nodes/clip_shaper.hpp>
#include <retrograd/nodes/concat.hpp>
#include <retrograd/nodes/cos.hpp>
#include <retrograd/nodes/cumulative_sum.hpp>
#include <retrograd/nodes/delay.hpp>
#include <retrograd/nodes/divide.hpp>
#include <retrograd/nodes/exp.hpp>
#include <retrograd/nodes/filter_settings.hpp>
#include <retrograd/nodes/fold_shaper.hpp>
#include <retrograd/nodes/follower.hpp>
#include <retrograd/nodes/hold.hpp>
#include <retrograd/nodes/ladder.hpp>
#include <retrograd/nodes/less.hpp>
#include <retrograd/nodes/less_equal.hpp>
#include <retrograd/nodes/log.hpp>
#include <retrograd/nodes/matmul.hpp>
#include <retrograd/nodes/maximum.hpp>
#include <retrograd/nodes/maximum_over_rows.hpp>
#include <retrograd/nodes/maximum_over_time.hpp>
#include <retrograd/nodes/minimum.hpp>
#include <retrograd/nodes/mix.hpp>
#include <retrograd/nodes/multi_resolution_stft.hpp>
#include <retrograd/nodes/multiply.hpp>
#include <retrograd/nodes/negate.hpp>
#include <retrograd/nodes/one_pole.hpp>
#include <retrograd/nodes/oscillation.hpp>
#include <retrograd/nodes/phase.hpp>
#include <retrograd/nodes/pow.hpp>
#include <retrograd/nodes/product.hpp>
#include <retrograd/nodes/quantize.hpp>
#include <retrograd/nodes/reshape.hpp>
#include <retrograd/nodes/select.hpp>
#include <retrograd/nodes/sigmoid.hpp>
#include <retrograd/nodes/sin.hpp>
#include <retrograd/nodes/sinusoid.hpp>
#include <retrograd/nodes/slice.hpp>
#include <retrograd/nodes/smoothing.hpp>
#include <retrograd/nodes/softplus.hpp>
#include <retrograd/nodes/sqrt.hpp>
#include <retrograd/nodes/square.hpp>
#include <retrograd/nodes/stack.hpp>
#include <retrograd/nodes/state_variable.hpp>
#include <retrograd/nodes/stft_magnitude.hpp>
#include <retrograd/nodes/stop_gradient.hpp>
#include <retrograd/nodes/subtract.hpp>
#include <retrograd/nodes/sum_over_rows.hpp>
#include <retrograd/nodes/sum_over_time.hpp>
#include <retrograd/nodes/tanh.hpp>
#include <retrograd/nodes/tanh_shaper.hpp>

namespace retrograd {

template <class... Nodes>
struct NodeList {};

template <class A, class B>
struct Joined;
template <class... A, class... B>
struct Joined<NodeList<A...>, NodeList<B...>> {
  using type = NodeList<A..., B...>;
};

using ArithmeticNodes = NodeList<Abs, Add, Clamp, Divide, Less, LessEqual, Maximum, Minimum, Multiply, Negate,
                                 Product, Select, Sqrt, Square, StopGradient, Subtract>;
using FunctionNodes = NodeList<Cos, Damping, Exp, Log, Pow, Prewarp, Quantize, Sigmoid, Sin, Sinusoid,
                               Smoothing, Softplus, Tanh>;
using PointwiseNodes = Joined<ArithmeticNodes, FunctionNodes>::type;
using ShaperNodes = NodeList<ArctangentShaper, ClipShaper, CubicShaper, FoldShaper, TanhShaper>;
using CausalNodes =
    Joined<NodeList<Adsr, BiquadFilter, CumulativeSum, Follower, Hold, LadderFilter, OnePoleFilter,
                    Oscillation<Sinusoid>, Phase, SaturatingLadder, StateVariableFilter>,
           ShaperNodes>::type;
using HistoryNodes = NodeList<CubicDelay, Delay>;
using Reductions = NodeList<MaximumOverTime, SumOverTime>;
using NodesOverRows = NodeList<Mix>;
using WholeNodes = NodeList<BroadcastTo, Concat, Matmul, MaximumOverRows, MultiResolutionStft, Reshape, Slice,
                            Stack, StftMagnitude, SumOverRows>;

/// Calls `visit.template operator()<N>()` for every node N of a list.
template <class Visit, class... Nodes>
constexpr void for_each_node(NodeList<Nodes...>, Visit&& visit) {
  (visit.template operator()<Nodes>(), ...);
}
template <class Visit>
constexpr void for_each_node(Visit&& visit) {
  for_each_node(ArithmeticNodes(), visit);
  for_each_node(FunctionNodes(), visit);
  for_each_node(CausalNodes(), visit);
  for_each_node(HistoryNodes(), visit);
  for_each_node(Reductions(), visit);
  for_each_node(NodesOverRows(), visit);
  for_each_node(WholeNodes(), visit);
}

}  // namespace retrograd
