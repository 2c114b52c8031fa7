import Synchronization
import Traces

/// Where a running engine's kernels are looked at and switched: knows every slot, counts every call, and hands changes to
/// the engine's thread, which takes them between two steps.
///
/// ```
///   operator ─► library.prepareSwitch (builds) ─► enqueue ──┐
///                                                           ▼
///                             engine's thread: betweenSteps() ─► slots, all at once
/// ```
public final class KernelSwitchboard: Sendable {
  private struct State {
    var slots: [KernelSlot] = []
    var counters: [CallCounters] = []
    var decisions: [KernelLibrary.BindDecision] = []
    var pending: [PreparedSwitch] = []
    /// What was there before each switch, the latest last.
    var history: [PreparedSwitch] = []
    var events: [String] = []
  }
  private let state = Mutex(State())
  private let hasPending = Atomic<Bool>(false)
  /// Switches that can be taken back.
  private static let historyLimit = 16
  private static let eventLimit = 256

  public init() {}

  // MARK: any thread

  /// Calls so far, by definition, solution and reason; of those that happened.
  public var calls: [(definition: String, solution: String, route: Route, count: Int)] {
    struct Label: Hashable { let definition: String, solution: String }
    var sums: [Label: [Int]] = [:], order: [Label] = []
    for counter in state.withLock({ $0.counters }) {
      let label = Label(definition: counter.definition, solution: counter.solution)
      if sums[label] == nil { order.append(label) }
      for (index, route) in Route.allCases.enumerated() {
        sums[label, default: [Int](repeating: 0, count: Route.allCases.count)][index] += counter.calls(route)
      }
    }
    return order.flatMap { label in
      zip(Route.allCases, sums[label, default: []]).compactMap { route, count in
        count > 0 ? (label.definition, label.solution, route, count) : nil
      }
    }
  }

  /// Calls that threw, by definition and solution.
  public var failures: [(definition: String, solution: String, count: Int)] {
    state.withLock { $0.counters }.filter { $0.failures > 0 }.map { ($0.definition, $0.solution, $0.failures) }
  }

  /// Why each definition is computed as it is, in the order of binding; one a definition, layer and kind of step.
  public var decisions: [KernelLibrary.BindDecision] { state.withLock { $0.decisions } }

  /// Switches, promotions and failures, the latest last.
  public var events: [String] { state.withLock { $0.events } }

  /// Hands a prepared switch to the engine's thread.
  public func enqueue(_ change: PreparedSwitch) {
    state.withLock { $0.pending.append(change) }
    hasPending.store(true, ordering: .releasing)
  }

  /// Takes the latest switch back, between the next two steps.
  /// - Returns: what will be undone, or nil when there is nothing to undo.
  public func rollBack() -> String? {
    guard let last = state.withLock({ $0.history.popLast() }) else { return nil }
    enqueue(last)
    return last.summary
  }

  // MARK: the engine's thread

  /// Applies what was handed over. Called between steps; costs one load when there is nothing.
  @inline(__always)
  public func betweenSteps() {
    if hasPending.load(ordering: .acquiring) { applyPending() }
  }

  private func applyPending() {
    hasPending.store(false, ordering: .relaxed)
    for change in state.withLock({ state in
      defer { state.pending = [] }
      return state.pending
    }) {
      let undo = change.apply()
      state.withLock { state in
        if !change.isUndo, let undo {
          state.history.append(undo)
          if state.history.count > Self.historyLimit { state.history.removeFirst() }
        }
        state.decisions = change.updated(state.decisions)
        Self.note(change.summary, &state)
      }
    }
  }

  /// A shadow run came to its end.
  func settle(_ slot: KernelSlot, _ shadow: ShadowRun, _ verdict: ShadowRun.Verdict) {
    let name = shadow.candidate.solution.name, definition = slot.definition.name
    switch verdict {
    case .undecided: return
    case .agreed:
      note("\(definition): \(name) agreed with the kernel in use in \(shadow.agreed) shadow runs")
      if shadow.promotes { enqueue(PreparedSwitch(to: shadow.candidate, in: [slot], definition: definition)) }
    case .disagreed(let difference):
      slot.library.quarantine?.add(definition: definition, solution: name, reason: "in a shadow run \(difference)")
      note("\(definition): \(name) is in quarantine: in a shadow run \(difference)")
    }
  }

  // MARK: registering

  func register(_ slot: KernelSlot, _ decisions: [KernelLibrary.BindDecision]) {
    state.withLock { state in
      state.slots.append(slot)
      for decision in decisions where !state.decisions.contains(decision) { state.decisions.append(decision) }
    }
  }

  func register(_ counters: CallCounters) { state.withLock { $0.counters.append(counters) } }

  /// Slots of a definition, or of one layer of it.
  func slots(of definition: String, layer: Int?) -> [KernelSlot] {
    state.withLock { $0.slots }.filter { $0.definition.name == definition && (layer == nil || $0.layer == layer) }
  }

  var allSlots: [KernelSlot] { state.withLock { $0.slots } }

  /// The names of all definitions that were bound.
  public var definitions: [String] {
    var seen = Set<String>()
    return state.withLock { $0.slots }.map(\.definition.name).filter { seen.insert($0).inserted }
  }

  public func note(_ event: String) { state.withLock { Self.note(event, &$0) } }

  private static func note(_ event: String, _ state: inout State) {
    state.events.append(event)
    if state.events.count > eventLimit { state.events.removeFirst() }
  }
}

/// A change of kernels that is built and only has to be put in place.
public struct PreparedSwitch: Sendable {
  enum Change: Sendable {
    /// New contents for some slots.
    case contents([(slot: KernelSlot, contents: KernelSlot.Contents)])
    /// A candidate to run beside the kernels in use.
    case shadow([(slot: KernelSlot, shadow: ShadowRun)])
  }
  /// What the change does, for logs and answers.
  public let summary: String
  let change: Change
  let isUndo: Bool
  /// Decisions that replace those of the same definition, layer and kind of step.
  let decisions: [KernelLibrary.BindDecision]

  init(_ summary: String, _ change: Change, isUndo: Bool = false, decisions: [KernelLibrary.BindDecision] = []) {
    (self.summary, self.change, self.isUndo, self.decisions) = (summary, change, isUndo, decisions)
  }

  /// One built kernel for all shapes of some slots.
  init(to entry: DispatchPlan.Entry, in slots: [KernelSlot], definition: String) {
    let plan = DispatchPlan([entry], overall: (0, .switched))
    self.init(
      "\(definition): switched to \(entry.solution.name)",
      .contents(slots.map { ($0, KernelSlot.Contents(plan: plan, phasePlans: [:])) }))
  }

  /// How many bound kernels it changes.
  public var slotCount: Int {
    switch change {
    case .contents(let list): list.count
    case .shadow(let list): list.count
    }
  }

  /// On the calling thread of the slots.
  /// - Returns: what puts back what was there.
  func apply() -> PreparedSwitch? {
    switch change {
    case .contents(let list):
      let before = list.map { (slot: $0.slot, contents: $0.slot.contents) }
      for (slot, contents) in list { slot.replace(contents) }
      return PreparedSwitch("taken back: \(summary)", .contents(before), isUndo: true)
    case .shadow(let list):
      for (slot, shadow) in list { slot.watch(shadow) }
      return nil
    }
  }

  func updated(_ current: [KernelLibrary.BindDecision]) -> [KernelLibrary.BindDecision] {
    current.map { old in
      decisions.first { $0.definition == old.definition && $0.layer == old.layer && $0.phase == old.phase } ?? old
    }
  }
}
