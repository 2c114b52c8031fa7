#!/usr/bin/env python3
"""Makes the tiny random-weight models in this folder and what Hugging Face transformers computes from them.

Run once, by hand, when a family is added; neither users nor CI need it:

    python3 -m venv VENV && VENV/bin/pip install torch==2.13.0+cpu transformers safetensors numpy
    VENV/bin/python Tests/Fixtures/families/make_fixtures.py

Each model is written as a Hugging Face directory first. The expected values are then computed from that directory as
it lies on disk, in float32, with eager attention and without a key/value cache, so they hold for the very bytes that
are committed, whatever type the weights have there.
"""

import json
import math
import os
import shutil
import sys

import numpy
import safetensors.torch
import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
GREEDY_TOKENS = 12
LOGIT_ROWS = 4  # of each prompt, the last positions whose logits are kept

# The keys are those that published checkpoints of the family have, old spellings included, because a loader meets
# those. `_` keys are ours: weight type, seed (of the weights, and plus 1000 of the prompts), shards.
COMMON = {"hidden_act": "silu", "num_hidden_layers": 2, "initializer_range": 0.02, "use_cache": True}

FAMILIES = {
    # Llama 2: as many key/value heads as query heads, its own output head, a tokenizer.
    "llama": {
        "_dtype": torch.float32, "_seed": 11, "_end": 2,
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 288,
        "hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 2,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": None,
        "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False, "torch_dtype": "float32",
    },
    # Llama 3.1: grouped queries and stretched frequencies. Of the 8 frequencies of a head, one is kept, one is on the
    # ramp and six are divided. Sizes are no multiples of 32. Several end tokens.
    "llama31": {
        "_dtype": torch.bfloat16, "_seed": 12, "_end": [250, 252, 253],
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 256,
        "hidden_size": 48, "intermediate_size": 40, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 16,
        "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "rope_scaling": {
            "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32, "rope_type": "llama3",
        },
        "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
    },
    # The weights of llama31 (a link) with all frequencies divided, in the oldest spelling ("type").
    "llama-linear": {
        "_weights_of": "llama31", "_dtype": torch.bfloat16, "_seed": 21, "_end": 250,
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 256,
        "hidden_size": 48, "intermediate_size": 40, "num_attention_heads": 3, "num_key_value_heads": 1,
        "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "rope_scaling": {"type": "linear", "factor": 4.0},
        "tie_word_embeddings": True, "torch_dtype": "bfloat16",
    },
    # Mistral: a window much shorter than the longest prompt; head_dim is not hidden_size / num_attention_heads.
    "mistral": {
        "_dtype": torch.bfloat16, "_seed": 14, "_end": 2,
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 256,
        "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "sliding_window": 10,
        "attention_dropout": 0.0, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
    },
    # Qwen2: biases on q, k and v. It names a window and says that it is not used.
    "qwen2": {
        "_dtype": torch.bfloat16, "_seed": 23, "_end": 255,
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 256,
        "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2, "num_key_value_heads": 1,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "sliding_window": 8,
        "use_sliding_window": False, "max_window_layers": 2, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
    },
    # Qwen3: norms over the heads of q and k; float16; two shards with an index; the spelling of transformers 5
    # (`rope_parameters`, `dtype`).
    "qwen3": {
        "_dtype": torch.float16, "_seed": 16, "_end": [255, 254], "_shards": 2,
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 256,
        "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"},
        "attention_bias": False, "sliding_window": None, "use_sliding_window": False, "tie_word_embeddings": True,
        "dtype": "float16",
    },
}

CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)

TOKENIZER_CORPUS = [
    "the river runs past the mill and the miller counts the sacks",
    "a swift is a small bird that sleeps on the wing",
    "the king of the hill and the queen of the tower",
    "in the morning the rain ends and the birds return",
]

TOKENIZER_TEXTS = [
    "the river",
    " the swift and the king",
    "Zürich: 12 °C — 東京 👍🏽",
    "a\n\n  b\t\tc   ",
    "I'll, you're; it's 1234!",
    "<|im_start|>user\nhi<|im_end|>",
    "",
]


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.write("\n")


def random_weights(family, generator):
    """Weights by Hugging Face's names. The spreads are large, so that a mistake anywhere moves the logits far."""
    hidden, intermediate = family["hidden_size"], family["intermediate_size"]
    heads, kv_heads = family["num_attention_heads"], family["num_key_value_heads"]
    head = family.get("head_dim") or hidden // heads

    def matrix(rows, columns, gain):
        return torch.randn(rows, columns, generator=generator) * (gain / math.sqrt(columns))

    def around_one(count):
        return 0.5 + torch.rand(count, generator=generator)

    weights = {
        "model.embed_tokens.weight": torch.randn(family["vocab_size"], hidden, generator=generator) * 0.4,
        "model.norm.weight": around_one(hidden),
    }
    for layer in range(family["num_hidden_layers"]):
        name = f"model.layers.{layer}."
        weights[name + "input_layernorm.weight"] = around_one(hidden)
        weights[name + "post_attention_layernorm.weight"] = around_one(hidden)
        weights[name + "self_attn.q_proj.weight"] = matrix(heads * head, hidden, 1.4)
        weights[name + "self_attn.k_proj.weight"] = matrix(kv_heads * head, hidden, 1.4)
        weights[name + "self_attn.v_proj.weight"] = matrix(kv_heads * head, hidden, 1.4)
        weights[name + "self_attn.o_proj.weight"] = matrix(hidden, heads * head, 1.2)
        weights[name + "mlp.gate_proj.weight"] = matrix(intermediate, hidden, 1.5)
        weights[name + "mlp.up_proj.weight"] = matrix(intermediate, hidden, 1.5)
        weights[name + "mlp.down_proj.weight"] = matrix(hidden, intermediate, 1.5)
        if family["model_type"] == "qwen2":
            for part, count in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
                weights[name + f"self_attn.{part}_proj.bias"] = torch.randn(count * head, generator=generator) * 0.6
        if family["model_type"] == "qwen3":
            weights[name + "self_attn.q_norm.weight"] = around_one(head)
            weights[name + "self_attn.k_norm.weight"] = around_one(head)
    if not family["tie_word_embeddings"]:
        weights["lm_head.weight"] = torch.randn(family["vocab_size"], hidden, generator=generator) * 0.5
    return {name: weight.to(family["_dtype"]).contiguous() for name, weight in weights.items()}


def write_weights(folder, weights, shards):
    metadata = {"format": "pt"}
    if shards == 1:
        safetensors.torch.save_file(weights, os.path.join(folder, "model.safetensors"), metadata)
        return
    names = list(weights)
    weight_map = {}
    for shard in range(shards):
        part = names[len(names) * shard // shards : len(names) * (shard + 1) // shards]
        file_name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        safetensors.torch.save_file({name: weights[name] for name in part}, os.path.join(folder, file_name), metadata)
        weight_map.update({name: file_name for name in part})
    total = sum(weight.numel() * weight.element_size() for weight in weights.values())
    write_json(
        os.path.join(folder, "model.safetensors.index.json"),
        {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))},
    )


def write_tokenizer(folder, vocabulary_size):
    """A byte-level BPE tokenizer with as many tokens as the model has, and what it makes of some strings."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size, special_tokens=specials, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(TOKENIZER_CORPUS, trainer)
    if tokenizer.get_vocab_size() != vocabulary_size:
        sys.exit(f"the tokenizer has {tokenizer.get_vocab_size()} tokens, not {vocabulary_size}: enlarge the corpus")
    tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    write_json(
        os.path.join(folder, "tokenizer_config.json"),
        {
            "tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False, "add_prefix_space": False,
            "bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": None, "pad_token": "<|endoftext|>",
            "clean_up_tokenization_spaces": False, "model_max_length": 128, "chat_template": CHAT_TEMPLATE,
        },
    )
    loaded = transformers.AutoTokenizer.from_pretrained(folder)
    messages = [
        {"role": "system", "content": "Answer in one word."},
        {"role": "user", "content": "the king?"},
        {"role": "assistant", "content": "swift"},
        {"role": "user", "content": "Why?"},
    ]
    chat = loaded.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    write_json(
        os.path.join(folder, "tokenizer_expected.json"),
        {
            "texts": [
                {"text": text, "ids": ids, "decoded": loaded.decode(ids, skip_special_tokens=False)}
                for text in TOKENIZER_TEXTS
                for ids in [loaded.encode(text, add_special_tokens=False)]
            ],
            "chat": {"messages": messages, "text": chat, "ids": loaded.encode(chat, add_special_tokens=False)},
        },
    )
    return loaded


def load(folder, **changes):
    config = transformers.AutoConfig.from_pretrained(folder)
    for name, value in changes.items():
        setattr(config, name, value)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=torch.float32, attn_implementation="eager"
    )
    return model.eval()


@torch.inference_mode()
def logits_of(model, ids):
    """Logits of all positions [tokens, vocabulary], float32."""
    return model(torch.tensor([ids]), use_cache=False).logits[0].float()


def greedy(model, ids):
    ids, tokens, margins = list(ids), [], []
    for _ in range(GREEDY_TOKENS):
        best = torch.topk(logits_of(model, ids)[-1], 2)
        tokens.append(int(best.indices[0]))
        margins.append(round(float(best.values[0] - best.values[1]), 6))
        ids.append(tokens[-1])
    return tokens, margins


def prompts_of(family, tokenizer):
    generator = torch.Generator().manual_seed(family["_seed"] + 1000)
    for name, length in (("one token", 1), ("short", 9), ("long", 40)):
        yield {"name": name, "input_ids": torch.randint(3, family["vocab_size"], [length], generator=generator).tolist()}
    if tokenizer:
        text = "the miller and the swift"
        yield {"name": "text", "text": text, "input_ids": tokenizer.encode(text, add_special_tokens=False)}


def check_that_it_matters(name, folder, long_prompt, expected):
    """Stops when what the family is here to test would not be noticed if it were left out."""

    def distance(model):
        return float((logits_of(model, long_prompt)[-1] - expected[-1]).abs().max())

    found = {}
    if name == "mistral":
        found["no sliding window"] = distance(load(folder, sliding_window=None))
        found["window one shorter"] = distance(load(folder, sliding_window=9))
        found["window one longer"] = distance(load(folder, sliding_window=11))
    if name in ("llama31", "llama-linear"):
        plain = {"rope_type": "default", "rope_theta": 10000.0}
        found["no rope scaling"] = distance(load(folder, rope_parameters=plain))
    if name == "qwen2":
        model = load(folder)
        for layer in model.model.layers:
            for part in (layer.self_attn.q_proj, layer.self_attn.k_proj):
                part.bias.data.zero_()
        found["no q and k bias"] = distance(model)
        windowed = {"use_sliding_window": True, "sliding_window": 8, "layer_types": ["sliding_attention"] * 2}
        found["the window that it says is not used"] = distance(load(folder, **windowed))
    if name == "qwen3":
        model = load(folder)
        for layer in model.model.layers:
            layer.self_attn.q_norm.weight.data.fill_(1)
        found["no q norm weight"] = distance(model)
    for change, value in found.items():
        print(f"  {change}: logits move by up to {value:.3f}")
        if value < 0.1:
            sys.exit(f"{name}: leaving it out moves the logits by {value} only")


def make(name, family):
    print(name)
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    config = {key: value for key, value in (COMMON | family).items() if not key.startswith("_")}
    config["bos_token_id"], config["eos_token_id"] = 1, family["_end"]
    config["transformers_version"] = transformers.__version__
    write_json(os.path.join(folder, "config.json"), dict(sorted(config.items())))
    write_json(
        os.path.join(folder, "generation_config.json"),
        {"bos_token_id": 1, "eos_token_id": family["_end"], "transformers_version": transformers.__version__},
    )
    if "_weights_of" in family:
        os.symlink(f"../{family['_weights_of']}/model.safetensors", os.path.join(folder, "model.safetensors"))
    else:
        weights = random_weights(COMMON | family, torch.Generator().manual_seed(family["_seed"]))
        write_weights(folder, weights, family.get("_shards", 1))
    tokenizer = write_tokenizer(folder, family["vocab_size"]) if name == "llama" else None

    model, rows, prompts = load(folder), [], []
    for prompt in prompts_of(family, tokenizer):
        ids = prompt["input_ids"]
        logits = logits_of(model, ids)
        kept = logits[-LOGIT_ROWS:]
        prompt["positions"] = list(range(len(ids) - len(kept), len(ids)))
        prompt["first_row"] = sum(len(part) for part in rows)
        prompt["greedy"], prompt["greedy_margins"] = greedy(model, ids)
        if tokenizer:
            prompt["greedy_text"] = tokenizer.decode(prompt["greedy"], skip_special_tokens=False)
        rows.append(kept.numpy().astype(numpy.float32))
        prompts.append(prompt)
        print(
            f"  {prompt['name']}: logits spread {float(logits.std()):.2f}, "
            f"smallest margin {min(prompt['greedy_margins']):.3f}, {len(set(prompt['greedy']))} different tokens"
        )
        if min(prompt["greedy_margins"]) < 0.01:
            sys.exit(f"{name}: two tokens are nearly tied: take another seed")
        if prompt["name"] == "long":
            check_that_it_matters(name, folder, ids, logits)
    numpy.save(os.path.join(folder, "expected.npy"), numpy.concatenate(rows))
    write_json(
        os.path.join(folder, "expected.json"),
        {
            "made_with": f"transformers {transformers.__version__}, torch {torch.__version__}, float32, eager attention",
            "logits_file": "expected.npy",
            "prompts": prompts,
        },
    )


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in sys.argv[1:] or FAMILIES:
        make(name, FAMILIES[name])


if __name__ == "__main__":
    main()
