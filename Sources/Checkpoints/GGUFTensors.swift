extension GGUFFile {
  /// What the header says about a tensor.
  struct TensorInfo {
    let name: String
    /// Outermost first.
    let shape: [Int]
    let format: WeightFormat
    let elementCount: Int, byteCount: Int
    /// From the start of the data section.
    let offset: UInt64
  }

  static func readTensorInfos(_ cursor: inout GGUFCursor, count: Int) throws(CheckpointError) -> [TensorInfo] {
    var infos: [TensorInfo] = []
    infos.reserveCapacity(count)
    var names: Set<String> = []
    for i in 0..<count {
      cursor.subject = "tensor \(i + 1) of \(count)"
      let name = try cursor.string("its name", limit: Limit.tensorNameBytes)
      cursor.subject = "tensor \(printable(name))"
      guard !name.isEmpty else { throw cursor.error(.malformed, "tensor \(i + 1) of \(count) has an empty name") }
      guard names.insert(name).inserted else { throw cursor.error(.duplicate, "occurs twice") }
      infos.append(try readTensorInfo(&cursor, name: name))
    }
    cursor.subject = nil
    return infos
  }

  private static func readTensorInfo(_ cursor: inout GGUFCursor, name: String) throws(CheckpointError) -> TensorInfo {
    let rank = try cursor.integer("its number of axes", as: UInt32.self)
    guard rank >= 1, rank <= Limit.rank else {
      throw cursor.error(.limit, "has \(grouped(rank)) axes, expected 1 to \(Limit.rank)")
    }
    var extents: [Int] = []
    for _ in 0..<rank {
      let extent = try cursor.integer("an extent", as: UInt64.self)
      guard extent > 0, let extent = Int(exactly: extent) else {
        throw cursor.error(.malformed, "has an extent of \(grouped(extent)), expected 1 to \(grouped(Int.max))")
      }
      extents.append(extent)
    }
    let shape = Array(extents.reversed())
    let type = try cursor.integer("its type", as: UInt32.self)
    guard let format = WeightFormat(ggufType: type) else {
      let known = WeightFormat.unsupportedGGUFTypes[type].map { " (\($0))" } ?? ", which is unknown"
      throw cursor.error(
        .unsupportedType, "has type \(grouped(type))\(known), expected one of \(WeightFormat.supportedNames)")
    }
    guard shape[shape.count - 1].isMultiple(of: format.blockElements) else {
      throw cursor.error(
        .malformed,
        "rows of \(grouped(shape[shape.count - 1])) elements, expected a multiple of \(format.blockElements), "
          + "the block of \(format.rawValue)")
    }
    guard let extent = format.extent(ofShape: shape) else {
      throw cursor.error(.limit, "shape \(shape) has more elements than any file")
    }
    return TensorInfo(
      name: name, shape: shape, format: format, elementCount: extent.elements, byteCount: extent.bytes,
      offset: try cursor.integer("its offset"))
  }

  /// Gives each tensor its place in the file, having checked alignment, end, overlap and that nothing but padding lies
  /// between two of them.
  static func place(
    _ infos: [TensorInfo], dataStart: Int, alignment: Int, file: MappedFile
  ) throws(CheckpointError) -> [String: WeightTensor] {
    var tensors: [String: WeightTensor] = [:]
    tensors.reserveCapacity(infos.count)
    var previous: (name: String, end: Int) = ("", dataStart)
    for info in infos.sorted(by: { $0.offset < $1.offset }) {
      func error(_ code: CheckpointError.Code, _ reason: String) -> CheckpointError {
        CheckpointError(code, file: file.path, subject: "tensor \(printable(info.name))", reason)
      }
      guard info.offset.isMultiple(of: UInt64(alignment)) else {
        throw error(
          .malformed, "begins at offset \(grouped(info.offset)) of the data, expected a multiple of \(alignment)")
      }
      let (start, overflow) = UInt64(dataStart).addingReportingOverflow(info.offset)
      let (end, overflowToo) = start.addingReportingOverflow(UInt64(info.byteCount))
      guard !overflow, !overflowToo, end <= UInt64(file.byteCount) else {
        let found = overflow || overflowToo ? "beyond 2^64" : "at byte \(grouped(end))"
        throw error(.truncated, "data ends \(found), the file has \(grouped(file.byteCount))")
      }
      guard Int(start) >= previous.end else {
        throw error(
          .layout,
          "begins at byte \(grouped(start)), inside tensor \(printable(previous.name)), "
            + "which ends at byte \(grouped(previous.end))")
      }
      // The start is a multiple of the alignment, so less than that is padding.
      guard Int(start) - previous.end < alignment else {
        let before = previous.name.isEmpty ? "the start of the data" : "the end of tensor \(printable(previous.name))"
        throw error(
          .layout,
          "begins at byte \(grouped(start)), \(grouped(Int(start) - previous.end)) bytes after \(before); "
            + "expected less than \(alignment) bytes of padding")
      }
      previous = (info.name, Int(end))
      tensors[info.name] = WeightTensor(
        name: info.name, shape: info.shape, format: info.format, elementCount: info.elementCount,
        byteCount: info.byteCount, offset: Int(start), file: file)
    }
    return tensors
  }
}
