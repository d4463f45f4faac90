// The loops of operators. They take long to compile: a source file for each SIMD level instantiates them once.
#pragma once

#include <retrograd/backends/cpu/kernels.hpp>
#include <retrograd/nodes/operator.hpp>

namespace retrograd::cpu {

template <class Oscillator>
struct OperatorForward {
  template <class T>
  RETROGRAD_INLINE static void run(const OperatorCall& call) {
    using Real = real_t<T>;
    const Operator<Oscillator> fm_operator{*static_cast<const Oscillator*>(call.wave.node),
                                           *static_cast<const Adsr*>(call.envelope.node), call.next};
    fm_operator.template forward<T>(
        forward_tile<Oscillator, Real>(call.wave), *static_cast<typename Oscillator::State*>(call.wave.state),
        forward_tile<Adsr, Real>(call.envelope), *static_cast<Adsr::State*>(call.envelope.state),
        forward_tile<Product, Real>(call.product));
  }
};

template <class Oscillator>
struct OperatorAdjoint {
  template <class T>
  RETROGRAD_INLINE static void run(const OperatorCall& call) {
    using Real = real_t<T>;
    using Joined = Operator<Oscillator>;
    const Joined fm_operator{*static_cast<const Oscillator*>(call.wave.node),
                             *static_cast<const Adsr*>(call.envelope.node), call.next};
    fm_operator.template adjoint<T>(
        adjoint_tile<Oscillator, Real>(call.wave),
        *static_cast<const typename Oscillator::State*>(call.wave.state),
        *static_cast<typename Joined::template WaveCarry<T>*>(call.wave.carry),
        adjoint_tile<Adsr, Real>(call.envelope), *static_cast<const Adsr::State*>(call.envelope.state),
        *static_cast<typename Joined::template EnvelopeCarry<T>*>(call.envelope.carry),
        adjoint_tile<Product, Real>(call.product));
  }
};

template <class Oscillator, math::SimdLevel level>
void OperatorLoops<Oscillator, level>::forward(const OperatorCall& call) {
  if constexpr (has_fused_loops(level))
    math::Kernel<OperatorForward<Oscillator>, float>::template of<level>()(call);
}

template <class Oscillator, math::SimdLevel level>
void OperatorLoops<Oscillator, level>::adjoint(const OperatorCall& call) {
  if constexpr (has_fused_loops(level))
    math::Kernel<OperatorAdjoint<Oscillator>, float>::template of<level>()(call);
}

}  // namespace retrograd::cpu
