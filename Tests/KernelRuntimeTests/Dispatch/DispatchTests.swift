import FoundationEssentials
import KernelRuntime
import Tensors
import Testing
import Traces

/// What happens in calls: routing, failures, shadow runs, switches.
@Suite struct DispatchTests {
  private let log = CallLog()

  private func named(_ names: KernelFlavor...) -> KernelPolicy { KernelPolicy(preferred: names) }

  @Test("calls go to the solution of their shape and are counted with the reason")
  func routing() throws {
    let traces = [
      try Doubling.trace("a", rows: 1, ms: 1), try Doubling.trace("b", rows: 1, ms: 3),
      try Doubling.trace("a", rows: 64, ms: 3), try Doubling.trace("b", rows: 64, ms: 1),
    ]
    var library = Doubling.library(
      [Doubling.solution("a", log: log), Doubling.solution("b", log: log)], traces,
      policy: KernelPolicy(preferred: [.cpp], selection: .fastest))
    let board = KernelSwitchboard()
    library.switchboard = board
    let kernel = try library.bind(Doubling.definition)
    for rows in [1, 64, 1, 2, 60, 64] { _ = try Doubling.run(kernel, rows: rows) }
    #expect(log.all == ["a", "b", "a", "a", "b", "b"])
    let calls = board.calls.map { "\($0.solution) \($0.route.rawValue) \($0.count)" }.sorted()
    #expect(calls == ["a exact 2", "a nearest 1", "b bucket 1", "b exact 2"])
  }

  @Test("each kind of step has its kernel when the policy says so")
  func phases() throws {
    let policy = try KernelPolicy(yaml: "double@decode: a\ndouble: b\n", file: "k")
    let kernel = try Doubling.library(
      [Doubling.solution("a", log: log), Doubling.solution("b", log: log)], policy: policy
    ).bind(Doubling.definition)
    let stream = CPUStream(threads: 1)
    for phase in [KernelPhase.decode, .prefill, nil, .decode] {
      stream.phase = phase
      try kernel.apply([.tensor(Doubling.rows(1)), .tensor(Doubling.rows(1))], on: stream)
    }
    #expect(log.all == ["a", "b", "b", "a"])
  }

  // MARK: failures

  private func failing() -> KernelSolution { Doubling.solution("bad", log: log) { $0 == 7 ? nil : 2 * $0 } }

  @Test("a kernel that throws goes into quarantine and the next usable one does the call")
  func quarantine() throws {
    let told = CallLog(), quarantine = Quarantine(version: "1")
    var library = Doubling.library(
      [failing(), Doubling.solution("good", log: log)], policy: named(KernelFlavor(rawValue: "bad"), .cpp))
    library.quarantine = quarantine
    library.onFailure = { told.append($0.description) }
    let board = KernelSwitchboard()
    library.switchboard = board
    let kernel = try library.bind(Doubling.definition)
    #expect(try Doubling.run(kernel, rows: 1, 3) == [6, 6, 6, 6])
    #expect(try Doubling.run(kernel, rows: 1, 7) == [14, 14, 14, 14], "the answer is right")
    #expect(try Doubling.run(kernel, rows: 1, 3) == [6, 6, 6, 6])
    #expect(log.all == ["bad", "bad", "good", "good"])
    #expect(quarantine.all.map(\.solution) == ["bad"])
    #expect(
      told.all == [
        "double_n4 / bad failed and is in quarantine: element 0 is not to its taste; good takes its place"
      ])
    #expect(board.failures.map(\.solution) == ["bad"])
    #expect(board.calls.contains { $0.solution == "good" && $0.route == .fallback && $0.count == 2 })
    let decision = try library.explain(Doubling.definition, BindContext(device: .cpu))
    #expect(decision.chosen?.solution == "good")
    #expect(decision.candidates.first { $0.solution == "bad" }?.reason == .quarantined)
  }

  @Test("when every kernel refuses the arguments, nobody is blamed and the first error stands")
  func badArguments() throws {
    var library = Doubling.library(
      [failing(), Doubling.solution("other", log: log) { $0 == 7 ? nil : 2 * $0 }], policy: named(.cpp))
    library.quarantine = Quarantine(version: "1")
    let kernel = try library.bind(Doubling.definition)
    let error = #expect(throws: KernelError.self) { try Doubling.run(kernel, rows: 1, 7) }
    #expect(error?.solution == "bad")
    #expect(library.quarantine?.all == [])
    #expect(try Doubling.run(kernel, rows: 1, 1) == [2, 2, 2, 2])
    #expect(log.all == ["bad", "other", "bad"])
  }

  @Test("a call in place is not done again: its input may be half overwritten")
  func inPlace() throws {
    var library = Doubling.library([failing(), Doubling.solution("good", log: log)], policy: named(.cpp))
    library.quarantine = Quarantine(version: "1")
    let kernel = try library.bind(Doubling.definition), x = Doubling.rows(2, 7)
    #expect(throws: KernelError.self) {
      try kernel.apply([.tensor(x), .tensor(x)], on: CPUStream(threads: 1))
    }
    #expect(log.all == ["bad"])
  }

  @Test("quarantine outlives the process, and a new version is a new try")
  func persistence() throws {
    let path = FileManager.default.temporaryDirectory.path + "/quarantine-\(UInt64.random(in: 0...UInt64.max)).json"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let first = try Quarantine(path: path, version: "1")
    #expect(first.add(definition: "d", solution: "s", reason: "it \"broke\"\n") == nil)
    first.add(definition: "d", solution: "t", reason: "r")
    #expect(first.release(definition: "d", solution: "t"))
    let again = try Quarantine(path: path, version: "1")
    #expect(again.all == first.all && again.all.count == 1)
    #expect(try Quarantine(path: path, version: "2").all.isEmpty)
    for text in ["{", "[]", "{\"quarantine\": [1]}", "{\"quarantine\": [{\"definition\": \"d\"}]}"] {
      #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
      let error = #expect(throws: KernelError.self) { try Quarantine(path: path, version: "1") }
      #expect(error?.reason.hasPrefix(path) == true)
    }
    #expect(Quarantine(version: "1").release(definition: "d", solution: "s") == false)
    let unwritable = try Quarantine(path: "/nowhere/q.json", version: "1")
    #expect(unwritable.add(definition: "d", solution: "s", reason: "r")?.hasPrefix("/nowhere/q.json") == true)
    #expect(unwritable.entry(definition: "d", solution: "s") != nil)
  }

  @Test("a solution that does not build gives way to the next, with the compiler's words")
  func doesNotBuild() throws {
    let broken = Doubling.solution("broken", builds: false)
    let told = CallLog()
    var library = Doubling.library([broken, Doubling.solution("good")], policy: named(.cpp))
    library.onBind = { decision in
      for candidate in decision.candidates { told.append("\(candidate.solution) \(candidate.reason.rawValue)") }
    }
    #expect(try library.bind(Doubling.definition).solution == "good")
    #expect(told.all == ["broken failed", "good first_listed"])
    let error = #expect(throws: KernelError.self) {
      try Doubling.library([broken], policy: named(.cpp)).bind(Doubling.definition)
    }
    #expect(error?.code == .noCandidate)
    #expect(error?.reason.contains("broken: it does not build: line 1: expected ;") == true)
  }

  // MARK: switches

  private func switchable(_ solutions: [KernelSolution]) throws -> (KernelLibrary, KernelSwitchboard, BoundKernel) {
    var library = Doubling.library(solutions, policy: named(.cpp))
    let board = KernelSwitchboard()
    library.switchboard = board
    library.quarantine = Quarantine(version: "1")
    return (library, board, try library.bind(Doubling.definition))
  }

  @Test("a switch takes effect between steps, and is taken back by one call")
  func switching() throws {
    let (library, board, kernel) = try switchable([Doubling.solution("a", log: log), Doubling.solution("b", log: log)])
    _ = try Doubling.run(kernel, rows: 1)
    let change = try library.prepareSwitch(definition: "double_n4", to: "b")
    board.enqueue(change)
    _ = try Doubling.run(kernel, rows: 1)
    board.betweenSteps()
    _ = try Doubling.run(kernel, rows: 1)
    #expect(board.decisions.map { $0.chosen?.solution } == ["b"])
    #expect(board.rollBack() == "taken back: double_n4: switched to b")
    _ = try Doubling.run(kernel, rows: 1)
    board.betweenSteps()
    _ = try Doubling.run(kernel, rows: 1)
    #expect(log.all == ["a", "a", "b", "b", "a"])
    #expect(board.rollBack() == nil)
    #expect(board.events == ["double_n4: switched to b", "taken back: double_n4: switched to b"])
  }

  @Test("a switch to what does not exist, does not build or is in quarantine changes nothing")
  func refusedSwitches() throws {
    let (library, board, kernel) = try switchable([
      Doubling.solution("a", log: log), Doubling.solution("broken", builds: false), Doubling.solution("c"),
    ])
    library.quarantine?.add(definition: "double_n4", solution: "c", reason: "it lied")
    func refusal(_ definition: String, _ name: String, layer: Int? = nil) -> String? {
      #expect(throws: KernelError.self) { try library.prepareSwitch(definition: definition, to: name, layer: layer) }?
        .reason
    }
    #expect(refusal("double_n5", "a") == "it is not in use; in use are double_n4")
    #expect(refusal("double_n4", "z") == "there is no solution \"z\"; there are a, broken, c")
    #expect(refusal("double_n4", "broken") == "line 1: expected ;")
    #expect(refusal("double_n4", "c")?.hasSuffix("it lied") == true)
    #expect(refusal("double_n4", "a", layer: 3) == "it is not bound in layer 3")
    board.betweenSteps()
    _ = try Doubling.run(kernel, rows: 1)
    #expect(log.all == ["a"])
  }

  @Test("a reload chooses anew from new traces, as a whole")
  func reload() throws {
    var (library, board, kernel) = try switchable([Doubling.solution("a", log: log), Doubling.solution("b", log: log)])
    library.policy = KernelPolicy(preferred: [.cpp], selection: .batchInvariant)
    library.measurements.add(
      [try Doubling.trace("a", rows: 1, ms: 2), try Doubling.trace("b", rows: 1, ms: 1)], Doubling.definition)
    let change = try library.prepareReload()
    #expect(change.summary == "chosen anew: 1 of 1 decisions changed")
    board.enqueue(change)
    board.betweenSteps()
    _ = try Doubling.run(kernel, rows: 1)
    #expect(log.all == ["b"])
  }

  @Test("a sealed library compiles nothing")
  func sealed() throws {
    let data = Doubling.solution("mine", isData: true)
    let library = Doubling.library([data, Doubling.solution("own")], policy: named(.cpp))
    #expect(try library.bind(Doubling.definition).solution == "mine")
    #expect(try library.sealed().bind(Doubling.definition).solution == "own")
    let decision = try library.sealed().explain(Doubling.definition, BindContext(device: .cpu))
    #expect(decision.candidates.first { $0.solution == "mine" }?.reason == .sealed)
  }

  // MARK: shadow runs

  private func shadow(
    _ candidate: @escaping @Sendable (Float) -> Float?, every: Int = 2, agreements: Int = 3, promotes: Bool = true
  ) throws -> (KernelLibrary, KernelSwitchboard, BoundKernel) {
    let (library, board, kernel) = try switchable([
      Doubling.solution("a", log: log), Doubling.solution("candidate", log: log, candidate),
    ])
    board.enqueue(
      try library.prepareShadow(
        definition: "double_n4", candidate: "candidate", every: every, agreements: agreements, promotes: promotes))
    board.betweenSteps()
    return (library, board, kernel)
  }

  @Test("a canary takes over after enough agreements, on every nth call, while the answers stay the kernel's in use")
  func canary() throws {
    let (_, board, kernel) = try shadow { 2 * $0 + 1e-6 }
    for _ in 0..<5 { #expect(try Doubling.run(kernel, rows: 1) == [2, 2, 2, 2]) }
    #expect(log.all == ["a", "candidate", "a", "a", "candidate", "a", "a", "candidate"])
    board.betweenSteps()
    log.clear()
    _ = try Doubling.run(kernel, rows: 1)
    #expect(log.all == ["candidate"])
  }

  @Test("a candidate that disagrees or throws goes into quarantine, and no answer changes", arguments: [false, true])
  func disagreement(throwing: Bool) throws {
    let (library, board, kernel) = try shadow { throwing ? nil : $0 == 5 ? 11 : 2 * $0 }
    #expect(try Doubling.run(kernel, rows: 1, 5) == [10, 10, 10, 10])
    let entry = try #require(library.quarantine?.entry(definition: "double_n4", solution: "candidate"))
    #expect(
      entry.reason
        == (throwing
          ? "in a shadow run it failed: element 0 is not to its taste"
          : "in a shadow run y[0] is 11.0, the kernel in use has 10.0"))
    log.clear()
    board.betweenSteps()
    for _ in 0..<4 { _ = try Doubling.run(kernel, rows: 1) }
    #expect(log.all == ["a", "a", "a", "a"])
  }

  @Test("a shadow run of a call in place compares with what the inputs were")
  func shadowInPlace() throws {
    let (library, _, kernel) = try shadow({ 2 * $0 }, every: 1, agreements: 2, promotes: false)
    let x = Doubling.rows(1, 3)
    for expected: Float in [6, 12, 24] {
      try kernel.apply([.tensor(x), .tensor(x)], on: CPUStream(threads: 1))
      #expect(x.floats == [expected, expected, expected, expected])
    }
    #expect(library.quarantine?.all == [])
    #expect(log.all == ["a", "candidate", "a", "candidate", "a"], "after two agreements the trial is over")
  }

  // MARK: registry and other forms

  @Test("a registry finds kernels by name and backend, and says what exists")
  func registry() throws {
    var registry = KernelRegistry(Doubling.library([Doubling.solution("a", log: log)], policy: named(.cpp)))
    let mine = Doubling.solution("mine", isData: true, log: log)
    try registry.register(mine, definition: Doubling.definition, as: "double", backend: "triton")
    let x = Doubling.rows(1), y = Doubling.rows(1), stream = CPUStream(threads: 1)
    try registry.run("double", backend: "triton", [.tensor(x), .tensor(y)], on: stream)
    try registry.run("double", backend: "cpp", [.tensor(x), .tensor(y)], on: stream)
    try registry.run("double", [.tensor(x), .tensor(y)], on: stream)
    #expect(log.all == ["mine", "a", "a"])
    #expect(registry.backends(of: "double") == ["triton", "cpp"])
    func message(_ body: () throws -> Void) -> String? { #expect(throws: KernelError.self) { try body() }?.reason }
    #expect(message { _ = try registry.kernel("halve") } == "there is no kernel \"halve\"; there are double")
    #expect(
      message { _ = try registry.kernel("double", backend: "cuda") }
        == "double has no backend \"cuda\"; there are triton, cpp")
    #expect(
      message { try registry.register(mine, definition: Doubling.definition, as: "double", backend: "triton") }
        == "double has the backend \"triton\" already: mine")
    try registry.register(
      Doubling.solution("newer", isData: true, log: log), definition: Doubling.definition, as: "double",
      backend: "triton", replacing: true)
    try registry.run("double", backend: "triton", [.tensor(x), .tensor(y)], on: stream)
    #expect(log.all.last == "newer")
  }

  @Test("the wrapping form uses the library's kernel, and the caller's closure where there is none")
  func wrapping() throws {
    let log = log
    let own: @Sendable ([KernelArgument], CPUStream) throws(KernelError) -> Void = { arguments, _ throws(KernelError) in
      log.append("closure")
      for i in 0..<4 { arguments[1].tensor.elements(as: Float.self)[i] = 2 }
    }
    let wrapped = try Doubling.library([Doubling.solution("a", log: log)]).wrapping(Doubling.definition, own)
    #expect(try Doubling.run(wrapped, rows: 1) == [2, 2, 2, 2])
    let bare = try Doubling.library([]).wrapping(Doubling.definition, own)
    #expect(try Doubling.run(bare, rows: 1) == [2, 2, 2, 2])
    try Doubling.library([]).apply(
      Doubling.definition, [.tensor(Doubling.rows(1)), .tensor(Doubling.rows(1))], on: CPUStream(threads: 1),
      otherwise: own)
    #expect(log.all == ["a", "closure", "closure"])
    #expect(throws: KernelError.self) {
      try Doubling.library([]).apply(
        Doubling.definition, [.tensor(Doubling.rows(1)), .tensor(Doubling.rows(1))], on: CPUStream(threads: 1))
    }
  }

  @Test("a tensor whose rows lie apart is refused where the definition does not allow it")
  func strides() throws {
    let kernel = try Doubling.library([Doubling.solution("a")]).bind(Doubling.definition)
    let wide = Tensor(.float32, [3, 9]).narrow(1, from: 2, count: 4), stream = CPUStream(threads: 1)
    let error = #expect(throws: KernelError.self) {
      try kernel.apply([.tensor(wide), .tensor(Doubling.rows(3))], on: stream)
    }
    #expect(error?.reason == "x has the strides [9, 1] for the shape [3, 4], expected a contiguous tensor")
    let strided = try Doubling.library([Doubling.solution("a")]).bind(Doubling.make(tags: ["strided:x"]))
    try strided.apply([.tensor(wide), .tensor(Doubling.rows(3))], on: stream)
    let paged = try Doubling.library([Doubling.solution("a")]).bind(Doubling.make(tags: ["strided_pages:x"]))
    try paged.apply([.tensor(wide), .tensor(Doubling.rows(3))], on: stream)
    let empty = Tensor(.float32, [3, 9]).narrow(0, from: 0, count: 0).narrow(1, from: 0, count: 4)
    try kernel.apply([.tensor(empty), .tensor(Doubling.rows(0))], on: stream)
  }
}
