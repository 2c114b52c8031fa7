#!/usr/bin/env bash
# Kernels from measuring to serving, on a tiny model: winners are chosen, a planted faster trace changes the choice, and
# no solution that is wrong, crashes, hangs or cheats is ever chosen, however fast it is.
#
#   Tests/EndToEnd/kernels.sh [SWIFTLET]          the program; default .build/debug/swiftlet
set -uo pipefail
cd "$(dirname "$0")/../.."
swiftlet=${1:-.build/debug/swiftlet}
model=Tests/Fixtures/families/llama definition=silu_and_mul_h32
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
options=(--model "$model" --trace-set "$work/set")
passed=0 failed=0

# check NAME COMMAND…: counts, and says what failed
check() {
  local name=$1
  shift
  if "$@"; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "kernels: FAILED: $name" >&2
    tail -n 5 "$work/out" | cut -c 1-300 >&2
  fi
}
explain() { "$swiftlet" kernels explain "$definition" "${options[@]}" "$@" >"$work/out" 2>&1; }
chosen() { sed -nE 's/^  \* ([^:]*): chosen.*/\1/p' "$work/out"; }

# Every own kernel of the tiny model that a processor can run, measured and right.
"$swiftlet" bench kernels --quick --threads 1 "${options[@]}" >"$work/out" 2>"$work/err"
check "all own kernels pass" [ $? -eq 0 ]
check "every definition of the model has traces" [ "$(ls "$work"/set/definitions/*/*.json | wc -l)" -ge 8 ]
check "a set that the benchmark wrote is in order" "$swiftlet" traces validate "$work/set" --baseline swiftlet >/dev/null

explain
first=$(chosen)
check "auto chooses by measurements" grep -q "chosen, the fastest over all measured shapes" "$work/out"
check "the oracle is not the fastest" [ "$first" != silu_and_mul_swift ]

# A planted faster trace of the oracle changes the choice; taking it away changes it back.
traces=$(ls "$work"/set/traces/*/silu_and_mul/$definition.jsonl | head -n 1)
cp "$traces" "$work/kept.jsonl"
python3 - "$traces" <<'PYTHON'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1]) if line.strip()]
with open(sys.argv[1], "a") as file:
    for line in lines:
        if line["solution"] == "silu_and_mul_swift":
            line["evaluation"]["performance"].update(latency_ms=1e-9, speedup_factor=1e9)
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
PYTHON
explain
check "a planted faster trace changes the choice" [ "$(chosen)" = silu_and_mul_swift ]
cp "$work/kept.jsonl" "$traces"
explain
check "without it the choice is as before" [ "$(chosen)" = "$first" ]

# Attackers beside a good solution of the same definition.
if command -v clang++ >/dev/null || command -v g++ >/dev/null; then
  mkdir -p "$work/set/solutions"
  for file in Tests/Fixtures/attacks/*.json; do
    sed "s/silu_and_mul_h64/$definition/" "$file" >"$work/set/solutions/$(basename "$file")"
  done
  names=$(for file in "$work"/set/solutions/*.json; do basename "$file" .json; done)
  # shellcheck disable=SC2086
  "$swiftlet" bench kernels --quick --threads 1 --timeout 5 --memory 2G --definitions "$definition" --solutions $names \
    "${options[@]}" >"$work/out" 2>"$work/err"
  check "foreign failures are not the program's" [ $? -eq 0 ]
  explain --kernels auto
  cp "$work/out" "$work/explained"
  for name in $names; do
    case $name in
      good_* | prints_much | leaves_a_process) continue ;;  # right, if impolite
      *_python) command -v python3 >/dev/null || continue ;;
    esac
    check "$name is refused" grep -qE "^  - $name: refused, (its benchmark failed here|its results depend|it does not build)" "$work/explained"
  done
  check "the choice is an honest one" [ -n "$(chosen)" ]
  check "no attacker is chosen" [ -z "$(chosen | grep -vE '^(silu_and_mul_|good_|prints_much|leaves_a_process)')" ]
else
  echo "kernels: SKIPPED: attackers, which need clang++ or g++"
fi

echo "kernels: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
