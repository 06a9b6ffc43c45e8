#!/bin/bash
# Finds or fetches Emscripten, and writes build/out/toolchain.mk (for make) and build/out/env.sh (for a shell).
# usage: build/toolchain.sh
#
# An emcc on PATH, 3.1.45 or newer (final relaxed SIMD), is used as it is. Otherwise, on Debian 12 for x86-64,
# Emscripten and binaryen come from Debian 13 and clang from Debian 12, both verified by apt's signatures, into the
# cache folder: about 350 MB down, 600 MB kept, no root, nothing installed.

source "$(dirname "$0")/common.sh"
source "$(dirname "$0")/debian.sh"

oldest=3.1.45
emscripten=3.1.69+dfsg-3
binaryen=120-4
llvm=1:19.1.7-3~deb12u1
name=emscripten-3.1.69-r3 # counts up when what is kept changes

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

emcc_version() { "$1" --version 2> /dev/null | sed -nE '1s/.* ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p'; }

what_to_install() {
  local found=$1 advice
  case "$(debian_release)" in
    13 | 14) advice="apt-get install emscripten" ;;
    *) advice="emsdk (https://emscripten.org/docs/getting_started/downloads.html): ./emsdk install 3.1.69 && ./emsdk activate 3.1.69 && . ./emsdk_env.sh" ;;
  esac
  die "Emscripten $oldest or newer is needed as emcc on PATH${found:+; the one there is $found}." \
    "Only on Debian 12 for x86-64 is it fetched by this script; here, please install:" \
    "  Emscripten:  $advice" \
    "  and besides: a C compiler (gcc or clang), make, python3, Node 20 or newer, tar, xz, flock"
}

extract() { # extract DEB FOLDER TAR-ARGUMENTS...
  local deb=$1 folder=$2
  shift 2
  mkdir -p "$folder"
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$folder" "$@"
}

# fetch PARTIAL FINAL
fetch() {
  local partial=$1 final=$2 tool target
  local apt=$partial/apt libraries=usr/lib/x86_64-linux-gnu
  say "package lists of Debian 12 and 13"
  apt_world "$apt" bookworm
  apt_world "$apt" trixie

  say "downloading Emscripten and clang (350 MB)"
  mkdir -p debs/13 debs/12
  (cd debs/13 && apt_in "$apt/trixie" download emscripten="$emscripten" binaryen="$binaryen" \
    node-acorn libc6 libstdc++6 libgcc-s1)
  (cd debs/12 && apt_in "$apt/bookworm" download {clang-19,lld-19,llvm-19,libllvm19,libclang-cpp19,libclang-common-19-dev}="$llvm" \
    libz3-4 libedit2 libbsd0 libmd0 libxml2 libicu72)

  say "unpacking"
  # Of Emscripten: not its tests, nor the variants of its system libraries that are never linked here.
  extract debs/13/emscripten_*.deb em --exclude='./usr/share/emscripten/test' --exclude='./usr/share/emscripten/docs' \
    --exclude='./usr/share/doc' --exclude='*/wasm64-emscripten' --exclude='*/wasm32-emscripten/*/*' \
    --exclude='*san*.a' --exclude='*-tracing.a' --exclude='*-memvalidate*.a' --exclude='*/libGL*-emu*' --exclude='*/libGL*-ofb*'
  extract debs/13/emscripten_*.deb em ./usr/share/doc/emscripten/copyright
  extract debs/13/node-acorn_*.deb em
  extract debs/13/binaryen_*.deb em
  for tool in c6 stdc++6 gcc-s1; do extract debs/13/lib${tool}_*.deb rt --wildcards '*.so*'; done
  # Of clang: what emcc calls, and the headers of the compiler.
  extract debs/12/clang-19_*.deb llvm --wildcards './usr/lib/llvm-19/bin/clang*'
  extract debs/12/lld-19_*.deb llvm --wildcards './usr/lib/llvm-19/bin/*'
  extract debs/12/llvm-19_*.deb llvm --wildcards './usr/lib/llvm-19/bin/llvm-*'
  extract debs/12/libclang-common-19-dev_*.deb llvm --wildcards '*/include/*.h'
  for tool in debs/12/lib{llvm19,clang-cpp19,z3-4,edit2,bsd0,md0,xml2,icu72}_*.deb; do
    extract "$tool" llvm --wildcards '*.so*'
  done

  # Node finds an imported acorn through node_modules up the tree (NODE_PATH does not count for import).
  ln -s nodejs em/usr/share/node_modules

  # LLVM's tools run with their own libraries; binaryen's are Debian 13's and need that release's C library besides.
  mkdir -p tools/bin
  for tool in clang clang++ wasm-ld llvm-ar llvm-nm llvm-ranlib llvm-objcopy llvm-strip llvm-dwarfdump llvm-objdump llvm-size llvm-cxxfilt llvm-dwp; do
    target=usr/lib/llvm-19/bin/$tool
    [ -e "llvm/$target" ] || die "$tool is not in the packages any more."
    printf '#!/bin/bash\nLD_LIBRARY_PATH=%q exec -a "$0" %q "$@"\n' \
      "$final/llvm/$libraries:$final/llvm/usr/lib/llvm-19/lib" "$final/llvm/$target" > tools/bin/$tool
  done
  for tool in em/usr/bin/wasm*; do
    printf '#!/bin/bash\nexec %q --library-path %q %q "$@"\n' "$final/rt/$libraries/ld-linux-x86-64.so.2" \
      "$final/rt/$libraries:$final/em/$libraries:$final/em/$libraries/binaryen" "$final/$tool" > "tools/bin/${tool##*/}"
  done
  chmod +x tools/bin/*

  cat > emscripten.cfg << CFG
import shutil
LLVM_ROOT = '$final/tools/bin'
BINARYEN_ROOT = '$final/tools'
NODE_JS = shutil.which('node')
FROZEN_CACHE = True
CFG
  (cd debs && sha256sum ./*/*.deb) > SHA256SUMS
  rm -rf debs apt
}

# write_environment FOLDER-OF-EMCC [EM_CONFIG]
write_environment() {
  local folder=$1 config=${2:-} llvm suffix binaryen libraries
  [ -z "$config" ] || export EM_CONFIG=$config
  llvm=$("$folder/em-config" LLVM_ROOT)
  suffix=$("$folder/em-config" LLVM_ADD_VERSION)
  binaryen=$("$folder/em-config" BINARYEN_ROOT)/bin
  libraries=$("$folder/em-config" CACHE)/sysroot/lib/wasm32-emscripten
  [ ! -x "$llvm/wasm-ld-$suffix" ] || suffix=-$suffix
  [ "${suffix:0:1}" = - ] || suffix=
  [ -x "$llvm/wasm-ld$suffix" ] || die "There is no wasm-ld in $llvm, where this emcc says its LLVM is."
  [ -x "$binaryen/wasm-opt" ] || die "There is no wasm-opt in $binaryen, where this emcc says its binaryen is."
  if ! [ -f "$libraries/libc-ww.a" ] || ! [ -f "$libraries/libemmalloc-ww.a" ] || ! [ -f "$libraries/libcompiler_rt-ww.a" ]; then
    say "building Emscripten's system libraries (once)"
    "$folder/embuilder" build lib{c,emmalloc,compiler_rt}{,-ww} >&2 || die "embuilder failed (above)."
  fi
  {
    printf '%s := %s\n' EMSCRIPTEN "$folder" WASM_LD "$llvm/wasm-ld$suffix" WASM_OPT "$binaryen/wasm-opt" SYSTEM_LIBRARIES "$libraries"
    [ -z "$config" ] || printf 'export EM_CONFIG := %s\n' "$config"
  } | write_if_changed "$out/toolchain.mk"
  {
    printf '# . build/out/env.sh: emcc in this shell.\n'
    printf 'export PATH=%q:$PATH\n' "$folder"
    [ -z "$config" ] || printf 'export EM_CONFIG=%q\n' "$config"
  } | write_if_changed "$out/env.sh"
}

found=
if command -v emcc > /dev/null; then
  found=$(emcc_version emcc || true)
  if [ -n "$found" ] && at_least "$oldest" "$found"; then
    say "emcc $found on PATH"
    write_environment "$(dirname "$(command -v emcc)")" "${EM_CONFIG:-}"
    exit
  fi
fi
[ "$(debian_release)" = 12 ] && [ "$(uname -m)" = x86_64 ] || what_to_install "$found"
need python3 "apt-get install python3"
need node "Node 20 or newer: https://nodejs.org, or apt-get install nodejs where that is new enough"
need flock "apt-get install util-linux"

cached "$name" fetch
export EM_CONFIG=$cache/$name/emscripten.cfg
version=$(emcc_version "$cache/$name/em/usr/share/emscripten/emcc" || true)
[ -n "$version" ] || die "the emcc in $cache/$name does not run:" \
  "$("$cache/$name/em/usr/share/emscripten/emcc" --version 2>&1 | tail -n 3)" "Delete that folder to fetch it anew."
say "emcc $version from the cache"
write_environment "$cache/$name/em/usr/share/emscripten" "$EM_CONFIG"
