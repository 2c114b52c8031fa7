#!/usr/bin/env bash
# Runs the commands that look after trace sets and the machine, and the simulator, on the fixtures: answers, exit statuses, JSON.
#
#   Tests/EndToEnd/tools.sh [SWIFTLET]          the program; default .build/debug/swiftlet
set -uo pipefail
cd "$(dirname "$0")/../.."
swiftlet=${1:-.build/debug/swiftlet}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SWIFTLET_HOME=$work/home
passed=0 failed=0

# check NAME CONDITION…: counts, and says what failed
check() {
  local name=$1
  shift
  if "$@"; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "tools: FAILED: $name" >&2
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
says() { grep -q -- "$1" "$work/out" "$work/err"; }
# json STATUS EXPRESSION ARGUMENTS…: the output is JSON, and of the document `d` the Python expression is true
json() {
  run "$1" "${@:3}" && python3 -m json.tool "$work/out" >/dev/null 2>>"$work/err" &&
    python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$work/out" "$2" 2>>"$work/err"
}

for command in traces "traces validate" "traces show" "traces best" "traces merge" "traces diff" "traces convert" "traces coverage" "traces export" simulate doctor; do
  check "$command --help" run 0 $command --help # the words of a subcommand
done

# A sound set: the fixture with the one file of tensors that it names.
cp -r Tests/Fixtures/interchange/set "$work/set"
mkdir -p "$work/set/blob/workloads/elementwise/scale_n64"
python3 - "$work/set/blob/workloads/elementwise/scale_n64/scale.safetensors" <<'PY'
import json, struct, sys
header = json.dumps({"längen": {"dtype": "I64", "shape": [2], "data_offsets": [0, 16]}}).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(header)) + header + bytes(16))
PY
cp -r "$work/set" "$work/broken"
echo 'not json' >>"$work/broken/workloads/gemm/gemm_n32_k64.jsonl"
rm -r "$work/broken/blob"

check "validate accepts a sound set" run 0 traces validate "$work/set"
check "validate sums up" says "3 definitions: 2 ok, 1 warning, 0 error"
check "--strict counts warnings" run 1 traces validate --strict "$work/set"
check "validate --json" json 0 'd["errors"] == 0 and d["definitions"]["gemm_n32_k64"] == "ok"' traces validate --json "$work/set"
check "validate refuses a broken set" run 1 traces validate "$work/broken"
check "validate names the line" says "error: workloads/gemm/gemm_n32_k64.jsonl:4: "
check "validate names the missing tensors" says "scale.safetensors: the tensors of this workload are not there"
check "validate --json of a broken set" json 1 'd["errors"] == 4 and any(f["line"] == 4 for f in d["findings"])' traces validate --json "$work/broken"
check "validate of no folder" json 1 'd["errors"] == 1' traces validate --json "$work/none"

check "show" run 0 traces show "$work/set"
check "show ranks" says "^1  ann "
check "show --json" json 0 'd["summary"] == {"total": 25, "passed": 19, "failed": 6} and d["best"]["gemm_n32_k64"]' traces show "$work/set" --json
check "show of a definition" run 0 traces show "$work/set" scale_n64
check "show names the solutions" says "solved by bob_scale"
check "show of a solution as JSON" json 0 'd["author"] == "ann"' traces show "$work/set" ann_gemm --json
check "show of an unknown name" run 64 traces show "$work/set" no_such
check "show of no folder" run 64 traces show "$work/none"

check "best --json" json 0 'len(d) == 3 and d[0]["definition"]' traces best "$work/set" --json
check "best of one size" json 0 'd[0]["axes"]["M"] == 17' traces best "$work/set" gemm_n32_k64 --json --axes M=17
check "best of a size that was not measured" json 0 'd == [{"definition": "gemm_n32_k64", "solution": None}]' traces best "$work/set" gemm_n32_k64 --json --axes M=99999
check "best of an unknown definition" run 64 traces best "$work/set" no_such
check "best with a bad size" run 64 traces best "$work/set" --axes M=x

check "merge" run 0 traces merge "$work/set" "$work/set" --output "$work/union"
check "merge leaves out what occurs twice" says "32 lines that occurred twice"
check "the union is the set" run 0 traces diff "$work/set" "$work/union"
check "the union has its tensors" cmp "$work/set/blob/workloads/elementwise/scale_n64/scale.safetensors" "$work/union/blob/workloads/elementwise/scale_n64/scale.safetensors"
check "merge refuses a folder that holds something" run 1 traces merge "$work/set" --output "$work/union"
check "merge refuses a bad preference" run 64 traces merge "$work/set" --output "$work/u2" --prefer newest
cp -r "$work/set" "$work/changed"
sed -i 's/"author": "ann"/"author": "zoe"/' "$work/changed/solutions/ann/gemm/gemm_n32_k64/ann_gemm.json"
check "merge refuses a conflict" run 1 traces merge "$work/set" "$work/changed" --output "$work/u3"
check "merge names it" says "conflict: solution ann_gemm differs"
check "nothing was written" test ! -e "$work/u3"
check "merge --prefer last" run 0 traces merge "$work/set" "$work/changed" --output "$work/u3" --prefer last
check "the last was kept" grep -q zoe "$work/u3/solutions/zoe/gemm/gemm_n32_k64/ann_gemm.json"

check "diff --json" json 1 'd == [{"change": "changed", "document": "solution", "name": "ann_gemm", "members": ["author"]}]' traces diff "$work/set" "$work/changed" --json
check "diff of equal sets as JSON" json 0 'd == []' traces diff "$work/set" "$work/set" --json

check "coverage" run 0 traces coverage "$work/set" --next 2
check "coverage suggests" says "^next: "
check "coverage --json" json 0 'd["measured"] + d["failed"] + d["stale"] + d["missing"] == len(d["cells"]) and d["measured"] > 0' traces coverage "$work/set" --json
check "coverage on another device" json 0 'd["measured"] == 0' traces coverage "$work/set" --hardware none --json

definition=$work/set/definitions/gemm/gemm_n32_k64.json
check "convert" json 0 'd["name"] == "gemm_n32_k64"' traces convert "$definition" --to flashinfer-bench
check "convert lines" run 0 traces convert "$work/set/workloads/gemm/gemm_n32_k64.jsonl" --to flashinfer-bench
check "convert to an unknown dialect" run 64 traces convert "$definition" --to klingon
check "convert what is no document" run 1 traces convert "$work/broken/workloads/gemm/gemm_n32_k64.jsonl" --to flashinfer-bench

check "export a folder" run 0 traces export "$work/set" gemm_n32_k64 --output "$work/part"
check "the export is sound" run 0 traces validate "$work/part"
check "export --json" json 0 'list(d["definitions"]) == ["gemm_n32_k64"]' traces export "$work/set" gemm_n32_k64 --json
check "export --csv" run 0 traces export "$work/set" --csv
check "export without saying where" run 64 traces export "$work/set"

day=Tests/Fixtures/traffic/tenants_mooncake.jsonl
check "simulate" run 0 simulate --trace "$day" --speed-up 40 --json "$work/day.json"
check "simulate has a column for each queue policy" says "^queue/eviction  *fcfs/lru  *lpm/lru dfs-weight/lru  *priority/lru$"
check "simulate says how it read the trace" says "^note: a hash id is taken as 512 tokens"
check "simulate --json" python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(not (d["requests"] == 600 and len(d["results"]) == 4 and all(r["finished"] == 600 for r in d["results"])))' "$work/day.json"
echo '{"fixed": 0.001}' >"$work/costs.json"
check "simulate with costs" run 0 simulate --trace Tests/Fixtures/traffic/chat_qwen.jsonl --queue-policy lpm --eviction-policy lru,lfu --costs "$work/costs.json" --row-cost 0.5
check "simulate runs each pair of policies" says "lpm/lru  *lpm/lfu$"
check "simulate with an unknown policy" run 64 simulate --trace "$day" --queue-policy fcfs,best
check "simulate names the policies" says '"best" is not one of fcfs, lpm, dfs-weight, priority'
check "simulate without a file" run 64 simulate --trace "$work/none"
check "simulate with negative costs" run 64 simulate --trace "$day" --token-cost -1
check "simulate with pages of a size that cannot be" run 64 simulate --trace "$day" --page-size 3
(head -n 3 "$day" && echo '{"timestamp": 5, "input_length": "many"}') >"$work/bad.jsonl"
check "simulate refuses a broken line" run 64 simulate --trace "$work/bad.jsonl"
check "simulate names the line" says "bad.jsonl:4: column 34: expected a number"

check "doctor" run 0 doctor
check "doctor knows the processor" says "^ok *processors: "
check "doctor tells how to get the model" says "swiftlet pull smollm2-135m-instruct"
check "doctor makes no folder" test ! -e "$work/home"
check "doctor --json" json 0 'd["counts"]["error"] == 0 and sum(d["counts"].values()) == len(d["checks"]) and all(c["fix"] for c in d["checks"] if c["level"] == "missing")' doctor --json --trace-set "$work/set"
check "doctor with a broken trace set" json 1 'd["counts"]["error"] == 1' doctor --json --trace-set "$work/broken"
check "doctor with an unknown model" json 1 'any(c["subject"] == "model" and c["level"] == "error" for c in d["checks"])' doctor --json --model no-such-model
check "doctor with a cache that cannot be made" json 1 'd["counts"]["error"] == 1' doctor --json --cache "$definition/kernels"
mkdir -p "$work/home"
echo '{' >"$work/home/quarantine.json"
check "doctor with a broken quarantine" run 1 doctor
check "doctor names the file" says "^error *quarantine: .*quarantine.json"

echo "tools: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
