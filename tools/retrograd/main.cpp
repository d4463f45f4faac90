// The program: reads the command line, runs what it asks for, and turns what goes wrong into one message and
// an exit code.
#include <retrograd/files/partial_files.hpp>
#include <retrograd/math/simd.hpp>
#include <retrograd/tensor/errors.hpp>

#include <exception>
#include <iostream>
#include <new>
#include <string>

#include "build.hpp"
#include "command.hpp"
#include "standard_streams.hpp"
#include "usage_error.hpp"

namespace retrograd::tool {
namespace {

constexpr const char* examples = R"(Examples:
  retrograd render -o note.wav                     the built-in patch, as a sound
  retrograd render --notes tune.mid -o tune.wav    a MIDI file, played with it
  retrograd play                                   live, by the computer's MIDI keyboard
  retrograd fit bell.flac                          a patch like a recording: fitted.toml, fitted.wav
  retrograd render fitted.toml -o bell.flac --normalize -1
  retrograd fit samples --output-dir patches       a patch for every recording of a folder
  retrograd patch --fit -o mine.toml               a patch to begin with
  retrograd modules                                what patches are made of
  retrograd graph mine.toml -o mine.svg            a picture of one
  retrograd render mine.toml --set fm.operator.0.ratio=3 --key 48 --seconds 2 -o low.wav
  retrograd export-lv2 mine.toml -o ~/.lv2/mine.lv2  an instrument for LV2 hosts
  retrograd gradient fitted.toml --target bell.flac --loss mss --json
  retrograd gradcheck                              every node's adjoint, checked
  retrograd info fitted.toml                       what the patch holds and how it will run

'retrograd SUBCOMMAND --help' lists a subcommand's options.
Exit codes: 0 done, 1 the check failed, 2 bad usage, 3 bad input, 4 device not available.)";

ExitCode complain(const std::string& what, ExitCode code) {
  std::cout.flush();
  std::cerr << "retrograd: " << in_words(what) << std::endl;
  return code;
}

ExitCode run(int argc, char** argv) {
  Program program("Retrograd: synthesisers that play forwards to sound and backwards to gradients.",
                  std::string("retrograd ") + version);
  add_render(program);
  add_play(program);
  add_patch(program);
  add_modules(program);
  add_graph(program);
  add_convert(program);
  add_export_lv2(program);
  add_gradient(program);
  add_gradcheck(program);
  add_fit(program);
  add_bench(program);
  add_info(program);
  add_help(program);
  add_completion(program);
  program.footer(examples);  // last, or the subcommands would have it too
  if (const std::string wrong = math::wrong_simd_wish(); !wrong.empty())
    return complain(wrong, ExitCode::bad_usage);
  return program.run(argc, argv);
}

/// Runs `body`; whatever it raises ends as a message on stderr.
template <class Body>
ExitCode reported(Body body) {
  try {
    return body();
  } catch (const DeviceError& error) {
    return complain(error.what(), ExitCode::no_device);
  } catch (const TapeError& error) {
    return complain(std::string("a mistake in the program itself: ") + error.what(), ExitCode::broken);
  } catch (const OutOfMemoryError& error) {
    return complain(std::string("out of memory: ") + error.what() +
                        "; the patch or recording is too long, or there are too many rows",
                    ExitCode::bad_input);
  } catch (const Error& error) {
    return complain(error.what(), ExitCode::bad_input);
  } catch (const UsageError& error) {
    return complain(error.what(), ExitCode::bad_usage);
  } catch (const std::bad_alloc&) {
    return complain("out of memory: the patch or recording is too long, or there are too many rows",
                    ExitCode::bad_input);
  } catch (const std::exception& error) {
    return complain(std::string("unexpected: ") + error.what(), ExitCode::broken);
  } catch (...) {
    return complain("an unexpected exception", ExitCode::broken);
  }
}

}  // namespace
}  // namespace retrograd::tool

int main(int argc, char** argv) {
  using namespace retrograd::tool;
  retrograd::remove_partial_files_on_signals();
  ExitCode code = reported([&] { return run(argc, argv); });
  std::cout.flush();
  if (!std::cout && code == ExitCode::done)
    code = complain("cannot write to standard output", ExitCode::bad_input);
  return static_cast<int>(code);
}
