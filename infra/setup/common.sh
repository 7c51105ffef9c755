# shellcheck shell=bash
#
# What every set-up script shares. Sourced, never run.
#
# Everything that a set-up script fetches lands in one cache folder outside the checkout, so that a second clone starts at
# once and `git clean` costs nothing. A fetch is built in a hidden folder beside its place and renamed: it is there whole or not at all.

# Progress and errors go to stderr: stdout carries a script's answer.
say() {
  printf '%s\n' "$*" >&2
}

die() {
  say "error: $*"
  exit 1
}

have() {
  command -v "$1" >/dev/null
}

# PostgreSQL refuses to run as root and then runs as `nobody`, who must be able to reach it: root's home is closed to others.
cache_folder() {
  if ((EUID == 0)); then
    echo /var/cache/analytics-engine
  else
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/analytics-engine"
  fi
}

# build_once TARGET FUNCTION [ARGUMENT...]
#
# Makes the folder TARGET unless it exists: calls FUNCTION with ARGUMENTs and, last, an empty folder to fill. Two callers at once
# take turns; what a killed run left behind is swept by the next one.
build_once() {
  local target=$1
  shift
  [[ ! -d $target ]] || return 0

  local parent name
  parent=$(dirname -- "$target")
  name=$(basename -- "$target")
  mkdir -p -- "$parent" 2>/dev/null || die "cannot create the folder $parent"
  exec {lock}>"$parent/.$name.lock" || die "cannot write to the folder $parent"
  flock "$lock"
  if [[ ! -d $target ]]; then
    rm -rf -- "$parent/.$name.building."*
    # Global, because the trap runs when this function is gone.
    building=$(mktemp -d -- "$parent/.$name.building.XXXXXX")
    trap 'rm -rf -- "$building"' EXIT
    # The lock is not inherited, so that nothing which outlives this script can hold it.
    "$@" "$building" {lock}>&-
    chmod 755 -- "$building"
    mv -T -- "$building" "$target"
    trap - EXIT
  fi
  exec {lock}>&-
}
