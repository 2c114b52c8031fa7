/// What a recorder has done so far.
public struct RecordingStatistics: Sendable, Hashable {
  /// Calls seen, of definitions that are told apart.
  public var calls = 0
  /// Workloads written.
  public var recorded = 0
  /// Calls not written because the set has their like, from this run or an earlier one.
  public var duplicates = 0
  /// Calls not captured because the queue had no room; a later call of their kind may have been.
  public var overflowed = 0
  /// Calls not captured because they alone are larger than the queue.
  public var oversized = 0
  /// Calls not captured because they cannot be made again from a file: a tensor outside of host memory, or an axis that no
  /// input has.
  public var unusable = 0
  /// Captured calls not written because the space on disk was used up, or writing had failed.
  public var dropped = 0
  /// Bytes of recorded workloads and their tensors in the folder, those of earlier runs included.
  public var bytesOnDisk = 0
}

/// What a recorder tells its owner, each thing once.
public enum RecordingProblem: Sendable, Hashable, CustomStringConvertible {
  /// A file cannot be written. Recording has stopped.
  case failed(String)
  /// The space on disk is used up. Calls are still counted.
  case full(maximumBytes: Int)
  /// The folder holds another definition of this name; the calls of this one are counted only.
  case otherDefinition(String)
  /// The policy names inputs that the definition does not have.
  case unknownInputs(definition: String, [String])

  public var description: String {
    switch self {
    case .failed(let reason): "recording of kernel calls has stopped: \(reason)"
    case .full(let bytes):
      "recorded kernel calls have reached their limit of \(bytes) bytes; from now on calls are counted only"
    case .otherDefinition(let name):
      "the folder of recorded kernel calls holds another definition named \(name): its calls are counted only; record into an empty folder"
    case .unknownInputs(let name, let inputs):
      "the recording policy names inputs that \(name) does not have: \(inputs.joined(separator: ", "))"
    }
  }
}
