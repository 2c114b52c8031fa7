import JSONText
import Synchronization
import Tensors
import Traces

/// A Python process that runs kernels in Triton by Triton's own interpreter, on memory that both processes map.
///
/// Threads take turns. A process that ended takes its kernels with it; the next call of a kernel loads it into a new one.
final class TritonInterpreter: @unchecked Sendable {
  // @unchecked: everything below `lock` is touched while holding it only.
  private let toolchain: KernelToolchain, cache: ArtifactCache
  private let loadLimit: Duration, callLimit: Duration
  private let lock = Mutex<Void>(())
  private var worker: KernelWorker?
  /// Counts processes: kernels remember theirs.
  private var generation = 0
  private var lastKernel = 0

  init(
    _ toolchain: KernelToolchain, cache: ArtifactCache, loadLimit: Duration = .seconds(120),
    callLimit: Duration = .seconds(600)
  ) {
    (self.toolchain, self.cache, self.loadLimit, self.callLimit) = (toolchain, cache, loadLimit, callLimit)
  }

  /// A kernel in a process.
  struct Handle: Sendable { let generation: Int, kernel: Int }

  /// Reads a source and checks its plan.
  /// - Throws: `buildFailed` with the source's fault.
  func load(_ request: JSONObject) throws(KernelError) -> Handle {
    try lock.withLock { _ throws(KernelError) in try locked(load: request) }
  }

  private func locked(load request: JSONObject) throws(KernelError) -> Handle {
    let worker = try running()
    lastKernel += 1
    var request = request
    request["do"] = .string("load")
    request["kernel"] = .int(lastKernel)
    try worker.ask(request, within: loadLimit, .buildFailed)
    return Handle(generation: generation, kernel: lastKernel)
  }

  /// The process; a new one when there is none, or none any more.
  private func running() throws(KernelError) -> KernelWorker {
    if let worker, worker.end == nil { return worker }
    let script = try KernelToolFiles.unpack(in: cache)
    let started = try KernelWorker("the interpreter", [toolchain.python, "-u", script, "interpreter", "serve"])
    worker = started
    generation += 1
    return started
  }

  /// A tensor of a call: where it is, and under which names the kernel sees it.
  struct Place {
    var tensor: Tensor
    var names: [String]
    /// Tensors that get the result, when the memory is written.
    var outputs: [Tensor]
  }

  /// Runs a kernel: copies tensors over, and outputs back.
  /// - axes: sizes of variable axes.
  /// - Returns: the handle to use from now on.
  func call(
    _ handle: Handle, reloading request: JSONObject, _ places: [Place], axes: [(String, Int)],
    scalars: [(String, Double)],
    multiprocessors: Int
  ) throws(KernelError) -> Handle {
    try lock.withLock { _ throws(KernelError) in
      let worker = try running()
      let handle = handle.generation == generation ? handle : try locked(load: request)
      try locked(worker, handle, places, axes, scalars, multiprocessors)
      return handle
    }
  }

  private func locked(
    _ worker: KernelWorker, _ handle: Handle, _ places: [Place], _ axes: [(String, Int)],
    _ scalars: [(String, Double)], _ multiprocessors: Int
  ) throws(KernelError) {
    var offsets: [Int] = [], end = 0
    for place in places {
      offsets.append(end)
      end = (end + place.tensor.byteCount + 255) & ~255  // as far apart as a device's allocations
    }
    let memory = try worker.room(max(end, 1))
    var tensors: [(String, JSONValue)] = []
    for (place, offset) in zip(places, offsets) {
      StridedCopy.gather(place.tensor, into: memory.pointer + offset)
      var strides: [Int] = [], stride = 1
      for axis in Swift.stride(from: place.tensor.shape.rank - 1, through: 0, by: -1) {
        strides.insert(stride, at: 0)
        stride *= max(1, place.tensor.shape[axis])
      }
      for name in place.names {
        tensors.append((name, .array([.int(offset), .array(strides.map(JSONValue.int))])))
      }
    }
    try worker.ask(
      JSONObject([
        ("do", .string("call")), ("kernel", .int(handle.kernel)), ("memory", .int(memory.byteCount)),
        ("tensors", .object(JSONObject(tensors))), ("axes", .object(JSONObject(axes.map { ($0.0, .int($0.1)) }))),
        ("scalars", .object(JSONObject(scalars.map { ($0.0, .double($0.1)) }))), ("sm_count", .int(multiprocessors)),
      ]), within: callLimit, .runFailed)
    for (place, offset) in zip(places, offsets) {
      for output in place.outputs { StridedCopy.scatter(memory.pointer + offset, to: output) }
    }
  }
}

/// A kernel in Triton under the interpreter.
final class InterpretedKernel: Kernel {
  private let interpreter: TritonInterpreter
  private let request: JSONObject
  private let handle: Mutex<TritonInterpreter.Handle>
  private let plan: ArgumentPlan
  private let definition: Definition, solution: String
  private let inPlace: [LaunchRecord.Member<String>]
  /// What plans that ask for the number of multiprocessors are told: the emulation says the same.
  private static let multiprocessors = 4

  /// - Throws: `buildFailed` with the source's fault.
  init(
    _ interpreter: TritonInterpreter, _ source: KernelSource, _ definition: Definition, _ context: BindContext
  ) throws(KernelError) {
    (self.interpreter, self.definition, solution) = (interpreter, definition, source.name)
    plan = try ArgumentPlan(definition, constants: context.constants)
    let constants = KernelConstants(definition, for: source.header)
    inPlace = constants.inPlace
    request = constants.request(source: source, target: LaunchRecord.interpreted, folder: "")
    handle = Mutex(try interpreter.load(request))
  }

  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    do throws(KernelError) {
      try plan.check(arguments)
      try call(arguments)
    } catch {
      throw KernelError(error.code, definition: definition.name, solution: solution, error.reason)
    }
  }

  private func call(_ arguments: [KernelArgument]) throws(KernelError) {
    var places: [TritonInterpreter.Place] = [], axes: [(String, Int)] = [], scalars: [(String, Double)] = []
    for slot in plan.slots {
      switch plan.argument(slot, arguments) {
      case .scalar(let value): scalars.append((slot.name, value))
      case .tensor(let tensor):
        let spec = definition.inputs[slot.name] ?? definition.outputs[slot.name]
        for (axis, name) in (spec?.shape ?? []).enumerated()
        where definition.axes[name]?.isVariable == true && !axes.contains(where: { $0.0 == name }) {
          axes.append((name, tensor.shape[axis]))
        }
        if slot.isOutput, let input = inPlace.first(where: { $0.name == slot.name })?.value,
          let index = places.firstIndex(where: { $0.names.contains(input) })
        {
          // Both names stand for one memory, which holds the input before and the output after.
          places[index].names.append(slot.name)
          places[index].outputs.append(tensor)
        } else {
          places.append(.init(tensor: tensor, names: [slot.name], outputs: slot.isOutput ? [tensor] : []))
        }
      case nil: throw KernelError(.signatureMismatch, "\(slot.name) is missing")
      }
    }
    let current = handle.withLock { $0 }
    let next = try interpreter.call(
      current, reloading: request, places, axes: axes, scalars: scalars, multiprocessors: Self.multiprocessors)
    handle.withLock { $0 = next }
  }
}
