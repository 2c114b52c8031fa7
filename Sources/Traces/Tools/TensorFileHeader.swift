import Glibc
import JSONText

/// What a safetensors file says that it holds: enough to check a workload's blobs without reading their data.
struct TensorFileHeader {
  struct Entry {
    let dtype: String
    let shape: [Int]
  }
  let entries: [String: Entry]

  private static let headerLimit = 100 << 20
  private static let names: [DTypeName] = [
    DTypeName("F32", "float32"), DTypeName("F16", "float16"), DTypeName("BF16", "bfloat16"),
    DTypeName("F8_E4M3", "float8_e4m3fn"), DTypeName("F8_E5M2", "float8_e5m2"), DTypeName("I64", "int64"),
    DTypeName("I32", "int32"), DTypeName("I16", "int16"), DTypeName("I8", "int8"), DTypeName("BOOL", "bool"),
  ]
  private struct DTypeName {
    let file: String, schema: String
    init(_ file: String, _ schema: String) { (self.file, self.schema) = (file, schema) }
  }

  /// The file's name of an element type.
  static func fileName(of dtype: String) -> String? { names.first { $0.schema == dtype }?.file }

  /// - Throws: a sentence about the file.
  init(path: String) throws(SchemaError) {
    // Non-blocking, so that a pipe of that name cannot stop a check.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0, let file = fdopen(descriptor, "rb") else {
      let reason = String(cString: strerror(errno))
      if descriptor >= 0 { close(descriptor) }
      throw SchemaError(.fileError, reason)
    }
    defer { fclose(file) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw SchemaError(.fileError, "it is no regular file")
    }
    let size = UInt64(max(0, status.st_size))
    var start = [UInt8](repeating: 0, count: 8)
    guard fread(&start, 1, 8, file) == 8 else { throw SchemaError(.fileError, "it has less than 8 bytes") }
    if start.starts(with: Array("version ".utf8)) {
      throw SchemaError(.fileError, "it is a Git LFS pointer, not the file itself: git lfs pull")
    }
    let length = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length > 0, length <= Self.headerLimit else {
      throw SchemaError(.fileError, "its header would have \(length) bytes: not a safetensors file")
    }
    var bytes = [UInt8](repeating: 0, count: Int(min(length, size)))
    guard length <= size - 8, fread(&bytes, 1, bytes.count, file) == bytes.count else {
      throw SchemaError(.fileError, "it ends inside of its header")
    }
    let value: JSONValue
    do { value = try JSONValue(parsing: bytes) } catch {
      throw SchemaError(.fileError, "its header is not JSON: \(error)")
    }
    var entries: [String: Entry] = [:]
    for (name, entry) in value.object?.members ?? [] where name != "__metadata__" {
      guard let dtype = entry["dtype"]?.string, let shape = entry["shape"]?.array?.map(\.int),
        shape.allSatisfy({ $0 != nil })
      else { throw SchemaError(.fileError, "its header says nothing usable about the tensor \(name)") }
      if let end = entry["data_offsets"]?.array?.last?.int, end < 0 || UInt64(end) > size - 8 - length {
        throw SchemaError(.fileError, "it ends inside of the data of \(name)")
      }
      entries[name] = Entry(dtype: dtype, shape: shape.compactMap { $0 })
    }
    self.entries = entries
  }
}
