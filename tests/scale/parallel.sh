#!/bin/bash
# Pieces of embed side by side, by GNU parallel (Debian: parallel), one of them killed and started again; compared with one run.
# usage: tests/scale/parallel.sh FOLDER OUT [N]      OUT is a folder that is made
set -euo pipefail
photos=$1 out=$2 n=${3:-4}
cli="node $(dirname "$0")/../../web/cli.js"
mkdir -p "$out"
$cli embed "$photos" -o "$out/whole.jsonl"

# --halt and --retries are the engine's own; --resume lets a retry go on where the killed one was
export PARALLEL_SHELL=/bin/bash
pieces() {
  parallel --jobs 2 --retries 3 --joblog "$out/jobs" \
    "$cli embed '$photos' -o '$out/piece-{}.jsonl' --shard {}/$n --resume --workers 1" ::: $(seq "$n")
}
pieces &
sleep 2
victim=$(pgrep -n -f "^node .*piece-1.jsonl" || true)
[ -z "$victim" ] || { kill -9 "$victim" && echo "killed the first piece's process $victim"; }
wait

for i in $(seq "$n"); do cat "$out/piece-$i.jsonl"; done | cmp - "$out/whole.jsonl"
cut -f1,7,8 "$out/jobs"
echo "$n pieces are the bytes of one run: $(wc -l < "$out/whole.jsonl") photos"
