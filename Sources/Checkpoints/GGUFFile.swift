/// A GGUF file of version 2 or 3, little endian: metadata and weights, checked and mapped.
///
/// Layout: magic `GGUF`, version, number of tensors, number of keys; the keys with their values; for each tensor its
/// name, extents (innermost first), type and offset; padding; the data section. The format is described in ggml's
/// `docs/gguf.md`.
///
/// Invariant: every tensor lies inside the file and no two overlap.
public final class GGUFFile: Sendable {
  public let version: UInt32
  public let metadata: [String: GGUFValue]
  public let tensors: [String: WeightTensor]
  public let file: MappedFile

  /// What a file may have at most.
  package enum Limit {
    static let tensors = 65_536
    static let keys = 65_536
    static let keyBytes = 65_535
    static let tensorNameBytes = 256
    static let rank = 4
    static let alignment = 65_536
  }

  private init(version: UInt32, metadata: [String: GGUFValue], tensors: [String: WeightTensor], file: MappedFile) {
    self.version = version
    self.metadata = metadata
    self.tensors = tensors
    self.file = file
  }

  /// Maps a file and checks its whole header; no weight is read.
  ///
  /// - Throws: ``CheckpointError`` naming the key or tensor, what was found and what was expected.
  public static func open(_ path: String) throws(CheckpointError) -> GGUFFile {
    let file = try MappedFile.open(path)
    return try file.withBytes { bytes throws(CheckpointError) in
      var cursor = GGUFCursor(path: path, bytes: bytes)
      let version = try readVersion(&cursor)
      // name length, rank, one extent, type, offset
      let tensorCount = try cursor.count("the number of tensors", each: 8 + 4 + 8 + 4 + 8, limit: Limit.tensors)
      // key length, type, one byte
      let keyCount = try cursor.count("the number of keys", each: 8 + 4 + 1, limit: Limit.keys)
      let metadata = try readMetadata(&cursor, count: keyCount, file: file)
      let alignment = try alignment(in: metadata, path: path)
      let infos = try readTensorInfos(&cursor, count: tensorCount)
      let (padded, overflow) = cursor.position.addingReportingOverflow(alignment - 1)
      let dataStart = overflow ? bytes.count : padded / alignment * alignment
      let tensors = try place(infos, dataStart: dataStart, alignment: alignment, file: file)
      return GGUFFile(version: version, metadata: metadata, tensors: tensors, file: file)
    }
  }

  private static func readVersion(_ cursor: inout GGUFCursor) throws(CheckpointError) -> UInt32 {
    guard cursor.remaining >= 4 else {
      throw cursor.error(.truncated, "the file has \(cursor.remaining) bytes, expected a GGUF file")
    }
    let magic = try cursor.integer("the magic", as: UInt32.self)
    guard magic == 0x4655_4747 else {
      let hex = String(UInt32(bigEndian: magic), radix: 16)
      throw cursor.error(.wrongKind, "begins with the bytes 0x\(hex), expected 0x47475546 (GGUF)")
    }
    let version = try cursor.integer("the version", as: UInt32.self)
    switch version {
    case 2, 3: return version
    case 0x0200_0000, 0x0300_0000:
      throw cursor.error(.wrongKind, "is a big-endian GGUF file, expected little endian")
    default: throw cursor.error(.wrongKind, "is GGUF version \(version), expected 2 or 3")
    }
  }

  private static func readMetadata(
    _ cursor: inout GGUFCursor, count: Int, file: MappedFile
  ) throws(CheckpointError) -> [String: GGUFValue] {
    var metadata: [String: GGUFValue] = [:]
    for i in 0..<count {
      cursor.subject = "key \(i + 1) of \(count)"
      let key = try cursor.string("its name", limit: Limit.keyBytes)
      cursor.subject = "key \(printable(key))"
      guard !key.isEmpty else { throw cursor.error(.malformed, "key \(i + 1) of \(count) has an empty name") }
      let type = try cursor.valueType("its type")
      guard metadata.updateValue(try cursor.value(of: type, in: file), forKey: key) == nil else {
        throw cursor.error(.duplicate, "occurs twice")
      }
    }
    cursor.subject = nil
    return metadata
  }

  private static func alignment(in metadata: [String: GGUFValue], path: String) throws(CheckpointError) -> Int {
    guard let value = metadata["general.alignment"] else { return 32 }
    guard let alignment = value.int, alignment >= 8, alignment <= Limit.alignment, alignment & (alignment - 1) == 0
    else {
      throw CheckpointError(
        .malformed, file: path, subject: "key general.alignment",
        "is \(value.summary), expected a power of two from 8 to \(grouped(Limit.alignment))")
    }
    return alignment
  }
}
