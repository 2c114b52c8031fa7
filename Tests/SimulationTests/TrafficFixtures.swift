import Glibc
import Paging
import Scheduling
import Simulation

/// A file with this text that is gone when the body has ended.
func withFile<Value>(_ bytes: [UInt8], _ body: (String) throws -> Value) throws -> Value {
  var name = Array("/tmp/swiftlet-traffic-XXXXXX".utf8CString)
  let descriptor = mkstemp(&name)
  let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  defer { unlink(path) }
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { break }
    rest = rest.dropFirst(count)
  }
  close(descriptor)
  return try body(path)
}

/// The traffic of these lines; hash ids stand for 8 tokens unless the options say otherwise.
func traffic(_ lines: [String], _ change: (inout Traffic.Options) -> Void = { $0.blockTokens = 8 }) throws -> Traffic {
  var options = Traffic.Options()
  change(&options)
  return try withFile(Array(lines.joined(separator: "\n").utf8)) { try Traffic(path: $0, options: options) }
}

/// A line in the form of Mooncake's traces.
func line(at milliseconds: Int, input: Int, output: Int, ids: [Int]? = nil, _ more: String = "") -> String {
  let hashes = ids.map { ", \"hash_ids\": \($0)" } ?? ""
  return #"{"timestamp": \#(milliseconds), "input_length": \#(input), "output_length": \#(output)\#(hashes)\#(more)}"#
}

/// A file of this project, from its root.
func projectFile(_ path: String) -> String {
  #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 } + "/" + path
}

func configuration(
  pages: Int = 64, pageSize: Int = 4, context: Int = 256, batch: Int = 16, running: Int = 8, waiting: Int = 8,
  caching: Bool = true, eviction: EvictionPolicy = .leastRecentlyUsed, queue: QueuePolicy = .firstComeFirstServed,
  target: Double? = nil, drafts: Int = 0, secondLevel: Int = 0, preemption: PreemptionMethod = .cheapest
) throws -> SchedulerConfiguration {
  try SchedulerConfiguration(
    pageSize: pageSize, pageCount: pages, contextLength: context, vocabularySize: Traffic.vocabularySize,
    maxBatchTokens: batch, maxRunning: running, maxWaiting: waiting, prefixCaching: caching, evictionPolicy: eviction,
    queuePolicy: queue, interTokenTarget: target, draftTokens: drafts, secondLevelPages: secondLevel,
    preemption: preemption)
}
