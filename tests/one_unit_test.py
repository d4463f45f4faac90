# Each part of the library and of the program, but for its benchmark, compiles as one file, and so in any groups, as
# tools/quickstart compiles it.
#
#     one_unit_test.py BUILD
import collections
import json
import os
import shlex
import subprocess
import sys

build = os.path.abspath(sys.argv[1])
parts = ("retrograd_small", "retrograd_internal", "retrograd_c", "retrograd_checks", "lv2_parts", "program_parts")
files, commands = collections.defaultdict(list), {}
for unit in json.load(open(os.path.join(build, "compile_commands.json"))):
    name = unit.get("output", "")
    for part in parts:
        if f"/lib{part}.a.p/" in name and "/cuda/" not in unit["file"] and "/bench/" not in unit["file"] and not name.endswith(".gch"):
            files[part].append(os.path.join(build, unit["file"]))
            commands[part] = shlex.split(unit["command"])
assert "retrograd_small" in files, "no compile commands of the library"

failed = []
for part, names in files.items():
    words = [word for word in commands[part] if os.path.basename(word) != "ccache"]
    # Neither the file nor what the command would write.
    for option in ("-o", "-c", "-MF", "-MQ"):
        if option in words:
            at = words.index(option)
            del words[at : at + 2]
    text = "".join(f'#include "{name}"\n' for name in names)
    command = [word for word in words if word not in ("-MD", "-Winvalid-pch")] + ["-w", "-fsyntax-only", "-x", "c++", "-"]
    result = subprocess.run(command, cwd=build, input=text, stderr=subprocess.PIPE, text=True)
    if result.returncode:
        failed.append(part)
        print("\n".join(line for line in result.stderr.splitlines() if "error" in line)[:4000])
print(", ".join(f"{part}: {len(names)} files" for part, names in files.items()))
sys.exit(f"compile alone, but not together: {', '.join(failed)}" if failed else 0)
