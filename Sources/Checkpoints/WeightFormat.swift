/// How the elements of a weight are stored. Raw values are the names used in GGUF and safetensors files.
///
/// Elements are stored in blocks along the innermost axis: one element for the dense formats, 32 or 256 for the
/// quantised ones. Layouts of the blocks: ``Dequantization``.
public enum WeightFormat: String, Sendable, Hashable, CaseIterable {
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"
  case q8_0 = "Q8_0"
  case q4_0 = "Q4_0"
  case q4_1 = "Q4_1"
  case q4_k = "Q4_K"
  case q5_k = "Q5_K"
  case q6_k = "Q6_K"

  /// Elements in one block.
  public var blockElements: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q8_0, .q4_0, .q4_1: 32
    case .q4_k, .q5_k, .q6_k: 256
    }
  }

  /// Bytes of one block.
  public var blockBytes: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    case .q4_k: 144
    case .q5_k: 176
    case .q6_k: 210
    }
  }

  /// Whether an element is stored by itself, as a floating-point number.
  public var isDense: Bool { blockElements == 1 }

  /// What the address of a tensor must be a multiple of: the size of the widest number in a block.
  public var alignment: Int { self == .f32 ? 4 : 2 }

  /// The elements of a tensor of this shape, and their bytes; nil when a product overflows, when an extent is
  /// negative, or when a row does not consist of whole blocks.
  package func extent(ofShape shape: [Int]) -> (elements: Int, bytes: Int)? {
    var elements = 1
    for extent in shape {
      guard extent >= 0 else { return nil }
      let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
      guard !overflow else { return nil }
      elements = product
    }
    guard (shape.last ?? 1).isMultiple(of: blockElements) else { return nil }
    let (bytes, overflow) = (elements / blockElements).multipliedReportingOverflow(by: blockBytes)
    return overflow ? nil : (elements, bytes)
  }
}
