import JSONText

/// The header of a safetensors file while it is being read.
struct SafetensorsHeader {
  let file: MappedFile
  /// Where the tensors' bytes begin.
  let dataStart: Int
  private(set) var metadata: [String: String] = [:]
  private(set) var entries: [Entry] = []
  /// The first thing that is wrong with a tensor, though the JSON is well formed.
  private(set) var problem: CheckpointError?

  struct Entry {
    let name: String, format: WeightFormat, shape: [Int]
    /// Bytes, from `dataStart`.
    let range: Range<Int>
  }

  init(file: MappedFile, dataStart: Int) { (self.file, self.dataStart) = (file, dataStart) }

  private func error(_ code: CheckpointError.Code, _ name: String, _ reason: String) -> CheckpointError {
    CheckpointError(code, file: file.path, subject: "tensor \(printable(name))", reason)
  }

  mutating func read(_ text: UnsafeBufferPointer<UInt8>) throws(JSONError) {
    var reader = JSONReader(text)
    reader.refusesDuplicateKeys = true
    reader.acceptsNonFinite = false
    try reader.readObject { (reader, name) throws(JSONError) in
      if name == "__metadata__" {
        try reader.readObject { (reader, key) throws(JSONError) in metadata[key] = try reader.readString() }
      } else {
        try readEntry(&reader, name)
      }
    }
    // The header may be padded with blanks.
    try reader.expectEnd()
  }

  private mutating func readEntry(_ reader: inout JSONReader, _ name: String) throws(JSONError) {
    var dtype: String?, shape: [Int]?, offsets: [Int]?
    try reader.readObject { (reader, key) throws(JSONError) in
      switch key {
      case "dtype": dtype = try reader.readString()
      case "shape": shape = try Self.integers(&reader)
      case "data_offsets": offsets = try Self.integers(&reader)
      default: throw reader.error("\"\(key)\" is not a member of a tensor; those are dtype, shape and data_offsets")
      }
    }
    guard problem == nil else { return }
    do { entries.append(try entry(name, dtype, shape, offsets)) } catch { problem = error }
  }

  private static func integers(_ reader: inout JSONReader) throws(JSONError) -> [Int] {
    var values: [Int] = []
    try reader.readArray { (reader) throws(JSONError) in
      if values.count > SafetensorsFile.Limit.rank {
        throw reader.error("more than \(SafetensorsFile.Limit.rank) numbers")
      }
      values.append(try reader.readInt())
    }
    return values
  }

  private func entry(
    _ name: String, _ dtype: String?, _ shape: [Int]?, _ offsets: [Int]?
  ) throws(CheckpointError) -> Entry {
    guard entries.count < SafetensorsFile.Limit.tensors else {
      throw CheckpointError(.limit, file: file.path, "more than \(grouped(SafetensorsFile.Limit.tensors)) tensors")
    }
    guard !name.isEmpty, name.utf8.count <= SafetensorsFile.Limit.nameBytes else {
      throw error(.malformed, String(name.prefix(40)), "its name has \(name.utf8.count) bytes")
    }
    guard let dtype, let shape, let offsets else {
      throw error(.malformed, name, "lacks dtype, shape or data_offsets")
    }
    guard let format = WeightFormat(rawValue: dtype), format.isDense else {
      throw error(.unsupportedType, name, "has dtype \(printable(dtype)), expected F32, F16 or BF16")
    }
    guard shape.count <= SafetensorsFile.Limit.rank, shape.allSatisfy({ $0 >= 0 }) else {
      throw error(.malformed, name, "has shape \(shape), expected up to \(SafetensorsFile.Limit.rank) extents from 0")
    }
    guard let extent = format.extent(ofShape: shape) else {
      throw error(.limit, name, "shape \(shape) has more elements than any file")
    }
    guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1] else {
      throw error(.malformed, name, "has data_offsets \(offsets), expected a begin and an end")
    }
    guard offsets[1] <= file.byteCount - dataStart else {
      throw error(
        .truncated, name,
        "data ends at byte \(grouped(offsets[1])) of the data, the file has \(grouped(file.byteCount - dataStart))")
    }
    guard offsets[1] - offsets[0] == extent.bytes else {
      throw error(
        .malformed, name,
        "has \(grouped(offsets[1] - offsets[0])) bytes, shape \(shape) of \(dtype) takes \(grouped(extent.bytes))")
    }
    return Entry(name: name, format: format, shape: shape, range: offsets[0]..<offsets[1])
  }

  /// The tensors, having checked that they cover the data without overlap or gap, as the format demands.
  func place() throws(CheckpointError) -> [String: WeightTensor] {
    var tensors: [String: WeightTensor] = [:], end = 0
    for entry in entries.sorted(by: {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }) {
      guard entry.range.lowerBound == end else {
        let kind = entry.range.lowerBound < end ? "overlaps what comes before it" : "leaves a gap before it"
        throw error(
          .layout, entry.name,
          "begins at byte \(grouped(entry.range.lowerBound)) of the data and \(kind); expected \(grouped(end))")
      }
      let offset = dataStart + entry.range.lowerBound
      guard offset.isMultiple(of: entry.format.alignment) else {
        throw error(
          .layout, entry.name,
          "begins at byte \(grouped(offset)) of the file, expected a multiple of \(entry.format.alignment)")
      }
      end = entry.range.upperBound
      tensors[entry.name] = WeightTensor(
        name: entry.name, shape: entry.shape, format: entry.format,
        elementCount: entry.shape.reduce(1, *), byteCount: entry.range.count, offset: offset, file: file)
    }
    guard dataStart + end == file.byteCount else {
      throw CheckpointError(
        .layout, file: file.path,
        "the tensors end at byte \(grouped(dataStart + end)), the file has \(grouped(file.byteCount))")
    }
    return tensors
  }
}
