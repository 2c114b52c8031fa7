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

  /// Times the solution and the reference in turn, so that a drift of the machine meets both.
  ///
  /// A sample is as many calls as take 20 µs, each on inputs and at an address that no other call of the sample has, all of
  /// them made new for every sample; outputs are poisoned before, and one call's are compared with the reference's.
  func time() throws(EvaluationFailure) -> Times {
    let plan = reference.repeatsInPlace ? problem.shared : problem.separate
    try worker.lay(plan)
    try reference.worker.lay(plan)
    let calls = try warmUp(plan)
    let check = ClockCheck(
      ticksPerSecond: options.ticksPerSecond, overhead: try protocolOverhead(), threads: options.threads)
    let threads = ThreadCensus.threads(of: worker.process.processID)
    var times = Times(calls: calls), suspicious = 0, spentOnReference = 0.0
    let begin = confinement_ticks(), total = options.samples * options.trials
    for sample in 0..<total {
      // A slow reference is not timed each time, but on the first and on the last sample it checks the outputs.
      let isDue = sample == 0 || sample == total - 1 || spentOnReference < options.timeBudget / 2
      let others = isDue ? max(1, min(plan.layout.slotCount, Int(20e-6 / max(reference.callSeconds, 1e-9)))) : 0
      let count = max(calls, others)
      var values: [Int: WorkloadInputs] = [:]
      let probed = Int.random(in: 0..<max(1, min(calls, max(others, 1))))
      for slot in 0..<count {
        let made = try make(problem.freshSeed())
        problem.write(made.arguments, slot: slot, plan)
        problem.arm(worker.process, made.arguments, slot: slot, plan)
        if isDue { problem.arm(reference.worker.process, made.arguments, slot: slot, plan) }
        if slot == probed { values[slot] = made }
      }
      let order = (0..<calls).shuffled()
      let answer = try worker.call(order)
      try believe(answer)
      if check.isSuspicious(answer.clock) { suspicious += 1 }
      times.samples.append(Double(answer.reply.end &- answer.reply.start) / options.ticksPerSecond / Double(calls))
      try checkOutputs(order, answer, plan)
      if isDue {
        let reply = try reference.worker.call(Array(0..<max(others, probed + 1)).shuffled()).reply
        let seconds = Double(reply.end &- reply.start) / options.ticksPerSecond
        spentOnReference += seconds
        times.reference.append(seconds / Double(max(others, probed + 1)))
        if let values = values[probed], sample % 8 == 0 || sample == total - 1 {
          try compare(
            problem.outputs(worker.process, slot: probed, plan),
            problem.outputs(reference.worker.process, slot: probed, plan), values, note: "in a timed run: ")
        }
      }
      let elapsed = Double(confinement_ticks() &- begin) / options.ticksPerSecond
      if elapsed > options.timeBudget, times.samples.count >= 3, sample % 8 == 0 || calls == 1 { break }
    }
    if suspicious * 2 > times.samples.count {
      throw .hack("the times that it reports are far below what the kernel counted meanwhile")
    }
    usleep(1000)
    let added = ThreadCensus.threads(of: worker.process.processID).subtracting(threads).count
    if added > 0 { throw .hack("\(added) threads that were started in timed calls are still there after them") }
    return times
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
    return max(1, min(plan.layout.slotCount, Int((20e-6 / max(shortest, 1e-9)).rounded(.up))))
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
