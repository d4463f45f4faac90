// The computer's MIDI inputs, through RtMidi. A build without it has none and says so.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "message_queue.hpp"

namespace retrograd::tool {

/// The names of the inputs; --midi takes their numbers. Raises a DeviceError in a build without RtMidi, or
/// where the system has no MIDI at all; empty where there is no input.
std::vector<std::string> midi_inputs();

/// A MIDI input whose messages go into a queue.
class MidiInput {
 public:
  /// Opens the input of that number, or the first that is a real one. Raises a DeviceError that says why it
  /// cannot. The queue must outlive it.
  MidiInput(std::optional<int> number, MessageQueue& queue);
  ~MidiInput();
  MidiInput(const MidiInput&) = delete;
  MidiInput& operator=(const MidiInput&) = delete;

  const std::string& name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retrograd::tool
