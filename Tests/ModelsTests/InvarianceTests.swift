import KernelRuntime
import Models
import Tensors
import TestSupport
import Testing

/// Sharing never changes the answer: logits are equal bit for bit however the work is cut.
@Suite(.serialized, .enabled(if: Fixtures.defaultModel != nil, "the default model was not fetched"))
struct InvarianceTests {
  static let prompt: [Int32] = (0..<90).map { 1000 + ($0 * 7919) % 40000 }

  func runner(
    pageSize: Int = 16, threads: Int = 2, cacheType: DType = .float16, layout: KVLayout = .layerFirst
  ) throws -> SequenceRunner {
    try SequenceRunner(
      try ModelFiles.open(Fixtures.defaultModel!), kernels: KernelPolicy.auto.preferred, cacheType: cacheType,
      pageSize: pageSize, threads: threads, layout: layout)
  }

  /// Logits after each token of the prompt, computed in one piece on two threads.
  func reference() throws -> [[Float]] { try runner().step([.init(tokens: Self.prompt, allRows: true)]) }

  @Test("Any chunk size gives the same bits", arguments: [1, 7, 33, 64])
  func chunks(_ size: Int) throws {
    let runner = try runner()
    let reference = try reference()
    for start in stride(from: 0, to: Self.prompt.count, by: size) {
      let piece = Array(Self.prompt[start..<min(Self.prompt.count, start + size)])
      let rows = try runner.step([.init(tokens: piece, start: start, allRows: true)])
      for (i, row) in rows.enumerated() {
        try #require(row == reference[start + i], "position \(start + i) in chunks of \(size)")
      }
    }
  }

  @Test("Any batch gives the same bits")
  func batches() throws {
    let runner = try runner()
    let reference = try reference()
    // Three others beside it, at other positions and lengths.
    _ = try runner.step([
      .init(tokens: Array(Self.prompt[0..<40]), slot: 1), .init(tokens: Array(Self.prompt[5..<90]), slot: 2),
    ])
    let rows = try runner.step([
      .init(tokens: Array(Self.prompt[40..<41]), start: 40, slot: 1),
      .init(tokens: Self.prompt, slot: 0, allRows: true),
      .init(tokens: [17, 18, 19], start: 85, slot: 2), .init(tokens: [42], slot: 3),
    ])
    #expect(Array(rows[1...Self.prompt.count]) == reference)
    #expect(rows[0] == reference[40], "a sequence of its own, one token further")
  }

  @Test("Any page size and number of threads gives the same bits", arguments: [1, 16, 64], [1, 2, 3])
  func pagesAndThreads(_ pageSize: Int, _ threads: Int) throws {
    let rows = try runner(pageSize: pageSize, threads: threads)
      .step([.init(tokens: Self.prompt, allRows: true)])
    #expect(rows == (try reference()))
  }

  @Test("An int8 cache gives the same bits in any chunks, batch, page size and layout")
  func int8() throws {
    let reference = try runner(cacheType: .int8).step([.init(tokens: Self.prompt, allRows: true)])
    for (pageSize, layout) in [(16, KVLayout.pageFirst), (1, .layerFirst)] {
      let runner = try runner(pageSize: pageSize, threads: 1, cacheType: .int8, layout: layout)
      for start in stride(from: 0, to: Self.prompt.count, by: 33) {
        let piece = Array(Self.prompt[start..<min(Self.prompt.count, start + 33)])
        let rows = try runner.step([
          .init(tokens: [5, 6, 7], slot: 1, allRows: true), .init(tokens: piece, start: start, allRows: true),
        ]).dropFirst(3)
        #expect(Array(rows) == Array(reference[start..<start + piece.count]), "from \(start), pages of \(pageSize)")
      }
    }
  }
}
