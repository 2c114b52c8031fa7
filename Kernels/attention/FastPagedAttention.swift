import CPUIntrinsics
import KernelRuntime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Synchronization
import Tensors
import Traces

/// Cuts a call into units (some rows of one key-value head) and runs them on all threads. Sequences that begin with the
/// same pages are computed together over these.
struct FastPagedAttention: Kernel {
  private let set: InstructionSet, definition: Definition, window: Int
  private let sharing: Bool

  /// - sharing: whether common pages are looked for; the results are the same without.
  init(_ set: InstructionSet, _ definition: Definition, sharing: Bool = true) {
    (self.set, self.definition, self.sharing) = (set, definition, sharing)
    window = PagedAttention.window(of: definition) ?? .max / 2
  }

  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    let stream = unsafeDowncast(stream, to: CPUStream.self)
    let (call, kept) = try planned(arguments, on: stream)
    let plan = kept.plan, work = kept.work
    if plan.units.isEmpty { return }
    let floats = KernelsBaseline.attentionScratch(rows: plan.rows, headDimension: call.headDimension)
    let chunks = work.starts.count - 1, counterBytes = plan.splits.count * 64
    let memory = stream.scratch(byteCount: (chunks * floats + plan.stateFloats) * 4 + counterBytes)
    let counters = UnitCounters(memory, plan.splits.count)
    let scratch = (memory + counterBytes).bindMemory(to: Float.self, capacity: chunks * floats + plan.stateFloats)
    let states = scratch + chunks * floats
    plan.parts.withUnsafeBufferPointer { parts in
      plan.steps.withUnsafeBufferPointer { steps in
        stream.pool.parallel(chunks) { chunk in
          let end = work.starts[chunk + 1]
          for i in work.starts[chunk]..<end {
            let unit = plan.units[work.order[i]]
            if i + 1 < end { prefetch(call, plan, plan.units[work.order[i + 1]]) }
            let span = AttentionSpan(
              from: unit.positions.lowerBound, to: unit.positions.upperBound, states: unit.states.map { states + $0 },
              isFirst: unit.isFirst, stateRows: unit.stateRows, firstRow: unit.firstRow)
            attend(
              call, UnsafeBufferPointer(rebasing: parts[unit.parts]), UnsafeBufferPointer(rebasing: steps[unit.steps]),
              unit.head, span, scratch + chunk * floats)
            for number in unit.splits {
              let split = plan.splits[number]
              if counters.isLast(of: split.units, at: number) {
                merge(
                  call, UnsafeBufferPointer(rebasing: parts[split.parts]), split, states + split.states,
                  scratch + chunk * floats)
              }
            }
          }
        }
      }
    }
  }

  /// For each split, how many of its units are done, a cache line each.
  private struct UnitCounters {
    private let counters: UnsafeMutableRawPointer

    init(_ memory: UnsafeMutableRawPointer, _ count: Int) {
      counters = memory
      for number in 0..<count { (memory + number * 64).storeBytes(of: 0, as: Int.self) }
    }

    /// Counts a unit; whether all `units` are done now, and what they wrote can be read.
    func isLast(of units: Int, at number: Int) -> Bool {
      let counter = (counters + number * 64).assumingMemoryBound(to: Atomic<Int>.self)
      return counter.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue == units
    }
  }

  /// The call, and how it is cut: as in the layer before, when the tables are the same.
  private func planned(
    _ arguments: [KernelArgument], on stream: CPUStream
  ) throws(KernelError) -> (PagedAttentionCall, KeptAttentionPlan) {
    let query = arguments[0].tensor.shape, keys = arguments[1].tensor.shape
    let shape = KeptAttentionPlan.Shape(
      queries: query[0], queryHeads: query[1], keyValueHeads: keys[2], pageSize: keys[1], pageCount: keys[0],
      window: window, sharing: sharing)
    let plans = stream.kept { KeptAttentionPlans() }
    let tables = PagedAttentionCall.Tables(arguments)
    if let known = plans.find(shape, tables) {
      return (try PagedAttentionCall(arguments, definition, tables, sequences: known.sequences), known)
    }
    let call = try PagedAttentionCall(arguments, definition, tables)
    let made = KeptAttentionPlan(call, shape, threads: stream.pool.threadCount)
    plans.keep(made)
    return (call, made)
  }

  /// Asks for what a unit will read first, while another is computed.
  private func prefetch(_ call: PagedAttentionCall, _ plan: AttentionPlan, _ unit: AttentionPlan.Unit) {
    guard let part = plan.parts[unit.parts].first else { return }
    let keys = PagedCache(call.keys, call.keyScales), values = PagedCache(call.values, call.valueScales)
    let group = call.queryHeads / call.keyValueHeads, lowest = part.first_position + part.first_row / group
    let visible = unit.steps.isEmpty ? max(0, lowest + 1 - window) & ~15 : 0
    let start = max(unit.positions.lowerBound, visible)
    KernelsBaseline.prefetchBlock(
      keys, values, call.pages + part.first_page, pageSize: call.pageSize,
      keyValueHeads: call.keyValueHeads, headDimension: call.headDimension, head: unit.head, positions: start,
      min(start + 16, lowest + 1))
  }

  private func attend(
    _ call: PagedAttentionCall, _ parts: UnsafeBufferPointer<AttentionPart>,
    _ steps: UnsafeBufferPointer<AttentionStep>, _ head: Int, _ span: AttentionSpan,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let q = UnsafePointer(call.query.elements(as: Float.self)), pages = call.pages
    let keys = PagedCache(call.keys, call.keyScales), values = PagedCache(call.values, call.valueScales)
    let output = call.output.elements(as: Float.self), lse = call.lse.elements(as: Float.self)
    switch set {
    case .avx512:
      KernelsAVX512.pagedAttention(
        queryHeads: call.queryHeads, keyValueHeads: call.keyValueHeads, headDimension: call.headDimension,
        pageSize: call.pageSize, window: window, scale: call.scale, q, keys, values, pages, output, lse,
        parts: parts, steps: steps, head: head, span: span, scratch: scratch)
    case .avx2:
      KernelsAVX2.pagedAttention(
        queryHeads: call.queryHeads, keyValueHeads: call.keyValueHeads, headDimension: call.headDimension,
        pageSize: call.pageSize, window: window, scale: call.scale, q, keys, values, pages, output, lse,
        parts: parts, steps: steps, head: head, span: span, scratch: scratch)
    case .baseline:
      KernelsBaseline.pagedAttention(
        queryHeads: call.queryHeads, keyValueHeads: call.keyValueHeads, headDimension: call.headDimension,
        pageSize: call.pageSize, window: window, scale: call.scale, q, keys, values, pages, output,
        lse, parts: parts, steps: steps, head: head, span: span, scratch: scratch)
    }
  }

  private func merge(
    _ call: PagedAttentionCall, _ parts: UnsafeBufferPointer<AttentionPart>, _ split: AttentionPlan.Split,
    _ states: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let output = call.output.elements(as: Float.self), lse = call.lse.elements(as: Float.self)
    switch set {
    case .avx512:
      KernelsAVX512.mergeAttention(
        queryHeads: call.queryHeads, keyValueHeads: call.keyValueHeads, headDimension: call.headDimension,
        states, count: split.stateCount, stateRows: split.stateRows, firstRow: split.firstRow, output, lse,
        parts: parts,
        head: split.head, scratch: scratch)
    case .avx2:
      KernelsAVX2.mergeAttention(
        queryHeads: call.queryHeads, keyValueHeads: call.keyValueHeads, headDimension: call.headDimension,
        states, count: split.stateCount, stateRows: split.stateRows, firstRow: split.firstRow, output, lse,
        parts: parts,
        head: split.head, scratch: scratch)
    case .baseline:
      KernelsBaseline.mergeAttention(
        queryHeads: call.queryHeads, keyValueHeads: call.keyValueHeads, headDimension: call.headDimension,
        states, count: split.stateCount, stateRows: split.stateRows, firstRow: split.firstRow, output, lse,
        parts: parts,
        head: split.head, scratch: scratch)
    }
  }
}
