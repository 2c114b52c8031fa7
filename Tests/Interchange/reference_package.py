"""FlashInfer-Bench itself, as the other side of the exchange: what it makes of a trace set, as plain data.

Nothing of it is replaced here. Release 0.1.2 imports and runs without FlashInfer and without a GPU. Later sources import
FlashInfer's timing on the way in; FlashInfer's wheel imports on a machine without a GPU when only its pure Python
dependencies are beside it (run.sh installs these). Timing, the only part that needs a GPU, is never called.
"""

import atexit
import importlib.metadata
import os
import tempfile

# Builds and apply tables go into a folder of this run, never into the user's cache.
CACHE = tempfile.TemporaryDirectory(prefix="interchange-")
atexit.register(CACHE.cleanup)
os.environ["FIB_CACHE_PATH"] = CACHE.name
for variable in ("FIB_ENABLE_APPLY", "FIB_ENABLE_TRACING", "FIB_DATASET_PATH"):
    os.environ.pop(variable, None)

import flashinfer_bench  # noqa: E402
from flashinfer_bench import ApplyConfig, ApplyConfigRegistry, Solution, TraceSet  # noqa: E402
from flashinfer_bench.apply.table import ApplyTable  # noqa: E402

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
FIXTURES = os.path.join(ROOT, "Tests", "Fixtures")
LIMITS = [(0.01, 0.01), (1.0, 1.0), (0.01, 1e-5), (1e-3, float("inf"))]
# Scores and rankings came after 0.1.2; the same change took the name out of a solution's hash.
HAS_SCORES = hasattr(TraceSet, "rank_authors")


def version():
    if HAS_SCORES:
        return "sources after 0.1.2"
    return "release " + importlib.metadata.version("flashinfer-bench")


def plain(value):
    """Figures as JSON holds them: infinity and NaN as strings."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


def hashes(folder):
    """Solution name: its hash."""
    trace_set = TraceSet.from_path(folder)
    return {s.name: s.hash() for solutions in trace_set.solutions.values() for s in solutions}


def best_traces(trace_set):
    """For each definition, limits and axes: what filter_traces and get_best_trace answer."""
    result = []
    for name in sorted(trace_set.definitions):
        asked = [{}] + [t.workload.axes for t in trace_set.workloads.get(name, [])] + [{"no such axis": 1}]
        for atol, rtol in LIMITS:
            kept = [[t.solution, t.workload.uuid] for t in trace_set.filter_traces(name, atol, rtol)]
            best = []
            for axes in asked:
                trace = trace_set.get_best_trace(name, axes, max_abs_error=atol, max_rel_error=rtol)
                found = trace and {
                    "solution": trace.solution, "uuid": trace.workload.uuid,
                    "speedup": trace.evaluation.performance.speedup_factor}
                best.append({"axes": axes, "trace": found})
            result.append({"definition": name, "atol": atol, "rtol": rtol, "filtered": kept, "best": best})
    return result


def apply_tables(trace_set):
    """The winner for each key, at each pair of limits; nothing is built."""
    result = []
    for atol, rtol in LIMITS:
        if rtol == float("inf"):
            continue
        config = ApplyConfig(max_atol=atol, max_rtol=rtol, aot_ratio=0.0)
        table = ApplyTable.load_or_build(trace_set, ApplyConfigRegistry(default=config))
        index = {
            definition: [{"axes": dict(key.axes), "solution": solution} for key, solution in bucket.items()]
            for definition, bucket in sorted(table.index.items())}
        result.append({"max_atol": atol, "max_rtol": rtol, "index": index, "def_best": dict(table.def_best)})
    return result


def score(metrics):
    if metrics is None:
        return None
    result = {
        "avg_speedup": metrics.avg_speedup, "success_rate": metrics.success_rate, "win_rate": metrics.win_rate,
        "definitions": metrics.definitions, "workloads": metrics.workloads}
    if metrics.best_solutions is not None:
        result["best_solutions"] = dict(sorted(metrics.best_solutions.items()))
    return result


def rankings(trace_set):
    scopes = [("all", {})]
    scopes += [("op_type " + o, {"op_type": o}) for o in sorted({d.op_type for d in trace_set.definitions.values()})]
    scopes += [("definition " + d, {"definition_name": d}) for d in sorted(trace_set.definitions)]
    return {
        scope: [{"author": author, **score(metrics)} for author, metrics in trace_set.rank_authors(**arguments)]
        for scope, arguments in scopes}


def figures(folder):
    """Everything that the package derives from a trace set."""
    trace_set = TraceSet.from_path(folder)
    result = {"hash" if HAS_SCORES else "hash_with_name": hashes(folder)}
    result["best_traces"] = best_traces(trace_set)
    result["apply_tables"] = apply_tables(trace_set)
    if HAS_SCORES:
        result["scores"] = {
            s.name: score(trace_set.get_solution_score(s.name))
            for name in sorted(trace_set.solutions) for s in trace_set.solutions[name]}
        result["rankings"] = rankings(trace_set)
        summary = trace_set.summary()
        if not isinstance(summary, dict):
            summary = vars(summary)
        result["summary"] = {key: summary[key] for key in ("total", "passed", "failed")}
    return plain(result)


__all__ = ["FIXTURES", "HAS_SCORES", "ROOT", "Solution", "TraceSet", "figures", "flashinfer_bench", "hashes", "version"]
