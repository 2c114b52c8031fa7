import JSONText
import Synchronization
import Tensors

/// A Python process that imports solutions and runs them, shared by all kernels of one builder.
///
/// Threads take turns. A process that ended, or was ended because it did not answer, takes its kernels with it; the next
/// build starts a new one.
final class PythonWorker: @unchecked Sendable {
  // @unchecked: everything below `lock` is touched while holding it only.
  private let python: String
  private let buildLimit: Duration, callLimit: Duration
  private let lock = Mutex<Void>(())
  private var worker: KernelWorker?
  /// Why the last process is no more that was replaced.
  private var lastEnd = ""
  /// Counts processes: kernels remember theirs.
  private var generation = 0
  private var lastKernel = 0
  private var liveKernels = 0
  /// Where constants end, and arguments of calls begin.
  private var constantsEnd = 0

  init(python: String, buildLimit: Duration, callLimit: Duration) {
    (self.python, self.buildLimit, self.callLimit) = (python, buildLimit, callLimit)
  }

  /// A kernel in a process.
  struct Handle: Sendable {
    let generation: Int, kernel: Int
    /// Where each slot's constant lies, in bytes; nil for arguments that are given.
    let constants: [Int?]
  }

  /// What the process needs to know of a solution.
  struct Module: Sendable {
    let folder: String, package: String, entry: String, symbol: String
    let dependencies: [String]
    let isDestinationPassing: Bool
  }

  /// Imports a solution.
  /// - plan: nil only tries the import: signature and element types are not compared.
  /// - Throws: `buildFailed` with the end of the traceback.
  func build(_ module: Module, _ plan: ArgumentPlan?) throws(KernelError) -> Handle {
    try lock.withLock { _ throws(KernelError) in try locked(module, plan) }
  }

  private func locked(_ module: Module, _ plan: ArgumentPlan?) throws(KernelError) -> Handle {
    let worker = try running()
    lastKernel += 1
    let slots = plan?.slots ?? []
    let inputs = slots.filter { !$0.isOutput }, outputs = slots.filter(\.isOutput)
    let request = JSONObject([
      ("do", .string("build")), ("kernel", .int(lastKernel)), ("folder", .string(module.folder)),
      ("package", .string(module.package)), ("entry", .string(module.entry)), ("symbol", .string(module.symbol)),
      ("destination", .bool(module.isDestinationPassing)), ("check", .bool(plan != nil)),
      ("dependencies", .array(module.dependencies.map(JSONValue.string))),
      ("inputs", .array(inputs.map { $0.isScalar ? .null : .string($0.dtype.rawValue) })),
      ("outputs", .array(outputs.map { .array([.string($0.name), .string($0.dtype.rawValue)]) })),
    ])
    try worker.ask(request, within: buildLimit, .buildFailed)
    liveKernels += 1
    let kernel = lastKernel
    do throws(KernelError) {
      return Handle(generation: generation, kernel: kernel, constants: try placeConstants(slots, worker))
    } catch {
      lockedRelease(kernel)
      throw error
    }
  }

  /// The process; a new one when there is none, or none any more.
  private func running() throws(KernelError) -> KernelWorker {
    if let worker, worker.end == nil { return worker }
    let script = String(decoding: PackageResources.worker_py, as: UTF8.self)
    let started = try KernelWorker("the Python process", [python, "-u", "-c", script])
    lastEnd = worker?.end ?? ""
    worker = started
    (generation, liveKernels, constantsEnd) = (generation + 1, 0, 0)
    return started
  }

  /// Copies a kernel's constants to where they stay.
  private func placeConstants(
    _ slots: [ArgumentPlan.Slot], _ worker: KernelWorker
  ) throws(KernelError) -> [Int?] {
    var places: [Int?] = []
    for slot in slots {
      guard case .constant(let tensor) = slot.source else {
        places.append(nil)
        continue
      }
      let memory = try worker.room(constantsEnd + tensor.byteCount)
      StridedCopy.gather(tensor, into: memory.pointer + constantsEnd)
      places.append(constantsEnd)
      constantsEnd = Self.aligned(constantsEnd + tensor.byteCount)
    }
    return places
  }

  /// Lets go of a kernel, if its process is still there.
  func release(_ handle: Handle) {
    lock.withLock { _ in
      if handle.generation == generation, worker?.end == nil { lockedRelease(handle.kernel) }
    }
  }

  private func lockedRelease(_ kernel: Int) {
    _ = try? worker?.ask(
      JSONObject([("do", .string("release")), ("kernel", .int(kernel))]), within: callLimit, .runFailed)
    liveKernels -= 1
    if liveKernels == 0 { constantsEnd = 0 }
  }

  /// Runs a kernel on arguments that were checked: copies them over, and the outputs back.
  func call(_ handle: Handle, _ plan: ArgumentPlan, _ arguments: [KernelArgument], isDestinationPassing: Bool)
    throws(KernelError)
  {
    try lock.withLock { _ throws(KernelError) in
      guard handle.generation == generation, let worker, worker.end == nil else {
        let end = worker?.end ?? lastEnd
        throw KernelError(.runFailed, "the Python process that held it is gone (\(end)); build the kernel again")
      }
      try locked(worker, handle, plan, arguments, isDestinationPassing)
    }
  }

  private func locked(
    _ worker: KernelWorker, _ handle: Handle, _ plan: ArgumentPlan, _ arguments: [KernelArgument],
    _ isDestinationPassing: Bool
  ) throws(KernelError) {
    // lay out
    var placed: [(tensor: Tensor, offset: Int, slot: ArgumentPlan.Slot)] = []
    var passed: [JSONValue] = [], returned: [JSONValue] = []
    var end = constantsEnd
    for (i, slot) in plan.slots.enumerated() {
      let value: JSONValue
      switch plan.argument(slot, arguments) {
      case .tensor(let tensor):
        let offset: Int
        if let constant = handle.constants[i] {
          offset = constant
        } else if let same = placed.first(where: { $0.tensor.isSameView(as: tensor) }) {
          offset = same.offset  // an output in place of an input
          placed.append((tensor, offset, slot))
        } else {
          offset = end
          end = Self.aligned(end + tensor.byteCount)
          placed.append((tensor, offset, slot))
        }
        value = Self.describe(tensor, offset)
      case .scalar(let scalar): value = .object(JSONObject([("value", Self.scalar(scalar, slot.dtype))]))
      case nil: value = .null
      }
      if slot.isOutput { returned.append(value) }
      if !slot.isOutput || isDestinationPassing { passed.append(value) }
    }
    // copy in; outputs as well, for a kernel may write only a part of them
    let memory = try worker.room(end)
    for (tensor, offset, slot) in placed where !slot.isOutput || isDestinationPassing {
      StridedCopy.gather(tensor, into: memory.pointer + offset)
    }
    // run
    let request = JSONObject([
      ("do", .string("call")), ("kernel", .int(handle.kernel)), ("memory", .int(memory.byteCount)),
      ("arguments", .array(passed)), ("outputs", .array(returned)),
    ])
    try worker.ask(request, within: callLimit, .runFailed)
    // copy out
    for (tensor, offset, slot) in placed where slot.isOutput {
      StridedCopy.scatter(memory.pointer + offset, to: tensor)
    }
  }

  private static func describe(_ tensor: Tensor, _ offset: Int) -> JSONValue {
    .object(
      JSONObject([
        ("dtype", .string(tensor.dtype.rawValue)), ("shape", .array(tensor.shape.array.map(JSONValue.int))),
        ("offset", .int(offset)),
      ]))
  }

  private static func scalar(_ value: Double, _ dtype: DType) -> JSONValue {
    if dtype == .bool { return .bool(value != 0) }
    if !dtype.isFloatingPoint, let integer = Int(exactly: value) { return .int(integer) }
    return .double(value)
  }

  private static func aligned(_ offset: Int) -> Int { (offset + 63) & ~63 }
}
