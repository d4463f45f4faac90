#include "turtle.hpp"

#include <charconv>
#include <map>

namespace retrograd::lv2 {
namespace {

constexpr const char* prefixes = R"(@prefix atom: <http://lv2plug.in/ns/ext/atom#> .
@prefix doap: <http://usefulinc.com/ns/doap#> .
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix midi: <http://lv2plug.in/ns/ext/midi#> .
@prefix pprops: <http://lv2plug.in/ns/ext/port-props#> .
@prefix pset: <http://lv2plug.in/ns/ext/presets#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix units: <http://lv2plug.in/ns/extensions/units#> .
@prefix urid: <http://lv2plug.in/ns/ext/urid#> .

)";

std::string quoted(const std::string& text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    made += static_cast<unsigned char>(c) < 32 || c == 127 ? ' ' : c;
  }
  return made + '"';
}

std::vector<Port> ports_with(const Bundle& bundle, const std::vector<Preset>& presets) {
  std::vector<Rack> racks;
  for (const Preset& preset : presets) racks.push_back(preset.rack);
  return ports(bundle.rack, racks);
}

std::string uri_of_preset(const Bundle& bundle, const Preset& preset) {
  return "<" + bundle.uri + "#" + symbol_of(preset.name) + ">";
}

std::string described(const Port& port, std::size_t index) {
  const bool is_audio = port.kind == Port::Kind::audio, is_midi = port.kind == Port::Kind::midi;
  std::string text = "[\n        a ";
  text += is_audio  ? "lv2:OutputPort , lv2:AudioPort"
          : is_midi ? "lv2:InputPort , atom:AtomPort"
                    : "lv2:InputPort , lv2:ControlPort";
  text += " ;\n        lv2:index " + std::to_string(index) + " ;\n        lv2:symbol " + quoted(port.symbol) +
          " ;\n        lv2:name " + quoted(port.name);
  if (is_midi)
    text +=
        " ;\n        atom:bufferType atom:Sequence ;\n        atom:supports midi:MidiEvent ;\n"
        "        lv2:designation lv2:control ;\n        lv2:portProperty lv2:connectionOptional";
  if (!is_audio && !is_midi)
    text += " ;\n        lv2:default " + decimal(port.usual) + " ;\n        lv2:minimum " +
            decimal(port.low) + " ;\n        lv2:maximum " + decimal(port.high);
  if (port.kind == Port::Kind::gate) text += " ;\n        lv2:portProperty lv2:toggled";
  if (port.is_logarithmic) text += " ;\n        lv2:portProperty pprops:logarithmic";
  if (!port.unit.empty()) text += " ;\n        units:unit units:" + port.unit;
  return text + "\n    ]";
}

}  // namespace

std::string decimal(double value) {
  char text[400];  // of the longest double, written out
  const std::string written(text,
                            std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr);
  return written.find('.') == std::string::npos ? written + ".0" : written;
}

std::string manifest(const Bundle& bundle, const std::vector<Preset>& presets) {
  std::string text = prefixes;
  text += "<" + bundle.uri + ">\n    a lv2:Plugin ;\n    lv2:binary <" + binary_name +
          "> ;\n    rdfs:seeAlso <retrograd.ttl> .\n";
  for (const Preset& preset : presets)
    text += "\n" + uri_of_preset(bundle, preset) + "\n    a pset:Preset ;\n    lv2:appliesTo <" + bundle.uri +
            "> ;\n    rdfs:label " + quoted(preset.name) + " ;\n    rdfs:seeAlso <presets.ttl> .\n";
  return text;
}

std::string description(const Bundle& bundle, const std::vector<Preset>& presets) {
  const std::size_t modules = bundle.rack.modules.size();
  std::string text = prefixes;
  text += "<" + bundle.uri + ">\n    a lv2:InstrumentPlugin , lv2:Plugin ;\n    doap:name " +
          quoted(bundle.name) +
          " ;\n    doap:license <http://usefulinc.com/doap/licenses/mit> ;\n    rdfs:comment \"A rack of " +
          std::to_string(modules) + (modules == 1 ? " module" : " modules") +
          "; 16 voices.\" ;\n    lv2:minorVersion 6 ;\n    lv2:microVersion 0 ;\n"
          "    lv2:optionalFeature lv2:hardRTCapable , urid:map ;\n    lv2:port ";
  const std::vector<Port> all = ports_with(bundle, presets);
  for (std::size_t i = 0; i < all.size(); ++i) text += (i > 0 ? " , " : "") + described(all[i], i);
  return text + " .\n";
}

std::string settings(const Bundle& bundle, const std::vector<Preset>& presets) {
  const std::vector<Port> all = ports(bundle.rack);
  std::string text = prefixes;
  for (const Preset& preset : presets) {
    Rack rack = preset.rack;
    std::map<std::string, double> values;
    for (const RackParameter& parameter : parameters(rack)) values[parameter.name] = parameter.value;
    text += uri_of_preset(bundle, preset) + "\n    a pset:Preset ;\n    lv2:appliesTo <" + bundle.uri +
            "> ;\n    rdfs:label " + quoted(preset.name);
    std::string list;
    for (const Port& port : all)
      if (port.kind == Port::Kind::parameter)
        list += std::string(list.empty() ? "" : " ,") + " [\n        lv2:symbol " + quoted(port.symbol) +
                " ;\n        pset:value " + decimal(values.at(port.parameter)) + "\n    ]";
    text += (list.empty() ? "" : " ;\n    lv2:port" + list) + " .\n\n";
  }
  return text;
}

}  // namespace retrograd::lv2
