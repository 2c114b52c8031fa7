extension Family {
  /// Qwen 2 and 2.5: bias on q, k and v.
  static let qwen2 = Family(
    name: "qwen2", architectures: ["Qwen2ForCausalLM"], ggufArchitecture: "qwen2", ggufRopeStyle: .neox, bias: .always,
    hasQueryKeyNorm: false, window: .ifSwitchedOn, tiesEmbeddingsByDefault: false)
}
