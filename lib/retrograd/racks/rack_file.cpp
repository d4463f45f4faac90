#include <retrograd/files/atomic_file.hpp>
#include <retrograd/files/text_file.hpp>
#include <retrograd/racks/format_1.hpp>
#include <retrograd/racks/format_2.hpp>
#include <retrograd/racks/rules.hpp>
#include <retrograd/tensor/errors.hpp>

namespace retrograd {

namespace {

constexpr std::size_t largest_file = 16u << 20;  // bytes: 100,000 modules take a tenth of it

}  // namespace

std::string read_rack_text(const std::string& path) {
  std::string text = read_text(path, largest_file + 1);
  if (text.size() > largest_file)
    raise<FileError>("cannot read '" + path + "': it is larger than 16 MiB; a patch is a text file in TOML");
  return text;
}

TomlValue parse_rack_tree(std::string_view text, const std::string& name_for_errors, std::int64_t& format) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
    raise<FileError>(name_for_errors + ":1:1: is empty; a patch begins with format = 2");
  TomlValue root = parse_toml(text, name_for_errors);
  const TomlValue* version = root.find("format");
  const auto refuse = [&](FilePlace place, const std::string& message) {
    FileReports reports;
    reports.add({name_for_errors, place}, "format", message);
    reports.raise_if_any();
  };
  if (version == nullptr) refuse(root.place, "missing key; a patch begins with format = 2");
  if (version->kind != TomlValue::Kind::integer)
    refuse(version->place, "is " + version->what_it_is() + "; it must be the integer 1 or 2");
  format = version->integer;
  if (format != 1 && format != 2)
    refuse(version->place, "this file is format " + std::to_string(format) +
                               "; this version of retrograd reads formats 1 and 2");
  return root;
}

Rack parse_rack(std::string_view text, const std::string& name_for_errors, const RackFileOptions& options) {
  std::int64_t format = 0;
  const TomlValue root = parse_rack_tree(text, name_for_errors, format);
  FileReports reports;
  Rack rack = format == 1 ? read_format_1(root, name_for_errors, options.modules, reports)
                          : read_format_2(root, name_for_errors, options.folder, options, reports);
  reports.raise_if_any();
  return rack;
}

Rack load_rack(const std::string& path, const RackFileOptions& options) {
  RackFileOptions here = options;
  here.folder = std::filesystem::path(path).parent_path().string();
  return parse_rack(read_rack_text(path), path, here);
}

std::string format_rack(const Rack& rack) {
  validate(rack, "the patch to write");
  return format_2(rack);
}

void save_rack(const Rack& rack, const std::string& path) { write_text(path, format_rack(rack)); }

}  // namespace retrograd
