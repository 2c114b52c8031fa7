import KernelRuntime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Tensors
import Traces

/// Cuts a call into units (one key-value head × a tile of query tokens) and runs them on all threads.
struct FastPagedAttention: Kernel {
  private let set: InstructionSet, definition: Definition, window: Int
  /// A tile shares the gathering of keys and values; 16 tokens make that a small part of the work.
  private static let tileTokens = 16

  init(_ set: InstructionSet, _ definition: Definition) {
    (self.set, self.definition) = (set, definition)
    window = PagedAttention.window(of: definition) ?? .max / 2
  }

  private struct Unit {
    var tokens: Range<Int>
    var firstPosition: Int, firstPage: Int, head: Int
  }

  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    let stream = unsafeDowncast(stream, to: CPUStream.self)
    let call = try PagedAttentionCall(arguments, definition)
    let units = Self.units(of: call)
    if units.isEmpty { return }
    let rows = Self.tileTokens * call.queryHeads / call.keyValueHeads
    let padded = (call.headDimension + 15) & ~15
    let floatsPerChunk = 48 * padded + rows * (2 * padded + 2) + 64
    let chunks = stream.pool.threadCount == 1 ? 1 : min(units.count, 4 * stream.pool.threadCount)
    let scratch = stream.scratch(byteCount: chunks * floatsPerChunk * 4)
      .bindMemory(to: Float.self, capacity: chunks * floatsPerChunk)
    stream.pool.parallel(chunks) { chunk in
      for i in stride(from: chunk, to: units.count, by: chunks) {
        attend(call, units[i], scratch + chunk * floatsPerChunk)
      }
    }
  }

  private static func units(of call: PagedAttentionCall) -> [Unit] {
    var units: [Unit] = []
    for sequence in call.sequences {
      let offset = sequence.length - sequence.tokens.count  // position of the first query
      // Late tiles see the most keys: first, so that threads finish together.
      for start in stride(from: 0, to: sequence.tokens.count, by: tileTokens).reversed() {
        let end = min(sequence.tokens.count, start + tileTokens)
        let tokens = sequence.tokens.lowerBound + start..<sequence.tokens.lowerBound + end
        for head in 0..<call.keyValueHeads {
          units.append(
            Unit(tokens: tokens, firstPosition: offset + start, firstPage: sequence.firstPage, head: head))
        }
      }
    }
    return units
  }

  private func attend(_ call: PagedAttentionCall, _ unit: Unit, _ scratch: UnsafeMutablePointer<Float>) {
    let q = UnsafePointer(call.query.elements(as: Float.self)), pages = call.pages + unit.firstPage
    let keys = CachePlace(call.keys, call.keyScales), values = CachePlace(call.values, call.valueScales)
    let output = call.output.elements(as: Float.self), lse = call.lse.elements(as: Float.self)
    switch set {
    case .avx512:
      KernelsAVX512.pagedAttention(
        queryHeads: call.queryHeads, keyValueHeads: call.keyValueHeads, headDimension: call.headDimension,
        pageSize: call.pageSize, window: window, scale: call.scale, q, keys.avx512, values.avx512, pages, output, lse,
        tokens: unit.tokens, firstPosition: unit.firstPosition, head: unit.head, scratch: scratch)
    case .avx2:
      KernelsAVX2.pagedAttention(
        queryHeads: call.queryHeads, keyValueHeads: call.keyValueHeads, headDimension: call.headDimension,
        pageSize: call.pageSize, window: window, scale: call.scale, q, keys.avx2, values.avx2, pages, output, lse,
        tokens: unit.tokens, firstPosition: unit.firstPosition, head: unit.head, scratch: scratch)
    case .baseline:
      KernelsBaseline.pagedAttention(
        queryHeads: call.queryHeads, keyValueHeads: call.keyValueHeads, headDimension: call.headDimension,
        pageSize: call.pageSize, window: window, scale: call.scale, q, keys.baseline, values.baseline, pages, output,
        lse, tokens: unit.tokens, firstPosition: unit.firstPosition, head: unit.head, scratch: scratch)
    }
  }
}
