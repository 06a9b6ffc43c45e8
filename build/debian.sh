# Private apt worlds: package lists of a Debian release, kept beside the download and verified by apt through the
# release's signature, without root and without touching the machine's own apt. Sourced after common.sh.

# The mirror that this machine's apt already uses.
debian_mirror() {
  local site=${DEBIAN_MIRROR:-}
  if [ -z "$site" ] && command -v apt-get > /dev/null; then
    site=$(apt-get indextargets --format '$(SITE)' 2> /dev/null | grep -m1 '/debian/*$' || true)
  fi
  printf '%s' "$site"
}

debian_release() { # "12" on Debian 12, nothing elsewhere
  (. /etc/os-release 2> /dev/null && [ "${ID:-}" = debian ] && printf '%s' "${VERSION_ID:-}") || true
}

# apt_world FOLDER RELEASE
apt_world() {
  local folder=$1/$2 release=$2
  local mirror keyring=${DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || die "apt names no Debian mirror." "Set DEBIAN_MIRROR to the address of one."
  [ -f "$keyring" ] || die "$keyring is missing." "apt-get install debian-archive-keyring, or set DEBIAN_KEYRING."
  mkdir -p "$folder"/lists/partial "$folder"/cache/archives/partial
  : > "$folder/status"
  printf 'Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
    "$mirror" "$release" "$keyring" > "$folder/debian.sources"
  cat > "$folder/apt.conf" << CONF
Dir::State "$folder";
Dir::State::lists "$folder/lists";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
Dir::Etc::SourceList "$folder/debian.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
  apt_in "$folder" update
}

# apt_in FOLDER ARGUMENTS...: apt-get in that world; its chatter is shown only when it fails.
apt_in() {
  local folder=$1 log=$1/log
  shift
  APT_CONFIG=$folder/apt.conf apt-get -qq "$@" > "$log" 2>&1 && ! grep -q '^[EW]: .*\(Failed to fetch\|NO_PUBKEY\|not signed\)' "$log" && return
  cat "$log" >&2
  die "apt-get $1 failed (above)." "Is the network up? Has the archive moved on from a version that is pinned here?"
}
