extension WeightFormat {
  /// The format of a tensor type's number in GGUF files; nil for those that are not supported.
  init?(ggufType: UInt32) {
    switch ggufType {
    case 0: self = .f32
    case 1: self = .f16
    case 2: self = .q4_0
    case 3: self = .q4_1
    case 8: self = .q8_0
    case 12: self = .q4_k
    case 13: self = .q5_k
    case 14: self = .q6_k
    case 30: self = .bf16
    default: return nil
    }
  }

  /// Tensor types that GGUF files may have and that are not supported, by number.
  static let unsupportedGGUFTypes: [UInt32: String] = [
    4: "Q4_2", 5: "Q4_3", 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS",
    17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16",
    26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 34: "TQ1_0",
    35: "TQ2_0", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8", 39: "MXFP4",
  ]

  /// The supported formats, for messages.
  static let supportedNames = allCases.map(\.rawValue).joined(separator: ", ")
}
