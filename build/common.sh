# Shared by the build's shell scripts: where things are kept, how they speak, how they fail. Sourced, not run.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$root/build/out
cache=${CLIP_WASM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clip-wasm}

say() { printf '  %s\n' "$*" >&2; }

die() {
  printf '\nerror: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
  exit 1
}

need() { # need COMMAND HOW-TO-GET-IT
  command -v "$1" > /dev/null || die "$1 is missing." "$2"
}

# cached NAME FUNCTION: makes sure that $cache/NAME exists, made by FUNCTION, which is given an empty folder and the
# folder's later name. The folder takes its name only once it is complete, so that an interrupted run leaves nothing
# half-made; a lock keeps two builds from fetching the same thing at once.
cached() {
  local name=$1 make=$2 final=$cache/$1 partial=$cache/$1.partial
  [ -d "$final" ] && return
  mkdir -p "$cache" || die "cannot create the cache folder $cache." "Set CLIP_WASM_CACHE to a folder that can be written."
  (
    exec 9> "$cache/$name.lock"
    if ! flock -n 9; then
      say "waiting for another build that is fetching $name"
      flock 9
    fi
    [ -d "$final" ] && exit
    rm -rf "$partial"
    mkdir -p "$partial"
    (cd "$partial" && "$make" "$partial" "$final")
    mv -T "$partial" "$final"
  )
}

# write_if_changed FILE: stdin becomes FILE; an unchanged file keeps its time, so that make rebuilds nothing.
write_if_changed() {
  mkdir -p "$(dirname "$1")"
  cat > "$1.$$"
  if cmp -s "$1.$$" "$1"; then rm "$1.$$"; else mv "$1.$$" "$1"; fi
}
