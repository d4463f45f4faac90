// Everything a synth needs, in one include: tapes, nodes and their checks, synths, losses, optimisers, patches, fits and
// streams.
#pragma once

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/backends/cpu/own_whole.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/gradcheck/own_node_check.hpp>
#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/losses/losses.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/gate.hpp>
#include <retrograd/optimizers/optimizer.hpp>
#include <retrograd/optimizers/saved_parameters.hpp>
#include <retrograd/patches/record.hpp>
#include <retrograd/patches/toml.hpp>
#include <retrograd/stream/instrument.hpp>
#include <retrograd/stream/stream.hpp>
#include <retrograd/synths/fm_synth.hpp>
#include <retrograd/synths/oscillator.hpp>
#include <retrograd/tape/tape.hpp>
