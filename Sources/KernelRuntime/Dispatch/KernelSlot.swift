import Tensors
import Traces

/// The place behind a bound kernel where kernels are put in and taken out.
///
///     BoundKernel ──► KernelSlot ──► DispatchPlan ──► kernel     replaced between steps by a switch,
///                         │                                      or in a call by a kernel that takes over from one that failed
///                         └──► shadow run, observer
///
/// Changed by the thread that makes the calls only; other threads go through `KernelSwitchboard`.
final class KernelSlot: @unchecked Sendable {
  // @unchecked: see above. What other threads read (definition, context, layer) never changes.
  // What every call reads comes first, and lies together.
  private(set) var plan: DispatchPlan
  /// For kinds of step that the policy tells apart.
  private(set) var phasePlans: [KernelPhase: DispatchPlan]
  private var isWatched: Bool
  let definition: Definition
  let context: BindContext
  let layer: Int?
  let library: KernelLibrary
  private var shadow: ShadowRun?
  private let call: KernelCall

  init(
    _ definition: Definition, _ context: BindContext, layer: Int?, library: KernelLibrary, plan: DispatchPlan,
    phasePlans: [KernelPhase: DispatchPlan]
  ) {
    (self.definition, self.context, self.layer, self.library) = (definition, context, layer, library)
    (self.plan, self.phasePlans) = (plan, phasePlans)
    call = KernelCall(definition: definition, constants: context.constants, layer: layer)
    isWatched = library.observer != nil
  }

  /// Runs the kernel for a shape.
  /// - sizes: of the variable axes, in the definition's order; -1 for those that no argument has.
  @inline(__always)
  func run(
    _ arguments: [KernelArgument], _ sizes: AxisSizes, on stream: any ExecutionStream
  ) throws(KernelError) {
    let plan = phasePlans.isEmpty ? plan : phasePlan(stream.phase)
    let target = plan.target(sizes)
    plan.entries[target.entry].counters.count(target.route)
    if isWatched { return try runWatched(arguments, sizes, plan, target.entry, on: stream) }
    do {
      try plan.entries[target.entry].kernel.run(arguments, on: stream)
    } catch {
      try recover(from: error, plan, target.entry, arguments, on: stream)
    }
  }

  /// Where the objects are that a call reads, for `CallTrail`.
  var trail: [UInt] { [CallTrail.place(of: self)] + plan.trail }

  private func phasePlan(_ phase: KernelPhase?) -> DispatchPlan { phase.flatMap { phasePlans[$0] } ?? plan }

  private func runWatched(
    _ arguments: [KernelArgument], _ sizes: AxisSizes, _ plan: DispatchPlan, _ entry: Int,
    on stream: any ExecutionStream
  ) throws(KernelError) {
    library.observer?.willCall(call, arguments: arguments, axes: (0..<definition.varAxes.count).map { sizes[$0] })
    let copies = shadow?.isDue() == true ? ShadowRun.copies(arguments, on: stream) : nil
    do {
      try plan.entries[entry].kernel.run(arguments, on: stream)
    } catch {
      return try recover(from: error, plan, entry, arguments, on: stream)
    }
    if let copies { compare(arguments, copies, on: stream) }
  }

  // MARK: failure

  /// A kernel threw: lets the next usable one do the call. If that one manages, the failure was the kernel's, and it goes
  /// into quarantine; if it throws, too, the arguments were at fault and the first error stands.
  private func recover(
    from error: KernelError, _ plan: DispatchPlan, _ entry: Int, _ arguments: [KernelArgument],
    on stream: any ExecutionStream
  ) throws(KernelError) {
    let failed = plan.entries[entry].solution
    plan.entries[entry].counters.countFailure()
    guard let quarantine = library.quarantine, !ShadowRun.writesItsInputs(arguments, definition),
      let next = nextUsable(after: failed)
    else { throw error }
    do throws(KernelError) { try next.kernel.run(arguments, on: stream) } catch _ { throw error }
    next.counters.count(.fallback)
    let trouble = quarantine.add(definition: definition.name, solution: failed.name, reason: error.reason)
    library.onFailure?(
      KernelFailure(
        definition: definition.name, failed: failed.name, replacement: next.solution.name, reason: error.reason,
        quarantineProblem: trouble))
    replaceEverywhere(failed.name, by: next, route: .fallback)
    library.switchboard?.noteReplacement()
  }

  /// On the engine's thread: nothing is compiled for it.
  private func nextUsable(after failed: KernelSolution) -> DispatchPlan.Entry? {
    let library = library.sealed()
    guard let choice = try? library.choice(definition, context, layer: layer) else { return nil }
    for index in choice.usable where choice.solutions[index].name != failed.name {
      if let entry = try? library.entry(choice.solutions[index], definition, context) { return entry }
    }
    return nil
  }

  private func replaceEverywhere(_ name: String, by entry: DispatchPlan.Entry, route: Route) {
    func replaced(_ plan: DispatchPlan) -> DispatchPlan {
      var plan = plan
      for (index, old) in plan.entries.enumerated() where old.solution.name == name {
        plan = plan.replacing(index, by: entry, route: route)
      }
      return plan
    }
    plan = replaced(plan)
    phasePlans = phasePlans.mapValues(replaced)
  }

  // MARK: switching, on the calling thread

  /// What calls run, to be put back by a roll-back.
  struct Contents: Sendable {
    let plan: DispatchPlan
    let phasePlans: [KernelPhase: DispatchPlan]
  }

  var contents: Contents { Contents(plan: plan, phasePlans: phasePlans) }

  func replace(_ contents: Contents) { (plan, phasePlans) = (contents.plan, contents.phasePlans) }

  func watch(_ shadow: ShadowRun?) {
    self.shadow = shadow
    isWatched = shadow != nil || library.observer != nil
  }

  private func compare(_ arguments: [KernelArgument], _ copies: [KernelArgument], on stream: any ExecutionStream) {
    guard let shadow else { return }
    let verdict = shadow.compare(arguments, copies, definition, on: stream)
    guard case .undecided = verdict else {
      watch(nil)
      library.switchboard?.settle(self, shadow, verdict)
      return
    }
  }
}

/// A kernel that threw while serving, and what took its place.
public struct KernelFailure: Sendable, Hashable, CustomStringConvertible {
  public let definition: String, failed: String, replacement: String, reason: String
  /// Why the quarantine file could not be written, if so.
  public let quarantineProblem: String?

  public var description: String {
    "\(definition) / \(failed) failed and is in quarantine: \(reason); \(replacement) takes its place"
      + (quarantineProblem.map { "; the quarantine file was not written: \($0)" } ?? "")
  }
}
