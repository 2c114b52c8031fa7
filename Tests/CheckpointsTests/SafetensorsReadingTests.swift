import TestSupport
import Testing

@testable import Checkpoints

@Suite("Safetensors files")
struct SafetensorsReadingTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  @Test("Tensors of every type, empty ones and scalars are read")
  func reads() throws {
    let file = SafetensorsBuilder([
      ("a", "F32", [2, 3], 24), ("b", "F16", [4], 8), ("c", "BF16", [2, 2, 1], 8), ("scalar", "F32", [], 4),
      ("none", "F32", [0, 7], 0),
    ])
    let tensors = try SafetensorsFile.open(try folder.write(file.build(), to: "x.safetensors")).tensors
    #expect(tensors.count == 5)
    #expect(tensors["a"]?.shape == [2, 3] && tensors["a"]?.rowCount == 2)
    #expect(tensors["a"]?.dequantized() == [Float](repeating: Float(bitPattern: 0x3C3C_3C3C), count: 6))
    #expect(tensors["b"]?.dequantized() == [Float](repeating: Float(Float16(bitPattern: 0x3C3C)), count: 4))
    #expect(tensors["c"]?.dequantized() == [Float](repeating: Float(bitPattern: 0x3C3C_0000), count: 4))
    #expect(tensors["scalar"]?.dequantized().count == 1)
    #expect(tensors["none"]?.dequantized() == [] && tensors["none"]?.rowCount == 0)
  }

  @Test("Metadata are read")
  func metadata() throws {
    let file = SafetensorsBuilder(header: #"{"__metadata__":{"format":"pt"}}"#, data: [])
    let opened = try SafetensorsFile.open(try folder.write(file.build(), to: "x.safetensors"))
    #expect(opened.metadata == ["format": "pt"] && opened.tensors.isEmpty)
  }

  @Test("Every beginning of a file is refused as truncated")
  func truncated() throws {
    let whole = SafetensorsBuilder([("a", "F32", [2, 3], 24), ("b", "F16", [4], 8)]).build()
    for count in 0..<whole.count {
      let path = try folder.write(Array(whole[..<count]), to: "cut.safetensors")
      do {
        _ = try SafetensorsFile.open(path)
        Issue.record("\(count) of \(whole.count) bytes were opened")
      } catch {
        #expect(error.code == .truncated && error.file == path, "\(count) bytes: \(error)")
      }
    }
  }

  @Test("Malformed files are refused with what is wrong and where", arguments: SafetensorsCases.all)
  func refused(_ refusal: Refusal) throws {
    let path = try folder.write(refusal.bytes, to: "bad.safetensors")
    refusal.check(path) { () throws(CheckpointError) in _ = try SafetensorsFile.open(path) }
  }

  @Test("What is no file is refused")
  func noFile() throws {
    let missing = folder.path + "/missing.safetensors"
    #expect(throws: CheckpointError(.unreadable, file: missing, "cannot be opened: No such file or directory")) {
      _ = try SafetensorsCheckpoint.open(missing)
    }
    let directory = folder.makeFolder("folder.safetensors")
    #expect(throws: CheckpointError(.wrongKind, file: directory, "is a directory, expected a file")) {
      _ = try SafetensorsCheckpoint.open(directory)
    }
  }
}
