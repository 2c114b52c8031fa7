/// What a worker may use. Enforced by the kernel, on the worker and on everything that it starts.
public struct WorkerLimits: Sendable, Hashable {
  /// Address space beyond what the worker has mapped when it begins, in bytes.
  public var memory: Int
  /// Processor time of all its threads, in seconds.
  public var processorSeconds: Int
  /// Longest file that it may write, in bytes.
  public var fileBytes: Int
  /// The only folders (and device files) beneath which it may write, where the kernel has Landlock. Builders need their
  /// cache and a folder for temporary files.
  public var writable: [String]

  public init(
    memory: Int = 4 << 30, processorSeconds: Int = 3600, fileBytes: Int = 1 << 30,
    writable: [String] = ["/tmp", "/dev/null", "/dev/shm"]
  ) {
    (self.memory, self.processorSeconds, self.fileBytes) = (memory, processorSeconds, fileBytes)
    self.writable = writable
  }

  /// As the worker's command line.
  var arguments: [String] {
    [
      "--memory", String(memory), "--processor-seconds", String(processorSeconds), "--file-bytes", String(fileBytes),
    ] + writable.flatMap { ["--writable", $0] }
  }

  /// - Throws: `invalidArguments`, naming the word that is wrong.
  init(arguments: [String]) throws(WorkerUsageError) {
    self.init(writable: [])
    var rest = arguments[...]
    while let option = rest.popFirst() {
      guard let value = rest.popFirst() else { throw WorkerUsageError(reason: "\(option) has no value") }
      if option == "--writable" {
        writable.append(value)
        continue
      }
      guard let number = Int(value), number > 0 else {
        throw WorkerUsageError(reason: "\(option) is \"\(value)\"; it must be a positive number")
      }
      switch option {
      case "--memory": memory = number
      case "--processor-seconds": processorSeconds = number
      case "--file-bytes": fileBytes = number
      default: throw WorkerUsageError(reason: "there is no option \(option)")
      }
    }
  }
}

/// A wrong command line of a worker.
struct WorkerUsageError: Error { let reason: String }
