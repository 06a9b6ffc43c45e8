#!/bin/bash
# Runs every fuzzer, or those named, for some seconds or runs each.    usage: tests/fuzz/run.sh [SECONDS=60 | RUNSx] [NAME...]
#
#     tests/fuzz/run.sh 180                 all of them, three minutes each
#     tests/fuzz/run.sh 600 tokenizer       one of them
#     tests/fuzz/run.sh 10000000x exif      ten million runs
#
# What was learnt stays in build/out/fuzz/NAME; an input that fails is written to build/out/fuzz/NAME.failures. See README.md here.
set -euo pipefail
cd "$(dirname "$0")/../.."

amount=${1:-60}
[[ $amount =~ ^[1-9][0-9]*x?$ ]] || { echo "usage: $0 [SECONDS | RUNSx] [NAME...]" >&2; exit 2; }
shift || true
names=("$@")
[ $# -gt 0 ] || for file in tests/fuzz/fuzz_*.c; do name=${file##*/fuzz_}; names+=("${name%.c}"); done
for name in "${names[@]}"; do [ -e "tests/fuzz/fuzz_$name.c" ] || { echo "$0: no fuzz_$name.c in tests/fuzz" >&2; exit 2; }; done

command -v clang > /dev/null || { echo "$0: clang with libFuzzer is needed" >&2; exit 1; }
make -s -f build/native.mk CC=clang -j2 "${names[@]/#/build/out/native/fuzz/fuzz_}"

# Larger inputs are slower, and no more likely to fail.
most() {
  case $1 in
    tower) echo 42000 ;;
    image | converter | onnx | torch) echo 4096 ;;
    config | safetensors | tokenizer_json) echo 1500 ;;
    *) echo 400 ;;
  esac
}

# Third parties' data are beginnings, too, where they are there.
shared=${CLIP_SHARED:-../shared}
more() {
  case $1 in
    config) cp "$shared"/data/models/*/*config.json "$2" ;;
    image) find "$shared/data/images" -type f -size -4k -exec cp {} "$2" \; ;;
    merges) { printf '\0'; head -n 100 "$shared/data/clip-bpe/merges.txt"; } > "$2/merges" ;;
    tokenizer)
      node -e 'for (const [n, line] of require("fs").readFileSync(process.argv[1], "utf8").trim().split("\n").entries())
        require("fs").writeFileSync(`${process.argv[2]}/text-${n}`, JSON.parse(line).text)' "$shared/data/tokenizer-golden.jsonl" "$2"
      ;;
  esac 2> /dev/null || true
}

limit=-max_total_time=$amount
[[ $amount != *x ]] || limit=-runs=${amount%x}
failed=()
for name in "${names[@]}"; do
  corpus=build/out/fuzz/$name
  mkdir -p "$corpus" "$corpus.failures"
  [ -n "$(ls -A "$corpus")" ] || more "$name" "$corpus"
  echo "== $name: $amount"
  "build/out/native/fuzz/fuzz_$name" "$limit" -max_len="$(most "$name")" -timeout=20 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$corpus.failures/" "$corpus" "tests/fuzz/seeds/$name" || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}; the inputs are in build/out/fuzz/*.failures" >&2; exit 1; }
