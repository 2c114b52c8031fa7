import CConfinement
import KernelRuntime
import Tensors
import Traces

/// What a worker holds between requests: a bound kernel and the arguments of each slot.
struct WorkerSession {
  let solutions: [KernelSolution]
  let builders: [any KernelBuilder]
  let inputs: MappedMemory, outputs: MappedMemory

  private var kernels: [BoundKernel] = []
  private var stream = CPUStream(threads: 1)
  private var slots: [[KernelArgument]] = []
  private var outputCount = 0
  private var next = 0

  init(solutions: [KernelSolution], builders: [any KernelBuilder], inputs: MappedMemory, outputs: MappedMemory) {
    (self.solutions, self.builders, self.inputs, self.outputs) = (solutions, builders, inputs, outputs)
  }

  mutating func obey(_ request: WorkerRequest, _ reply: inout WorkerReply) throws(KernelError) {
    switch request {
    case .build(let build): try self.build(build, &reply)
    case .layout(let layout): try lay(layout)
    case .run(let slot): try time([slot], lead: [], &reply)
    case .time(let order, let lead): try time(order, lead: lead, &reply)
    case .ping: break
    }
  }

  private mutating func build(_ build: WorkerRequest.Build, _ reply: inout WorkerReply) throws(KernelError) {
    guard (1...1024).contains(build.threads), (1...4096).contains(build.copies) else {
      throw KernelError(
        .buildFailed, "\(build.threads) threads and \(build.copies) copies: expected at least one of each")
    }
    let definition: Definition
    do throws(SchemaError) { definition = try Definition(json: build.definition.compact) } catch {
      throw KernelError(.buildFailed, "the definition cannot be read: \(error)")
    }
    let solution = try self.solution(build, definition)
    let library = KernelLibrary(solutions: [solution], policy: KernelPolicy(preferred: [solution.flavor]))
    stream = CPUStream(threads: build.threads)
    kernels = []
    for copy in 0..<build.copies {
      var constants: [String: Tensor] = [:]
      for constant in build.constants where !constant.offsets.isEmpty {
        constants[constant.name] = try memory(constant.place).tensor(
          constant.dtype, constant.shape, at: constant.offsets[copy % constant.offsets.count])
      }
      if copy == 0 { reply.start = confinement_ticks() }
      kernels.append(try library.bind(definition, on: .cpu, constants: constants))
      if copy == 0 { reply.end = confinement_ticks() }
    }
    reply.clockReplacedBy = Self.replacedClock()
  }

  private func solution(_ build: WorkerRequest.Build, _ definition: Definition) throws(KernelError) -> KernelSolution {
    if let name = build.solution.string {
      guard let solution = solutions.first(where: { $0.name == name && $0.computes(definition) }) else {
        throw KernelError(.buildFailed, definition: definition.name, "the program has no solution \(name) for it")
      }
      return solution
    }
    let document: Solution
    do throws(SchemaError) { document = try Solution(json: build.solution.compact) } catch {
      throw KernelError(.buildFailed, definition: definition.name, "the solution cannot be read: \(error)")
    }
    guard let builder = builders.first(where: { $0.languages.contains(document.spec.language) }) else {
      throw KernelError(
        .buildFailed, definition: definition.name, solution: document.name,
        "nothing builds \(document.spec.language) here; there are builders for "
          + builders.flatMap(\.languages).map(\.rawValue).joined(separator: ", "))
    }
    return KernelSolution(document, builder: builder)
  }

  private mutating func lay(_ layout: ArgumentLayout) throws(KernelError) {
    var slots: [[KernelArgument]] = []
    for slot in 0..<layout.slotCount {
      var arguments: [KernelArgument] = []
      for argument in layout.arguments {
        switch argument {
        case .scalar(let name, let values):
          guard slot < values.count else { throw KernelError(.signatureMismatch, "\(name) has no slot \(slot)") }
          arguments.append(.scalar(values[slot]))
        case .tensor(let place):
          guard slot < place.offsets.count else {
            throw KernelError(.signatureMismatch, "\(place.name) has no slot \(slot)")
          }
          arguments.append(
            .tensor(try memory(place.place).tensor(place.dtype, place.shape, at: place.offsets[slot])))
        }
      }
      slots.append(arguments)
    }
    (self.slots, outputCount) = (slots, min(layout.outputCount, layout.arguments.count))
  }

  private func memory(_ place: ArgumentLayout.Place) -> MappedMemory { place == .inputs ? inputs : outputs }

  /// Calls the kernel for each slot in turn; of `order` nothing is left to do between the two readings of the counter.
  private mutating func time(_ order: [Int], lead: [Int], _ reply: inout WorkerReply) throws(KernelError) {
    guard !kernels.isEmpty else { throw KernelError(.runFailed, "no kernel was built") }
    for slot in order + lead where !slots.indices.contains(slot) {
      throw KernelError(.signatureMismatch, "there is no slot \(slot), the layout has \(slots.count)")
    }
    for slot in lead { try kernels[next].apply(slots[slot], on: stream) }
    let libraryClock = confinement_library_clock(), kernelClock = confinement_kernel_clock()
    let count = kernels.count
    var kernel = next
    reply.start = confinement_ticks()
    for slot in order {
      try kernels[kernel].apply(slots[slot], on: stream)
      kernel = kernel + 1 == count ? 0 : kernel + 1
    }
    reply.end = confinement_ticks()
    reply.kernelNanoseconds = Int(confinement_kernel_clock() - kernelClock)
    reply.libraryNanoseconds = Int(confinement_library_clock() - libraryClock)
    next = kernel
    if let last = order.last { reply.outputHash = hash(slots[last]) }
    reply.clockReplacedBy = Self.replacedClock()
  }

  private func hash(_ arguments: [KernelArgument]) -> UInt64 {
    var hash = OutputHash()
    for case .tensor(let tensor) in arguments.suffix(outputCount) { hash.add(tensor) }
    return hash.value
  }

  private static func replacedClock() -> String? {
    for symbol in ["clock_gettime", "gettimeofday"] {
      if let library = confinement_library_defining(symbol) { return "\(symbol) (\(String(cString: library)))" }
    }
    return nil
  }
}
