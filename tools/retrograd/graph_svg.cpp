#include "graph_svg.hpp"

#include <retrograd/racks/wiring.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ranges>
#include <tuple>

#include "text.hpp"

namespace retrograd::tool {
namespace {

using Index = std::size_t;

constexpr double line_height = 16.0, title_height = 38.0, letter = 7.2;
constexpr double between_columns = 110.0, between_boxes = 26.0, margin = 24.0;

struct Box {
  int module = 0;
  Index column = 0;
  double x = 0.0, y = 0.0, width = 0.0, height = 0.0;
  std::vector<Wiring::Place> left{}, right{};  ///< what cables come into, and out of
};

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text)
    result += c == '<'   ? "&lt;"
              : c == '>' ? "&gt;"
              : c == '&' ? "&amp;"
              : c == '"' ? "&quot;"
                         : std::string(1, c);
  return result;
}

class Drawing {
 public:
  Drawing(const Rack& rack, const Spectrogram* spectrogram)
      : rack_(rack), wiring_(rack), spectrogram_(spectrogram), box_of_(rack.modules.size() + 1, -1) {
    make_boxes();
    place();
  }

  std::string svg() const {
    const std::string width = number(std::ceil(spectrogram_ == nullptr ? width_ : std::max(width_, 640.0)));
    const std::string height =
        number(std::ceil(spectrogram_ == nullptr ? height_ : height_ + 8.0 + spectrogram_height));
    std::string text = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" +
                       height + "\" viewBox=\"0 0 " + width + " " + height +
                       "\" font-family=\"monospace\" font-size=\"12\">\n" +
                       "<rect width=\"100%\" height=\"100%\" fill=\"#fbfaf7\"/>\n";
    for (Index c = 0; c < rack_.cables.size(); ++c) text += cable(c);
    for (const auto& [from, to] : normals_) text += line(from, to, "#b9b4a6", "1 4", "");
    for (const Box& box : boxes_) text += drawn(box);
    if (spectrogram_ != nullptr)
      text += tool::drawn(*spectrogram_, margin, height_ + 8.0, std::max(width_, 640.0) - 2.0 * margin);
    return text + "</svg>\n";
  }

 private:
  void make_boxes() {
    const std::vector<Index> column = columns();
    for (const int module : wiring_.order()) {
      const Index own = column[static_cast<Index>(module)];
      const bool is_note = module == wiring_.note();
      if (is_note && wiring_.out_of(module).empty() && !is_normalled_to()) continue;
      Box box{.module = module, .column = own};
      const auto add = [](std::vector<Wiring::Place>& places, const Wiring::Place& place) {
        if (std::ranges::find(places, place) == places.end()) places.push_back(place);
      };
      for (const int wire : wiring_.into(module)) add(box.left, wiring_.wires()[static_cast<Index>(wire)].to);
      for (const int wire : wiring_.out_of(module))
        add(box.right, wiring_.wires()[static_cast<Index>(wire)].from);
      for (const Wiring::Place& output : wiring_.outputs())
        if (output.module == module) add(box.right, output);
      box_of_[static_cast<Index>(module)] = static_cast<int>(boxes_.size());
      boxes_.push_back(box);
    }
    add_normals();
    for (Box& box : boxes_) size(box);
  }

  // A module stands to the right of what feeds it, and as near as may be to the left of what it feeds.
  std::vector<Index> columns() const {
    const auto wire = [&](int index) -> const Wiring::Wire& {
      return wiring_.wires()[static_cast<Index>(index)];
    };
    std::vector<Index> column(rack_.modules.size() + 1, 0);
    for (const int module : wiring_.order()) {
      Index& own = column[static_cast<Index>(module)];
      for (const int in : wiring_.into(module))
        own = std::max(own, column[static_cast<Index>(wire(in).from.module)] + 1);
      if (module != wiring_.note() && own == 0) own = 1;  // the note has the first column for itself
    }
    for (const int module : std::views::reverse(wiring_.order())) {
      Index nearest = 0;
      for (const int out : wiring_.out_of(module)) {
        const Index next = column[static_cast<Index>(wire(out).to.module)];
        nearest = nearest == 0 ? next : std::min(nearest, next);
      }
      Index& own = column[static_cast<Index>(module)];
      if (module != wiring_.note() && nearest > own) own = nearest - 1;
    }
    return column;
  }

  bool is_normalled_to() const {
    for (int module = 0; module < wiring_.note(); ++module)
      for (Index i = 0; i < wiring_.description(module).inputs.size(); ++i)
        if (wiring_.normal_of({Wiring::Kind::input, module, static_cast<int>(i)}).kind ==
            Wiring::Kind::output)
          return true;
    return false;
  }

  // What is plugged in without a cable: of a few modules it is drawn, of many it would hide the rest.
  void add_normals() {
    constexpr Index most = 8;
    if (rack_.modules.size() > most) return;
    for (int module = 0; module < wiring_.note(); ++module)
      for (Index i = 0; i < wiring_.description(module).inputs.size(); ++i) {
        const Wiring::Place input{Wiring::Kind::input, module, static_cast<int>(i)},
            normal = wiring_.normal_of(input);
        const auto goes_there = [&](int wire) {
          return wiring_.wires()[static_cast<Index>(wire)].to == input;
        };
        if (normal.kind != Wiring::Kind::output || std::ranges::any_of(wiring_.into(module), goes_there))
          continue;
        box(module).left.push_back(input);
        if (std::vector<Wiring::Place>& right = box(normal.module).right;
            std::ranges::find(right, normal) == right.end())
          right.push_back(normal);
        normals_.push_back({normal, input});
      }
  }

  Box& box(int module) { return boxes_[static_cast<Index>(box_of_[static_cast<Index>(module)])]; }
  const Box& box(int module) const { return boxes_[static_cast<Index>(box_of_[static_cast<Index>(module)])]; }

  std::string type_of(const Box& box) const {
    return box.module == wiring_.note() ? number(rack_.note.frequency) + " Hz"
                                        : rack_.modules[static_cast<Index>(box.module)].type->name;
  }
  std::string port(const Wiring::Place& place) const { return wiring_.port_of(place); }

  void size(Box& box) const {
    Index left = 0, right = 0;
    for (const Wiring::Place& place : box.left) left = std::max(left, port(place).size());
    for (const Wiring::Place& place : box.right) right = std::max(right, port(place).size());
    const Index title = std::max(wiring_.name(box.module).size(), type_of(box).size());
    box.width = std::max(static_cast<double>(title), static_cast<double>(left + right + 3)) * letter + 20.0;
    box.height =
        title_height + line_height * static_cast<double>(std::max(box.left.size(), box.right.size())) + 8.0;
  }

  // Column by column; in a column the boxes stand at the height of what feeds them, as far as there is room, and those that
  // nothing feeds under them, in the order in which they are plugged in.
  void place() {
    Index columns = 0;
    for (const Box& box : boxes_) columns = std::max(columns, box.column + 1);
    double x = margin;
    for (Index column = 0; column < columns; ++column) {
      std::vector<std::tuple<double, std::pair<Index, Index>, Box*>> here;
      double widest = 0.0;
      for (Box& box : boxes_) {
        if (box.column != column) continue;
        here.push_back({height_of_sources(box), where_plugged(box), &box});
        widest = std::max(widest, box.width);
      }
      if (here.empty()) continue;
      std::ranges::sort(here);
      double y = margin;
      for (const auto& [wanted, plugged, box] : here) {
        box->x = x;
        box->y = y = wanted == nowhere ? y : std::max(y, wanted);
        y += box->height + between_boxes;
        height_ = std::max(height_, box->y + box->height + margin);
      }
      x += widest + between_columns;
      width_ = std::max(width_, x - between_columns + margin + 40.0);
    }
  }
  double height_of_sources(const Box& box) const {
    double sum = 0.0;
    int count = 0;
    for (const int wire : wiring_.into(box.module)) {
      sum += this->box(wiring_.wires()[static_cast<Index>(wire)].from.module).y;
      ++count;
    }
    return count == 0 ? nowhere : sum / count;
  }
  static constexpr double nowhere = std::numeric_limits<double>::infinity();

  /// The first box that it feeds, and which input of it.
  std::pair<Index, Index> where_plugged(const Box& box) const {
    std::pair<Index, Index> first{boxes_.size(), 0};
    for (const int wire : wiring_.out_of(box.module)) {
      const Wiring::Place& to = wiring_.wires()[static_cast<Index>(wire)].to;
      const std::vector<Wiring::Place>& left = this->box(to.module).left;
      first = std::min(first, {static_cast<Index>(box_of_[static_cast<Index>(to.module)]),
                               static_cast<Index>(std::ranges::find(left, to) - left.begin())});
    }
    return first;
  }

  double height_of(const std::vector<Wiring::Place>& places, const Wiring::Place& place,
                   const Box& box) const {
    const auto index = std::ranges::find(places, place) - places.begin();
    return box.y + title_height + line_height * (static_cast<double>(index) + 0.5);
  }

  std::string line(const Wiring::Place& from, const Wiring::Place& to, const std::string& color,
                   const std::string& dashes, const std::string& label) const {
    const Box &a = box(from.module), &b = box(to.module);
    const double x1 = a.x + a.width, y1 = height_of(a.right, from, a), x2 = b.x,
                 y2 = height_of(b.left, to, b);
    const double bend = std::max(40.0, std::abs(x2 - x1) / 2.0);
    std::string text = "<path d=\"M" + number(x1) + " " + number(y1) + " C" + number(x1 + bend) + " " +
                       number(y1) + " " + number(x2 - bend) + " " + number(y2) + " " + number(x2) + " " +
                       number(y2) + "\" fill=\"none\" stroke=\"" + color + "\" stroke-width=\"1.6\"" +
                       (dashes.empty() ? "" : " stroke-dasharray=\"" + dashes + "\"") + "/>\n";
    if (label.empty()) return text;
    const double wide = static_cast<double>(label.size()) * letter + 6.0, x = (x1 + x2) / 2.0,
                 y = (y1 + y2) / 2.0;
    text += "<rect x=\"" + number(x - wide / 2.0) + "\" y=\"" + number(y - 8.0) + "\" width=\"" +
            number(wide) + "\" height=\"16\" fill=\"#fbfaf7\"/>\n";
    return text + "<text x=\"" + number(x) + "\" y=\"" + number(y + 4.0) +
           "\" text-anchor=\"middle\" fill=\"" + color + "\">" + escaped(label) + "</text>\n";
  }

  std::string cable(Index c) const {
    const Wiring::Wire& wire = wiring_.wires()[c];
    return wire.modulates() ? line(wire.from, wire.to, "#b5541c", "6 3", number(rack_.cables[c].amount))
                            : line(wire.from, wire.to, "#2b5d8a", "", "");
  }

  std::string drawn(const Box& box) const {
    const auto text = [](double x, double y, const std::string& style, const std::string& words) {
      return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + style + ">" + escaped(words) +
             "</text>\n";
    };
    std::string svg =
        "<rect x=\"" + number(box.x) + "\" y=\"" + number(box.y) + "\" width=\"" + number(box.width) +
        "\" height=\"" + number(box.height) + "\" rx=\"5\" fill=\"#ffffff\" stroke=\"#38352e\"/>\n" +
        text(box.x + 10.0, box.y + 17.0, "font-weight=\"bold\" fill=\"#1d1b17\"", wiring_.name(box.module)) +
        text(box.x + 10.0, box.y + 32.0, "fill=\"#77715f\"", type_of(box));
    for (const Wiring::Place& place : box.left)
      svg += text(box.x + 7.0, height_of(box.left, place, box) + 4.0, "fill=\"#1d1b17\"", port(place));
    for (const Wiring::Place& place : box.right)
      svg += text(box.x + box.width - 7.0, height_of(box.right, place, box) + 4.0,
                  "text-anchor=\"end\" fill=\"#1d1b17\"", port(place));
    for (Index o = 0; o < wiring_.outputs().size(); ++o) {
      if (wiring_.outputs()[o].module != box.module) continue;
      const double y = height_of(box.right, wiring_.outputs()[o], box), x = box.x + box.width;
      svg += "<path d=\"M" + number(x) + " " + number(y) +
             " h22 m-6 -5 l6 5 l-6 5\" fill=\"none\" stroke=\"#1d1b17\" "
             "stroke-width=\"1.6\"/>\n";
      if (wiring_.outputs().size() > 1) svg += text(x + 26.0, y + 4.0, "fill=\"#1d1b17\"", std::to_string(o));
    }
    return svg;
  }

  const Rack& rack_;
  const Wiring wiring_;
  const Spectrogram* spectrogram_;
  std::vector<Box> boxes_;
  std::vector<int> box_of_;  // by module, -1 for none
  std::vector<std::pair<Wiring::Place, Wiring::Place>> normals_;
  double width_ = 0.0, height_ = 0.0;
};

}  // namespace

std::string graph_as_svg(const Rack& rack, const Spectrogram* spectrogram) {
  return Drawing(rack, spectrogram).svg();
}

}  // namespace retrograd::tool
