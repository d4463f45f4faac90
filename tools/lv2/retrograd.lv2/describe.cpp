// Writes what a host reads about the instrument, in Turtle: `describe manifest` or `describe plugin`.
#include <charconv>
#include <cstring>
#include <iostream>

#include "ports.hpp"

namespace retrograd::lv2 {
namespace {

constexpr const char* prefixes = R"(@prefix atom: <http://lv2plug.in/ns/ext/atom#> .
@prefix doap: <http://usefulinc.com/ns/doap#> .
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix midi: <http://lv2plug.in/ns/ext/midi#> .
@prefix pprops: <http://lv2plug.in/ns/ext/port-props#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix units: <http://lv2plug.in/ns/extensions/units#> .
@prefix urid: <http://lv2plug.in/ns/ext/urid#> .

)";

std::string decimal(double value) {
  char text[32];
  const std::string written(text,
                            std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr);
  return written.find('.') == std::string::npos ? written + ".0" : written;
}

void manifest(std::ostream& out) {
  out << prefixes << '<' << uri << ">\n    a lv2:Plugin ;\n    lv2:binary <retrograd.so> ;\n"
      << "    rdfs:seeAlso <retrograd.ttl> .\n";
}

void describe(std::ostream& out, const Port& port, std::size_t index) {
  const bool is_control = port.kind != Port::Kind::midi && port.kind != Port::Kind::audio;
  out << "[\n        a " << (port.kind == Port::Kind::audio ? "lv2:OutputPort" : "lv2:InputPort") << " , "
      << (port.kind == Port::Kind::midi    ? "atom:AtomPort"
          : port.kind == Port::Kind::audio ? "lv2:AudioPort"
                                           : "lv2:ControlPort")
      << " ;\n        lv2:index " << index << " ;\n        lv2:symbol \"" << port.symbol
      << "\" ;\n        lv2:name \"" << port.name << '"';
  if (port.kind == Port::Kind::midi)
    out << " ;\n        atom:bufferType atom:Sequence ;\n        atom:supports midi:MidiEvent ;\n"
           "        lv2:designation lv2:control ;\n        lv2:portProperty lv2:connectionOptional";
  if (is_control)
    out << " ;\n        lv2:default " << decimal(port.usual) << " ;\n        lv2:minimum "
        << decimal(port.low) << " ;\n        lv2:maximum " << decimal(port.high);
  if (port.kind == Port::Kind::gate) out << " ;\n        lv2:portProperty lv2:toggled";
  if (port.is_logarithmic) out << " ;\n        lv2:portProperty pprops:logarithmic";
  if (!port.unit.empty()) out << " ;\n        units:unit units:" << port.unit;
  out << "\n    ]";
}

void plugin(std::ostream& out) {
  out << prefixes << '<' << uri << ">\n    a lv2:InstrumentPlugin , lv2:Plugin ;\n"
      << "    doap:name \"Retrograd FM\" ;\n    doap:license <http://usefulinc.com/doap/licenses/mit> ;\n"
      << "    rdfs:comment \"Six operators of frequency modulation, in three pairs; 16 voices.\" ;\n"
      << "    lv2:minorVersion 4 ;\n    lv2:microVersion 0 ;\n"
      << "    lv2:optionalFeature lv2:hardRTCapable , urid:map ;\n    lv2:port ";
  const std::vector<Port> all = ports();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0) out << " , ";
    describe(out, all[i], i);
  }
  out << " .\n";
}

}  // namespace
}  // namespace retrograd::lv2

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "manifest") == 0)
    retrograd::lv2::manifest(std::cout);
  else if (argc == 2 && std::strcmp(argv[1], "plugin") == 0)
    retrograd::lv2::plugin(std::cout);
  else
    return 2;
  std::cout.flush();
  return std::cout ? 0 : 1;
}
