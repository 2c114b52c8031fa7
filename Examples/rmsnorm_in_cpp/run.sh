#!/usr/bin/env bash
# From a C++ file to a server that runs it. See README.md.
#   run.sh [SWIFTLET [MODEL]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
swiftlet=${1:-.build/release/swiftlet} model=${2:-smollm2-135m-instruct}
work=$(mktemp -d) server=""
trap '[[ -z "$server" ]] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
set_options=(--model "$model" --trace-set "$work/set")

# The definition's name holds the model's hidden size: rmsnorm_h576 for the default model.
definition=$("$swiftlet" kernels list --model "$model" | sed -nE 's/^(rmsnorm_h[0-9]+) .*/\1/p' | head -n 1)

echo "1. register"
"$swiftlet" kernels add "$here/my_rmsnorm.cpp" --definition "$definition" "${set_options[@]}" --cache "$work/cache" |
  sed -E 's/rmsnorm_h[0-9]+/rmsnorm_h…/g; s/built in .*/built/' | head -n 1

echo "2. measure"
"$swiftlet" bench kernels --definitions "$definition" --solutions my_rmsnorm rmsnorm_swift --quick \
  "${set_options[@]}" >"$work/table.txt" 2>"$work/bench.log" || { cat "$work/bench.log" "$work/table.txt" >&2; exit 1; }
"$swiftlet" traces show "$work/set" my_rmsnorm | sed -nE 's/^  (PASSED|[A-Z_]+)  .*/   my_rmsnorm \1/p' | sort | uniq

echo "3. choose"
"$swiftlet" kernels explain "$definition" --kernels "$here/kernels.yaml" "${set_options[@]}" |
  sed -nE 's/^  \* (my_rmsnorm|[^:]*): chosen, (the fastest over all measured shapes).*/   \1: \2/p'

echo "4. serve"
: >"$work/server.log"  # here already when the loop below reads it, however late the server starts
"$swiftlet" serve --port 0 --kernels "$here/kernels.yaml" "${set_options[@]}" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 300); do
  url=$(sed -nE 's/^listening on (.*)$/\1/p' "$work/server.log")
  [[ -z "$url" ]] || break
  kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
  sleep 0.1
done
name=$(curl -sf "$url/v1/models" | sed -E 's/.*"id":"([^"]*)".*/\1/')
curl -sf "$url/v1/completions" -H 'Content-Type: application/json' \
  -d "{\"model\": \"$name\", \"prompt\": \"The capital of France is\", \"max_tokens\": 4, \"temperature\": 0}" >"$work/answer.json"
curl -sf "$url/metrics" >"$work/metrics.txt"
calls=$(sed -nE "s/^swiftlet:kernel_calls_total\{definition=\"$definition\",solution=\"my_rmsnorm\",reason=\"overall\"\} ([0-9]+)$/\1/p" "$work/metrics.txt")
steps=$(sed -nE 's/^swiftlet:steps_total[^ ]* ([0-9]+)$/\1/p' "$work/metrics.txt")
if [[ -n "$calls" && "$calls" = "$steps" ]]; then
  echo "   answered; my_rmsnorm ran in every step"
else
  echo "   answered; my_rmsnorm ran in ${calls:-none} of $steps steps"
fi
