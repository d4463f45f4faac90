// Runs a Python script in a process of its own.
#include "python.hpp"

#include <retrograd/tensor/errors.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>

namespace retrograd::tool {
namespace {

// Files without names in place of pipes: neither side ever waits for the other, and none is left behind.
using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
File temporary_file() {
  File file(std::tmpfile(), &std::fclose);
  if (!file) raise<FileError>("[bench] no temporary file for a script's input and output");
  return file;
}

std::string content(std::FILE* file) {
  std::string text;
  std::array<char, 4096> part;
  std::rewind(file);
  while (const std::size_t count = std::fread(part.data(), 1, part.size(), file))
    text.append(part.data(), count);
  return text;
}

}  // namespace

PythonResult run_python(const std::string& program, const std::string& script, const std::string& input) {
  const File in = temporary_file(), out = temporary_file(), err = temporary_file();
  if (std::fwrite(input.data(), 1, input.size(), in.get()) != input.size() || std::fflush(in.get()) != 0)
    raise<FileError>("[bench] no room for a script's input in the temporary directory");
  std::rewind(in.get());
  const pid_t child = fork();
  if (child < 0) raise<Error>("[bench] no process for a script");
  if (child == 0) {
    dup2(fileno(in.get()), STDIN_FILENO);
    dup2(fileno(out.get()), STDOUT_FILENO);
    dup2(fileno(err.get()), STDERR_FILENO);
    execlp(program.c_str(), program.c_str(), "-c", script.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content(out.get()),
          content(err.get())};
}

}  // namespace retrograd::tool
