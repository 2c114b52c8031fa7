import KernelRuntime
import Testing
import Traces

/// Which solution is chosen from recorded traces, and what is said of the others.
@Suite struct SelectionTests {
  private let a = Doubling.solution("a"), b = Doubling.solution("b")

  private func decide(
    _ solutions: [KernelSolution], _ traces: [Trace], _ policy: KernelPolicy = .auto, axes: [String: Int]? = nil
  ) throws -> KernelLibrary.BindDecision {
    try Doubling.library(solutions, traces, policy: policy).explain(
      Doubling.definition, BindContext(device: .cpu), axes: axes)
  }

  private func fate(_ decision: KernelLibrary.BindDecision, _ name: String) -> KernelLibrary.Reason? {
    decision.candidates.first { $0.solution == name }?.reason
  }

  private let fastest = KernelPolicy(preferred: [.cpp], selection: .fastest)

  @Test("without measurements the first usable one of the list is chosen")
  func unmeasured() throws {
    let decision = try decide([a, b], [])
    #expect(decision.chosen?.solution == "a")
    #expect(fate(decision, "a") == .firstListed)
    #expect(fate(decision, "b") == .comesLater)
  }

  @Test("measurements choose one solution for all shapes, the fastest over all of them")
  func overall() throws {
    let traces = [
      try Doubling.trace("a", rows: 1, ms: 1), try Doubling.trace("b", rows: 1, ms: 2),
      try Doubling.trace("a", rows: 64, ms: 30), try Doubling.trace("b", rows: 64, ms: 10),
    ]
    let decision = try decide([a, b], traces)
    #expect(decision.chosen?.solution == "b", "2 times slower at one shape, 3 times faster at the other")
    #expect(decision.route == .overall)
    #expect(fate(decision, "a") == .slower)
    #expect(
      decision.candidates.map(\.verdict).contains(
        .passedOver(because: "1.22 times the time of b over 2 measured shapes")))
  }

  @Test("a planted faster trace changes the pick")
  func planted() throws {
    var traces = [try Doubling.trace("a", rows: 1, ms: 1), try Doubling.trace("b", rows: 1, ms: 2)]
    #expect(try decide([a, b], traces).chosen?.solution == "a")
    traces.append(try Doubling.trace("b", rows: 1, ms: 0.1))
    #expect(try decide([a, b], traces).chosen?.solution == "b", "the last trace of a workload counts")
  }

  @Test("the policy fastest chooses for each shape: exact, then bucket, then nearest, else the overall winner")
  func byShape() throws {
    let traces = [
      try Doubling.trace("a", rows: 1, ms: 1), try Doubling.trace("b", rows: 1, ms: 3),
      try Doubling.trace("a", rows: 12, ms: 9), try Doubling.trace("b", rows: 12, ms: 3),
    ]
    func at(_ rows: Int) throws -> (String?, Route) {
      let decision = try decide([a, b], traces, fastest, axes: ["rows": rows])
      return (decision.chosen?.solution, decision.route)
    }
    #expect(try at(1) == ("a", .exact))
    #expect(try at(12) == ("b", .exact))
    #expect(try at(15) == ("b", .bucket), "9 to 16 are one bucket")
    #expect(try at(2) == ("a", .nearest))
    #expect(try at(60) == ("b", .nearest))
    let far = try at(100_000)
    #expect(far.1 == .overall)
  }

  @Test("neighbouring shapes do not flip on a difference within the hysteresis")
  func hysteresis() throws {
    let traces = [
      try Doubling.trace("a", rows: 1, ms: 1.00), try Doubling.trace("b", rows: 1, ms: 1.20),
      try Doubling.trace("a", rows: 2, ms: 1.03), try Doubling.trace("b", rows: 2, ms: 1.00),
      try Doubling.trace("a", rows: 4, ms: 1.20), try Doubling.trace("b", rows: 4, ms: 1.00),
    ]
    let picks = try [1, 2, 4].map { try decide([a, b], traces, fastest, axes: ["rows": $0]).chosen?.solution }
    #expect(picks == ["a", "a", "b"])
    var eager = fastest
    eager.shapes.hysteresis = 0
    let eagerPicks = try [1, 2, 4].map { try decide([a, b], traces, eager, axes: ["rows": $0]).chosen?.solution }
    #expect(eagerPicks == ["a", "b", "b"])
  }

  @Test("declared buckets are followed, and a wrong one is refused")
  func declaredBuckets() throws {
    let traces = [try Doubling.trace("a", rows: 10, ms: 1), try Doubling.trace("b", rows: 100, ms: 1)]
    func route(_ tag: String, _ rows: Int) throws -> Route {
      let definition = Doubling.make(tags: [tag])
      var library = Doubling.library([a, b], policy: fastest)
      library.measurements.add(traces, definition)
      return try library.explain(definition, BindContext(device: .cpu), axes: ["rows": rows]).route
    }
    #expect(try route("bucket:rows=exact", 11) == .overall, "an exact axis has no neighbours")
    #expect(try route("bucket:rows=any", 5000) == .bucket)
    #expect(try route("bucket:rows=ranges:50,200", 60) == .bucket)
    #expect(try route("bucket:rows=ranges:50,200", 300) == .nearest)
    let error = #expect(throws: KernelError.self) { try route("bucket:rows=sometimes", 1) }
    #expect(error?.reason.contains("bucket:rows=sometimes") == true)
  }

  @Test("traces of other devices decide only when the policy admits them")
  func hardware() throws {
    let traces = [
      try Doubling.trace("b", rows: 1, ms: 0.1, hardware: "other machine"), try Doubling.trace("a", rows: 1, ms: 1),
    ]
    let own = try decide([a, b], traces)
    #expect(own.chosen?.solution == "a")
    #expect(fate(own, "b") == .otherHardware)

    let foreign = [try Doubling.trace("b", rows: 1, ms: 0.1, hardware: "test processor mark 2")]
    #expect(try decide([a, b], foreign).chosen?.solution == "a", "nothing of its own: the list")
    var policy = KernelPolicy.auto
    policy.hardware = .family
    #expect(try decide([a, b], foreign, policy).chosen?.solution == "b")
    let strange = [try Doubling.trace("b", rows: 1, ms: 0.1, hardware: "NVIDIA H100")]
    #expect(try decide([a, b], strange, policy).chosen?.solution == "a")
    policy.hardware = .any
    #expect(try decide([a, b], strange, policy).chosen?.solution == "b")
  }

  @Test("devices of one family are told by name")
  func families() {
    #expect(Hardware("NVIDIA H100 80GB HBM3").family == Hardware("NVIDIA H200").family)
    #expect(Hardware("NVIDIA_A100").family == "sm80")
    #expect(Hardware("AMD EPYC 9R45 96-Core Processor").family == Hardware("AMD EPYC 9654").family)
    #expect(Hardware("Intel(R) Xeon(R) Platinum 8488C").family == "intel xeon")
  }

  @Test(
    "a solution that failed here is never picked, however fast its other runs", arguments: Evaluation.Status.allCases)
  func failed(status: Evaluation.Status) throws {
    let second = try Doubling.trace("b", rows: 2, ms: 0.01, status: status)
    let traces = [try Doubling.trace("a", rows: 1, ms: 1), try Doubling.trace("b", rows: 1, ms: 0.01), second]
    let decision = try decide([a, b], traces)
    #expect((decision.chosen?.solution == "b") == (status == .passed))
    if status != .passed {
      #expect(fate(decision, "b") == .failed)
      let listed = try decide([a, b], traces, KernelPolicy(preferred: [KernelFlavor(rawValue: "b"), .cpp]))
      #expect(listed.chosen?.solution == "a", "a list does not bring it back")
    }
    let elsewhere = try Doubling.trace("b", rows: 2, ms: 0.01, status: status, hardware: "other machine")
    #expect(try decide([a, b], [traces[0], traces[1], elsewhere]).chosen?.solution == "b")
  }

  @Test("a later pass on the same workload takes a failure back")
  func retried() throws {
    let traces = [
      try Doubling.trace("a", rows: 1, ms: 1), try Doubling.trace("b", rows: 1, ms: 0.1, status: .timeout),
      try Doubling.trace("b", rows: 1, ms: 0.1),
    ]
    #expect(try decide([a, b], traces).chosen?.solution == "b")
  }

  @Test("a solution whose rows depend on the batch, or that nobody checked, is left to the policy fastest")
  func batchInvariance() throws {
    let unknown = Doubling.solution("b", isBatchInvariant: nil)
    let traces = [try Doubling.trace("a", rows: 1, ms: 1), try Doubling.trace("b", rows: 1, ms: 0.1)]
    let decision = try decide([a, unknown], traces)
    #expect(decision.chosen?.solution == "a")
    #expect(fate(decision, "b") == .notBatchInvariant)
    #expect(try decide([a, unknown], traces, fastest).chosen?.solution == "b")
    let checked = [traces[0], try Doubling.trace("b", rows: 1, ms: 0.1, batchInvariant: true)]
    #expect(try decide([a, unknown], checked).chosen?.solution == "b")
    let refuted = [traces[0], try Doubling.trace("b", rows: 1, ms: 0.1, batchInvariant: false)]
    #expect(try decide([a, b], refuted).chosen?.solution == "a", "a measurement outweighs a claim")
  }

  @Test("a bound on the recorded error leaves out what exceeds it")
  func boundedError() throws {
    let traces = [
      try Doubling.trace("a", rows: 1, ms: 1, error: 1e-6), try Doubling.trace("b", rows: 1, ms: 0.1, error: 1e-3),
    ]
    let strict = KernelPolicy(preferred: [.cpp], selection: .boundedError(absolute: 1e-5, relative: 1e-5))
    let decision = try decide([a, b], traces, strict)
    #expect(decision.chosen?.solution == "a")
    #expect(fate(decision, "b") == .tolerance)
    let loose = KernelPolicy(preferred: [.cpp], selection: .boundedError(absolute: 1e-2, relative: 1e-2))
    #expect(try decide([a, b], traces, loose).chosen?.solution == "b")
    let infinite = [traces[0], try Doubling.trace("b", rows: 1, ms: 0.1, error: .nan)]
    #expect(try decide([a, b], infinite, loose).chosen?.solution == "a", "not a number is within no bound")
  }

  @Test("a solution that came as data is not used unmeasured, unless the operator names it")
  func unmeasuredData() throws {
    let data = Doubling.solution("mine", flavor: .cpp, isData: true)
    let plain = Doubling.solution("plain", flavor: .swift)
    let decision = try decide([data, plain], [])
    #expect(decision.chosen?.solution == "plain")
    #expect(fate(decision, "mine") == .notBatchInvariant || fate(decision, "mine") == .notMeasured)
    let named = try KernelPolicy(yaml: "double: [mine, swift]\n", file: "k")
    #expect(try decide([data, plain], [], named).chosen?.solution == "mine")
  }

  @Test("the weights of real traffic decide between shapes")
  func weighted() throws {
    let traces = [
      try Doubling.trace("a", rows: 1, ms: 1), try Doubling.trace("b", rows: 1, ms: 2),
      try Doubling.trace("a", rows: 64, ms: 30), try Doubling.trace("b", rows: 64, ms: 10),
    ]
    var library = Doubling.library([a, b])
    library.measurements.add(traces, Doubling.definition) { _, axes in axes == [1] ? 1000 : 1 }
    let decision = try library.explain(Doubling.definition, BindContext(device: .cpu))
    #expect(decision.chosen?.solution == "a", "nearly all calls have one row")
  }

  @Test("a workload that lists a constant axis with another value is a key that no call produces")
  func poisonedKey() throws {
    let good = try Doubling.trace("a", rows: 1, ms: 1), bad = try Doubling.trace("b", rows: 1, ms: 0.1)
    let poisoned = try bad.with(workload: Workload(uuid: "p", axes: ["rows": 1, "n": 5]))
    let agreeing = try bad.with(workload: Workload(uuid: "q", axes: ["rows": 1, "n": 4]))
    #expect(try decide([a, b], [good, poisoned]).chosen?.solution == "a")
    #expect(try decide([a, b], [good, agreeing]).chosen?.solution == "b")
  }

  @Test("lines about a layer or a kind of step win over the operation's")
  func layersAndPhases() throws {
    let policy = try KernelPolicy(
      yaml: "default: [cpp]\ndouble: a\ndouble@layer2-3: b\ndouble@prefill: b\n", file: "k")
    let library = Doubling.library([a, b], policy: policy), context = BindContext(device: .cpu)
    func chosen(_ layer: Int?, _ phase: KernelPhase?) throws -> String? {
      try (layer.map { library.inLayer($0) } ?? library).explain(Doubling.definition, context, phase: phase).chosen?
        .solution
    }
    #expect(try chosen(nil, nil) == "a")
    #expect(try chosen(1, .decode) == "a")
    #expect(try chosen(2, .decode) == "b")
    #expect(try chosen(3, nil) == "b")
    #expect(try chosen(4, .prefill) == "b")
    try library.validatePolicy()
  }

  @Test("a list may leave the choice among its members to measurements")
  func measuredList() throws {
    let traces = [try Doubling.trace("a", rows: 1, ms: 2), try Doubling.trace("b", rows: 1, ms: 1)]
    let c = Doubling.solution("c")
    let all = traces + [try Doubling.trace("c", rows: 1, ms: 0.1)]
    let policy = try KernelPolicy(yaml: "default: [cpp]\ndouble: [measured, a, b]\n", file: "k")
    let decision = try decide([a, b, c], all, policy)
    #expect(decision.chosen?.solution == "b")
    #expect(decision.selection == .batchInvariant)
    #expect(fate(decision, "c") == .policy)
    #expect(try decide([a, b, c], [], policy).chosen?.solution == "a")
    try Doubling.library([a, b, c], policy: policy).validatePolicy()
    #expect(throws: KernelError.self) { try KernelPolicy(yaml: "double: [measured]\n", file: "k") }
  }

  @Test(
    "wrong settings are refused with their line",
    arguments: [
      (
        "select: best",
        "k:1: select is \"best\", expected listed, batch-invariant, fastest or bounded-error ABSOLUTE RELATIVE"
      ),
      ("hardware: mine", "k:1: hardware is \"mine\", expected own, family or any"),
      ("nearest-limit: 0", "k:1: nearest-limit is \"0\", expected a number of at least 1.0"),
      (
        "gemm@sometimes: cpp",
        "k:1: gemm@sometimes: after @ stands decode, prefill, layer<number> or layer<first>-<last>"
      ),
      (
        "gemm@layer5-2: cpp", "k:1: gemm@layer5-2: after @ stands decode, prefill, layer<number> or layer<first>-<last>"
      ),
    ])
  func wrongSettings(text: String, message: String) {
    let error = #expect(throws: KernelError.self) { try KernelPolicy(yaml: text, file: "k") }
    #expect(error?.description == message)
  }

  @Test("settings are read")
  func settings() throws {
    let policy = try KernelPolicy(
      yaml: "default: [cpp, swift]\nselect: bounded-error 1e-3 0.01\nhardware: family\nnearest-limit: 4\n", file: "k")
    #expect(policy.selection == .boundedError(absolute: 1e-3, relative: 0.01))
    #expect(policy.hardware == .family && policy.shapes.nearestLimit == 4)
    #expect(try KernelPolicy(yaml: "default: [cpp]\n", file: "k").selection == .listed)
    #expect(try KernelPolicy(yaml: "rmsnorm: cpp\n", file: "k").selection == .batchInvariant)
  }
}
