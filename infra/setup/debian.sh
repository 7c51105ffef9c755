# shellcheck shell=bash
#
# What unpacks Debian's packages into a folder shares this: without root, and without a word to the host's own packages. Sourced after common.sh, never run.

# The mirror that the host itself takes its packages from; empty where it has none.
host_mirror() {
  { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null || true; } | sed -nE '\,/debian/?$,{s,/$,,p;q}'
}

MIRROR=${DEBIAN_MIRROR:-$(host_mirror)}
readonly MIRROR
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# write_apt_config FOLDER SUITE
#
# A private apt: its own lists, cache and (empty) package status, with the host's proxy settings. APT_CONFIG=FOLDER/apt.conf takes it.
write_apt_config() {
  local apt=$1 suite=$2
  [[ -n $MIRROR ]] || die "this machine takes packages from no mirror of Debian: name one in DEBIAN_MIRROR"
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,empty}
  : >"$apt/status"
  cat >"$apt/sources.list" <<SOURCES
deb [signed-by=$KEYRING] $MIRROR $suite main
deb [signed-by=$KEYRING] $MIRROR-security $suite-security main
SOURCES
  cat >"$apt/apt.conf" <<CONFIG
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::State::extended_states "$apt/extended_states";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/empty";
Dir::Etc::preferencesparts "$apt/empty";
Dir::Etc::preferences "$apt/empty/none";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
CONFIG
}
