import JSONText

/// A process that builds or runs kernels for this one: requests and answers are lines of JSON, tensors lie in memory that
/// both map.
///
/// Once it has ended, or was ended because of what it did, it stays so: `end` says why, and whoever needs one starts
/// another. Belongs to one thread at a time.
final class KernelWorker {
  /// What it is called in sentences: "the Python process".
  private let name: String
  private var child: ChildProcess?
  /// What both map; nil when nothing is shared, and once it has ended.
  private var memory: SharedMemory?
  /// Why it is no more; nil while it runs.
  private(set) var end: String?

  /// - sharesMemory: whether it inherits the descriptor of memory, 64 KiB at first.
  init(_ name: String, _ command: [String], sharesMemory: Bool = true) throws(KernelError) {
    self.name = name
    memory = sharesMemory ? try SharedMemory(byteCount: 1 << 16) : nil
    child = try ChildProcess(command, passing: memory.map { [$0.descriptor] } ?? [])
  }

  /// The memory, grown to hold `byteCount` bytes.
  func room(_ byteCount: Int) throws(KernelError) -> SharedMemory {
    guard let memory else { throw KernelError(.runFailed, "\(name) shares no memory") }
    if memory.byteCount >= byteCount { return memory }
    let larger = try memory.grown(to: byteCount + byteCount / 4)
    self.memory = larger
    return larger
  }

  /// Sends a request and waits for its answer.
  /// - Throws: `code` with the answer's text, or with how the process ended.
  @discardableResult
  func ask(
    _ request: JSONObject, within limit: Duration, _ code: KernelError.Code
  ) throws(KernelError) -> JSONValue {
    guard let child else { throw KernelError(code, "\(name) is gone (\(end ?? ""))") }
    let line: [UInt8]
    do throws(KernelError) {
      try child.send(JSONValue.object(request).compact)
      line = try receive(child, within: limit)
    } catch {
      close(error.reason)
      throw KernelError(code, error.reason)
    }
    guard let answer = try? JSONValue(parsing: line), let ok = answer["ok"]?.bool else {
      close("it answered what is no answer")
      throw KernelError(code, "\(name) answered what is no answer")
    }
    if !ok { throw KernelError(code, answer["text"]?.string ?? "no reason given") }
    return answer
  }

  private func receive(_ child: ChildProcess, within limit: Duration) throws(KernelError) -> [UInt8] {
    do throws(ChildProcess.Failure) {
      return try child.receive(within: limit)
    } catch {
      switch error {
      case .timedOut: throw KernelError(.runFailed, "\(name) did not answer within \(limit) and was ended")
      case .ended(let error): throw error
      }
    }
  }

  private func close(_ reason: String) {
    end = reason
    (child, memory) = (nil, nil)
  }
}
