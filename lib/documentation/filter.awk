# A header as Doxygen reads it: the plain comment at its top is the file's. What the project's habits make plain is not repeated in
# the headers, and so is added or left out here:
#
# - In nodes/ the comment at the top also documents each function that has none of its own, and the struct of the node is left out:
#   it is how the node is made, which nodes/node.hpp says of all of them.
# - Comparisons, copies and moves that do what the language says.

function is_undocumented() { return previous !~ /^ *\/\/\// && previous !~ /^ *template/ }
function emit(line) { print line; previous = line }

BEGIN { in_top = 1 }
FNR == 1 { in_nodes = FILENAME ~ /\/nodes\// }

in_top && /^\/\// {
  text = substr($0, 3)
  top = top "///" text "\n"
  emit((FNR == 1 ? "/// @file\n///" : "///") text)
  next
}
in_top { in_top = 0 }

in_node { if (/^};/) in_node = 0; print ""; next }
in_nodes && /^struct [A-Za-z]+ : / { in_node = !/};$/; print ""; next }
in_nodes && /^inline Check / { in_node_check = 1 }
in_node_check { if (/^}/) in_node_check = 0; print ""; next }
in_nodes && /^(inline )?Var / && is_undocumented() { printf "%s", top }

/^extern template / { print ""; next }
/operator==\(const .*= default;$/ { print ""; next }
/&&\) noexcept( = default)?;$/ && is_undocumented() { print ""; next }
/\(const [A-Za-z]+& other\)/ && is_undocumented() { print ""; next }

{ emit($0) }
