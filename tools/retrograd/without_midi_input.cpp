// A build without RtMidi: no MIDI input.
#include <retrograd/tensor/errors.hpp>

#include "midi_input.hpp"

namespace retrograd::tool {
namespace {

[[noreturn]] void refuse_midi() {
  raise<DeviceError>(
      "this build reaches no MIDI input: it was made without RtMidi (Debian: librtmidi-dev); play a file "
      "with "
      "--notes FILE.mid");
}

}  // namespace

std::vector<std::string> midi_inputs() { refuse_midi(); }

struct MidiInput::State {
  std::string name;
};
MidiInput::MidiInput(std::optional<int>, MessageQueue&) { refuse_midi(); }
MidiInput::~MidiInput() = default;
const std::string& MidiInput::name() const { return state_->name; }

}  // namespace retrograd::tool
