extension Family {
  /// Llama 2 and 3, SmolLM2, and the many models that use the same architecture.
  static let llama = Family(
    name: "llama", architectures: ["LlamaForCausalLM"], ggufArchitecture: "llama", ggufRopeStyle: .interleaved,
    bias: .configured, hasQueryKeyNorm: false, window: .never, tiesEmbeddingsByDefault: false)
}
