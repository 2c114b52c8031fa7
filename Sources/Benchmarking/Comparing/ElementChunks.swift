import Tensors

/// The elements of a contiguous tensor as float32, a few thousand at a time: large outputs are compared without a copy.
struct ElementChunks {
  static let size = 4096
  let tensor: Tensor
  /// All values of an 8-bit type, or of float16 where there are many elements, by their bits.
  private let table: [Float]

  init(_ tensor: Tensor) {
    self.tensor = tensor
    let isLargeHalf = tensor.dtype == .float16 && tensor.count > 1 << 18
    table =
      tensor.dtype.bitWidth == 8 || isLargeHalf ? (0..<1 << tensor.dtype.bitWidth).map { tensor.dtype.decode($0) } : []
  }

  /// Elements `start ..< start + count` into `buffer`.
  func read(_ start: Int, _ count: Int, into buffer: UnsafeMutablePointer<Float>) {
    switch tensor.dtype {
    case .float32:
      let p = tensor.elements(as: Float.self) + start
      for i in 0..<count { buffer[i] = p[i] }
    case .float16:
      // Without an instruction for it a conversion is a call.
      let p = tensor.elements(as: Float16.self) + start
      if table.isEmpty {
        for i in 0..<count { buffer[i] = Float(p[i]) }
      } else {
        for i in 0..<count { buffer[i] = table[Int(p[i].bitPattern)] }
      }
    case .bfloat16:
      let p = tensor.elements(as: UInt16.self) + start
      for i in 0..<count { buffer[i] = Float(bitPattern: UInt32(p[i]) << 16) }
    case .float8_e4m3fn, .float8_e5m2, .int8, .bool:
      let p = tensor.elements(as: UInt8.self) + start
      for i in 0..<count { buffer[i] = table[Int(p[i])] }
    default:
      for i in 0..<count { buffer[i] = tensor.dtype.decode(tensor.bits(at: start + i)) }
    }
  }

  /// The place of an element in words: "output[3, 17]".
  static func place(_ name: String, _ shape: Shape, _ position: Int) -> String {
    var rest = position
    var indices: [Int] = []
    for extent in shape.array.reversed() where extent > 0 {
      indices.append(rest % extent)
      rest /= extent
    }
    return shape.rank == 0 ? name : "\(name)[\(indices.reversed().map(String.init).joined(separator: ", "))]"
  }
}
