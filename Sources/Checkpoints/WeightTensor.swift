/// A weight inside a mapped file: a name, a shape, a format and bytes that were checked to lie inside the file.
///
/// Invariant: the bytes are exactly those of `shape` in `format`; the innermost extent consists of whole blocks; the
/// address is a multiple of the format's ``WeightFormat/alignment``.
public struct WeightTensor: Sendable {
  public let name: String
  /// Outermost first, as Hugging Face writes it: a projection is [out, in], rows contiguous.
  public let shape: [Int]
  public let format: WeightFormat
  public let elementCount: Int
  public let byteCount: Int
  /// Where the bytes begin in ``file``.
  public let fileOffset: Int
  /// The mapping that the bytes belong to.
  public let file: MappedFile

  /// - Precondition: the reader of the file has checked all of this against the file's size.
  init(
    name: String, shape: [Int], format: WeightFormat, elementCount: Int, byteCount: Int, offset: Int, file: MappedFile
  ) {
    self.name = name
    self.shape = shape
    self.format = format
    self.elementCount = elementCount
    self.byteCount = byteCount
    fileOffset = offset
    self.file = file
  }

  /// Elements of one row: the innermost extent; 1 for a scalar.
  public var rowElements: Int { shape.last ?? 1 }

  /// Rows: the product of all other extents.
  public var rowCount: Int { rowElements == 0 ? 0 : elementCount / rowElements }

  /// Bytes from one row to the next.
  public var rowBytes: Int { rowElements / format.blockElements * format.blockBytes }

  /// The bytes of the tensor, and of nothing else; valid during the call only.
  public func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    defer { withExtendedLifetime(file) {} }
    return try body(UnsafeRawBufferPointer(start: file.base + fileOffset, count: byteCount))
  }

  /// The address of the first byte, valid as long as `owner` is alive: for kernels that read weights in place.
  public var retainedBytes: (owner: MappedFile, pointer: UnsafeRawPointer) { (file, file.base + fileOffset) }

  /// Gives the memory of the tensor's pages back to the system; they are read from the file again when next used.
  public func releasePages() { file.releasePages(fileOffset..<fileOffset + byteCount) }

  /// All elements as Float, row after row. Straightforward and exact: what the fast paths are checked against.
  public func dequantized() -> [Float] {
    [Float](unsafeUninitializedCapacity: elementCount) { output, count in
      withBytes { Dequantization.dequantize($0, format: format, into: output) }
      count = elementCount
    }
  }

  /// The elements of one row as Float.
  ///
  /// - Precondition: `row` is in 0..<rowCount.
  public func dequantizedRow(_ row: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: rowElements) { output, count in
      dequantizeRow(row, into: output)
      count = rowElements
    }
  }

  /// Writes the elements of one row as Float into `output` [rowElements].
  ///
  /// - Precondition: `row` is in 0..<rowCount, and `output` has room for a row.
  public func dequantizeRow(_ row: Int, into output: UnsafeMutableBufferPointer<Float>) {
    precondition(row >= 0 && row < rowCount, "\(name): row \(row) of \(rowCount)")
    precondition(output.count >= rowElements, "\(name): a row has \(rowElements) elements, the output \(output.count)")
    withBytes { bytes in
      let rowSlice = UnsafeRawBufferPointer(rebasing: bytes[row * rowBytes..<(row + 1) * rowBytes])
      Dequantization.dequantize(rowSlice, format: format, into: output)
    }
  }
}
