import Benchmarking
import TestSupport
import Testing
import Traces

@Suite("How often which call came")
struct FrequencyTests {
  private func counts(_ session: Session) throws -> RecordedFrequencies {
    try #require(try RecordedFrequencies.load(root: session.root, definition: Gather.definition))
  }

  @Test("Calls are counted exactly, by axes and by layer")
  func exact() throws {
    let session = try Session()
    for layer in 0..<3 {
      for _ in 0..<10 { session.gather([1], layer: layer) }
      session.gather([1, 2], layer: layer)
    }
    session.gather([1])
    session.recorder.flush()
    let recorded = try counts(session)
    #expect(recorded.calls == [[4, 1]: 31, [4, 2]: 3] && recorded.total == 34 && recorded.others == 0)
    #expect(recorded.layers == [0: 11, 1: 11, 2: 11] && recorded.withoutLayer == 1)
    #expect(recorded.weight(["rows": 4, "count": 1]) == 31.0 / 34)
    #expect(recorded.weight(["count": 2, "rows": 4]) == 3.0 / 34)
    #expect(recorded.weight(["rows": 4, "count": 3]) == 0)
    #expect(recorded.weight(["rows": 4]) == 0 && recorded.weight(["rows": 4, "count": 1, "x": 1]) == 0)
  }

  @Test("Counts add up over flushes, runs and recorders that share a folder")
  func sums() throws {
    let folder = try TemporaryFolder()
    let both = [try Session(in: folder), try Session(in: folder)]
    for round in 0..<3 {
      for session in both {
        session.gather([1], layer: round)
        session.recorder.flush()
      }
    }
    for session in both { session.recorder.close() }
    #expect(try counts(both[0]).calls == [[4, 1]: 6])
    #expect(try counts(both[0]).layers == [0: 2, 1: 2, 2: 2])
  }

  @Test("Of too many sets of axes over several runs, the rarest become others")
  func bounded() throws {
    let folder = try TemporaryFolder()
    var policy = RecordingPolicy()
    policy.maximumKeys = 2
    for sizes in [[1, 1, 1, 2], [3, 3, 2, 2]] {
      let session = try Session(policy, in: folder)
      for size in sizes { session.gather(.init(repeating: 0, count: size)) }
      session.recorder.close()
    }
    let recorded = try #require(
      try RecordedFrequencies.load(root: folder.path + "/traces", definition: Gather.definition))
    #expect(recorded.calls == [[4, 1]: 3, [4, 2]: 3] && recorded.others == 2 && recorded.total == 8)
  }

  @Test("Each call goes to the nearest of the benchmarked sets of axes")
  func nearest() throws {
    let session = try Session()
    for (size, count) in [(1, 6), (2, 2), (15, 1), (64, 1)] {
      for _ in 0..<count { session.gather(.init(repeating: 0, count: size)) }
    }
    session.recorder.flush()
    let recorded = try counts(session)
    #expect(
      recorded.weights(amongNearest: [
        ["rows": 4, "count": 1], ["rows": 4, "count": 16], ["rows": 4, "count": 100], ["count": 1],
      ]) == [0.8, 0.1, 0.1, 0])
    #expect(recorded.weights(amongNearest: []) == [] && recorded.weights(amongNearest: [["x": 1]]) == [0])
  }

  @Test("A definition without counts has none")
  func none() throws {
    let folder = try TemporaryFolder()
    #expect(try RecordedFrequencies.load(root: folder.path, definition: Gather.definition) == nil)
  }

  @Test(
    "A file that does not hold counts is refused with its name and place",
    arguments: [
      ("[", "$"), ("{}", "definition"), (#"{"definition": "other"}"#, "definition"),
      (#"{"definition": "gather"}"#, "others"), (#"{"definition": "gather", "others": -1}"#, "others"),
      (#"{"definition": "gather", "axes": [{"axes": {"z": 1}, "calls": 1}], "others": 0}"#, "axes[0]"),
      (#"{"definition": "gather", "axes": [{"axes": {"rows": -1}, "calls": 1}], "others": 0}"#, "axes[0]"),
      (#"{"definition": "gather", "axes": [{"axes": {"rows": 1}, "calls": 0.5}], "others": 0}"#, "axes[0]"),
      (#"{"definition": "gather", "others": 0, "layers": [{"layer": 1}]}"#, "layers[0]"),
    ])
  func damaged(_ text: String, _ place: String) throws {
    let folder = try TemporaryFolder()
    _ = folder.makeFolder("frequencies")
    _ = folder.makeFolder("frequencies/gather")
    let path = try folder.write(text, to: "frequencies/gather/gather.json")
    do {
      _ = try RecordedFrequencies.load(root: folder.path, definition: Gather.definition)
      Issue.record("\(text) was read")
    } catch {
      #expect(error.diagnostics.first?.file == path && error.diagnostics.first?.pathText == place, "\(error)")
    }
  }

  @Test("The command line's options name what they would take")
  func options() throws {
    #expect(try RecordingOptions(directory: nil) == nil)
    #expect(try RecordingOptions(directory: "d")?.policy == .standard)
    for (text, bytes) in [("4096", 4096), ("512K", 512 << 10), ("2GiB", 2 << 30), ("3mb", 3 << 20)] {
      #expect(try RecordingOptions(directory: "d", limit: text)?.policy.maximumBytes == bytes)
    }
    for text in ["", "0", "-1", "x", "5T", "99999999999G", "1.5G"] {
      let error = #expect(throws: RecordingError.self) { _ = try RecordingOptions(directory: "d", limit: text) }
      #expect(error?.description.contains("--trace-limit") == true)
    }
    #expect(throws: RecordingError.self) { _ = try RecordingOptions(directory: nil, limit: "1G") }
    #expect(throws: RecordingError.self) { _ = try RecordingOptions(directory: "") }
    let folder = try TemporaryFolder()
    let recorder = try RecordingOptions(directory: folder.path + "/a/b")?.start { _ in }
    #expect(recorder?.statistics.calls == 0)
    recorder?.close()
  }
}
