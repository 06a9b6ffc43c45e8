#!/bin/bash
# Runs every fuzzer, or those named, for some seconds each.    usage: tests/fuzz/run.sh [SECONDS=60] [NAME...]
#
#     tests/fuzz/run.sh 180                 all of them, three minutes each
#     tests/fuzz/run.sh 600 tokenizer       one of them
#
# What was learnt stays in build/out/fuzz/NAME; an input that fails is written to build/out/fuzz/NAME.failures. See README.md here.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [SECONDS] [NAME...]" >&2; exit 2; }
shift || true
names=("$@")
[ $# -gt 0 ] || for file in tests/fuzz/fuzz_*.c; do name=${file##*/fuzz_}; names+=("${name%.c}"); done
for name in "${names[@]}"; do [ -e "tests/fuzz/fuzz_$name.c" ] || { echo "$0: no fuzz_$name.c in tests/fuzz" >&2; exit 2; }; done

command -v clang > /dev/null || { echo "$0: clang with libFuzzer is needed" >&2; exit 1; }
make -s -f build/native.mk CC=clang -j2 "${names[@]/#/build/out/native/fuzz/fuzz_}"

# seed NAME FOLDER: inputs to start from, taken from the shared data where it is there
shared=${CLIP_SHARED:-../shared}
seed() {
  case $1 in
    config) cp "$shared"/data/models/*/*config.json "$2" 2> /dev/null ;;
    image) find "$shared/data/images" -type f -size -20k -exec cp {} "$2" \; 2> /dev/null ;;
    safetensors) for file in "$shared"/data/models/*/expected.safetensors; do head -c 65536 "$file" > "$2/${file//\//_}"; done 2> /dev/null ;;
    tokenizer)
      { printf 1; head -n 300 "$shared/data/models/clip-nano/merges.txt"; } > "$2/merges" 2> /dev/null
      node -e 'for (const [n, line] of require("fs").readFileSync(process.argv[1], "utf8").trim().split("\n").entries())
        require("fs").writeFileSync(`${process.argv[2]}/text-${n}`, "0" + JSON.parse(line).text)' \
        "$shared/data/tokenizer-golden.jsonl" "$2" 2> /dev/null
      ;;
  esac || true
}

failed=()
for name in "${names[@]}"; do
  corpus=build/out/fuzz/$name
  mkdir -p "$corpus" "$corpus.failures"
  [ -n "$(ls -A "$corpus")" ] || seed "$name" "$corpus"
  echo "== $name: $seconds s"
  "build/out/native/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$corpus.failures/" "$corpus" || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}; the inputs are in build/out/fuzz/*.failures" >&2; exit 1; }
