#!/usr/bin/env bash
# Starts the server as a user would and talks to it: health, malformed requests, OpenAI's own Python client, shutdown.
#
#   Tests/EndToEnd/run.sh [SWIFTLET]          the program; default .build/debug/swiftlet
#
# SWIFTLET_TEST_MODEL   what to serve (default: the default model if it was fetched, else a tiny random one)
# SWIFTLET_TEST_VENV    virtual environment for the client, made when absent (default .venv-test)
#
# Every wait has an end, and the server is stopped however this script ends. Each part prints one line; a part that
# cannot run here prints why it is skipped.
set -uo pipefail
cd "$(dirname "$0")/../.."

swiftlet=${1:-.build/debug/swiftlet}
venv=${SWIFTLET_TEST_VENV:-.venv-test}
client_requirement="openai>=2,<4"
start_limit=60 stop_limit=5 client_limit=300 install_limit=240

work=$(mktemp -d)
server=""
cleanup() {
  if [ -n "$server" ] && kill -0 "$server" 2>/dev/null; then
    kill -KILL "$server" 2>/dev/null
    wait "$server" 2>/dev/null
  fi
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { echo "end-to-end: $*"; }
fail() {
  say "FAILED: $*" >&2
  if [ -s "$work/server.log" ]; then
    echo "--- last lines of the server ---" >&2
    tail -n 40 "$work/server.log" >&2
  fi
  exit 1
}

# start MODEL: runs the server on a free port; sets server and url
start() {
  : >"$work/server.log" # empty before the loop below reads it, however late the server starts
  "$swiftlet" serve --host 127.0.0.1 --port 0 --model "$1" >"$work/server.log" 2>&1 &
  server=$!
  local deadline=$((SECONDS + start_limit)) port=""
  while [ -z "$port" ]; do
    kill -0 "$server" 2>/dev/null || { wait "$server"; fail "the server ended with status $? before it listened"; }
    [ "$SECONDS" -lt "$deadline" ] || fail "no line 'listening on http://127.0.0.1:PORT' within $start_limit s"
    port=$(sed -nE 's|.*[Ll]istening on http://127\.0\.0\.1:([0-9]+).*|\1|p' "$work/server.log" | head -n 1)
    [ -n "$port" ] || sleep 0.1
  done
  url=http://127.0.0.1:$port
  until healthy; do
    kill -0 "$server" 2>/dev/null || fail "the server ended before /health answered"
    [ "$SECONDS" -lt "$deadline" ] || fail "GET $url/health did not answer within $start_limit s"
    sleep 0.1
  done
}

healthy() {
  python3 - "$url/health" <<'PYTHON' 2>/dev/null
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
sys.exit(opener.open(sys.argv[1], timeout=5).status != 200)
PYTHON
}

# stop: SIGTERM must end the server with status 0 in time
stop() {
  local deadline=$((SECONDS + stop_limit)) status
  kill -TERM "$server"
  while kill -0 "$server" 2>/dev/null; do
    [ "$SECONDS" -le "$deadline" ] || fail "the server still runs $stop_limit s after SIGTERM"
    sleep 0.1
  done
  wait "$server"
  status=$?
  server=""
  [ "$status" -eq 0 ] || fail "after SIGTERM the server ended with status $status, expected 0"
}

prepare_client() { # sets skip_reason when the client cannot be had
  skip_reason=""
  if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import openai' 2>/dev/null; then return; fi
  rm -rf "$venv"
  if ! python3 -m venv "$venv" >"$work/venv.log" 2>&1; then
    rm -rf "$venv"
    skip_reason="python3 cannot make a virtual environment (Debian: apt-get install python3-venv)"
    return
  fi
  if ! timeout "$install_limit" "$venv/bin/python" -m pip install --quiet "$client_requirement" >"$work/venv.log" 2>&1; then
    skip_reason="pip cannot install $client_requirement: $(grep -iE 'error' "$work/venv.log" | tail -n 1)"
    rm -rf "$venv"
  fi
}

[ -x "$swiftlet" ] || fail "$swiftlet is not there: run 'swift build' first"
model=${SWIFTLET_TEST_MODEL:-}
if [ -z "$model" ]; then
  if [ -f "$(python3 Scripts/fetch_model.py --print-path)" ]; then
    model=smollm2-135m-instruct
  else
    model=Tests/Fixtures/families/llama
  fi
fi

say "serving $model with $swiftlet"
began=$SECONDS
start "$model"
say "listening on $url, healthy"

timeout "$client_limit" python3 Tests/EndToEnd/malformed_requests.py "$url" || fail "malformed requests"
healthy || fail "the server is not healthy after the malformed requests"

prepare_client
if [ -n "$skip_reason" ]; then
  say "SKIPPED: the openai client: $skip_reason"
else
  timeout "$client_limit" "$venv/bin/python" Tests/EndToEnd/openai_client.py --base-url "$url/v1" \
    || fail "the openai client"
fi

healthy || fail "the server is not healthy any more"
stop
say "SIGTERM ended the server with status 0"

start "$model"
python3 Tests/EndToEnd/malformed_requests.py "$url" --leave-open 3 >"$work/open.log" 2>&1 &
open=$!
sleep 1
stop
wait "$open" 2>/dev/null
say "SIGTERM during open streams ended the server with status 0"
say "all passed in $((SECONDS - began)) s"
