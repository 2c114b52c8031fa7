import Glibc
import JSONText

/// Writes one safetensors file: 8 bytes of header length, a JSON header, then the tensors' bytes without gaps.
///
///     try SafetensorsWriter.write(
///       [.init(name: "indptr", type: .i32, shape: [3], bytes: bytes)], to: "blob/workload.safetensors")
///
/// The same tensors give the same bytes, and the same as huggingface/safetensors writes, whose format this is: tensors are
/// laid out by type, wider ones first, then by name, so that each begins at a multiple of its element's size; the header
/// is padded with blanks to a multiple of 8.
public enum SafetensorsWriter {
  /// Element types of whole bytes, in the order in which tensors are laid out: wider ones first. Raw values are the names
  /// in the header.
  public enum ElementType: String, Sendable, Hashable, CaseIterable {
    case i64 = "I64"
    case f32 = "F32"
    case i32 = "I32"
    case bf16 = "BF16"
    case f16 = "F16"
    case i16 = "I16"
    case f8e4m3 = "F8_E4M3"
    case f8e5m2 = "F8_E5M2"
    case i8 = "I8"
    case bool = "BOOL"

    /// Bytes of one element.
    public var byteCount: Int {
      switch self {
      case .i64: 8
      case .f32, .i32: 4
      case .f16, .bf16, .i16: 2
      case .i8, .f8e4m3, .f8e5m2, .bool: 1
      }
    }
  }

  /// One tensor to be written.
  public struct Array: Sendable, Hashable {
    public let name: String
    public let type: ElementType
    /// Outermost first; empty for a single element.
    public let shape: [Int]
    /// Row after row, little endian.
    public let bytes: [UInt8]

    public init(name: String, type: ElementType, shape: [Int], bytes: [UInt8]) {
      (self.name, self.type, self.shape, self.bytes) = (name, type, shape, bytes)
    }
  }

  /// Puts the file at `path` as a whole: readers see what was there before, or all of the new file, also after a power
  /// failure. The folder must be there.
  /// - metadata: strings for the header's `__metadata__`; nothing is written for none.
  /// - Throws: ``CheckpointError`` naming the tensor whose name, shape or bytes the format cannot hold, or why the file
  ///   cannot be written; nothing is left behind then.
  public static func write(
    _ tensors: [Array], metadata: [String: String] = [:], to path: String
  ) throws(CheckpointError) {
    let ordered = try checked(tensors, path)
    let header = try header(ordered, metadata, path)
    try replace(path, with: [header] + ordered.map(\.bytes))
  }

  /// The size of the file that ``write(_:metadata:to:)`` would write.
  public static func byteCount(
    _ tensors: [Array], metadata: [String: String] = [:]
  ) throws(CheckpointError) -> Int {
    try header(try checked(tensors, ""), metadata, "").count + tensors.reduce(0) { $0 + $1.bytes.count }
  }

  /// The tensors in the order of the file.
  private static func checked(_ tensors: [Array], _ path: String) throws(CheckpointError) -> [Array] {
    var names: Set<String> = []
    for tensor in tensors {
      func refusal(_ code: CheckpointError.Code, _ reason: String) -> CheckpointError {
        CheckpointError(code, file: path, subject: "tensor \(printable(tensor.name))", reason)
      }
      guard !tensor.name.isEmpty, tensor.name.utf8.count <= SafetensorsFile.Limit.nameBytes else {
        throw refusal(.malformed, "its name has \(tensor.name.utf8.count) bytes")
      }
      guard tensor.name != "__metadata__" else { throw refusal(.malformed, "the name is the format's own") }
      guard names.insert(tensor.name).inserted else { throw refusal(.duplicate, "is given twice") }
      guard tensor.shape.count <= SafetensorsFile.Limit.rank, tensor.shape.allSatisfy({ $0 >= 0 }) else {
        throw refusal(
          .malformed, "has shape \(tensor.shape), expected up to \(SafetensorsFile.Limit.rank) extents from 0")
      }
      var count = tensor.type.byteCount, isTooLarge = false
      for extent in tensor.shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: extent)
        (count, isTooLarge) = (product, isTooLarge || overflow)
      }
      guard !isTooLarge, count == tensor.bytes.count else {
        throw refusal(
          .malformed,
          "has \(grouped(tensor.bytes.count)) bytes, which shape \(tensor.shape) of \(tensor.type.rawValue) does not take"
        )
      }
    }
    return ElementType.allCases.flatMap { type in
      tensors.filter { $0.type == type }.sorted { $0.name < $1.name }
    }
  }

  private static func header(
    _ tensors: [Array], _ metadata: [String: String], _ path: String
  ) throws(CheckpointError) -> [UInt8] {
    var members: [(String, JSONValue)] = [], end = 0
    if !metadata.isEmpty {
      let strings = metadata.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
      members.append(("__metadata__", .object(JSONObject(strings))))
    }
    for tensor in tensors {
      let begin = end
      end += tensor.bytes.count
      members.append(
        (
          tensor.name,
          .object(
            JSONObject([
              ("dtype", .string(tensor.type.rawValue)), ("shape", .array(tensor.shape.map { .int($0) })),
              ("data_offsets", .array([.int(begin), .int(end)])),
            ]))
        ))
    }
    var text = [UInt8](JSONValue.object(JSONObject(members)).compact.utf8)
    text += [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8)
    guard text.count <= SafetensorsFile.Limit.headerBytes else {
      throw CheckpointError(.limit, file: path, "the header would have \(grouped(text.count)) bytes")
    }
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { [UInt8]($0) } + text
  }

  // MARK: the file

  private static func replace(_ path: String, with parts: [[UInt8]]) throws(CheckpointError) {
    func failure(_ action: String) -> CheckpointError {
      CheckpointError(.unreadable, file: path, "cannot be \(action): \(String(cString: strerror(errno)))")
    }
    guard !path.utf8.contains(0) else { throw CheckpointError(.unreadable, file: printable(path), "a path has no NUL") }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
    // A short name: the file's own may be as long as a folder allows.
    var template = Swift.Array((folder + ".safetensors-XXXXXX").utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw failure("written") }
    let temporary = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do throws(CheckpointError) {
      defer { close(descriptor) }
      guard fchmod(descriptor, 0o644) == 0 else { throw failure("written") }
      for part in parts where !write(part, to: descriptor) { throw failure("written") }
      guard fsync(descriptor) == 0 else { throw failure("written") }
    } catch {
      unlink(temporary)
      throw error
    }
    guard rename(temporary, path) == 0 else {
      let error = failure("put into its place")
      unlink(temporary)
      throw error
    }
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if directory >= 0 {
      _ = fsync(directory)
      close(directory)
    }
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return false }
      done += count
    }
    return true
  }
}
