import CConfinement
import CProcesses
import Glibc
import JSONText
import KernelRuntime
import Traces

/// A process that builds and runs one foreign kernel at a time, and can do no harm: what `swiftlet kernel-worker` is.
///
/// It inherits two memory files (descriptor 3: inputs, for reading; 4: outputs), confines itself before any foreign code is
/// loaded, then obeys requests that come on standard input, one JSON object a line. It knows the inputs only: expected
/// outputs, comparison and the clock of record stay in the process that started it.
public struct KernelWorker {
  private let solutions: [KernelSolution]
  private let builders: @Sendable () -> [any KernelBuilder]

  /// - solutions: those that are part of the program.
  /// - builders: makes what turns documents into kernels; called once the worker is confined.
  public init(solutions: [KernelSolution], builders: @escaping @Sendable () -> [any KernelBuilder] = { [] }) {
    (self.solutions, self.builders) = (solutions, builders)
  }

  /// Never returns: ends with status 0 when standard input ends, 2 when it cannot begin.
  /// - arguments: the limits, as `WorkerProcess` wrote them.
  public func main(arguments: [String]) -> Never {
    do {
      try serve(arguments)
      exit(0)
    } catch {
      let sentence = Array("swiftlet kernel-worker: \(error)\n".utf8)
      _ = write(STDERR_FILENO, sentence, sentence.count)
      exit(2)
    }
  }

  private func serve(_ arguments: [String]) throws {
    let limits = try WorkerLimits(arguments: arguments)
    guard process_dies_with_parent() == 0 else { throw WorkerUsageError(reason: "prctl: \(Self.reason)") }
    let inputs = try MappedMemory(descriptor: 3, writable: false)
    let outputs = try MappedMemory(descriptor: 4, writable: true)
    close(3)
    close(4)
    let channel = try WorkerChannel()
    let findings = outputs.pointer.bindMemory(to: confinement_findings.self, capacity: 1)
    findings.pointee.inputs_begin = UInt64(UInt(bitPattern: inputs.pointer))
    findings.pointee.inputs_end = findings.pointee.inputs_begin + UInt64(inputs.byteCount)
    try confine(limits, findings)
    var session = WorkerSession(solutions: solutions, builders: builders(), inputs: inputs, outputs: outputs)
    while let line = channel.next() {
      var reply: WorkerReply
      do {
        let value = try JSONValue(parsing: line)
        reply = WorkerReply(number: value["number"]?.int ?? -1)
        try session.obey(try WorkerRequest(value), &reply)
      } catch let error as KernelError {
        reply = WorkerReply(number: (try? JSONValue(parsing: line))?["number"]?.int ?? -1)
        reply.failure = (error.code.rawValue, error.description)
      } catch let error as WorkerUsageError {
        reply = WorkerReply(number: -1)
        reply.failure = ("request", error.reason)
      }
      channel.answer(reply.line)
    }
  }

  private func confine(_ limits: WorkerLimits, _ findings: UnsafeMutablePointer<confinement_findings>) throws {
    guard process_harden() == 0 else { throw WorkerUsageError(reason: "hardening failed: \(Self.reason)") }
    let (addresses, overflow) = Self.addressSpace.addingReportingOverflow(limits.memory)
    guard
      process_limit(
        UInt64(overflow ? Int.max : addresses), UInt64(limits.processorSeconds), UInt64(limits.fileBytes)) == 0
    else { throw WorkerUsageError(reason: "setting limits failed: \(Self.reason)") }
    var folders: [UnsafePointer<CChar>?] = limits.writable.map { UnsafePointer(strdup($0)) }
    defer { for folder in folders { free(UnsafeMutablePointer(mutating: folder)) } }
    guard confinement_restrict_writing(&folders, Int32(folders.count)) >= 0 else {
      throw WorkerUsageError(reason: "Landlock failed: \(Self.reason)")
    }
    guard process_deny_network() == 0, confinement_watch(findings) == 0 else {
      throw WorkerUsageError(reason: "the system call filter failed: \(Self.reason)")
    }
  }

  private static var reason: String { String(cString: strerror(errno)) }

  /// Bytes of address space that this process has mapped.
  private static var addressSpace: Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, 128, file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return (text.split(separator: " ").first.flatMap { Int($0) } ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}

/// Standard input and output, moved to other descriptors: what a solution prints goes to standard error, into the log.
private final class WorkerChannel {
  private let input: Int32, output: Int32
  private var received: [UInt8] = []

  init() throws {
    input = process_duplicate(STDIN_FILENO, 64)
    output = process_duplicate(STDOUT_FILENO, 64)
    let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard input >= 0, output >= 0, nothing >= 0, dup2(nothing, STDIN_FILENO) >= 0,
      dup2(STDERR_FILENO, STDOUT_FILENO) >= 0
    else { throw WorkerUsageError(reason: "moving the channel failed: \(String(cString: strerror(errno)))") }
    close(nothing)
  }

  /// The next line; nil at the end.
  func next() -> [UInt8]? {
    var searched = 0
    while true {
      if let end = received[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(received[..<end])
        received.removeSubrange(...end)
        return line
      }
      searched = received.count
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      let count = read(input, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return nil }
      received += buffer[..<count]
    }
  }

  func answer(_ line: String) {
    fflush(nil)
    var bytes = Array((line + "\n").utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(output, $0.baseAddress!, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { exit(0) }  // nobody to answer
      bytes = bytes.dropFirst(count)
    }
  }
}
