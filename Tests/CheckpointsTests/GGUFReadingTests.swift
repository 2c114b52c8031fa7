import TestSupport
import Testing

@testable import Checkpoints

@Suite("GGUF files")
struct GGUFReadingTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  @Test("Values of every type and all tensors are read, in versions 2 and 3", arguments: [UInt32(2), 3])
  func reads(version: UInt32) throws {
    var file = GGUFBuilder()
    file.version = version
    file.keys = [
      ("u8", .init(type: 0, bytes: [200])), ("i8", .init(type: 1, bytes: [0xFF])),
      ("u16", .init(type: 2, bytes: [1, 2])), ("i16", .init(type: 3, bytes: [0xFE, 0xFF])), ("u32", .uint32(7)),
      ("i32", .int32(-7)), ("f32", .float32(1.5)), ("yes", .bool(true)), ("text", .string("grün")),
      ("list", .strings(["a", "", "ç"])), ("u64", .uint64(.max)), ("i64", .init(type: 11, bytes: little(Int64(-9)))),
      ("f64", .init(type: 12, bytes: little((2.25).bitPattern))), ("numbers", .int32s([1, -2, 3])),
      ("nested", .array(of: 9, [.int32s([4]), .strings(["x", "y"])])),
    ]
    file.tensors = [.init("w", [32, 2], .q8_0), .init("v", [3], .f32)]
    let opened = try GGUFFile.open(try folder.write(file.build(), to: "all.gguf"))
    #expect(opened.version == version)
    let values = opened.metadata
    #expect(values.count == 15)
    let integers = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"].map { values[$0]?.int }
    #expect(integers == [200, -1, 513, -2, 7, -7, nil, -9])
    #expect(values["u64"]?.double == Double(UInt64.max))
    #expect(values["f32"]?.double == 1.5 && values["f64"]?.double == 2.25)
    #expect(values["yes"]?.bool == true && values["text"]?.string == "grün")
    #expect(try values["list"]?.array?.strings() == ["a", "", "ç"])
    #expect(try values["list"]?.array?.integers() == nil)
    #expect(try values["numbers"]?.array?.integers() == [1, -2, 3])
    let nested = try #require(try values["nested"]?.array?.values())
    #expect(try nested[0].array?.integers() == [4])
    #expect(try nested[1].array?.strings() == ["x", "y"])
    #expect(opened.tensors["w"]?.shape == [2, 32])
    #expect(opened.tensors["v"]?.dequantized().count == 3)
  }

  @Test("A file without keys and tensors is read")
  func empty() throws {
    let opened = try GGUFFile.open(try folder.write(GGUFBuilder().build(), to: "empty.gguf"))
    #expect(opened.metadata.isEmpty && opened.tensors.isEmpty)
  }

  @Test("An alignment of its own is heeded")
  func alignment() throws {
    var file = GGUFBuilder()
    (file.alignment, file.keys) = (64, [("general.alignment", .uint32(64))])
    file.tensors = [.init("a", [1], .f32), .init("b", [2], .f32)]
    let opened = try GGUFFile.open(try folder.write(file.build(), to: "aligned.gguf"))
    let a = try #require(opened.tensors["a"]), b = try #require(opened.tensors["b"])
    #expect(a.fileOffset % 64 == 0 && b.fileOffset == a.fileOffset + 64)
  }

  @Test("Every beginning of a file is refused as truncated")
  func truncated() throws {
    let whole = GGUFBuilder.smallLlama().build()
    for count in 0..<whole.count {
      let path = try folder.write(Array(whole[..<count]), to: "cut.gguf")
      do {
        _ = try GGUFFile.open(path)
        Issue.record("\(count) of \(whole.count) bytes were opened")
      } catch {
        #expect(error.code == .truncated && error.file == path, "\(count) bytes: \(error)")
      }
    }
  }

  @Test("What is no file is refused")
  func noFile() throws {
    let missing = folder.path + "/missing.gguf"
    #expect(throws: CheckpointError(.unreadable, file: missing, "cannot be opened: No such file or directory")) {
      _ = try GGUFFile.open(missing)
    }
    #expect(throws: CheckpointError(.wrongKind, file: folder.path, "is a directory, expected a file")) {
      _ = try GGUFFile.open(folder.path)
    }
    #expect(throws: CheckpointError(.wrongKind, file: "/dev/zero", "is not a regular file, expected a file")) {
      _ = try GGUFFile.open("/dev/zero")
    }
  }

  @Test("Malformed files are refused with what is wrong and where", arguments: GGUFCases.all)
  func refused(_ refusal: Refusal) throws {
    let path = try folder.write(refusal.bytes, to: "bad.gguf")
    refusal.check(path) { () throws(CheckpointError) in _ = try GGUFFile.open(path) }
  }

  @Test("Text that is not UTF-8 in an array is refused when it is read")
  func badText() throws {
    var file = GGUFBuilder()
    file.keys = [("words", .array(of: 8, [.init(type: 8, bytes: little(UInt64(2)) + [0xC3, 0x28])]))]
    let opened = try GGUFFile.open(try folder.write(file.build(), to: "text.gguf"))
    do {
      _ = try opened.metadata["words"]?.array?.strings()
      Issue.record("was read")
    } catch {
      #expect(error.code == .malformed && error.subject == "key words", "\(error)")
    }
  }
}
