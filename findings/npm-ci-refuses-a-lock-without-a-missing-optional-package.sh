#!/usr/bin/env bash
#
# npm 11.19.1 on Node.js 20.
#
# What one would expect: an optional dependency that can't be had is left out, by `npm install` and by `npm ci` alike, so that `npm ci` installs from the lock file
# that `npm install` has just written. npm's own documentation says of optional dependencies that a package which "cannot be found" does not make the
# installation fail.
#
# What happens: a package's optional dependency is not on the registry (yet, any more, or not on the mirror that one uses). `npm install` succeeds without a
# warning and writes a lock file that does not have it. `npm ci` refuses this very lock file: it misses the package there, with an empty version.
#
# Seen:
#   npm install: 0
#   npm ci: EUSAGE, Missing: @analytics-engine-probe/is-nowhere@ from lock file
#
# Why it matters: a bundler that adds an optional package for one system breaks every clean installation behind a mirror that lacks it, and `npm install`, which the
# message advises, changes nothing.
#
# What we do: the console's packages are pinned to versions whose optional packages are all in the lock file, and infra/console/build installs by `npm ci` alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder"
npm install --silent --no-audit --no-fund --prefix tool npm@11.19.1 >/dev/null
npm=$folder/tool/node_modules/.bin/npm

mkdir dependency project
echo '{ "name": "dependency", "version": "1.0.0", "optionalDependencies": { "@analytics-engine-probe/is-nowhere": "^1.0.0" } }' >dependency/package.json
(cd dependency && "$npm" pack --silent >/dev/null)
echo '{ "name": "project", "version": "1.0.0", "private": true, "dependencies": { "dependency": "file:../dependency/dependency-1.0.0.tgz" } }' >project/package.json
cd project

"$npm" --version
installed=0
"$npm" install --no-audit --no-fund >/dev/null 2>&1 || installed=$?
echo "npm install: $installed"
clean=$("$npm" ci --no-audit --no-fund 2>&1 || true)
code=$(sed -n 's/^npm error code //p' <<<"$clean")
missing=$(sed -n 's/^npm error \(Missing: .*\)/\1/p' <<<"$clean")
echo "npm ci: $code, $missing"
[[ $installed == 0 && $code == EUSAGE && $missing == "Missing: @analytics-engine-probe/is-nowhere@ from lock file" ]] || { echo "the behaviour has changed" >&2; exit 1; }
