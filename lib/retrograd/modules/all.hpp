// The modules of the library: the one list. To add one, write its file and name it here.
#pragma once

#include <retrograd/modules/adsr.hpp>
#include <retrograd/modules/all_pass.hpp>
#include <retrograd/modules/chorus.hpp>
#include <retrograd/modules/comb.hpp>
#include <retrograd/modules/compressor.hpp>
#include <retrograd/modules/constant.hpp>
#include <retrograd/modules/crusher.hpp>
#include <retrograd/modules/delay.hpp>
#include <retrograd/modules/echo.hpp>
#include <retrograd/modules/equaliser.hpp>
#include <retrograd/modules/filter.hpp>
#include <retrograd/modules/flanger.hpp>
#include <retrograd/modules/fm_operator.hpp>
#include <retrograd/modules/follower.hpp>
#include <retrograd/modules/formant.hpp>
#include <retrograd/modules/ladder.hpp>
#include <retrograd/modules/limiter.hpp>
#include <retrograd/modules/mid_side.hpp>
#include <retrograd/modules/mixer.hpp>
#include <retrograd/modules/noise_gate.hpp>
#include <retrograd/modules/one_pole.hpp>
#include <retrograd/modules/oscillator.hpp>
#include <retrograd/modules/pan.hpp>
#include <retrograd/modules/reverb.hpp>
#include <retrograd/modules/shaper.hpp>
#include <retrograd/modules/string.hpp>
#include <retrograd/modules/sum.hpp>
#include <retrograd/modules/vca.hpp>
#include <retrograd/modules/voices.hpp>
#include <retrograd/modules/width.hpp>

namespace retrograd {

inline constexpr ModuleType all_modules[] = {
    type_of<OscillatorModule>(), type_of<FMOperatorModule>(), type_of<AdsrModule>(),
    type_of<VcaModule>(),        type_of<MixerModule>(),      type_of<SumModule>(),
    type_of<ConstantModule>(),   type_of<VoicesModule>(),     type_of<FilterModule>(),
    type_of<OnePoleModule>(),    type_of<LadderModule>(),     type_of<EqualiserModule>(),
    type_of<FormantModule>(),    type_of<DelayModule>(),      type_of<EchoModule>(),
    type_of<CombModule>(),       type_of<AllPassModule>(),    type_of<ChorusModule>(),
    type_of<FlangerModule>(),    type_of<StringModule>(),     type_of<ReverbModule>(),
    type_of<ShaperModule>(),     type_of<CompressorModule>(), type_of<LimiterModule>(),
    type_of<NoiseGateModule>(),  type_of<FollowerModule>(),   type_of<CrusherModule>(),
    type_of<PanModule>(),        type_of<WidthModule>(),      type_of<MidSideModule>(),
};

}  // namespace retrograd
