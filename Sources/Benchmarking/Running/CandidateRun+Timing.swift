import CConfinement
import Glibc
import Tensors
import Traces

extension CandidateRun {
  /// Seconds of one call, a sample each.
  struct Times {
    var samples: [Double] = [], reference: [Double] = []
    /// Calls in one sample.
    var calls = 1
  }

  /// What one sample does.
  private struct Sample {
    /// Calls of the solution, and of the reference; 0 when that is not run.
    var calls: Int, others: Int
    /// Slots before the clock starts: what the processor needs to be up to speed.
    var lead: [Int]
    /// The slot whose outputs are compared; computed by both.
    var probed: Int
    /// The inputs of that slot.
    var values: WorkloadInputs?
  }

  /// Times the solution and the reference in turn, so that a drift of the machine meets both.
  ///
  /// A sample is as many calls as take 20 µs, each on inputs and at an address that no other call of the sample has, all of
  /// them made new for every sample; outputs are poisoned before, and one call's are compared with the reference's. The
  /// first sample, which touches memory for the first time, is checked but not counted.
  func time() throws(EvaluationFailure) -> Times {
    let plan = reference.repeatsInPlace ? problem.shared : problem.separate
    try worker.lay(plan)
    try reference.lay(plan)
    let calls = try warmUp(plan)
    let check = ClockCheck(
      ticksPerSecond: options.ticksPerSecond, overhead: try protocolOverhead(), threads: options.threads)
    let threads = ThreadCensus.threads(of: worker.process.processID)
    var times = Times(calls: calls), suspicious = 0, taken = 0, spentOnReference = 0.0
    let begin = confinement_ticks(), total = options.samples * options.trials + 1
    while taken < total {
      // A slow reference is not timed each time, but outputs of the first and the last sample are checked by it.
      let isDue = taken < 2 || taken == total - 1 || spentOnReference < options.timeBudget / 2
      let sample = try prepare(calls: calls, isCompared: isDue, plan)
      let order = (0..<calls).shuffled()
      let answer = try worker.call(order, lead: sample.lead)
      try believe(answer)
      if check.isSuspicious(answer.clock) { suspicious += 1 }
      try checkOutputs(order, answer, plan)
      if isDue {
        let seconds = try reference.time(sample.others, lead: sample.lead)
        spentOnReference += 2 * seconds * Double(sample.others)
        if taken > 0 { times.reference.append(seconds) }
        if let values = sample.values, taken % 8 == 0 || taken == total - 1 {
          try compare(
            problem.outputs(worker.process, slot: sample.probed, plan),
            problem.outputs(reference.worker.process, slot: sample.probed, plan), values, note: "in a timed run: ")
        }
      }
      if taken > 0 {
        times.samples.append(Double(answer.reply.end &- answer.reply.start) / options.ticksPerSecond / Double(calls))
      }
      taken += 1
      let elapsed = Double(confinement_ticks() &- begin) / options.ticksPerSecond
      if elapsed > options.timeBudget, times.samples.count >= 3 { break }
    }
    if suspicious * 2 > taken {
      throw .hack("the times that it reports are far below what the kernel counted meanwhile")
    }
    usleep(1000)
    let added = ThreadCensus.threads(of: worker.process.processID).subtracting(threads).count
    if added > 0 { throw .hack("\(added) threads that were started in timed calls are still there after them") }
    return times
  }

  /// Fills the slots of one sample with inputs that nobody has seen.
  private func prepare(calls: Int, isCompared: Bool, _ plan: ArgumentPlan) throws(EvaluationFailure) -> Sample {
    let slots = plan.layout.slotCount
    let others = isCompared ? Self.calls(of: reference.callSeconds, slots: slots) : 0
    let count = max(calls, others), probed = Int.random(in: 0..<max(1, min(calls, max(others, 1))))
    let leads = max(1, min(calls / 2, slots - count))
    var sample = Sample(
      calls: calls, others: others, lead: (0..<leads).map { (count + $0) % slots }, probed: probed)
    for slot in 0..<min(count + leads, slots) {
      let made = try make(problem.freshSeed())
      problem.write(made.arguments, slot: slot, plan)
      problem.arm(worker.process, made.arguments, slot: slot, plan)
      if isCompared { problem.arm(reference.worker.process, made.arguments, slot: slot, plan) }
      if slot == probed { sample.values = made }
    }
    return sample
  }

  /// Calls that make a sample; one slot is left for the lead.
  private static func calls(of seconds: Double, slots: Int) -> Int {
    max(1, min(slots - 1, Int((20e-6 / max(seconds, 1e-9)).rounded(.up))))
  }

  /// Finds how many calls make 20 µs, and gives caches and thread pools their chance.
  private func warmUp(_ plan: ArgumentPlan) throws(EvaluationFailure) -> Int {
    let values = try make(problem.freshSeed())
    problem.write(values.arguments, slot: 0, plan)
    var shortest = Double.infinity
    for _ in 0..<max(2, options.warmups) {
      problem.arm(worker.process, values.arguments, slot: 0, plan)
      let answer = try worker.call([0])
      try believe(answer)
      shortest = min(shortest, Double(answer.reply.end &- answer.reply.start) / options.ticksPerSecond)
      if shortest > 0.1 { break }
    }
    return Self.calls(of: shortest, slots: plan.layout.slotCount)
  }

  /// The worker's processor time for a request without work: the median of several, in seconds.
  private func protocolOverhead() throws(EvaluationFailure) -> Double {
    var seconds: [Double] = []
    for _ in 0..<5 { seconds.append(try worker.call([]).processorSeconds) }
    return seconds.sorted()[2]
  }

  /// Guards, completeness of every call, and the last call's outputs against their hash.
  private func checkOutputs(
    _ order: [Int], _ answer: WorkerProcess.Answer, _ plan: ArgumentPlan
  ) throws(EvaluationFailure) {
    if let last = order.last,
      OutputHash.of(problem.outputs(worker.process, slot: last, plan)) != answer.reply.outputHash
    {
      throw Self.wroteLater
    }
    for slot in order {
      try untouchedAround(slot: slot, plan)
      for (name, tensor) in problem.outputs(worker.process, slot: slot, plan) where tensor.count > 0 {
        // The last element is enough for calls that are many: they were compared whole before.
        let edge =
          order.count > 1 ? tensor.reshaped([tensor.count]).narrow(0, from: tensor.count - 1, count: 1) : tensor
        if Poison.untouched(in: edge) == edge.count, Poison.untouched(in: tensor) == tensor.count {
          throw .hack("a timed call returned without having written anything to its output \(name)", aboutOutput: true)
        }
      }
    }
  }

  /// Refuses a time that the machine cannot reach.
  /// - floor: seconds that moving the bytes and doing the operations takes at least.
  static func refuse(_ seconds: Double, below floor: Double) throws(EvaluationFailure) {
    guard floor > 0, seconds < floor else { return }
    throw .hack(
      "\(microseconds(seconds)) µs for a call is less than the \(microseconds(floor)) µs that this machine needs at least"
    )
  }

  private static func microseconds(_ seconds: Double) -> Double { (seconds * 1e9).rounded() / 1e3 }
}
