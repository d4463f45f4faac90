"""Nodes of one's own that are wrong, and what the compiler says of them in its first error.

    wrong_nodes_test.py INCLUDE COMPILER...

Each case is compiled by each compiler with nothing but its syntax checked. The first compiler has to be there; of the others those
that are not, or cannot compile the library's headers, are left out.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile

FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-psabi", "-Werror"]
RECORD = "Var record(Var a, Var b) { static_cast<void>(b); return %s; }"

FORWARD = "template <class T> T forward(T x) const { return x * x; }"
ADJOINT = "template <class T> std::array<T, 1> adjoint(T gy, T, T x) const { return {gy * (x + x)}; }"
FORWARD_OF_TWO = "template <class T> T forward(T x, T y) const { return x * y; }"
ADJOINT_OF_TWO = "template <class T> std::array<T, 2> adjoint(T gy, T, T x, T y) const { return {gy * y, gy * x}; }"
STATE = "template <class T> struct State { T y{}; };"
STEP = "template <class T> T forward(State<T>& s, T x) const { return s.y = s.y + x; }"
STEP_BACK = """template <class T> std::array<T, 1> adjoint(State<T>& gs, const State<T>&, T gy, T) const {
  return {gs.y = gs.y + gy};
}"""


def pointwise(*members, inputs=1, name='"n"'):
    named = f"static constexpr const char* name = {name};" if name else ""
    return f"struct N : OwnPointwise<N, {inputs}> {{ {named}\n" + "\n".join(members) + "\n};\n"


def causal(*members, inputs=1):
    return f"struct N : OwnCausal<N, {inputs}> {{ static constexpr const char* name = \"n\";\n" + "\n".join(members) + "\n};\n"


def whole(*members, inputs=1):
    return f"struct N : OwnWhole<N, {inputs}> {{ static constexpr const char* name = \"n\";\n" + "\n".join(members) + "\n};\n"


def recurrence(*members, states=1, inputs=2):
    return f"struct N : OwnLinearRecurrence<N, {states}, {inputs}> {{ static constexpr const char* name = \"n\";\n" + "\n".join(members) + "\n};\n"


COEFFICIENTS = "template <class T> LinearStep<T, 1> step(T a) const { return {.e = {{-a}}, .b = {a}, .c = {T(1)}, .d = T(0)}; }"
COEFFICIENTS_BACK = """template <class T>
std::array<T, 2> step_adjoint(const std::array<T, 1>& gs, const std::array<T, 1>& s, T, T x, T a) const {
  return {a * gs[0], gs[0] * (x - s[0])};
}"""
SOUND_RECURRENCE = recurrence(COEFFICIENTS, COEFFICIENTS_BACK)
ROWS = "template <class T> void forward(std::span<T> y, std::span<const T> x) const { y[0] = x[0]; }"
ROWS_BACK = """template <class T>
void adjoint(std::span<const T> gy, std::span<const T>, std::span<const T>, std::span<T> gx) const { gx[0] = gy[0]; }"""
SOUND = pointwise(FORWARD, ADJOINT)
SOUND_OF_TWO = pointwise(FORWARD_OF_TWO, ADJOINT_OF_TWO, inputs=2)
SOUND_CAUSAL = causal(STATE, STEP, STEP_BACK)

# What is wrong: the node, how it is recorded, and what the first error has to say.
WRONG = {
    "too few inputs": (SOUND_OF_TWO, "pointwise(N{}, a)", "recorded on as many inputs as its base says"),
    "too many inputs": (SOUND, "pointwise(N{}, a, b)", "recorded on as many inputs as its base says"),
    "no inputs": (SOUND, "pointwise(N{})", "recorded on as many inputs as its base says"),
    "a number for an input": (SOUND_OF_TWO, "pointwise(N{}, a, 0.5)", "tape.constant(0.5)"),
    "too many inputs of a causal node": (SOUND_CAUSAL, "causal(N{}, a, b)", "recorded on as many inputs as its base says"),
    "no inputs of a causal node": (SOUND_CAUSAL, "causal(N{})", "recorded on as many inputs as its base says"),
    "a number for an input of a causal node": (SOUND_CAUSAL, "causal(N{}, 0.5)", "tape.constant(0.5)"),
    "too many inputs of the library's": ("", "pointwise(Add{}, a, b, a)", "recorded on as many inputs as its base says"),
    "nine inputs": (pointwise(FORWARD, ADJOINT, inputs=9), "pointwise(N{}, a)", "one to eight inputs"),
    "none": (pointwise(FORWARD, ADJOINT, inputs=0), "pointwise(N{})", "one to eight inputs"),
    "nine inputs of a causal node": (causal(STATE, STEP, STEP_BACK, inputs=9), "causal(N{}, a)", "one to eight inputs"),
    "no base": ("struct N {" + FORWARD + ADJOINT + "};", "pointwise(N{}, a)", "derives from its kind"),
    "no base of a causal node": ("struct N {" + STATE + STEP + "};", "causal(N{}, a)", "derives from its kind"),
    "a causal node as pointwise": (SOUND_CAUSAL, "pointwise(N{}, a)", "record it with causal("),
    "a pointwise node as causal": (SOUND, "causal(N{}, a)", "record it with pointwise("),
    "no name": (pointwise(FORWARD, ADJOINT, name=""), "pointwise(N{}, a)", "a node needs a name"),
    "a name that is no constant": (pointwise("std::string name;", FORWARD, ADJOINT, name=""), "pointwise(N{}, a)", "a node needs a name"),
    "a field that is not copied as bytes": (pointwise("std::vector<double> table;", FORWARD, ADJOINT), "pointwise(N{}, a)", "trivially copyable"),
    "a virtual function": (pointwise("virtual void f() {}", FORWARD, ADJOINT), "pointwise(N{}, a)", "trivially copyable"),
    "no forward": (pointwise(ADJOINT), "pointwise(N{}, a)", "needs a public forward"),
    "a private forward": (pointwise("private:", FORWARD, "public:", ADJOINT), "pointwise(N{}, a)", "needs a public forward"),
    "a forward that is not const": (pointwise(FORWARD.replace(" const", ""), ADJOINT), "pointwise(N{}, a)", "forward must be const"),
    "a forward of double": (pointwise("double forward(double x) const { return x; }", ADJOINT), "pointwise(N{}, a)", "forward must be a template over its scalar"),
    "a forward of float and double alone": (pointwise("template <std::floating_point T> T forward(T x) const { return x; }", ADJOINT), "pointwise(N{}, a)", "forward must be a template over its scalar"),
    "a forward of two for one": (pointwise(FORWARD_OF_TWO, ADJOINT), "pointwise(N{}, a)", "forward takes another number of inputs than its base says"),
    "a forward of one for two": (pointwise(FORWARD, ADJOINT_OF_TWO, inputs=2), "pointwise(N{}, a, b)", "forward takes another number of inputs than its base says"),
    "a forward that returns nothing": (pointwise("template <class T> void forward(T) const {}", ADJOINT), "pointwise(N{}, a)", "forward must return its scalar"),
    "a forward that returns an int": (pointwise("template <class T> int forward(T) const { return 1; }", ADJOINT), "pointwise(N{}, a)", "forward must return its scalar"),
    "no adjoint": (pointwise(FORWARD), "pointwise(N{}, a)", "needs a public adjoint"),
    "an adjoint that is not const": (pointwise(FORWARD, ADJOINT.replace(" const", "")), "pointwise(N{}, a)", "adjoint must be const"),
    "an adjoint of double": (pointwise(FORWARD, "std::array<double, 1> adjoint(double gy, double, double) const { return {gy}; }"), "pointwise(N{}, a)", "adjoint must be a template over its scalar"),
    "an adjoint without the output": (pointwise(FORWARD, ADJOINT.replace("T gy, T, T x", "T gy, T x")), "pointwise(N{}, a)", "the output's adjoint, the output and then each input"),
    "an adjoint of too few": (pointwise(FORWARD_OF_TWO, ADJOINT_OF_TWO.replace("array<T, 2>", "array<T, 1>").replace("{gy * y, gy * x}", "{gy * y + x}"), inputs=2), "pointwise(N{}, a, b)", "one adjoint for each input"),
    "an adjoint of too many": (pointwise(FORWARD, ADJOINT.replace("array<T, 1>", "array<T, 2>")), "pointwise(N{}, a)", "one adjoint for each input"),
    "an adjoint that is a number": (pointwise(FORWARD, "template <class T> T adjoint(T gy, T, T) const { return gy; }"), "pointwise(N{}, a)", "one adjoint for each input"),
    "adjoints that are whole numbers": (pointwise(FORWARD, "template <class T> std::array<int, 1> adjoint(T, T, T) const { return {1}; }"), "pointwise(N{}, a)", "adjoints of its scalar"),
    "no State": (causal(STEP.replace("State<T>&", "T&").replace("s.y", "s")), "causal(N{}, a)", "a causal node needs its state"),
    "a State of double": (causal("struct State { double y; };", "template <class T> T forward(State& s, T x) const { s.y = 1; return x; }"), "causal(N{}, a)", "a causal node needs its state"),
    "a State that is not copied as bytes": (causal("template <class T> struct State { std::vector<T> y; };", "template <class T> T forward(State<T>&, T x) const { return x; }"), "causal(N{}, a)", "trivially copyable"),
    "a State that is too large": (causal("template <class T> struct State { T y[64] = {}; };", "template <class T> T forward(State<T>&, T x) const { return x; }"), "causal(N{}, a)", "256 bytes"),
    "no forward of a causal node": (causal(STATE, STEP_BACK), "causal(N{}, a)", "takes the state before the sample"),
    "a forward without the state": (causal(STATE, FORWARD, STEP_BACK), "causal(N{}, a)", "takes the state before the sample"),
    "a state by value": (causal(STATE, STEP.replace("State<T>&", "State<T>"), STEP_BACK), "causal(N{}, a)", "forward must take its state by reference"),
    "a state's adjoint by value": (causal(STATE, STEP, STEP_BACK.replace("State<T>& gs", "State<T> gs")), "causal(N{}, a)", "adjoint must take the state's adjoint by reference"),
    "no adjoint of a causal node": (causal(STATE, STEP), "causal(N{}, a)", "needs a public adjoint"),
    "an adjoint of a causal node that takes the output": (causal(STATE, STEP, STEP_BACK.replace("T gy, T)", "T gy, T, T)")), "causal(N{}, a)", "the adjoint of the state, the state before the sample"),
    "an adjoint of a causal node of a wrong size": (causal(STATE, STEP, STEP_BACK.replace("array<T, 1>", "array<T, 3>")), "causal(N{}, a)", "one adjoint for each input"),
    "a step that is not const": (causal(STATE, STEP.replace(" const ", " "), STEP_BACK), "causal(N{}, a)", "forward must be const"),
    "a recurrence on too few inputs": (SOUND_RECURRENCE, "causal(N{}, a)", "recorded on as many inputs as its base says"),
    "a recurrence of too many states": (recurrence(COEFFICIENTS, COEFFICIENTS_BACK, states=5), "causal(N{}, a, b)", "one to four states"),
    "no step": (recurrence(COEFFICIENTS_BACK), "causal(N{}, a, b)", "needs a public step"),
    "a step of double": (recurrence(COEFFICIENTS.replace("template <class T>", "").replace("T, 1", "double, 1").replace("T a", "double a").replace("T(", "double("), COEFFICIENTS_BACK), "causal(N{}, a, b)", "needs a public step"),
    "no step_adjoint": (recurrence(COEFFICIENTS), "causal(N{}, a, b)", "needs a public step_adjoint"),
    "a step_adjoint without the state": (recurrence(COEFFICIENTS, COEFFICIENTS_BACK.replace("const std::array<T, 1>& s, ", "").replace(" - s[0]", "")), "causal(N{}, a, b)", "needs a public step_adjoint"),
    "a step_adjoint of a wrong size": (recurrence(COEFFICIENTS, COEFFICIENTS_BACK.replace("array<T, 2>", "array<T, 1>").replace(", gs[0] * (x - s[0])", "").replace("T x", "T").replace("T, 1>& s", "T, 1>&")), "causal(N{}, a, b)", "one adjoint for each input"),
    "a waveform of two inputs": (SOUND_OF_TWO, "Oscillator<N>()(a)", "a waveform has one input"),
    "a waveform with a state": (SOUND_CAUSAL, "Oscillator<N>()(a)", "a waveform keeps no state"),
    "a waveform without a base": ("struct N {" + FORWARD + ADJOINT + "};", "Oscillator<N>()(a)", "a waveform is a pointwise node"),
    "a waveform without an adjoint": (pointwise(FORWARD), "Oscillator<N>()(a)", "needs a public adjoint"),
    "a waveform of double": (pointwise("double forward(double x) const { return x; }", ADJOINT), "Oscillator<N>()(a)", "template over its scalar"),
    "std::sin": (pointwise(FORWARD.replace("x * x", "std::sin(x)"), ADJOINT), "pointwise(N{}, a)", "use retrograd::math::sin"),
    "std::sin by a using": (pointwise(FORWARD.replace("return x * x", "using std::sin; return sin(x)"), ADJOINT), "pointwise(N{}, a)", "use retrograd::math::sin"),
    "std::pow": (pointwise(FORWARD.replace("x * x", "std::pow(x, 2.0)"), ADJOINT), "pointwise(N{}, a)", "use retrograd::math::pow"),
    "std::pow of a number": (pointwise(FORWARD.replace("x * x", "std::pow(2.0, x)"), ADJOINT), "pointwise(N{}, a)", "use retrograd::math::pow"),
    "std::fmax": (pointwise(FORWARD.replace("x * x", "std::fmax(x, T(0))"), ADJOINT), "pointwise(N{}, a)", "use retrograd::math::max"),
    "std::tan": (pointwise(FORWARD.replace("x * x", "std::tan(x)"), ADJOINT), "pointwise(N{}, a)", "there is no retrograd::math::tan"),
    "std::cos in an adjoint": (pointwise(FORWARD, ADJOINT.replace("x + x", "std::cos(x)")), "pointwise(N{}, a)", "use retrograd::math::cos"),
    "std::tanh in a causal node": (causal(STATE, STEP.replace("s.y + x", "std::tanh(x)"), STEP_BACK), "causal(N{}, a)", "use retrograd::math::tanh"),
    "std::abs in a waveform": (pointwise(FORWARD.replace("x * x", "std::abs(x)"), ADJOINT), "Oscillator<N>()(a)", "use retrograd::math::abs"),
}

WRONG |= {
    "no base of a whole node": ("struct N {" + ROWS + ROWS_BACK + "};", "whole(N{}, a)", "derives from its kind"),
    "too many inputs of a whole node": (whole(ROWS, ROWS_BACK), "whole(N{}, a, b)", "recorded on as many inputs as its base says"),
    "a whole node as pointwise": (whole(ROWS, ROWS_BACK), "pointwise(N{}, a)", "record it with whole("),
    "a pointwise node as whole": (SOUND, "whole(N{}, a)", "record it with pointwise("),
    "no forward of a whole node": (whole(ROWS_BACK), "whole(N{}, a)", "needs a public forward of its output's row"),
    "a forward of rows that is not const": (whole(ROWS.replace(") const", ")"), ROWS_BACK), "whole(N{}, a)", "forward must be const"),
    "a forward of rows of double": (whole(ROWS.replace("template <class T>", "").replace("<T>", "<double>").replace("const T", "const double"), ROWS_BACK), "whole(N{}, a)", "forward must be a template over its numbers"),
    "no adjoint of a whole node": (whole(ROWS), "whole(N{}, a)", "needs a public adjoint of the output's adjoint"),
    "an adjoint of rows that gives nothing": (whole(ROWS, ROWS_BACK.replace(", std::span<T> gx", "").replace("gx[0] = gy[0];", "")), "whole(N{}, a)", "needs a public adjoint of the output's adjoint"),
    "a check without a range": (SOUND, "(check_own_node<N>(), a)", "a node is checked on inputs that it names"),
}

# None of this may be refused, or warned of.
RIGHT = {
    "the sound ones": (SOUND, "pointwise(N{}, a)"),
    "of two inputs": (SOUND_OF_TWO, "pointwise(N{}, a, b)"),
    "causal": (SOUND_CAUSAL, "causal(N{}, a)"),
    "a recurrence": (SOUND_RECURRENCE, "causal(N{}, a, b)"),
    "a waveform": (SOUND, "Oscillator<N>()(a, b)"),
    "whole": (whole("std::vector<double> table;", ROWS, ROWS_BACK), "whole(N{}, a)"),
    "abbreviated templates": (pointwise("auto forward(auto x) const { return x * x; }", "template <class T> auto adjoint(T gy, T, T x) const { return std::array{gy * (x + x)}; }"), "pointwise(N{}, a)"),
    "fields": (pointwise("double slope = 1.0; std::array<float, 4> table{};", FORWARD, ADJOINT), "pointwise(N{.slope = 2.0}, a)".replace(".slope = 2.0", "")),
    "derived from a node": (SOUND + "struct M : N { " + FORWARD.replace("x * x", "x + x") + "};", "pointwise(M{}, a)"),
    "a number as output": (pointwise("template <class T> double forward(T) const { return 1.0; }", ADJOINT.replace("x + x", "x - x")), "pointwise(N{}, a)"),
    "static functions": (pointwise("static " + FORWARD.replace(" const", ""), "static " + ADJOINT.replace(" const", "")).replace("static template <class T>", "template <class T> static"), "pointwise(N{}, a)"),
}

LONGEST = 50  # lines


def compile_case(compiler, directory, number, node, call, is_right):
    path = os.path.join(directory, f"{number}.cpp")
    with open(path, "w") as file:
        file.write("using namespace retrograd;\n" + node + (RECORD % call) + "\n")
    command = [compiler, *FLAGS, "-fsyntax-only"] + ([] if is_right else ["-w"])
    command += ["-include-pch", os.path.join(directory, "all.hpp.pch")] if "clang" in compiler else ["-include", os.path.join(directory, "all.hpp")]
    result = subprocess.run([*command, path], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return result.returncode, result.stderr


def check(compiler, include):
    failures = []
    with tempfile.TemporaryDirectory() as directory, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        header = os.path.join(directory, "all.hpp")
        with open(header, "w") as file:
            file.write("#include <retrograd/retrograd.hpp>\n")
        output = header + (".pch" if "clang" in compiler else ".gch")
        made = subprocess.run([compiler, *FLAGS, "-w", "-I", include, "-x", "c++-header", header, "-o", output], capture_output=True, text=True)
        if made.returncode != 0:
            return [f"{compiler} cannot compile retrograd.hpp:\n{made.stderr}"], 0
        cases = [(name, *case) for name, case in WRONG.items()] + [(name, *case, None) for name, case in RIGHT.items()]
        runs = [pool.submit(compile_case, compiler, directory, i, node, call, expected is None) for i, (_, node, call, expected) in enumerate(cases)]
        for (name, _, _, expected), run in zip(cases, runs):
            status, text = run.result()
            first = next((line for line in text.splitlines() if "error:" in line), "")
            if expected is None:
                if status != 0 or text:
                    failures.append(f"{compiler}: {name}: refused:\n{text}")
            elif status == 0 or expected not in first:
                failures.append(f"{compiler}: {name}: said '{first}' and not '{expected}'" + ("" if status else ", and compiled"))
            elif len(text.splitlines()) > LONGEST:
                failures.append(f"{compiler}: {name}: {len(text.splitlines())} lines")
    return failures, len(cases)


def main():
    include, *compilers = sys.argv[1:]
    failures, seen = [], set()
    for compiler in compilers:
        path = shutil.which(compiler)
        if path is None or os.path.realpath(path) in seen:
            continue
        seen.add(os.path.realpath(path))
        found, count = check(compiler, include)
        if compiler == compilers[0] or count > 0:
            failures += found
        print(f"{compiler}: {count} nodes, {len(found)} of them wrongly told" if count else found[0])
    print("\n".join(failures), file=sys.stderr)
    sys.exit(bool(failures) or not seen)


main()
