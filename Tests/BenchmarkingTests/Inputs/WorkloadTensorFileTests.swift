import KernelRuntime
import Tensors
import TestSupport
import Testing
import Traces

@testable import Benchmarking

/// Inputs that come from safetensors files.
struct WorkloadTensorFileTests {
  private static let definition = try? Definition(
    name: "gather", opType: "gather", axes: ["n": .var, "m": .const(3)],
    inputs: ["indices": .tensor("n", dtype: .int32), "table": .tensor("n", "m", dtype: .float32)],
    outputs: ["out": .tensor("n", "m", dtype: .float32)], reference: "def run(indices, table):\n  return table\n")

  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func error(_ path: String, key: String = "i", root: String? = "") throws -> WorkloadError? {
    let definition = try #require(Self.definition)
    let workload = Workload(uuid: "w", axes: ["n": 2], inputs: ["indices": .safetensors(path: path, tensorKey: key)])
    do throws(WorkloadError) {
      _ = try WorkloadInputs(definition, workload, seed: 1, root: root == "" ? folder.path : root)
      return nil
    } catch { return error }
  }

  private func file(_ header: String, _ data: [UInt8]) -> [UInt8] {
    SafetensorsBuilder(header: header, data: data).build()
  }

  @Test func `an integer tensor is read as it is`() throws {
    let data: [UInt8] = [9, 9, 9, 9, 1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF]
    let header =
      #"{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"i":{"dtype":"I32","shape":[2],"data_offsets":[4,12]}}"#
    _ = folder.makeFolder("blob")
    try folder.write(file(header, data), to: "blob/a.safetensors")
    let definition = try #require(Self.definition)
    let workload = Workload(
      uuid: "w", axes: ["n": 2], inputs: ["indices": .safetensors(path: "./blob/a.safetensors", tensorKey: "i")])
    let inputs = try WorkloadInputs(definition, workload, seed: 1, root: folder.path)
    #expect(inputs.tensor("indices")?.int32s == [1, -2])
  }

  @Test(
    "paths that leave the folder are refused",
    arguments: ["../a", "a/../../b", "/etc/passwd", "a\\b", "a/..", "a\0b"])
  func pathsStayInside(_ path: String) throws {
    let found = try error(path)
    #expect(found?.code == .file)
    #expect(found?.reason.contains("refused") == true)
  }

  @Test func `a missing folder, file or key is named`() throws {
    #expect(try error("a", root: nil)?.reason.contains("no folder was given") == true)
    #expect(try error("none.safetensors")?.reason.contains("none.safetensors") == true)
    try folder.write(
      file(#"{"x":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#, [UInt8](repeating: 0, count: 8)), to: "a")
    #expect(try error("a")?.reason.contains(#"no tensor "i"; it has x"#) == true)
  }

  @Test(
    "a tensor of another form and a header that lies are refused",
    arguments: [
      #"{"i":{"dtype":"I64","shape":[2],"data_offsets":[0,8]}}"#,
      #"{"i":{"dtype":"I32","shape":[3],"data_offsets":[0,12]}}"#,
      #"{"i":{"dtype":"I32","shape":[2],"data_offsets":[0,4]}}"#,
      #"{"i":{"dtype":"I32","shape":[2],"data_offsets":[8,16]}}"#,
      #"{"i":{"dtype":"I32","shape":[2],"data_offsets":[-8,0]}}"#, #"{"i":{"dtype":"I32","shape":[2]}}"#, #"{"i":5}"#,
      "[", "",
      #"{"i":{"dtype":"I32","shape":[2],"data_offsets":[9223372036854775807,-9223372036854775808]}}"#,
      #"{"i":{"dtype":"I32","shape":[2.5],"data_offsets":[0,8]}}"#,
    ])
  func wrongTensorsAreRefused(_ header: String) throws {
    try folder.write(file(header, [UInt8](repeating: 0, count: 8)), to: "a")
    #expect(try error("a")?.code == .file)
  }

  @Test func `a pointer of git-lfs says what it is`() throws {
    try folder.write("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", to: "a")
    #expect(try error("a")?.reason.contains("git-lfs") == true)
    try folder.write([1, 2, 3], to: "b")
    #expect(try error("b")?.code == .file)
    try folder.write([UInt8](repeating: 0xFF, count: 64), to: "c")
    #expect(try error("c")?.code == .file)
  }
}
