import Glibc
import JSONText
import Testing

@testable import Traces

@Suite struct TraceSetTests {
  static func definition(_ name: String, opType: String = "gemm") -> String {
    """
    {"name": "\(name)", "op_type": "\(opType)", "axes": {"M": {"type": "var"}}, "inputs": {"A": {"shape": ["M"], "dtype": "int8"}},
     "outputs": {}, "reference": "def run(A): pass"}
    """
  }

  static func solution(_ name: String, of definition: String = "d", by author: String = "me") -> String {
    """
    {"name": "\(name)", "definition": "\(definition)", "author": "\(author)", "spec": {"language": "python",
     "target_hardware": ["cpu"], "entry_point": "m.py::run"}, "sources": [{"path": "m.py", "content": "x"}]}
    """
  }

  static func trace(
    _ uuid: String, _ solution: String?, latency: Double = 1, speedup: Double = 1, m: Int = 1, passed: Bool = true
  ) throws -> Trace {
    let evaluation = try solution.map { _ in
      try Evaluation(
        status: passed ? .passed : .runtimeError, environment: Environment(hardware: "cpu"), timestamp: "t",
        correctness: passed ? Correctness() : nil,
        performance: passed ? Performance(latencyMs: latency, referenceLatencyMs: 1, speedupFactor: speedup) : nil)
    }
    return try Trace(
      definition: "d", workload: Workload(uuid: uuid, axes: ["M": m], inputs: ["A": .random]), solution: solution,
      evaluation: evaluation)
  }

  static let workload =
    #"{"definition":"d","workload":{"axes":{"M":1},"inputs":{},"uuid":"u"},"solution":null,"evaluation":null}"#
  static let evaluated =
    #"{"definition":"d","workload":{"axes":{"M":1},"inputs":{},"uuid":"u"},"solution":"s","evaluation":{"status":"TIMEOUT","#
    + #""environment":{"hardware":"cpu"},"timestamp":"t"}}"#

  static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(definition("d"), to: "definitions/gemm/d.json")
    try folder.write(solution("s"), to: "solutions/me/gemm/d/s.json")
    try folder.write(workload + "\n", to: "workloads/gemm/d.jsonl")
    try folder.write(evaluated + "\n", to: "traces/me/gemm/d.jsonl")
    return folder
  }

  @Test func aFolderIsLoadedAndIndexed() throws {
    let folder = try Self.folder()
    let set = try TraceSet.load(folder.path + "/", .strict)
    #expect(set.root == folder.path)
    #expect(set.definitionNames == ["d"])
    #expect(set.solution(named: "s")?.author == "me")
    #expect(set.workloads["d"]?.count == 1 && set.traces["d"]?.count == 1)
    #expect(set.traces(ofSolution: "s").count == 1)
    #expect(set.encoded.object?.keys == ["definitions", "solutions", "workload", "traces"])
  }

  @Test func oneBadLineOrFileSpoilsNothingElse() throws {
    let folder = try Self.folder()
    try folder.write("{", to: "definitions/gemm/broken.json")
    try folder.write(Self.definition("d"), to: "definitions/zz/again.json")
    try folder.write(Self.definition("ignored"), to: "definitions/gemm/x.JSON")
    try folder.write(Self.solution("s", by: "you"), to: "solutions/you/s.json")
    try folder.write(
      "\n  \(Self.workload)\r\n\nnot json\n{\"definition\":\"d\"}\n\(Self.evaluated)\n\(Self.workload)",
      to: "workloads/gemm/d.jsonl")
    try folder.write(Self.workload + "\n\u{2028}\n", to: "traces/me/gemm/d.jsonl")
    let set = try TraceSet.load(folder.path)
    #expect(set.definitions.count == 1 && set.solutionsByName.count == 1)
    #expect(set.workloads["d"]?.count == 2)
    #expect(set.traces["d"] == nil)
    let found = set.diagnostics.map {
      "\($0.file?.dropFirst(folder.path.count + 1) ?? "?"):\($0.line ?? 0) \($0.pathText) \($0.kind)"
    }
    #expect(
      found == [
        "definitions/gemm/broken.json:1 $ json_invalid", "definitions/zz/again.json:0 name duplicate_name",
        "solutions/you/s.json:0 name duplicate_name", "workloads/gemm/d.jsonl:4 $ json_invalid",
        "workloads/gemm/d.jsonl:5 workload missing", "workloads/gemm/d.jsonl:6 $ value_error",
        "traces/me/gemm/d.jsonl:1 $ value_error", "traces/me/gemm/d.jsonl:2 $ json_invalid",
      ])
    let error = #expect(throws: SchemaError.self) { try TraceSet.load(folder.path, .strict) }
    #expect(error?.diagnostics.count == found.count)
  }

  @Test func aMissingFolderIsAnEmptySetOrAnError() throws {
    let set = try TraceSet.load("/nonexistent/traces")
    #expect(set.definitions.isEmpty && set.diagnostics.map(\.kind) == [.fileError])
    #expect(throws: SchemaError.self) { try TraceSet.load("/nonexistent/traces", .strict) }
  }

  @Test func linkedFoldersAreNotEnteredAndPipesDoNotBlock() throws {
    let folder = try Self.folder()
    symlink("..", folder.path + "/definitions/loop")
    symlink("gemm/d.json", folder.path + "/definitions/zlink.json")
    mkfifo(folder.path + "/definitions/pipe.json", 0o600)
    let set = try TraceSet.load(folder.path)
    #expect(set.definitions.count == 1)
    #expect(Set(set.diagnostics.map(\.kind)) == [.fileError, .duplicateName])
  }

  @Test func addedTracesAreOnDiskAndReadBack() throws {
    let folder = try Self.folder()
    var set = try TraceSet.load(folder.path)
    try folder.write(Self.evaluated, to: "traces/me/gemm/d.jsonl")
    try set.addTraces([Self.trace("v", "s"), Self.trace("w", "s")])
    try set.addWorkloads([Self.trace("v", nil)])
    try set.addTraces([])
    #expect(set.traces["d"]?.map(\.workload.uuid) == ["u", "v", "w"])
    let again = try TraceSet.load(folder.path, .strict)
    #expect(again.traces == set.traces && again.workloads == set.workloads)
    #expect(
      try folder.text("traces/me/gemm/d.jsonl").split(separator: "\n", omittingEmptySubsequences: false).count == 4)
  }

  @Test func whatCannotBeAddedChangesNothing() throws {
    let folder = try Self.folder()
    var set = try TraceSet.load(folder.path)
    let before = try folder.text("traces/me/gemm/d.jsonl")
    let good = try Self.trace("v", "s")
    for bad in [
      try Self.trace("v", nil), try Self.trace("v", "unknown"), try good.with(definition: "unknown"),
    ] { #expect(throws: SchemaError.self) { try set.addTraces([good, bad]) } }
    #expect(throws: SchemaError.self) { try set.addWorkloads([good]) }
    #expect(throws: SchemaError.self) { try set.add(Definition(json: Self.definition("d"))) }
    #expect(throws: SchemaError.self) { try set.add(Solution(json: Self.solution("s", of: "other"))) }
    #expect(set.traces["d"]?.count == 1)
    #expect(try folder.text("traces/me/gemm/d.jsonl") == before)
  }

  @Test func definitionsAndSolutionsAreWrittenToTheirPlaces() throws {
    let folder = try TemporaryFolder()
    var set = TraceSet(root: folder.path + "/new/set")
    try set.add(Definition(json: Self.definition("d", opType: "rmsnorm")))
    try set.add(Solution(json: Self.solution("s")))
    #expect(try folder.text("new/set/definitions/rmsnorm/d.json") == Self.definition("d", opType: "rmsnorm"))
    #expect(try folder.text("new/set/solutions/me/rmsnorm/d/s.json") == Self.solution("s"))
    #expect(try TraceSet.load(folder.path + "/new/set", .strict).solutionsByName.count == 1)
    #expect(FolderListing.files(under: folder.path, suffix: "").count == 2)
  }

  @Test func concurrentAppendsKeepEveryLineWhole() async throws {
    let folder = try Self.folder()
    let path = folder.path
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<4 {
        group.addTask {
          var set = try TraceSet.load(path)
          for i in 0..<25 { try set.addTraces([Self.trace("\(writer)-\(i)", "s")]) }
        }
      }
      try await group.waitForAll()
    }
    let set = try TraceSet.load(path, .strict)
    #expect(Set(set.traces["d", default: []].map(\.workload.uuid)).count == 101)
  }

  @Test func aFailedWriteLeavesTheOldFile() throws {
    let folder = try TemporaryFolder()
    try folder.write("old", to: "file/inside")
    #expect(throws: SchemaError.self) { try FileStore.replace(folder.path + "/file", with: [1]) }
    #expect(throws: SchemaError.self) { try FileStore.replace(folder.path + "/file/inside/x", with: [1]) }
    #expect(try folder.text("file/inside") == "old")
    try FileStore.replace(folder.path + "/file/inside", with: Array("new".utf8))
    #expect(try folder.text("file/inside") == "new")
    #expect(FolderListing.files(under: folder.path, suffix: "").count == 1)
  }

  @Test func tracesAreBackedUpByMoving() throws {
    let folder = try Self.folder()
    var set = try TraceSet.load(folder.path)
    try set.backupTraces(stamp: "20260101_000000")
    #expect(set.traces.isEmpty)
    #expect(try folder.text("traces_bak_20260101_000000/me/gemm/d.jsonl") == Self.evaluated + "\n")
    #expect(try TraceSet.load(folder.path, .strict).traces.isEmpty)
    #expect(throws: SchemaError.self) { try set.backupTraces(stamp: "20260101_000000") }
    #expect(throws: SchemaError.self) { try set.backupTraces(stamp: "../x") }
  }

  @Test func aBlobIsFoundBelowTheRootOnly() throws {
    let folder = try Self.folder()
    try folder.write("x", to: "blob/workloads/gemm/d/d_u.safetensors")
    let set = try TraceSet.load(folder.path)
    #expect(try set.blobPath(definition: "d", uuid: "u") == "blob/workloads/gemm/d/d_u.safetensors")
    #expect(try set.resolveBlob("./blob/workloads/gemm/d/d_u.safetensors").hasSuffix("/d_u.safetensors"))
    #expect(try set.resolveBlob("moved/blob/workloads/gemm/d/d_u.safetensors").hasSuffix("/d_u.safetensors"))
    for bad in ["/etc/passwd", "../x", "blob/../../x", "", ".", "blob/none", "blob"] {
      #expect(throws: SchemaError.self, "\(bad)") { try set.resolveBlob(bad) }
    }
    #expect(throws: SchemaError.self) { try set.blobPath(definition: "d", uuid: "../u") }
  }

  @Test func theDefaultPathFollowsTheEnvironment() {
    #expect(TraceSet.defaultPath(environment: ["HOME": "/h"]) == "/h/.cache/flashinfer_bench/dataset")
    #expect(
      TraceSet.defaultPath(environment: ["HOME": "/h", "FIB_DATASET_PATH": ""]) == "/h/.cache/flashinfer_bench/dataset")
    #expect(TraceSet.defaultPath(environment: ["HOME": "/h", "FIB_DATASET_PATH": "~/d"]) == "/h/d")
    #expect(TraceSet.defaultPath(environment: ["FIB_DATASET_PATH": "/d"]) == "/d")
    #expect(TraceSet.defaultPath(environment: [:]) == nil)
  }
}
