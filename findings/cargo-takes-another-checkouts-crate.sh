#!/usr/bin/env bash
#
# cargo and rustc 1.95.0, as rustup installs them (rustup 1.29.0 fetches that version when it is missing), and no package.
#
# What one would expect: two checkouts of one workspace may share a build folder (`CARGO_TARGET_DIR`), as The Cargo Book says of a shared cache of
# dependencies. A package id of a path dependency has the path, so crates of two folders are two packages, and a build takes neither's for the other's.
#
# What happens: the names of what is built are made from the path *relative to the workspace*, so both checkouts have the same. Whether it is fresh is
# decided by comparing the times of the sources with that of the build. Sources of the second checkout that are older than the last build of the first
# are taken as built, though they say something else: the program of the second checkout has the first one's library in it. No warning is given.
#
# Seen:
#   first checkout:  library of the first
#   second checkout: library of the first
#   after a touch:   library of the second
#
# Why it matters: a change that is in one worktree only is compiled into the programs of all, or is silently missing from its own. Tests pass that should
# fail, and the other way round.
#
# What we do: infra/setup/build notes which checkout built last, and touches the sources when it is another one.
set -euo pipefail

# The version, whatever a machine uses otherwise.
export RUSTUP_TOOLCHAIN=1.95.0
unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTFLAGS

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
export CARGO_TARGET_DIR=$folder/target

checkout() {
  local root=$folder/$1
  mkdir -p "$root/library/src" "$root/program/src"
  printf '[workspace]\nmembers = ["library", "program"]\nresolver = "3"\n' >"$root/Cargo.toml"
  printf '[package]\nname = "library"\nversion = "0.1.0"\nedition = "2024"\n' >"$root/library/Cargo.toml"
  printf '[package]\nname = "program"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\nlibrary = { path = "../library" }\n' >"$root/program/Cargo.toml"
  printf 'pub const WHOSE: &str = "library of the %s";\n' "$1" >"$root/library/src/lib.rs"
  printf 'fn main() { println!("{}", library::WHOSE); }\n' >"$root/program/src/main.rs"
}

run() {
  (cd -- "$folder/$1" && cargo run --quiet --offline)
}

checkout first
checkout second
# Both were there before anything was built.
sleep 1
first=$(run first)
second=$(run second)
touch "$folder/second/library/src/lib.rs"
touched=$(run second)

cargo --version
printf 'first checkout:  %s\nsecond checkout: %s\nafter a touch:   %s\n' "$first" "$second" "$touched"
[[ $(cargo --version) == "cargo 1.95.0 "* ]] || { echo "this is not the version that was looked at" >&2; exit 1; }
[[ $first == "library of the first" && $second == "library of the first" && $touched == "library of the second" ]] ||
  { echo "the behaviour has changed" >&2; exit 1; }
