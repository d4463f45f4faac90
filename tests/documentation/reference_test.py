"""Every public name is documented: DOXYFILE [DOXYGEN]."""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

if len(sys.argv) < 3:
    print("skipped: Doxygen is not there")
    sys.exit(77)
doxyfile, doxygen = sys.argv[1:3]


def reference(settings):
    """What Doxygen complains of, and the undocumented and all names of the reference it makes."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {**settings, "OUTPUT_DIRECTORY": folder, "GENERATE_HTML": "NO", "GENERATE_XML": "YES"}
        text = open(doxyfile).read() + "".join(f"\n{name} = {value}" for name, value in settings.items()) + "\n"
        run = subprocess.run([doxygen, "-"], input=text, capture_output=True, text=True)
        complaints = (run.stdout + run.stderr).strip()
        if run.returncode != 0 and not complaints:
            complaints = f"doxygen ended with {run.returncode}"
        undocumented, names = [], []
        output = os.path.join(folder, "xml")
        for file in sorted(os.listdir(output)) if os.path.isdir(output) else []:
            if not file.endswith(".xml"):
                continue
            for compound in xml.etree.ElementTree.parse(os.path.join(output, file)).getroot().iter("compounddef"):
                # What is listed under several compounds is documented in one and the same place.
                if compound.get("kind") not in ("class", "struct", "namespace", "file"):
                    continue
                for member in compound.iter("memberdef"):
                    name = compound.findtext("compoundname") + "::" + member.findtext("name")
                    if member.get("prot") == "private" or "~" in name or "Tensor::Free" in name:
                        continue
                    for item in [member] + member.findall("enumvalue"):
                        item_name = name if item is member else name + "::" + item.findtext("name")
                        names.append(item_name)
                        texts = [item.find("briefdescription"), item.find("detaileddescription")]
                        if not "".join("".join(text.itertext()) for text in texts if text is not None).strip():
                            undocumented.append(item_name)
        return complaints, undocumented, names


complaints, undocumented, names = reference({})
print(f"{len(names)} public names")
assert not complaints, complaints
assert not undocumented, "undocumented: " + ", ".join(undocumented)
for name in ("retrograd::Tape::play", "retrograd::abs", "retrograd::operator+", "retrograd::Stream::process",
             "retrograd::StreamStatus::bad_block", "retrograd::fit", "retrograd::Optimizer::step"):
    assert name in names, f"{name} is not in the reference"
header = open(os.path.join(os.path.dirname(__file__), "../../lib/retrograd/c.h")).read()
for name in re.findall(r"RG_API [^()]*?(rg_\w+)\(", header):
    assert any(listed.endswith("::" + name) for listed in names), f"{name} is not in the reference"

# The check itself is checked: of these names one function, one member and one value of an enumeration have no comment.
with tempfile.TemporaryDirectory() as folder:
    sample = os.path.join(folder, "sample.hpp")
    with open(sample, "w") as file:
        file.write("// A sample.\n#pragma once\nnamespace retrograd {\n/// Documented.\nstruct Sample {\n  int bare;\n};\n"
                   "/// Documented.\nint documented();\nint naked();\n/// Documented.\nenum class Kind {\n  plain,\n"
                   "  told,  ///< documented\n};\n}\n")
    complaints, undocumented, names = reference({"INPUT": sample})
    found = {name.split("::")[-1] for name in undocumented}
    assert found == {"bare", "naked", "plain"}, (found, names)
    assert "naked" in complaints and "bare" in complaints, complaints
