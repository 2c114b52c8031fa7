import Checkpoints
import JSONText
import Tensors

/// One tensor of a safetensors file that a workload names: any element type of definitions, indices above all.
///
/// Source: the format of huggingface/safetensors: 8 bytes of header length, a JSON header, data. `Checkpoints` reads the
/// float types of model weights; this reads one tensor of any type and copies it.
enum WorkloadTensorFile {
  private static let headerLimit = 16 << 20
  private static let dtypes: [String: DType] = [
    "F32": .float32, "F16": .float16, "BF16": .bfloat16, "F8_E4M3": .float8_e4m3fn, "F8_E5M2": .float8_e5m2,
    "F4": .float4_e2m1, "I64": .int64, "I32": .int32, "I16": .int16, "I8": .int8, "BOOL": .bool,
  ]

  /// - Throws: `file`, saying what is wrong with the path, the file or the tensor.
  static func read(
    _ path: String, key: String, root: String?, _ dtype: DType, _ shape: Shape
  ) throws(WorkloadError) -> Tensor {
    let place = try resolved(path, root)
    let file: MappedFile
    do throws(CheckpointError) { file = try MappedFile.open(place) } catch {
      throw WorkloadError(.file, "\(error)")
    }
    return try file.withBytes { (bytes) throws(WorkloadError) in
      try tensor(bytes, place, key, dtype, shape)
    }
  }

  /// The file's path below the root.
  static func resolved(_ path: String, _ root: String?) throws(WorkloadError) -> String {
    guard let root else {
      throw WorkloadError(.file, "comes from \(path), and no folder was given that this is relative to")
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard !path.hasPrefix("/"), !parts.contains(".."), !path.utf8.contains(0), !path.utf8.contains(0x5C), !path.isEmpty
    else {
      throw WorkloadError(
        .file,
        "the path \"\(path)\" is refused: expected one below the data set's folder, without \"..\" and backslashes")
    }
    return root + "/" + parts.filter { $0 != "." && !$0.isEmpty }.joined(separator: "/")
  }

  private static func tensor(
    _ bytes: UnsafeRawBufferPointer, _ path: String, _ key: String, _ dtype: DType, _ shape: Shape
  ) throws(WorkloadError) -> Tensor {
    func refuse(_ reason: String) -> WorkloadError { WorkloadError(.file, "\(path): \(reason)") }
    if bytes.starts(with: Array("version https://git-lfs".utf8)) {
      throw refuse("is a git-lfs pointer, not the file itself; fetch it with: git lfs pull --include <path>")
    }
    guard bytes.count >= 8 else { throw refuse("has \(bytes.count) bytes, a header takes 8 and more") }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(min(headerLimit, bytes.count - 8)) else {
      throw refuse("its header of \(length) bytes reaches beyond the file or \(headerLimit) bytes")
    }
    let start = 8 + Int(length), header: JSONValue
    do throws(JSONError) {
      header = try JSONValue(parsing: Array(bytes[8..<start]), refusingDuplicateKeys: true)
    } catch { throw refuse("header: \(error)") }
    guard let entry = header.object?[key] else {
      let names = (header.object?.keys ?? []).filter { $0 != "__metadata__" }.prefix(8).joined(separator: ", ")
      throw refuse("has no tensor \"\(key)\"; it has \(names.isEmpty ? "none" : names)")
    }
    guard let typeName = entry["dtype"]?.string, let extents = entry["shape"]?.array?.map(\.int),
      let offsets = entry["data_offsets"]?.array?.map(\.int), offsets.count == 2, let first = offsets[0],
      let end = offsets[1]
    else { throw refuse("tensor \(key) lacks dtype, shape or data_offsets") }
    guard dtypes[typeName] == dtype else {
      throw refuse("tensor \(key) has dtype \(typeName), the definition says \(dtype.rawValue)")
    }
    guard extents == shape.array.map({ $0 }) else {
      throw refuse("tensor \(key) has shape \(extents.map { $0 ?? -1 }), the definition and the axes say \(shape)")
    }
    let count = dtype.byteCount(of: shape.count)
    guard first >= 0, first <= end, end - first == count, end <= bytes.count - start else {
      throw refuse("tensor \(key) lies at bytes \(first)..<\(end) of the data, expected \(count) bytes inside the file")
    }
    let tensor = Tensor(dtype, shape)
    if count > 0, let base = bytes.baseAddress {
      tensor.pointer.copyMemory(from: base + start + first, byteCount: count)
    }
    return tensor
  }
}
