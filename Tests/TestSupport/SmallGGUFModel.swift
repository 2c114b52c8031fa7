extension GGUFBuilder {
  /// A whole model of the llama architecture in 7 kB: one layer, hidden size 32, 2 heads, 16 tokens, tied embeddings.
  public static func smallLlama() -> GGUFBuilder {
    var file = GGUFBuilder()
    let tokens = ["<|end|>", "<|start|>"] + "abcdefghijklm".map(String.init) + ["ab"]
    file.keys = [
      ("general.architecture", .string("llama")), ("general.name", .string("small")),
      ("llama.block_count", .uint32(1)), ("llama.context_length", .uint32(64)), ("llama.embedding_length", .uint32(32)),
      ("llama.feed_forward_length", .uint32(32)), ("llama.attention.head_count", .uint32(2)),
      ("llama.attention.head_count_kv", .uint32(1)), ("llama.attention.layer_norm_rms_epsilon", .float32(1e-5)),
      ("llama.rope.freq_base", .float32(10000)), ("llama.rope.dimension_count", .uint32(16)),
      ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string("smollm")),
      ("tokenizer.ggml.tokens", .strings(tokens)),
      ("tokenizer.ggml.token_type", .int32s([3, 3] + [Int32](repeating: 1, count: 14))),
      ("tokenizer.ggml.merges", .strings(["a b"])), ("tokenizer.ggml.bos_token_id", .uint32(1)),
      ("tokenizer.ggml.eos_token_id", .uint32(0)), ("tokenizer.ggml.add_bos_token", .bool(false)),
      ("tokenizer.chat_template", .string("{{ messages[0].content }}")),
    ]
    file.tensors = [
      Tensor("token_embd.weight", [32, 16], .q8_0), Tensor("output_norm.weight", [32], .f32),
      Tensor("blk.0.attn_norm.weight", [32], .f32), Tensor("blk.0.attn_q.weight", [32, 32], .q4_1),
      Tensor("blk.0.attn_k.weight", [32, 16], .q4_0), Tensor("blk.0.attn_v.weight", [32, 16], .f16),
      Tensor("blk.0.attn_output.weight", [32, 32], .q4_1), Tensor("blk.0.ffn_norm.weight", [32], .f32),
      Tensor("blk.0.ffn_gate.weight", [32, 32], .q4_0), Tensor("blk.0.ffn_up.weight", [32, 32], .bf16),
      Tensor("blk.0.ffn_down.weight", [32, 32], .q8_0),
    ]
    return file
  }
}
