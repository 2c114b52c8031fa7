import Checkpoints
import Glibc
import Synchronization
import Traces

/// What the calling threads and the writing thread of a recorder share.
final class RecordingState: Sendable {
  let policy: RecordingPolicy
  let tallies: TallyTable
  let queue: CaptureQueue
  let statistics = Mutex(RecordingStatistics())
  /// Calls become workloads: until the space is used up.
  let isCapturing = Atomic<Bool>(true)
  /// Calls are counted: until a file could not be written, or the recorder was closed.
  let isCounting = Atomic<Bool>(true)

  init(_ policy: RecordingPolicy) {
    (self.policy, tallies) = (policy, TallyTable(policy))
    queue = CaptureQueue(limit: policy.queueBytes)
  }
}

/// The thread that writes captured calls into a trace set. What is known of the set belongs to it alone.
final class RecordingWriter: @unchecked Sendable {
  // @unchecked: handed to its thread once, used there only.
  private let root: String
  private let state: RecordingState
  private let onProblem: @Sendable (RecordingProblem) -> Void
  /// Definitions that the set holds, and whether calls are recorded for them.
  private var definitions: [String: Definition] = [:]
  private var accepted: [String: Bool] = [:]
  private var uuids: Set<String> = []
  private var bytesOnDisk = 0
  private var hasFailed = false, isFull = false

  init(root: String, state: RecordingState, onProblem: @escaping @Sendable (RecordingProblem) -> Void) {
    (self.root, self.state, self.onProblem) = (root, state, onProblem)
  }

  /// Until the queue is closed and empty.
  func run() {
    open()
    var deadline = timespec.fromNow(seconds: state.policy.frequencyInterval)
    while true {
      let work = state.queue.next(until: deadline)
      write(work.calls)
      // Calls that keep coming in do not put the frequencies off.
      if work.mustWriteFrequencies || deadline.isPast {
        writeFrequencies()
        deadline = .fromNow(seconds: state.policy.frequencyInterval)
      }
      state.queue.finish(work)
      if work.isLast { return }
    }
  }

  /// Learns what earlier runs have recorded.
  private func open() {
    guard let set = try? TraceSet.load(root, .partial) else { return }
    definitions = set.definitions
    for list in set.workloads.values { uuids.formUnion(list.map(\.workload.uuid)) }
    for folder in ["workloads", "blob/workloads"] {
      for file in FolderListing.files(under: root + "/" + folder, suffix: "") { bytesOnDisk += Self.byteCount(file) }
    }
    state.statistics.withLock { $0.bytesOnDisk = bytesOnDisk }
  }

  private static func byteCount(_ file: String) -> Int {
    var status = stat()
    return stat(file, &status) == 0 ? Int(status.st_size) : 0
  }

  // MARK: workloads

  private func write(_ calls: [CapturedCall]) {
    for call in calls {
      guard !hasFailed, !isFull else {
        state.statistics.withLock { $0.dropped += 1 }
        continue
      }
      do {
        try write(call)
      } catch {
        fail((error as? SchemaError)?.sentence ?? "\(error)")
        state.statistics.withLock { $0.dropped += 1 }
      }
    }
  }

  private func write(_ call: CapturedCall) throws {
    guard try accepts(call.definition) else { return }
    let uuid = call.uuid, definition = call.definition
    guard !uuids.contains(uuid) else {
      state.statistics.withLock { $0.duplicates += 1 }
      return
    }
    let folder = "blob/workloads/\(definition.opType)/\(definition.name)"
    let blob = "\(folder)/\(definition.name)_\(uuid).safetensors"
    let line = try call.trace(uuid: uuid, blob: blob).jsonLine, tensors = call.tensors
    let blobBytes = tensors.isEmpty ? 0 : try SafetensorsWriter.byteCount(tensors)
    let bytes = line.count + 1 + blobBytes
    guard bytes <= state.policy.maximumBytes - bytesOnDisk else {
      state.statistics.withLock { $0.dropped += 1 }
      isFull = true
      state.isCapturing.store(false, ordering: .relaxed)
      return onProblem(.full(maximumBytes: state.policy.maximumBytes))
    }
    // The tensors first: a line never names a file that is not there.
    if !tensors.isEmpty {
      try FileStore.makeDirectory(root + "/" + folder)
      try SafetensorsWriter.write(tensors, to: root + "/" + blob)
    }
    try FileStore.append([line], to: "\(root)/workloads/\(definition.opType)/\(definition.name).jsonl")
    uuids.insert(uuid)
    bytesOnDisk += bytes
    state.statistics.withLock {
      $0.recorded += 1
      $0.bytesOnDisk = bytesOnDisk
    }
  }

  /// Whether calls of a definition are recorded; the first time it is written, or compared with what is there.
  private func accepts(_ definition: Definition) throws(SchemaError) -> Bool {
    if let known = accepted[definition.name] { return known }
    let unknown = state.policy.rule(for: definition).inputs.keys.filter { definition.inputs[$0] == nil }
    if state.policy.definitions[definition.name] != nil, !unknown.isEmpty {
      onProblem(.unknownInputs(definition: definition.name, unknown.sorted()))
    }
    if let present = definitions[definition.name] {
      let isSame = present.hasSignature(of: definition)
      accepted[definition.name] = isSame
      if !isSame { onProblem(.otherDefinition(definition.name)) }
      return isSame
    }
    try FileStore.replace("\(root)/definitions/\(definition.opType)/\(definition.name).json", with: definition.json)
    accepted[definition.name] = true
    return true
  }

  // MARK: frequencies

  private func writeFrequencies() {
    guard !hasFailed else { return }
    for tally in state.tallies.all {
      let frequencies = tally.take()
      if frequencies.total == 0 { continue }
      do throws(SchemaError) {
        try frequencies.save(root: root, definition: tally.definition, limit: state.policy.maximumKeys)
      } catch {
        return fail(error.sentence)
      }
    }
  }

  private func fail(_ reason: String) {
    hasFailed = true
    state.isCapturing.store(false, ordering: .relaxed)
    state.isCounting.store(false, ordering: .relaxed)
    onProblem(.failed(reason))
  }
}

extension SchemaError {
  /// What is wrong with a file, for people.
  var sentence: String {
    diagnostics.map { ($0.file.map { $0 + ": " } ?? "") + $0.reason }.joined(separator: "; ")
  }
}

extension Definition {
  /// Whether a workload of one is a workload of the other: operation, axes, inputs and outputs, descriptions aside.
  fileprivate func hasSignature(of other: Definition) -> Bool {
    func alike(_ a: OrderedMap<TensorSpec>, _ b: OrderedMap<TensorSpec>) -> Bool {
      a.names == b.names && zip(a.values, b.values).allSatisfy { $0.shape == $1.shape && $0.dtype == $1.dtype }
    }
    return opType == other.opType && axes.mapValues(\.size) == other.axes.mapValues(\.size)
      && alike(inputs, other.inputs) && alike(outputs, other.outputs)
  }
}
