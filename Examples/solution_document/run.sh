#!/usr/bin/env bash
# A kernel dropped into a running server's folder. See README.md.
#   run.sh [SWIFTLET]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
swiftlet=${1:-.build/release/swiftlet}
work=$(mktemp -d) server=""
trap '[[ -z "$server" ]] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
definition=silu_and_mul_h1536
mkdir -p "$work/set/definitions" "$work/set/solutions"

echo "1. serve"
: >"$work/server.log"  # here already when the loop below reads it, however late the server starts
"$swiftlet" serve --port 0 --admin 0 --trace-set "$work/set" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 300); do
  url=$(sed -nE 's/^listening on (.*)$/\1/p' "$work/server.log") admin=$(sed -nE 's/^admin on (.*)$/\1/p' "$work/server.log")
  [[ -z "$url" || -z "$admin" ]] || break
  kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
  sleep 0.1
done
name=$(curl -sf "$url/v1/models" | sed -E 's/.*"id":"([^"]*)".*/\1/')
calls() { curl -sf "$url/metrics" | grep -c "definition=\"$definition\",solution=\"$1\"" || true; }

echo "2. drop the document into the folder"
cp "$here/my_silu_and_mul.json" "$work/set/solutions/"
curl -sf -X POST "$admin/reload" | sed -nE 's/^ *"done": "(.*) of [0-9]+ (decisions.*)",$/   \1 \2/p'

echo "3. switch while an answer is being streamed"
curl -sfN "$url/v1/completions" -H 'Content-Type: application/json' -d "{\"model\": \"$name\", \"prompt\": \"Once upon a time\",
  \"max_tokens\": 120, \"temperature\": 0, \"ignore_eos\": true, \"stream\": true}" >"$work/stream.txt" &
stream=$!
while ! grep -q '"text"' "$work/stream.txt" 2>/dev/null; do
  kill -0 "$stream" 2>/dev/null || break
  sleep 0.02
done
curl -sf -X POST "$admin/switch" -d "{\"definition\": \"$definition\", \"solution\": \"my_silu_and_mul\"}" |
  sed -nE 's/^ *"done": "(.*)",$/   \1/p'
wait "$stream"
echo "   the stream ended with $(tail -n 2 "$work/stream.txt" | head -n 1)"
echo "   kernels that computed $definition: $(curl -sf "$url/metrics" | grep -c "^swiftlet:kernel_calls_total{definition=\"$definition\"")"
[[ $(calls my_silu_and_mul) = 1 ]] && echo "   my_silu_and_mul was one of them"

echo "4. take it back"
curl -sf -X POST "$admin/rollback" | sed -nE 's/^ *"done": "(.*)",$/   \1/p'
