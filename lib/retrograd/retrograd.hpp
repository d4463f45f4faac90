// Everything a synth needs, in one include: tapes, nodes and their checks, losses, optimisers, racks, fits, streams and
// instruments.
#pragma once

#include <retrograd/backends/cpu/own_node.hpp>
#include <retrograd/backends/cpu/own_whole.hpp>
#include <retrograd/fit/fit.hpp>
#include <retrograd/gradcheck/own_node_check.hpp>
#include <retrograd/gradcheck/parameter_check.hpp>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/losses/losses.hpp>
#include <retrograd/modules/module_list.hpp>
#include <retrograd/modules/recorder.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/optimizers/optimizer.hpp>
#include <retrograd/optimizers/saved_parameters.hpp>
#include <retrograd/racks/fm.hpp>
#include <retrograd/racks/gate.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/rack_stream.hpp>
#include <retrograd/racks/record.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/stream/stream.hpp>
#include <retrograd/tape/tape.hpp>
