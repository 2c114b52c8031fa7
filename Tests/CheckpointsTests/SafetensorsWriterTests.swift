import Glibc
import TestSupport
import Testing

@testable import Checkpoints

@Suite("Writing safetensors files")
struct SafetensorsWriterTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private typealias Written = SafetensorsWriter.Array

  private static func bytes<T>(_ values: T...) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

  /// One of each type, one without elements, one without dimensions.
  private static let everyType: [SafetensorsWriter.Array] = [
    .init(name: "pages", type: .i32, shape: [3], bytes: bytes(7 as Int32, -1, 2)),
    .init(name: "big", type: .i64, shape: [2], bytes: bytes(1 << 40 as Int64, -5)),
    .init(name: "x", type: .f32, shape: [2, 1], bytes: bytes(1.5 as Float, -2)),
    .init(name: "h", type: .f16, shape: [1], bytes: [0, 0x3C]),
    .init(name: "b", type: .bf16, shape: [1], bytes: [0x80, 0x3F]),
    .init(name: "short", type: .i16, shape: [2], bytes: bytes(-3 as Int16, 4)),
    .init(name: "bytes", type: .i8, shape: [3], bytes: [1, 0xFF, 0x7F]),
    .init(name: "mask", type: .bool, shape: [4], bytes: [1, 0, 0, 1]),
    .init(name: "f8", type: .f8e4m3, shape: [1], bytes: [0x38]),
    .init(name: "e5", type: .f8e5m2, shape: [1], bytes: [0x3C]),
    .init(name: "none", type: .i32, shape: [0, 2], bytes: []),
    .init(name: "one", type: .i32, shape: [], bytes: bytes(9 as Int32)),
  ]

  @Test("The bytes are those that safetensors 0.8.0 for Python writes")
  func golden() throws {
    let header =
      #"{"__metadata__":{"source":"test"},"big":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"#
      + #""x":{"dtype":"F32","shape":[2,1],"data_offsets":[16,24]},"none":{"dtype":"I32","shape":[0,2],"#
      + #""data_offsets":[24,24]},"one":{"dtype":"I32","shape":[],"data_offsets":[24,28]},"pages":{"dtype":"I32","#
      + #""shape":[3],"data_offsets":[28,40]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[40,42]},"#
      + #""h":{"dtype":"F16","shape":[1],"data_offsets":[42,44]},"short":{"dtype":"I16","shape":[2],"#
      + #""data_offsets":[44,48]},"f8":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[48,49]},"e5":{"dtype":"F8_E5M2","#
      + #""shape":[1],"data_offsets":[49,50]},"bytes":{"dtype":"I8","shape":[3],"data_offsets":[50,53]},"#
      + #""mask":{"dtype":"BOOL","shape":[4],"data_offsets":[53,57]}}       "#
    let data: [UInt8] = [
      0, 0, 0, 0, 0, 1, 0, 0, 0xFB, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0,
      9, 0, 0, 0, 7, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0x80, 0x3F, 0, 0x3C, 0xFD, 0xFF, 4, 0,
      0x38, 0x3C, 1, 0xFF, 0x7F, 1, 0, 0, 1,
    ]
    let path = folder.path + "/all.safetensors"
    try SafetensorsWriter.write(Self.everyType, metadata: ["source": "test"], to: path)
    let written = try readRegularFile(path, limit: 1 << 20)
    #expect(written == Self.bytes(UInt64(header.utf8.count)) + Array(header.utf8) + data)
    #expect(try SafetensorsWriter.byteCount(Self.everyType, metadata: ["source": "test"]) == written.count)
  }

  @Test("What was written is read back")
  func readBack() throws {
    let path = folder.path + "/floats.safetensors"
    let floats = Self.everyType.filter { [.f32, .f16, .bf16].contains($0.type) }
    let empty = Written(name: "é\"\n", type: .f32, shape: [3, 0], bytes: [])
    try SafetensorsWriter.write(floats + [empty], metadata: ["a": "1", "b": "\"2\""], to: path)
    let file = try SafetensorsFile.open(path)
    #expect(file.metadata == ["a": "1", "b": "\"2\""])
    #expect(file.tensors.count == 4 && file.tensors["é\"\n"]?.shape == [3, 0])
    #expect(file.tensors["x"]?.shape == [2, 1] && file.tensors["x"]?.dequantized() == [1.5, -2])
    #expect(file.tensors["h"]?.dequantized() == [1] && file.tensors["b"]?.dequantized() == [1])
  }

  @Test("A file is replaced as a whole, and is as readable as any other")
  func replaces() throws {
    let path = try folder.write("old", to: "x.safetensors")
    let old = try #require(fopen(path, "rb"))
    defer { fclose(old) }
    try SafetensorsWriter.write([], to: path)
    #expect(try SafetensorsFile.open(path).tensors.isEmpty)
    #expect(fgetc(old) == Int32(UInt8(ascii: "o")))
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o644)
  }

  @Test("What the format cannot hold is refused, naming the tensor, and leaves no file")
  func refused() throws {
    let cases: [(CheckpointError.Code, String, [SafetensorsWriter.Array])] = [
      (.malformed, "has 7 bytes", [Written(name: "a", type: .i32, shape: [2], bytes: [0, 0, 0, 0, 0, 0, 0])]),
      (.malformed, "does not take", [Written(name: "a", type: .i64, shape: [.max, 2], bytes: [])]),
      (.malformed, "shape [-1]", [Written(name: "a", type: .i8, shape: [-1], bytes: [])]),
      (.malformed, "up to 8", [Written(name: "a", type: .i8, shape: .init(repeating: 1, count: 9), bytes: [1])]),
      (.malformed, "0 bytes", [Written(name: "", type: .i8, shape: [], bytes: [1])]),
      (.malformed, "own", [Written(name: "__metadata__", type: .i8, shape: [], bytes: [1])]),
      (.duplicate, "twice", Array(repeating: Written(name: "a", type: .i8, shape: [], bytes: [1]), count: 2)),
    ]
    let path = folder.path + "/refused.safetensors"
    for (code, reason, tensors) in cases {
      do {
        try SafetensorsWriter.write(tensors, to: path)
        Issue.record("\(tensors) was written")
      } catch {
        #expect(error.code == code && error.reason.contains(reason), "\(error)")
        #expect(error.file == path && error.subject == "tensor \(tensors[0].name)", "\(error)")
      }
    }
    #expect(access(path, F_OK) != 0)
  }

  @Test("A place that cannot be written is named, and nothing is left behind")
  func unwritable() throws {
    let missing = folder.path + "/none/x.safetensors"
    #expect(throws: CheckpointError(.unreadable, file: missing, "cannot be written: No such file or directory")) {
      try SafetensorsWriter.write([], to: missing)
    }
    let taken = folder.makeFolder("taken")
    #expect(throws: CheckpointError(.unreadable, file: taken, "cannot be put into its place: Is a directory")) {
      try SafetensorsWriter.write([], to: taken)
    }
    var names: Set<String> = []
    let directory = try #require(opendir(folder.path))
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      names.insert(name)
    }
    #expect(names == [".", "..", "taken"])
  }
}
