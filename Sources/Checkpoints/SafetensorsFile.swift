import JSONText

/// One safetensors file: 8 bytes of header length, a JSON header, then the tensors' bytes without gaps.
///
/// Source: the format of huggingface/safetensors. Everything the header says is checked against the file's size before
/// it is used.
public struct SafetensorsFile: Sendable {
  public let file: MappedFile
  public let tensors: [String: WeightTensor]
  /// The `__metadata__` strings.
  public let metadata: [String: String]

  enum Limit {
    static let headerBytes = 16 << 20
    static let tensors = 100_000
    static let nameBytes = 1024
    static let rank = 8
  }

  /// - Throws: ``CheckpointError`` naming the tensor, what was found and what was expected.
  public static func open(_ path: String) throws(CheckpointError) -> SafetensorsFile {
    let file = try MappedFile.open(path)
    return try file.withBytes { (bytes) throws(CheckpointError) in try read(bytes, file) }
  }

  private static func read(
    _ bytes: UnsafeRawBufferPointer, _ file: MappedFile
  ) throws(CheckpointError) -> SafetensorsFile {
    guard bytes.count >= 8 else {
      throw CheckpointError(.truncated, file: file.path, "has \(bytes.count) bytes, a header takes 8 and more")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(Limit.headerBytes) else {
      throw CheckpointError(
        .limit, file: file.path,
        "the header has \(grouped(length)) bytes, at most \(grouped(Limit.headerBytes)) are read")
    }
    let start = 8 + Int(length)
    guard start <= bytes.count else {
      throw CheckpointError(
        .truncated, file: file.path,
        "the header ends at byte \(grouped(start)), the file has \(grouped(bytes.count))")
    }
    var header = SafetensorsHeader(file: file, dataStart: start)
    let text = UnsafeRawBufferPointer(rebasing: bytes[8..<start]).assumingMemoryBound(to: UInt8.self)
    do { try header.read(text) } catch {
      throw CheckpointError(.malformed, file: file.path, subject: "header", error.description)
    }
    if let problem = header.problem { throw problem }
    return SafetensorsFile(file: file, tensors: try header.place(), metadata: header.metadata)
  }
}
