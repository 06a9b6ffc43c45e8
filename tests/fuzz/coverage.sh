#!/bin/bash
# What of src/ the seeds reach: builds the fuzzers with clang's counters, runs each once over its seeds, and prints llvm-cov's table.
#
#     tests/fuzz/coverage.sh            the table; coverage.txt here is one that was kept
#     tests/fuzz/coverage.sh 85         fails where fewer regions are reached, in percent
#     tests/fuzz/coverage.sh FILE       lines of one file of src/, with counts
set -euo pipefail
cd "$(dirname "$0")/../.."

find_tool() { command -v "$1-14" || command -v "$1" || { echo "$0: $1 is needed (on Debian: apt-get install llvm)" >&2; exit 1; }; }
profdata=$(find_tool llvm-profdata)
cov=$(find_tool llvm-cov)
command -v clang > /dev/null || { echo "$0: clang with libFuzzer is needed" >&2; exit 1; }
make -s -f build/native.mk CC=clang -j2 coverage

out=build/out/coverage
rm -rf "$out"
mkdir -p "$out"
objects=()
for program in build/out/native/coverage/fuzz_*; do
  [[ $program != *.d ]] || continue
  name=${program##*/fuzz_}
  LLVM_PROFILE_FILE=$out/$name.profraw "$program" -runs=0 -max_len=1048576 -rss_limit_mb=2048 "tests/fuzz/seeds/$name" > "$out/$name.log" 2>&1 || {
    tail -5 "$out/$name.log" >&2
    exit 1
  }
  [ ${#objects[@]} -eq 0 ] && objects=("$program") || objects+=(-object "$program")
done
"$profdata" merge -sparse "$out"/*.profraw -o "$out/all.profdata"
if [[ ${1:-} == *.c ]]; then
  exec "$cov" show "${objects[@]}" -instr-profile="$out/all.profdata" "$1"
fi
# by files: regions, those missed, percent; functions and lines are left out
"$cov" report "${objects[@]}" -instr-profile="$out/all.profdata" src |
  awk 'NR > 2 && ($1 ~ /\.[ch]$/ || $1 == "TOTAL") { printf "%-38s %6d regions, %5d missed, %6s\n", $1, $2, $3, $4 }' | tee "$out/report.txt"
share=$(awk '$1 == "TOTAL" { sub("%", "", $6); print $6 }' "$out/report.txt")
awk -v least="${1:-0}" -v share="$share" 'BEGIN { exit share + 0 < least + 0 }' || {
  echo "$0: $share % of the regions are reached, fewer than $1" >&2
  exit 1
}
