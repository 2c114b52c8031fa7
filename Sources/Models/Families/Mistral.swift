extension Family {
  /// Mistral 7B and its successors. In GGUF files they are `llama`.
  static let mistral = Family(
    name: "mistral", architectures: ["MistralForCausalLM"], ggufArchitecture: nil, ggufRopeStyle: .interleaved,
    bias: .never, hasQueryKeyNorm: false, window: .always, tiesEmbeddingsByDefault: false)
}
