import Glibc
import KernelRuntime
import Tensors
import Traces

/// One workload of one definition, its inputs in memory that workers may read.
///
/// Made once; every solution is run on it.
final class BenchmarkProblem {
  let definition: Definition, workload: Workload
  let axes: OrderedMap<Int>
  /// Folder that files of inputs are relative to.
  let root: String?
  let constants: [String]
  let pairs: [InPlacePair]
  /// Copies of the constants, at as many addresses: together larger than the last-level cache, unless limited.
  let copies: Int
  /// All outputs in memory of their own; in-place pairs sharing theirs.
  let separate: ArgumentPlan, shared: ArgumentPlan
  let inputs: WorkerMemory
  /// Bytes that a worker's outputs need, for both plans and the row probe.
  let outputBytes: Int
  let guards = GuardBytes()
  /// The row probe of this problem, when the definition's rows can be told apart.
  let probe: RowProbe?
  /// Inputs of the first seed, the constants and the scalars of all.
  let first: WorkloadInputs
  /// Without the constants, which may be large: what later inputs are made of.
  private let generated: (definition: Definition, workload: Workload)
  let firstSeed: UInt64
  private let pattern: ValuePattern?
  private var nextSeed: UInt64

  private static let mostSlots = 512

  /// - seed: of the first set of inputs; later ones count on from it.
  /// - slotMemory: bytes of arguments in one sample's slots, at most; two slots there are in any case.
  /// - pattern: what floating-point inputs look like; nil for the usual.
  /// - Throws: when the workload does not fit the definition, or inputs cannot be made.
  init(
    _ definition: Definition, _ workload: Workload, root: String?, seed: UInt64, copies: (_ bytes: Int) -> Int,
    slotMemory: Int,
    pattern: ValuePattern? = nil
  ) throws {
    (self.definition, self.workload, self.root) = (definition, workload, root)
    (firstSeed, nextSeed, self.pattern) = (seed, seed &+ 1000, pattern)
    axes = try definition.variableAxes(of: workload)
    pairs = InPlacePair.pairs(of: definition)
    constants = ConstantInputs.names(of: definition)
    var first = try WorkloadInputs(definition, workload, seed: seed, root: root)
    if let pattern { first.apply(pattern) }
    self.first = first
    let names = constants
    generated = ConstantInputs.removed(from: definition, workload)
    var shapes: [String: [Int]] = [:], scalars: [String: Double] = [:]
    for (name, shape) in zip(definition.inputs.names, try definition.inputShapes(axes: axes)) { shapes[name] = shape }
    for (name, shape) in zip(definition.outputs.names, try definition.outputShapes(axes: axes)) { shapes[name] = shape }
    for (name, argument) in first.arguments { if case .scalar(let value) = argument { scalars[name] = value } }
    let constantBytes = names.reduce(0) { $0 + (first.arguments[$1]?.tensor.byteCount ?? 0) }
    self.copies = constantBytes == 0 ? 1 : copies(constantBytes)
    let one = try ArgumentPlan(
      definition, shapes: shapes, scalars: scalars, constants: names, copies: 1, shared: [], slots: 1)
    let slots = max(2, min(Self.mostSlots, slotMemory / max(one.slotBytes, 1)))
    separate = try ArgumentPlan(
      definition, shapes: shapes, scalars: scalars, constants: names, copies: self.copies, shared: [], slots: slots)
    shared = try ArgumentPlan(
      definition, shapes: shapes, scalars: scalars, constants: names, copies: self.copies, shared: pairs, slots: slots)
    probe =
      ComparisonRules.rules(for: definition).sampling != nil
      ? nil : RowProbe(definition, workload, axes: axes, root: root, seed: seed)
    var probeBytes = (inputs: 0, outputs: 0)
    if let probe {
      let plan = try probe.wholePlan(scalars: scalars, constants: names, copies: self.copies)
      probeBytes = (plan.inputBytes, plan.outputBytes)
    }
    inputs = try WorkerMemory(
      byteCount: max(separate.inputBytes, shared.inputBytes, probeBytes.inputs), readOnly: true)
    outputBytes = max(separate.outputBytes, shared.outputBytes, probeBytes.outputs)
    writeConstants()
  }

  private func writeConstants() {
    for place in separate.constants {
      guard case .tensor(let value)? = first.arguments[place.name] else { continue }
      for offset in place.offsets { put(value, at: offset, limit: place.byteCount) }
    }
  }

  /// A seed that no solution has seen.
  func freshSeed() -> UInt64 {
    nextSeed &+= 1
    return nextSeed
  }

  /// Everything but the constants, made from a seed; the scalars stay those of the first seed.
  func make(seed: UInt64) throws(WorkloadError) -> WorkloadInputs {
    if seed == firstSeed { return first }
    var values = try WorkloadInputs(generated.definition, generated.workload, seed: seed, root: root)
    if let pattern { values.apply(pattern) }
    for (name, argument) in first.arguments {
      if case .scalar = argument { values.arguments[name] = argument }
    }
    return values
  }

  /// Writes the read-only inputs of a slot.
  func write(_ values: OrderedMap<KernelArgument>, slot: Int, _ plan: ArgumentPlan) {
    for place in plan.readOnly {
      guard case .tensor(let value)? = values[place.name] else { continue }
      put(value, at: place.offsets[slot], limit: place.byteCount)
    }
  }

  /// Writes an input between bytes that are NaN in every floating type: who reads them computes NaN.
  private func put(_ value: Tensor, at offset: Int, limit: Int) {
    let place = inputs.pointer + offset
    memset(place - GuardBytes.width, Int32(WorkerMemory.filler), GuardBytes.width)
    memset(place + limit, Int32(WorkerMemory.filler), GuardBytes.width)
    memcpy(place, value.pointer, min(value.byteCount, limit))
  }

  /// Makes one worker's outputs of a slot ready for a call: poison, guards, and the inputs that lie there.
  func arm(_ worker: WorkerProcess, _ values: OrderedMap<KernelArgument>, slot: Int, _ plan: ArgumentPlan) {
    for place in plan.outputs {
      let tensor = worker.outputs.tensor(place.dtype, place.shape, at: place.offsets[slot])
      Poison.fill(tensor)
      guards.put(around: tensor)
    }
    for place in plan.shared {
      guard case .tensor(let value)? = values[place.name] else { continue }
      memcpy(worker.outputs.pointer + place.offsets[slot], value.pointer, min(value.byteCount, place.byteCount))
    }
  }

  /// A worker's outputs of a slot, where they lie.
  func outputs(_ worker: WorkerProcess, slot: Int, _ plan: ArgumentPlan) -> OrderedMap<Tensor> {
    OrderedMap(
      plan.outputs.map { ($0.name, worker.outputs.tensor($0.dtype, $0.shape, at: $0.offsets[slot])) })
  }

  /// Hash of a slot's read-only inputs and of the first copy of the constants: every byte.
  func inputHash(slot: Int, _ plan: ArgumentPlan) -> UInt64 {
    var hash = OutputHash()
    for place in plan.readOnly {
      hash.addAll(UnsafeRawBufferPointer(start: inputs.pointer + place.offsets[slot], count: place.byteCount))
    }
    return hash.value
  }
}

extension OrderedMap where Value == Tensor {
  /// The same tensors in memory of this process alone.
  func copied() -> OrderedMap<Tensor> {
    mapValues { tensor in
      let copy = Tensor(tensor.dtype, tensor.shape)
      memcpy(copy.pointer, tensor.pointer, tensor.byteCount)
      return copy
    }
  }

  /// Whether all hold the same bytes.
  func hasSameBits(as other: OrderedMap<Tensor>) -> Bool {
    count == other.count
      && zip(self, other).allSatisfy {
        $0.value.byteCount == $1.value.byteCount && memcmp($0.value.pointer, $1.value.pointer, $0.value.byteCount) == 0
      }
  }
}
