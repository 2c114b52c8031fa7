import Glibc
import JSONText

/// The weights of a model in one safetensors file, or in several that an index joins.
public struct SafetensorsCheckpoint: Sendable {
  public let tensors: [String: WeightTensor]

  /// Opens a .safetensors file, or a folder with `model.safetensors` or `model.safetensors.index.json`.
  /// - Throws: ``CheckpointError`` for a bad file, a tensor that the index misplaces, and one that it does not name.
  public static func open(_ path: String) throws(CheckpointError) -> SafetensorsCheckpoint {
    if path.hasSuffix(".safetensors") { return SafetensorsCheckpoint(tensors: try SafetensorsFile.open(path).tensors) }
    let single = path + "/model.safetensors", index = path + "/model.safetensors.index.json"
    if access(index, F_OK) == 0 { return SafetensorsCheckpoint(tensors: try openIndexed(index, folder: path)) }
    guard access(single, F_OK) == 0 else {
      throw CheckpointError(
        .missing, file: path, "holds neither model.safetensors nor model.safetensors.index.json")
    }
    return SafetensorsCheckpoint(tensors: try SafetensorsFile.open(single).tensors)
  }

  private static func openIndexed(_ index: String, folder: String) throws(CheckpointError) -> [String: WeightTensor] {
    let map = try readMap(index)
    var tensors: [String: WeightTensor] = [:]
    for shard in Set(map.values).sorted() {
      // A name from a file must not reach outside of the folder.
      guard !shard.isEmpty, !shard.contains("/"), !shard.contains("\0"), shard.hasSuffix(".safetensors") else {
        throw CheckpointError(
          .malformed, file: index, subject: "weight_map",
          "names the file \"\(printable(shard))\", expected the plain name of a .safetensors file")
      }
      for (name, tensor) in try SafetensorsFile.open(folder + "/" + shard).tensors {
        guard map[name] == shard else {
          throw CheckpointError(
            map[name] == nil ? .missing : .duplicate, file: index, subject: "tensor \(printable(name))",
            "is in \(shard), the index places it in \(map[name] ?? "no file")")
        }
        tensors[name] = tensor
      }
    }
    for (name, shard) in map.sorted(by: { $0.key < $1.key }) where tensors[name] == nil {
      throw CheckpointError(
        .missing, file: index, subject: "tensor \(printable(name))", "is not in \(shard), where the index places it")
    }
    return tensors
  }

  private static func readMap(_ index: String) throws(CheckpointError) -> [String: String] {
    let bytes = try readRegularFile(index, limit: SafetensorsFile.Limit.headerBytes)
    let value: JSONValue
    do { value = try JSONValue(parsing: bytes, refusingDuplicateKeys: true) } catch {
      throw CheckpointError(.malformed, file: index, error.description)
    }
    guard let members = value["weight_map"]?.object?.members else {
      throw CheckpointError(.malformed, file: index, subject: "weight_map", "is missing or not an object")
    }
    var map: [String: String] = [:]
    for (name, shard) in members {
      guard let shard = shard.string else {
        throw CheckpointError(
          .malformed, file: index, subject: "weight_map", "\(printable(name)) is \(shard.kind), expected a file name")
      }
      map[name] = shard
    }
    return map
  }
}
