#!/usr/bin/env bash
#
# cargo 1.95.0 with refinery 0.10.0, url 2.5.8 and zerovec 0.11.9 (resolver 3).
#
# What one would expect: `cargo tree --edges normal,build` with the format `{p}|{f}` names every set of features that a package is built with. Since
# resolver 2 a package has one set for the program and may have another for what runs in the compiler, so a package that is built twice should be there
# twice. `cargo tree --help` says that a package that was told of already is marked with (*), its dependencies left out.
#
# What happens: the macro of refinery depends on url, and url through it on zerovec. For the macro zerovec is built with `derive,yoke`, for the program with
# `derive,serde,yoke`. The tree has only the second, and shows it below the macro too, where it is not what is built: url itself has equal features on
# both sides, so the tree takes the one for the other, with all that is below it.
#
# Seen:
#   cargo tree:  derive,serde,yoke
#   cargo build: derive,serde,yoke
#   cargo build: derive,yoke
#
# Why it matters: adding a dependency anywhere changes the second set for the macro alone, and the macro and everything above it are compiled again. A check
# of "equal features" that reads `cargo tree` finds nothing.
#
# What we do: tests/integration/tidy/features.rs reads cargo's unit graph instead, and migrations are listed in shared/database/src/migrate.rs without the macro.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder"
mkdir src
touch src/lib.rs
cat >Cargo.toml <<'MANIFEST'
[package]
name = "probe"
version = "0.1.0"
edition = "2024"

[dependencies]
refinery = { version = "=0.10.0", default-features = false }
url = "=2.5.8"
zerovec = { version = "=0.11.9", features = ["serde"] }
MANIFEST
export CARGO_TARGET_DIR=$folder/target

told=$(cargo tree --quiet --edges normal,build --prefix none --format '{p}|{f}' | sed -n 's/^zerovec v0.11.9|\([a-z,]*\).*/\1/p' | sort -u)
# A nightly option, which is allowed for one call by the variable.
built=$(RUSTC_BOOTSTRAP=1 cargo build --quiet --unit-graph -Zunstable-options | python3 -c '
import json, sys
units = json.load(sys.stdin)["units"]
print("\n".join(sorted({",".join(unit["features"]) for unit in units if unit["pkg_id"].endswith("#zerovec@0.11.9")})))')

cargo --version
sed 's/^/cargo tree:  /' <<<"$told"
sed 's/^/cargo build: /' <<<"$built"
[[ $told == "derive,serde,yoke" && $built == $'derive,serde,yoke\nderive,yoke' ]] || { echo "the behaviour has changed" >&2; exit 1; }
