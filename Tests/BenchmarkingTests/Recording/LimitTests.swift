import Benchmarking
import Glibc
import Kernels
import Tensors
import TestSupport
import Testing
import Traces

@Suite("Recording is bounded and never stands in the way")
struct LimitTests {
  private static var keepingAll: RecordingPolicy {
    var policy = RecordingPolicy()
    policy.general.filter = .keepAll
    return policy
  }

  @Test("Equal calls are written once, calls that differ in a value each")
  func duplicates() throws {
    let session = try Session(Self.keepingAll)
    for _ in 0..<3 {
      session.gather([1, 2])
      session.gather([2, 1])
      session.gather([1, 2], scale: 0.5)
      session.gather([1, 2], rows: 5)
    }
    #expect(try session.recorded().workloads["gather"]?.count == 4)
    #expect(session.recorder.statistics.recorded == 4 && session.recorder.statistics.duplicates == 8)
  }

  @Test("A later run adds only what the folder lacks")
  func laterRun() throws {
    let folder = try TemporaryFolder()
    var lines: [[String]] = []
    for run in 0..<3 as Range<Int32> {
      let session = try Session(in: folder)
      for indices in [[1], [1, 2], .init(repeating: run, count: 3)] as [[Int32]] { session.gather(indices) }
      session.recorder.close()
      lines.append(try TraceSet.load(session.root, .strict).workloads["gather", default: []].map(\.workload.uuid))
      #expect(session.recorder.statistics.duplicates == (run == 0 ? 0 : 2))
    }
    #expect(lines.map(\.count) == [3, 4, 5] && Set(lines[2]).count == 5)
    #expect(lines[2].starts(with: lines[1]) && lines[1].starts(with: lines[0]))
  }

  @Test("The space on disk is kept to, over several runs; calls are counted on")
  func disk() throws {
    let folder = try TemporaryFolder()
    var policy = Self.keepingAll
    policy.maximumBytes = 5000
    var counts: [Int] = []
    for run in 0..<2 as Range<Int32> {
      let session = try Session(policy, in: folder)
      for index in 0..<40 as Range<Int32> { session.gather([run, index]) }
      let set = try session.recorded()
      session.gather([run, 99])
      session.recorder.close()
      counts.append(try #require(set.workloads["gather"]).count)
      var bytes = 0
      for trace in set.workloads["gather", default: []] {
        bytes += trace.jsonLine.count + 1
        let blob = try set.resolveBlob(try set.blobPath(definition: "gather", uuid: trace.workload.uuid))
        bytes += FileSize.of(blob)
      }
      #expect(bytes <= 5000 && bytes > 4000 && session.recorder.statistics.bytesOnDisk == bytes)
      #expect(session.problems.all == [.full(maximumBytes: 5000)])
      #expect(session.recorder.statistics.calls == 41)
      let frequencies = try #require(try RecordedFrequencies.load(root: session.root, definition: Gather.definition))
      #expect(frequencies.total == 41 * Int(run + 1))
    }
    #expect(counts[0] > 2 && counts[1] == counts[0])
  }

  @Test("Calls that find the queue full are counted and do not wait, and their like is recorded later")
  func overflow() throws {
    var policy = RecordingPolicy()
    // Room for two calls: each takes about a kilobyte beside its tensors.
    policy.queueBytes = 2500
    policy.definitions["slow"] = .init(inputs: ["no such input": .dump])
    let session = try Session(policy)
    session.problems.gate.withLock { _ in
      // The writing thread tells of the unknown input, and is held up there.
      session.gather([1], "slow")
      for count in 1...6 { session.gather(.init(repeating: 0, count: count)) }
      #expect(session.recorder.statistics.overflowed == 5)
    }
    session.recorder.flush()
    for count in 1...6 {
      session.gather(.init(repeating: 0, count: count))
      session.recorder.flush()
    }
    #expect(try session.recorded().workloads["gather"]?.count == 6)
    #expect(session.recorder.statistics.overflowed == 5)
    #expect(session.problems.all == [.unknownInputs(definition: "slow", ["no such input"])])
  }

  @Test("A call larger than the queue is counted")
  func oversized() throws {
    var policy = RecordingPolicy()
    policy.queueBytes = 4096
    let session = try Session(policy)
    session.gather(.init(repeating: 0, count: 1024))
    session.gather([0])
    #expect(try session.recorded().workloads["gather"]?.map { $0.workload.axes["count"] } == [1])
    #expect(session.recorder.statistics.oversized == 1)
  }

  @Test("Sets of axes and definitions beyond those that are told apart are counted as others, or not at all")
  func keys() throws {
    var policy = RecordingPolicy()
    (policy.maximumKeys, policy.maximumDefinitions) = (2, 1)
    let session = try Session(policy)
    for count in [1, 2, 3, 3, 4, 1] { session.gather(.init(repeating: 0, count: count)) }
    session.gather([0], "another")
    let set = try session.recorded()
    #expect(set.workloads["gather"]?.count == 2 && set.workloads["another"] == nil)
    let counts = try #require(try RecordedFrequencies.load(root: session.root, definition: Gather.definition))
    #expect(counts.calls == [[4, 1]: 2, [4, 2]: 1] && counts.others == 3 && counts.total == 6)
    #expect(session.recorder.statistics.calls == 6)
  }

  @Test("Many threads call at once: every call is counted, each kind recorded once")
  func threads() async throws {
    let session = try Session()
    let recorder = session.recorder
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<8 {
        group.addTask {
          for number in 0..<500 {
            let count = (number + thread) % 10
            Session.gather(recorder, .init(repeating: Int32(count), count: count), layer: thread)
          }
        }
      }
    }
    let set = try session.recorded()
    let axes = try #require(set.workloads["gather"]).map { $0.workload.axes["count"] ?? -1 }
    #expect(axes.sorted() == Array(0..<10))
    let counts = try #require(try RecordedFrequencies.load(root: session.root, definition: Gather.definition))
    #expect(counts.calls == Dictionary(uniqueKeysWithValues: (0..<10).map { ([4, $0], 400) }))
    #expect(counts.layers == Dictionary(uniqueKeysWithValues: (0..<8).map { ($0, 500) }))
  }

  @Test("A folder that cannot be made is an error at the start")
  func unwritable() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("", to: "file")
    for root in [file + "/traces", file, "", "a\0b"] {
      #expect(throws: RecordingError.self) { _ = try WorkloadRecorder(root: root) { _ in } }
    }
    do {
      _ = try WorkloadRecorder(root: file + "/traces") { _ in }
    } catch {
      #expect(
        error.description.contains(", \(file)/traces, cannot be made") && error.description.contains("File exists"))
    }
  }

  @Test("A file that cannot be written is told once, ends recording, and fails no call", arguments: [true, false])
  func failing(_ isBlob: Bool) throws {
    let session = try Session(Self.keepingAll)
    session.gather([1])
    _ = try session.recorded()
    let place = session.root + (isBlob ? "/blob/workloads/gather/gather" : "/workloads/gather/gather.jsonl")
    #expect(rename(place, place + ".away") == 0)
    if isBlob { close(creat(place, 0o644)) } else { mkdir(place, 0o755) }
    for index in 2..<6 as Range<Int32> {
      session.gather([index])
      session.recorder.flush()
    }
    #expect(session.problems.all.count == 1)
    guard case .failed(let reason) = session.problems.all.first else { throw Unexpected() }
    #expect(reason.contains(place) && session.problems.all[0].description.contains("has stopped"))
    session.recorder.close()
    #expect(session.recorder.statistics.recorded == 1 && session.recorder.statistics.dropped == 1)
    #expect(session.recorder.statistics.calls == 2)
  }

  private struct Unexpected: Error {}

  @Test("Another definition of the same name in the folder is told, left alone, and its calls are counted only")
  func otherDefinition() throws {
    let folder = try TemporaryFolder()
    let first = try Session(in: folder)
    first.gather([1])
    first.recorder.close()
    let second = try Session(in: folder)
    let other = Gather.definition(named: "gather", scalar: .int32)
    for count in 1...3 {
      second.call(other, Gather.arguments(.init(repeating: 1, count: count), scale: 1), axes: [4, count])
    }
    let set = try second.recorded()
    #expect(set.workloads["gather"]?.count == 1 && set.definitions["gather"]?.inputs["scale"]?.dtype == .float32)
    #expect(second.problems.all == [.otherDefinition("gather")])
    #expect(second.recorder.statistics.calls == 3)
  }

  @Test("A closed recorder ignores calls, and closing it again does nothing")
  func closed() throws {
    let session = try Session()
    session.gather([1])
    session.recorder.close()
    session.gather([1, 2])
    session.recorder.flush()
    session.recorder.close()
    #expect(try TraceSet.load(session.root, .strict).workloads["gather"]?.count == 1)
    #expect(session.recorder.statistics.calls == 1)
  }
}

enum FileSize {
  static func of(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : -1
  }
}
