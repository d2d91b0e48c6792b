# SPDX-License-Identifier: Apache-2.0
# Completion of palimpsest for bash: verbs, options, tasks, models and settings, as the program
# itself lists them.

# The names in what `palimpsest info KIND` lists.
_palimpsest_names() { "$program" info "$1" 2>/dev/null | sed -n 's/^  \([^ ]*\)$/\1/p'; }

# The settings of a task or model, each with "=".
_palimpsest_settings() {
  COLUMNS=5000 "$program" info "$1" "$2" 2>/dev/null | sed -n 's/^  \([a-z][a-z0-9_]*\) .*/\1=/p'
}

_palimpsest_verbs() { "$program" --help | sed -n '1,/^options/s/^  \([a-z][a-z-]*\) .*/\1/p'; }

_palimpsest_options() { "$program" help "$1" 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p'; }

_palimpsest() {
  local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local verb=${COMP_WORDS[1]} task=${COMP_WORDS[2]} model='' words='' i
  COMPREPLY=()
  for ((i = 2; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == --model ]] && model=${COMP_WORDS[i + 1]}
  done
  if ((COMP_CWORD == 1)); then
    words="$(_palimpsest_verbs) --help --version"
  elif [[ $before == --model || $before == --models ]]; then
    words=$(_palimpsest_names model)
  elif [[ $before == --set ]]; then
    words="$(_palimpsest_settings task "$task") $(_palimpsest_settings model "${model:-$(_palimpsest_names model | head -n 1)}")"
    compopt -o nospace 2>/dev/null
  elif [[ $before == --budget ]]; then
    words='matched free both'
  elif [[ $before == --isa ]]; then
    words='generic avx2 avx512 neon'
  elif [[ $word == -* ]]; then
    words=$(_palimpsest_options "$verb")
  elif ((COMP_CWORD == 2)); then
    case $verb in
      train | instances | compare | plan) words=$(_palimpsest_names task) ;;
      check-op) words=$(_palimpsest_names op) ;;
      bench) words='ceilings gemm ops train decode plan' ;;
      info) words='op optimizer model task recipe' ;;
      new) words='model op task' ;;
      help) words=$(_palimpsest_verbs) ;;
    esac
  elif ((COMP_CWORD == 3)) && [[ $verb == info ]]; then
    words=$(_palimpsest_names "$task")
  fi
  [[ -n $words ]] && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _palimpsest palimpsest
