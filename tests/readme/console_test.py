"""What the pages show of the program is what it prints: PROGRAM SOURCE_ROOT [PAGE...].

A page is a Markdown file: README.md, lib/retrograd/README.md and what lies in lib/documentation, or those that are named. A block of it, indented or fenced, that
begins with `$ ` is run, command by command, in a scratch folder of the page's own, where `retrograd` is PROGRAM. The lines after a command are what it prints
(both streams, in the order of a terminal); a line of nothing but `...` stands for any lines. A command without lines after it has to succeed and
may print what it likes. Files that a page's commands read without making them are made here: see `prepare`.

A comment on the line before a block (or a blank line away) says what is not to be compared, and no reader of the page sees it:

    <!-- not run: REASON -->           the block's commands are not run
    <!-- lines vary: threads, cuda --> lines that begin with one of these words and then two spaces are compared by them alone
    <!-- numbers vary -->              a number may be another number (a time, a speed)

The patches of lib/documentation lie in the scratch folder too, under their names; a picture that a page makes there is the one that lies in the
repository.

A block that names a file under /usr/share that is not there is left out, and said. Where the processor has no fused multiply-add, numbers may
be others everywhere.
"""
import difflib
import json
import math
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import wave

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?![\w.])")
COMMENT = re.compile(r"<!--\s*(not run|lines vary|numbers vary)\s*(?::\s*(.*?))?\s*-->\s*$")
ANY_LINES = "..."


class Block:
    def __init__(self, line, kind, detail):
        self.line = line  # of the page, from 1
        self.reason = detail if kind == "not run" else None
        self.varying_lines = [word.strip() for word in detail.split(",")] if kind == "lines vary" else []
        self.numbers_vary = kind == "numbers vary"
        self.commands = []  # (line, command, lines shown)

    def add(self, line, text):
        if text.startswith("$ "):
            self.commands.append((line, text[2:], []))
        elif self.commands and self.commands[-1][1].endswith("\\") and not self.commands[-1][2]:
            number, command, shown = self.commands[-1]
            self.commands[-1] = (number, command[:-1] + text.lstrip("> "), shown)
        else:
            self.commands[-1][2].append(text)


def blocks_of(text):
    """The console blocks of a page, in its order."""
    lines = text.split("\n")
    comment, found, at = ("", ""), [], 0
    while at < len(lines):
        line = lines[at]
        fence = re.match(r"(```+|~~~+)", line)
        if fence:
            end = next((k for k in range(at + 1, len(lines)) if lines[k].startswith(fence[1])), len(lines))
            inside, first, at = lines[at + 1:end], at + 1, end + 1
        elif line.startswith("    ") and (at == 0 or not lines[at - 1].strip()):
            end = at
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            inside, first, at = [x[4:] for x in lines[at:end]], at, end
        else:
            match = COMMENT.match(line)
            if match:
                comment = (match[1], match[2] or "")
            elif line.strip():
                comment = ("", "")
            at += 1
            continue
        if inside and inside[0].startswith("$ "):
            block = Block(first + 1, *comment)
            for k, text_of_line in enumerate(inside):
                block.add(first + 1 + k, text_of_line.rstrip())
            found.append(block)
        comment = ("", "")
    return found


def without_empty_ends(lines):
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


class Comparison:
    def __init__(self, block, numbers_vary):
        self.block, self.numbers_vary = block, numbers_vary or block.numbers_vary

    def form(self, line):
        """What of a line is compared."""
        for word in self.block.varying_lines:
            if line.startswith(word + "  "):
                return word
        # A column of other numbers may be padded otherwise.
        return re.sub(" +", " ", NUMBER.sub("NUMBER", line)) if self.numbers_vary else line

    def same(self, shown, printed):
        """Whether `printed` is what `shown` shows."""
        shown, printed = [self.form(x) for x in shown], [self.form(x) for x in printed]
        parts, part = [], []
        for line in shown:
            if line.strip() == ANY_LINES:
                parts.append(part)
                part = []
            else:
                part.append(line)
        parts.append(part)
        if len(parts) == 1:
            return printed == parts[0]
        first, last = parts[0], parts[-1]
        if printed[:len(first)] != first or (last and printed[-len(last):] != last):
            return False
        at, end = len(first), len(printed) - len(last)
        for part in parts[1:-1]:
            at = next((k + len(part) for k in range(at, end - len(part) + 1) if printed[k:k + len(part)] == part), None)
            if at is None:
                return False
        return at <= end


def write_tune(path):
    """Four notes in a second, one after the other: C E G C."""
    track = b""
    for key in (60, 64, 67, 72):
        track += bytes([0, 0x90, key, 64, 120, 0x80, key, 64])
    track += bytes([0, 0xFF, 0x2F, 0])
    path.write_bytes(b"MThd" + struct.pack(">IHHH", 6, 0, 1, 240) + b"MTrk" + struct.pack(">I", len(track)) + track)


def write_recording(path):
    """A tenth of a second that dies away."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(44100)
        file.writeframes(b"".join(struct.pack("<h", round(20000 * math.exp(-n / 900) * math.sin(0.0627 * n)))
                                  for n in range(4410)))


def prepare(folder, program, root):
    """What the pages take for granted, in the scratch folder and in a folder of programs: returns the latter."""
    write_tune(folder / "tune.mid")
    (folder / "samples").mkdir()
    write_recording(folder / "samples" / "blip.wav")
    (folder / "lib" / "documentation").mkdir(parents=True)
    for patch in (root / "lib" / "documentation").glob("*.toml"):
        shutil.copy(patch, folder / "lib" / "documentation")
    programs = folder / ".programs"
    programs.mkdir()
    (programs / "retrograd").symlink_to(program)
    (programs / "aplay").write_text("#!/bin/sh\nexec cat > /dev/null\n")
    (programs / "aplay").chmod(0o755)
    return programs


def check_page(page, name, program, root, numbers_vary):
    """How many commands were run, and what was wrong."""
    run, wrong = 0, []
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        programs = prepare(folder, program, root)
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "LC_ALL": "C"}
        for block in blocks_of(page.read_text()):
            if block.reason is not None:
                continue
            for line, command, shown in block.commands:
                absent = [x for x in re.findall(r"/usr/share/\S+", command) if not os.path.exists(x)]
                if absent:
                    print(f"{name}:{line}: left out, since {absent[0]} is not there: {command}")
                    continue
                done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                run += 1
                printed = without_empty_ends([x.rstrip() for x in done.stdout.split("\n")])
                shown = without_empty_ends(shown)
                if done.returncode != 0:
                    wrong.append(f"{name}:{line}: $ {command}\nends with {done.returncode}:\n{done.stdout}")
                elif shown and not Comparison(block, numbers_vary).same(shown, printed):
                    difference = "\n".join(difflib.unified_diff(shown, printed, "shown", "printed", lineterm=""))
                    wrong.append(f"{name}:{line}: $ {command}\nprints something else:\n{difference}")
        for picture in (folder / "lib" / "documentation").glob("*.svg"):
            if not numbers_vary and picture.read_bytes() != (root / "lib" / "documentation" / picture.name).read_bytes():
                wrong.append(f"{name}: the program draws another lib/documentation/{picture.name} than the one there")
    return run, wrong


def check_itself():
    """A comparison that is blind would find every page right."""
    page = "text\n\n<!-- lines vary: threads -->\n\n    $ one\n    a 1\n    threads  2\n\n    $ two\n    ...\n    end\n\nwords\n\n    no console\n\n```\n$ three\n```\n<!-- numbers vary -->\n```\n$ four\n1 s\n```\n"
    blocks = blocks_of(page)
    assert [[c[1] for c in b.commands] for b in blocks] == [["one", "two"], ["three"], ["four"]], blocks
    assert [c[0] for b in blocks for c in b.commands] == [5, 9, 18, 22]
    first, last = Comparison(blocks[0], False), Comparison(blocks[2], False)
    one, two, four = blocks[0].commands[0][2], blocks[0].commands[1][2], blocks[2].commands[0][2]
    assert first.same(without_empty_ends(one), ["a 1", "threads  64"])
    assert not first.same(without_empty_ends(one), ["a 2", "threads  2"])
    assert not first.same(without_empty_ends(one), ["a 1"])
    assert first.same(without_empty_ends(two), ["x", "y", "end"]) and first.same(without_empty_ends(two), ["end"])
    assert not first.same(without_empty_ends(two), ["end", "x"])
    assert last.same(four, ["2.5e-3 s"]) and not last.same(four, ["2 ms"])


def main():
    program, root = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    check_itself()
    pages = [pathlib.Path(x).resolve() for x in sys.argv[3:]]
    if not pages:
        pages = [root / "README.md", root / "lib" / "retrograd" / "README.md", *sorted((root / "lib" / "documentation").glob("*.md"))]
    level = json.loads(subprocess.run([program, "info", "--json"], capture_output=True, text=True, check=True).stdout)["simd"]
    failures = []
    for page in pages:
        run, wrong = check_page(page, str(page.relative_to(root)) if page.is_relative_to(root) else page.name, program, root, numbers_vary="plain" in level)
        print(f"{page.name}: {run} commands, {len(wrong)} not as shown")
        failures += wrong
        if run == 0 and not any(block.reason is not None for block in blocks_of(page.read_text())) and page.name in ("README.md", "racks.md", "program.md"):
            failures.append(f"{page.name} has no console block: are they written in another way now?")
    for failure in failures:
        print("\n" + failure)
    sys.exit(1 if failures else 0)


main()
