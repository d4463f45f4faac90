// The computer's MIDI inputs, through RtMidi.
#include "midi_input.hpp"

#include <RtMidi.h>
#include <retrograd/tensor/errors.hpp>

#include <algorithm>

#include "hushed.hpp"

namespace retrograd::tool {
namespace {

/// Calls `body`; what RtMidi raises becomes a DeviceError.
template <class Body>
auto with_rtmidi_errors(const std::string& what, const Body& body) {
  const Hushed hushed;
  try {
    return body();
  } catch (const RtMidiError& error) {
    raise<DeviceError>(what + ": " + error.getMessage());
  }
}

// Where RtMidi would write what is wrong to stderr and go on, this raises it.
void raise_it(RtMidiError::Type type, const std::string& message, void*) {
  if (type != RtMidiError::WARNING && type != RtMidiError::DEBUG_WARNING) throw RtMidiError(message, type);
}

std::vector<std::string> inputs_of(RtMidiIn& midi) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < midi.getPortCount(); ++i) names.push_back(midi.getPortName(i));
  return names;
}

// Linux's own loop from a program to another comes before every keyboard.
bool is_real(const std::string& name) { return name.find("Midi Through") == std::string::npos; }

int chosen(const std::vector<std::string>& inputs, std::optional<int> number) {
  if (!number) {
    const auto real = std::ranges::find_if(inputs, is_real);
    if (real == inputs.end())
      raise<DeviceError>("there is no MIDI input; connect a keyboard, or play a file with --notes FILE.mid");
    return static_cast<int>(real - inputs.begin());
  }
  if (*number >= static_cast<int>(inputs.size()))
    raise<DeviceError>("there is no MIDI input " + std::to_string(*number) +
                       "; 'retrograd play --list' lists them");
  return *number;
}

}  // namespace

std::vector<std::string> midi_inputs() {
  return with_rtmidi_errors("cannot list the MIDI inputs", [] {
    RtMidiIn midi(RtMidi::UNSPECIFIED, "retrograd");
    midi.setErrorCallback(&raise_it);
    return inputs_of(midi);
  });
}

struct MidiInput::State {
  explicit State(MessageQueue& messages) : queue(messages) {}
  RtMidiIn midi{RtMidi::UNSPECIFIED, "retrograd"};
  std::string name;
  MessageQueue& queue;

  void open(std::optional<int> number) {
    midi.setErrorCallback(&raise_it);
    const std::vector<std::string> inputs = inputs_of(midi);
    const int input = chosen(inputs, number);
    name = inputs[static_cast<std::size_t>(input)];
    midi.setCallback(&take, this);
    midi.openPort(static_cast<unsigned>(input), "notes");
  }

  static void take(double, std::vector<unsigned char>* bytes, void* data) {
    if (bytes == nullptr || bytes->empty() || bytes->size() > 3)
      return;  // a channel message has two or three
    ShortMessage message{{}, static_cast<int>(bytes->size())};
    std::ranges::copy(*bytes, message.bytes.begin());
    static_cast<State*>(data)->queue.push(message);
  }
};

MidiInput::MidiInput(std::optional<int> number, MessageQueue& queue)
    : state_(with_rtmidi_errors("cannot reach the MIDI inputs",
                                [&] { return std::make_unique<State>(queue); })) {
  with_rtmidi_errors("cannot open the MIDI input", [&] { state_->open(number); });
}
MidiInput::~MidiInput() = default;
const std::string& MidiInput::name() const { return state_->name; }

}  // namespace retrograd::tool
