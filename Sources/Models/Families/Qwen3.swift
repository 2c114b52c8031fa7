extension Family {
  /// Qwen 3: a norm over each head of q and k.
  static let qwen3 = Family(
    name: "qwen3", architectures: ["Qwen3ForCausalLM"], ggufArchitecture: "qwen3", ggufRopeStyle: .neox,
    bias: .configured, hasQueryKeyNorm: true, window: .ifSwitchedOn, tiesEmbeddingsByDefault: false)
}
