/// A family of Llama-like models as data: what its files call things, and which features it has.
///
/// The forward pass is the same for all (`Decoder`).
struct Family: Sendable {
  /// Our name, which is `model_type` in a Hugging Face configuration.
  let name: String
  /// `architectures` of a Hugging Face configuration.
  let architectures: [String]
  /// `general.architecture` of a GGUF file; nil when GGUF files of the family claim another one.
  let ggufArchitecture: String?
  /// How rotary embedding pairs elements in GGUF files. (Hugging Face files are always `.neox`.)
  let ggufRopeStyle: RopeStyle
  /// Bias on q, k and v: always, never, or as `attention_bias` says.
  let bias: Presence
  /// A norm over each head of q and k.
  let hasQueryKeyNorm: Bool
  /// When a window limits attention.
  let window: WindowRule
  /// `tie_word_embeddings` where a configuration does not say.
  let tiesEmbeddingsByDefault: Bool

  enum Presence: Sendable { case always, never, configured }
  enum WindowRule: Sendable {
    /// `sliding_window` is not looked at.
    case never
    /// `sliding_window` holds, if not null.
    case always
    /// `sliding_window` holds only if `use_sliding_window` is true.
    case ifSwitchedOn
  }
}
