/// The command line's words about recording: `--trace-workloads DIR` and `--trace-limit SIZE`.
public struct RecordingOptions: Sendable, Hashable {
  /// The trace set's folder.
  public let directory: String
  public let policy: RecordingPolicy

  /// - directory: what follows `--trace-workloads`; nil if the option was not given.
  /// - limit: what follows `--trace-limit`: `4096`, `512K`, `512M`, `2G`, with or without B or iB after the letter.
  /// - Returns: nil when nothing is to be recorded.
  /// - Throws: naming the option and what it would take.
  public init?(directory: String?, limit: String? = nil) throws(RecordingError) {
    guard let directory else {
      if limit != nil { throw RecordingError("--trace-limit needs --trace-workloads DIR") }
      return nil
    }
    if directory.isEmpty { throw RecordingError("--trace-workloads is empty; it takes a folder") }
    var policy = RecordingPolicy.standard
    if let limit {
      guard let bytes = Self.bytes(limit) else {
        throw RecordingError("--trace-limit is \(limit); it takes a size such as 512M or 2G")
      }
      policy.maximumBytes = bytes
    }
    (self.directory, self.policy) = (directory, policy)
  }

  /// A recorder that is ready to be a library's observer.
  /// - onProblem: told what an operator should know, each thing once, on a thread of the recorder's.
  public func start(
    onProblem: @escaping @Sendable (RecordingProblem) -> Void
  ) throws(RecordingError) -> WorkloadRecorder {
    try WorkloadRecorder(root: directory, policy: policy, onProblem: onProblem)
  }

  private static func bytes(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let count = Int(digits), count > 0 else { return nil }
    let shift: Int
    switch text.dropFirst(digits.count).uppercased() {
    case "", "B": shift = 0
    case "K", "KB", "KIB": shift = 10
    case "M", "MB", "MIB": shift = 20
    case "G", "GB", "GIB": shift = 30
    default: return nil
    }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: 1 << shift)
    return overflow ? nil : bytes
  }
}
