import TestSupport
import Testing

@testable import Checkpoints

@Suite("Folders of safetensors files")
struct SafetensorsIndexTests {
  let folder: TemporaryFolder
  let index: String

  init() throws {
    folder = try TemporaryFolder()
    index = folder.path + "/model.safetensors.index.json"
    try folder.write(SafetensorsBuilder([("a", "F32", [2], 8), ("b", "F32", [1], 4)]).build(), to: "1.safetensors")
    try folder.write(SafetensorsBuilder([("c", "F16", [3], 6)]).build(), to: "2.safetensors")
  }

  private func open(_ map: String) throws -> SafetensorsCheckpoint {
    try folder.write(#"{"metadata":{"total_size":18},"weight_map":\#(map)}"#, to: "model.safetensors.index.json")
    return try SafetensorsCheckpoint.open(folder.path)
  }

  @Test("Shards are joined")
  func joins() throws {
    let tensors = try open(#"{"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"}"#).tensors
    #expect(tensors.mapValues(\.shape) == ["a": [2], "b": [1], "c": [3]])
  }

  @Test("A single file needs no index")
  func single() throws {
    let file = SafetensorsBuilder([("a", "F32", [2], 8)]).build()
    try folder.write(file, to: "model.safetensors")
    #expect(try SafetensorsCheckpoint.open(folder.path).tensors.keys.sorted() == ["a"])
    #expect(try SafetensorsCheckpoint.open(folder.path + "/model.safetensors").tensors.keys.sorted() == ["a"])
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let map: String
    let code: CheckpointError.Code
    let subject: String?
    let says: String
    init(_ title: String, _ map: String, _ code: CheckpointError.Code, _ subject: String?, says: String) {
      (testDescription, self.map, self.code, self.subject, self.says) = (title, map, code, subject, says)
    }
  }

  static let cases = [
    Case("a parent folder", #"{"a":"../1.safetensors"}"#, .malformed, "weight_map", says: "../1.safetensors"),
    Case("an absolute path", #"{"a":"/etc/x.safetensors"}"#, .malformed, "weight_map", says: "/etc/x.safetensors"),
    Case("another kind of file", #"{"a":"config.json"}"#, .malformed, "weight_map", says: "config.json"),
    Case("a name with NUL", "{\"a\":\"x\\u0000.safetensors\"}", .malformed, "weight_map", says: "x\\u{0}"),
    Case("no name", #"{"a":""}"#, .malformed, "weight_map", says: "plain name"),
    Case("a number for a name", #"{"a":7}"#, .malformed, "weight_map", says: "a is a number"),
    Case("no map", "[]", .malformed, "weight_map", says: "not an object"),
    Case("a tensor twice", #"{"a":"1.safetensors","a":"2.safetensors"}"#, .malformed, nil, says: "\"a\""),
    Case("half an index", #"{"a":"#, .malformed, nil, says: ""),
    Case(
      "a tensor that no shard has", #"{"a":"1.safetensors","b":"1.safetensors","d":"1.safetensors"}"#, .missing,
      "tensor d", says: "is not in 1.safetensors"),
    Case("a tensor that is not named", #"{"a":"1.safetensors"}"#, .missing, "tensor b", says: "in no file"),
    Case(
      "a tensor in another shard", #"{"a":"2.safetensors","b":"1.safetensors","c":"2.safetensors"}"#, .duplicate,
      "tensor a", says: "is in 1.safetensors, the index places it in 2.safetensors"),
  ]

  @Test("An index that is wrong or disagrees with the shards is refused", arguments: cases)
  func refused(_ wrong: Case) throws {
    do {
      _ = try open(wrong.map)
      Issue.record("was opened")
    } catch let error as CheckpointError {
      #expect(error.code == wrong.code && error.subject == wrong.subject && error.file == index, "\(error)")
      #expect(error.reason.contains(wrong.says), "\(error)")
    }
  }

  @Test("A shard that is missing is named")
  func missingShard() throws {
    do {
      _ = try open(#"{"a":"1.safetensors","b":"1.safetensors","c":"3.safetensors"}"#)
      Issue.record("was opened")
    } catch let error as CheckpointError {
      #expect(error.code == .unreadable && error.file == folder.path + "/3.safetensors", "\(error)")
    }
  }

  @Test("A folder without weights says what it lacks")
  func noWeights() throws {
    let empty = folder.makeFolder("empty")
    #expect(
      throws: CheckpointError(
        .missing, file: empty, "holds neither model.safetensors nor model.safetensors.index.json")
    ) { _ = try SafetensorsCheckpoint.open(empty) }
  }
}
