#!/bin/bash
# Fetches the C libraries of build/sources.txt into the cache folder, and writes where they are to build/out/sources.mk.
# usage: build/sources.sh
#
# They are upstream's tarballs as Debian keeps them, and one package of headers (5 MB). apt verifies them through the release's signature, and their
# sha256 must be the one in the list. Where there is no apt, DEBIAN_MIRROR names a mirror and curl fetches from it.

source "$(dirname "$0")/common.sh"
source "$(dirname "$0")/debian.sh"

list=$root/build/sources.txt
name=sources-$(sha256sum "$list" | cut -c 1-12)

entries() { grep -v '^#' "$list"; }

packages() { # packages RELEASE tar|deb: those of a release that come as an upstream tarball, or as a binary package
  entries | awk -v release="$1" -v kind="$2" '$2 == release && ($4 ~ /\.deb$/ ? "deb" : "tar") == kind {print $3}'
}

download_with_apt() { # into the current folder
  local worlds=$1/apt release tars debs
  for release in $(entries | awk '{print $2}' | sort -u); do
    apt_world "$worlds" "$release"
    mapfile -t tars < <(packages "$release" tar)
    mapfile -t debs < <(packages "$release" deb)
    [ ${#tars[@]} -eq 0 ] || apt_in "$worlds/$release" source --download-only --tar-only "${tars[@]}"
    [ ${#debs[@]} -eq 0 ] || apt_in "$worlds/$release" download "${debs[@]}"
  done
}

download_with_curl() { # into the current folder
  local path
  need curl "Install curl."
  for path in $(entries | awk '{print $4}'); do
    curl -fsSL -O "${DEBIAN_MIRROR%/}/pool/main/$path" || die "$path is not at the mirror $DEBIAN_MIRROR."
  done
}

unpack() { # unpack FILE FOLDER
  local strip=1
  mkdir "$2"
  case "$1" in
    *.deb) (cd "$2" && ar p "$1" data.tar.xz | tar -xJ --strip-components=3) ;; # from under ./usr/include
    *)
      [ "$2" != xnnpack ] || strip=0 # its tarball has no top folder
      tar -xf "$1" -C "$2" --strip-components=$strip --exclude='test' --exclude='tests' --exclude='bench' --exclude='*.S'
      ;;
  esac
}

# fetch PARTIAL FINAL
fetch() {
  local folder path sum file
  say "downloading the C libraries' sources (5 MB)"
  mkdir files
  if [ -n "$(debian_release)" ] && command -v apt-get > /dev/null; then
    (cd files && download_with_apt "$1")
  elif [ -n "${DEBIAN_MIRROR:-}" ]; then
    (cd files && download_with_curl)
  else
    die "The C libraries come from a Debian mirror, and this system's package manager names none." \
      "Set DEBIAN_MIRROR to the address of one (it ends in /debian); each file's sha256 is checked."
  fi
  while read -r folder _ _ path sum; do
    file=$1/files/${path##*/}
    echo "$sum  $file" | sha256sum --quiet --check - >&2 || die "${path##*/} is not the file that was pinned."
    unpack "$file" "$folder"
  done < <(entries)
  rm -rf files apt
}

need tar "Install tar."
need xz "Install xz (apt-get install xz-utils)."
need ar "Install binutils."
cached "$name" fetch
say "C libraries' sources in the cache"
echo "SOURCES := $cache/$name" | write_if_changed "$out/sources.mk"
ln -sfn "$cache/$name" "$out/sources" # to read them
