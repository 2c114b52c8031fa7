"""The workloads that references are compared on: for each definition, small cases as (name, axes, recipes)."""
import json
import math

import numpy as np

import recipes


def top_for(size):
    """The top binade of random floats whose root mean square (0.88 · 2^top) is nearest to `size`."""
    return round(math.log2(size / 0.88))


def rmsnorm(d, constants):
    for name, rows in (("empty", 0), ("one", 1), ("several", 5)):
        yield name, {"batch_size": rows}, {n: {"floats": 0} for n in d["inputs"]}
    # So small that it matters which EPS is added to their squares.
    small = {n: {"floats": 0 if n == "weight" else -9} for n in d["inputs"]}
    yield "small", {"batch_size": 2}, small


def gemm(d, constants):
    n, k = constants["N"], constants["K"]
    weight = {"floats": top_for(1 / (0.88 * math.sqrt(k)))}
    yield "empty", {"M": 0}, {"A": {"zeros": 1}, "B": {"zeros": 1}}
    cases = [("several", 3)]
    if n * k < 1 << 20:
        cases += [("one", 1), ("blocks", 70)]
    for name, rows in cases:
        yield name, {"M": rows}, {"A": {"floats": 0}, "B": weight}


def rope(d, constants):
    # The reference cannot reshape a call without tokens.
    for name, positions in (("one", [39]), ("several", [0, 7, 7, 39, 12])):
        axes = {"num_tokens": len(positions), "num_qo_heads": 4, "num_kv_heads": 2, "max_seq_len": 40}
        table = {"floats": -1}
        yield name, axes, {"q": {"floats": 0}, "k": {"floats": 0}, "cos_sin_cache": table, "positions": {"values": positions}}


def indptr(counts):
    return [0] + np.cumsum(counts, dtype=np.int64).tolist() if counts else [0]


def attention(d, constants):
    inputs, page = d["inputs"], constants.get("page_size")
    decode = "qo_indptr" not in inputs
    # (queries, positions) of each sequence
    if decode:
        cases = {"empty": [], "one": [(1, 37)], "ragged": [(1, 3), (1, 0), (1, 130), (1, 64), (1, 1)]}
    else:
        cases = {"empty": [], "one": [(1, 1)], "ragged": [(3, 70), (0, 5), (2, 0), (4, 4), (1, 129)], "tiles": [(19, 40)]}
    for name, sequences in cases.items():
        queries, lengths = [s[0] for s in sequences], [s[1] for s in sequences]
        rows, batch = sum(queries), len(sequences)
        axes, values = {}, {}
        if page is None:
            axes["total_kv"] = sum(lengths)
            values["kv_indptr"] = indptr(lengths)
        else:
            counts = [(n + page - 1) // page for n in lengths]
            axes["num_kv_indices"], axes["num_pages"] = sum(counts), sum(counts) + 2
            values["kv_indptr"] = indptr(counts)
            order = recipes.permutation(f"{d['name']}/{name}/pages", axes["num_pages"])
            values["kv_indices"] = order[: sum(counts)].tolist()
            if "kv_last_page_len" in inputs:
                last = [n - (c - 1) * page if c else 0 for n, c in zip(lengths, counts)]
                extra = inputs["kv_last_page_len"]["shape"] == ["len_indptr"]
                values["kv_last_page_len"] = last + [0] * extra
        axes["len_indptr"] = batch + 1
        for axis in ("batch_size", "total_q"):
            if d["axes"].get(axis, {}).get("type") == "var":
                axes[axis] = rows if axis == "total_q" else batch
        if not decode:
            values["qo_indptr"] = indptr(queries)
        width = constants.get("head_dim") or constants.get("qk_dim") or 192
        made = {}
        for n in inputs:
            if n == "sm_scale":
                made[n] = {"scalar": float(np.float32(1 / math.sqrt(width)))}
            else:
                made[n] = {"values": values[n]} if n in values else {"floats": 1 if n == "q" else 0}
        yield name, {a: axes[a] for a in d["axes"] if a in axes}, made


def sampling(d, constants):
    vocabulary = constants["vocab_size"]
    ks, ps = [1, 40, 0, vocabulary + 5, 1000, -1], [0.0, 0.5, 0.9, 0.0, 1.0, 0.999]
    if "top_p" not in d["inputs"]:
        ks = [1, 40, 0, vocabulary + 5, 1000, vocabulary]
    for name, rows in (("empty", 0), ("one", 1), ("several", 6)):
        made = {"probs": {"probabilities": 1}}
        if "top_k" in d["inputs"]:
            made["top_k"] = {"values": [50] if rows == 1 else ks[:rows]}
        if "top_p" in d["inputs"]:
            made["top_p"] = {"values": [float(np.float32(p)) for p in ([0.8] if rows == 1 else ps[:rows])]}
        yield name, {"batch_size": rows}, made


def chosen_experts(d, case, tokens, experts, top_k, bias):
    """The experts whose weights are needed: those that `ranks` logits choose; with a bias, one more at the edge."""
    found = set()
    for row in range(tokens):
        logits = (recipes.permutation(f"{d['name']}/{case}/routing_logits/{row}", experts) - experts // 2) * STEP
        if bias is None:
            found |= set(np.argsort(-logits)[:top_k].tolist())
        else:
            made = recipes.make(f"{d['name']}/{case}/routing_bias", bias, "bfloat16", [experts])
            biased = 1 / (1 + np.exp(-logits)) + (made.astype(np.uint32) << 16).view(np.float32)
            found |= set(np.argsort(-biased)[: top_k + 1].tolist())
    return found


# Between neighbouring logits.
STEP = 1 / 64


def moe(d, constants):
    inputs, hidden, intermediate = d["inputs"], constants["hidden_size"], constants["intermediate_size"]
    experts, top_k = constants.get("num_experts") or constants["num_local_experts"], constants["top_k"]
    local = constants.get("num_local_experts", experts)
    blocks, scaled = "hidden_states_scale" in inputs, "output1_scales_scalar" in inputs
    # Gigabytes of float32 for each expert, or very many experts: few tokens.
    per_expert = 3 * hidden * intermediate * (1 if blocks or scaled else 4)
    tokens = 1 if per_expert * top_k > 1 << 28 else 3
    if local < experts or "topk_ids" in inputs:
        tokens = 4
    for case, count in (("empty", 0), ("several", tokens)):
        made, offset = {}, 0
        if "topk_ids" in inputs:
            ids, used = [], [(7 * i + 3) % experts for i in range(top_k)]
            for t in range(count):
                for i in range(top_k):
                    weight = int(recipes.encode(np.float32([(i + t + 1) / 16]), "bfloat16")[0])
                    # The last token's last expert is none of those that exist.
                    expert = used[(i + t) % top_k] if (t, i) != (3, top_k - 1) else 20000
                    ids.append(expert << 16 | weight)
            made["topk_ids"] = {"values": ids}
            rows = sorted(set(used))
        else:
            made["routing_logits"] = {"ranks": STEP}
            # DeepSeek's bias must change the choice, Llama 4's must not.
            bias = {"floats": -3} if "local_expert_offset" in inputs else None
            found = chosen_experts(d, case, count, experts, top_k, bias)
            # Of the slices of experts that a device may hold, the one that most tokens reach.
            offset = max(range(0, experts, local), key=lambda o: sum(o <= e < o + local for e in found))
            rows = sorted(e - offset for e in found if 0 <= e - offset < local)
        first, second = top_for(1 / (0.88 * math.sqrt(hidden))), top_for(2 / math.sqrt(intermediate))
        for n in inputs:
            if n in made:
                continue
            if n == "local_expert_offset":
                made[n] = {"scalar": offset}
            elif n == "routed_scaling_factor":
                made[n] = {"scalar": 2.5}
            elif n == "routing_bias":
                made[n] = bias or {"floats": 0}
            elif n == "hidden_states":
                made[n] = {"floats": 0}
            elif n == "hidden_states_scale":
                made[n] = {"positive": 0}
            elif n == "gemm1_weights_scale":
                made[n] = {"positive": first}
            elif n == "gemm2_weights_scale":
                made[n] = {"positive": second}
            elif n in ("output1_scales_scalar", "output1_scales_gate_scalar"):
                made[n] = {"positive": first}
            elif n == "output2_scales_scalar":
                made[n] = {"positive": second}
            else:
                narrow = blocks or scaled
                top = 0 if narrow else (first if n == "gemm1_weights" else second)
                made[n] = {"floats": top, "rows": rows} if rows and count else {"zeros": 1}
        yield case, {"seq_len": count}, made


MAKERS = {
    "rmsnorm": rmsnorm, "gemm": gemm, "rope": rope, "gqa_paged": attention, "gqa_ragged": attention,
    "mla_paged": attention, "mla_ragged": attention, "sampling": sampling, "moe": moe,
}


def of(d):
    constants = {n: a["value"] for n, a in d["axes"].items() if a["type"] == "const"}
    for case, axes, inputs in MAKERS[d["op_type"]](d, constants):
        yield case, axes, {n: inputs[n] for n in d["inputs"]}, constants
