# What zsh offers for the last word of a command line: zsh -f offered.zsh FOLDER LINE, where FOLDER has _retrograd. One candidate on
# each line. A shell of its own on a pseudo-terminal completes the line; what its completion functions hand to compadd is
# told by a compadd of our own.
zmodload zsh/zpty || exit 2
cd $1 || exit 2
cat > .offered.rc <<'END'
PROMPT=
fpath=($PWD $fpath)
autoload -U compinit
compinit -D -u
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
zmodload zsh/zutil
tell_begin() { print -r -- '<offered>' }
tell_end() { print -r -- '</offered>'; exit }
compprefuncs=(tell_begin)
comppostfuncs=(tell_end)
compadd() {
  # A call that only asks which would match stores them and offers none.
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a hits
  builtin compadd -A hits "$@"
  (($#hits)) && print -rl -- $hits
  builtin compadd "$@"
}
print ready
END
zpty shell TERM=dumb zsh -f -i
zpty -w shell 'stty -echo; source ./.offered.rc'
local line
while zpty -r shell line; do
  [[ $line == *ready* ]] && break
done
zpty -w -n shell "$2"$'\t'
local is_offered=
while zpty -r shell line; do
  line=${${line%$'\n'}%$'\r'}
  [[ $line == *'</offered>'* ]] && exit 0
  [[ -n $is_offered ]] && print -r -- $line
  [[ $line == *'<offered>'* ]] && is_offered=1
done
exit 1
