import CProcesses
import Glibc

/// A program run beside this one, spoken to in lines. Killed, with all that it started, when this object goes.
///
///     let worker = try ChildProcess(["python3", "-u", "worker.py"])
///     try worker.send(#"{"do":"build"}"#)
///     let answer = try worker.receive(within: .seconds(60))   // one line
///
/// Not Sendable: one thread owns it.
public final class ChildProcess {
  public let processID: pid_t
  private var input: Int32, output: Int32, errors: Int32
  private var received: [UInt8] = []
  private var errorTail: [UInt8] = []
  private var status: Int32?

  /// What the end of standard error may hold, in bytes.
  private static let tailLimit = 64 << 10
  /// Longest line that is accepted, in bytes.
  private static let lineLimit = 256 << 20

  /// Starts a program found in PATH, or given by its path, in a process group of its own.
  /// - environment: `NAME=value` lines; nil takes this process's.
  /// - passing: descriptors that the child gets, numbered from 3 in this order.
  /// - Throws: `runFailed` when it cannot be started.
  public init(
    _ command: [String], environment: [String]? = nil, passing: [Int32] = [], workingDirectory: String? = nil
  ) throws(KernelError) {
    signal(SIGPIPE, SIG_IGN)  // a child that died is an error from write, not a signal
    var toChild: [Int32] = [0, 0], fromChild: [Int32] = [0, 0], errorsFromChild: [Int32] = [0, 0]
    guard process_pipe(&toChild) == 0, process_pipe(&fromChild) == 0, process_pipe(&errorsFromChild) == 0 else {
      throw SystemFailure.error("making pipes for \(command.first ?? "")")
    }
    var actions = posix_spawn_file_actions_t(), attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    var usual = sigset_t()
    sigemptyset(&usual)
    sigaddset(&usual, SIGPIPE)  // ignored here, but not there
    posix_spawnattr_setsigdefault(&attributes, &usual)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
    // Above every number that is given out, so that no source is overwritten before it is copied.
    var raised: [Int32] = []
    defer { for descriptor in raised { close(descriptor) } }
    for descriptor in [toChild[0], fromChild[1], errorsFromChild[1]] + passing {
      let duplicate = process_duplicate(descriptor, 64)
      guard duplicate >= 0 else {
        let error = SystemFailure.error("passing descriptor \(descriptor) to \(command.first ?? "")")
        for descriptor in toChild + fromChild + errorsFromChild { close(descriptor) }
        throw error
      }
      raised.append(duplicate)
    }
    for (number, descriptor) in raised.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
    }
    if let workingDirectory { process_spawn_in(&actions, workingDirectory) }
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] = (environment ?? []).map { strdup($0) } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var process = pid_t()
    let failure =
      environment == nil
      ? posix_spawnp(&process, command.first ?? "", &actions, &attributes, &arguments, environ)
      : posix_spawnp(&process, command.first ?? "", &actions, &attributes, &arguments, &variables)
    for descriptor in [toChild[0], fromChild[1], errorsFromChild[1]] { close(descriptor) }
    guard failure == 0 else {
      for descriptor in [toChild[1], fromChild[0], errorsFromChild[0]] { close(descriptor) }
      throw KernelError(
        .runFailed, "cannot start \(command.first ?? "an empty command"): \(String(cString: strerror(failure)))")
    }
    (processID, input, output, errors) = (process, toChild[1], fromChild[0], errorsFromChild[0])
    _ = fcntl(input, F_SETFL, O_NONBLOCK)  // so that a program which does not read cannot stop us
  }

  deinit {
    terminate()
    for descriptor in [input, output, errors] where descriptor >= 0 { close(descriptor) }
  }

  /// The end of what the program wrote to standard error.
  public var standardError: String { String(decoding: errorTail, as: UTF8.self) }

  /// Writes one line; `line` must hold no line break. What the program writes meanwhile is kept for `receive`.
  /// - Throws: `runFailed` when the program has ended, or does not read within the limit; it has then been killed.
  public func send(_ line: String, within limit: Duration = .seconds(60)) throws(KernelError) {
    let bytes = Array((line + "\n").utf8), deadline = ContinuousClock.now + limit
    var offset = 0
    while offset < bytes.count {
      let written = bytes.withUnsafeBytes { write(input, $0.baseAddress! + offset, bytes.count - offset) }
      if written > 0 {
        offset += written
      } else if written < 0 && errno == EAGAIN {
        if poll(until: deadline, writing: true) == .timeout {
          terminate()
          throw KernelError(.runFailed, "the process did not read its input within \(limit)")
        }
      } else if !(written < 0 && errno == EINTR) {
        throw ended("it does not read its input")
      }
    }
  }

  /// Closes the program's standard input.
  public func closeInput() {
    if input >= 0 { close(input) }
    input = -1
  }

  public enum Failure: Error, Sendable, Hashable {
    /// Nothing came within the time; the program has been killed.
    case timedOut
    /// The program ended; `status` as `waitpid` gives it.
    case ended(KernelError)
  }

  /// The next line, without its break.
  /// - Throws: `timedOut` after having killed the program; `ended` with how it ended.
  public func receive(within limit: Duration) throws(Failure) -> [UInt8] {
    let deadline = ContinuousClock.now + limit
    var searched = 0
    while true {
      if let end = received[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(received[..<end])
        received.removeSubrange(...end)
        return line
      }
      searched = received.count
      if received.count > Self.lineLimit {
        terminate()
        throw .ended(KernelError(.runFailed, "a line of more than \(Self.lineLimit) bytes"))
      }
      switch poll(until: deadline) {
      case .data, .writable: continue
      case .timeout:
        terminate()
        throw .timedOut
      case .end: throw .ended(ended("it closed its output"))
      }
    }
  }

  /// Everything that the program writes until it ends: for compilers.
  public func receiveAll(within limit: Duration) throws(Failure) -> [UInt8] {
    closeInput()
    let deadline = ContinuousClock.now + limit
    while true {
      if received.count > Self.lineLimit {
        terminate()
        throw .ended(KernelError(.runFailed, "more than \(Self.lineLimit) bytes of output"))
      }
      switch poll(until: deadline) {
      case .data, .writable: continue
      case .timeout:
        terminate()
        throw .timedOut
      case .end: return received
      }
    }
  }

  private enum Event { case data, writable, timeout, end }

  /// Waits for output, collecting errors meanwhile; also for room in the program's input when `writing`, and then the end
  /// of its output does not matter.
  private func poll(until deadline: ContinuousClock.Instant, writing: Bool = false) -> Event {
    while true {
      if output < 0 && !writing { return .end }
      guard let milliseconds = Self.milliseconds(until: deadline) else { return .timeout }
      var waiting = [
        pollfd(fd: output, events: Int16(POLLIN), revents: 0), pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
        pollfd(fd: writing ? input : -1, events: Int16(POLLOUT), revents: 0),
      ]
      guard Glibc.poll(&waiting, 3, milliseconds) > 0 else { continue }  // too early, or a signal
      if waiting[1].revents != 0 { drainErrors() }
      if waiting[0].revents != 0 {
        let isOpen = drain(&output, into: &received)
        if !writing { return isOpen ? .data : .end }
      }
      if waiting[2].revents != 0 { return .writable }
    }
  }

  /// nil when the deadline is over.
  private static func milliseconds(until deadline: ContinuousClock.Instant) -> Int32? {
    let left = deadline - .now
    if left <= .zero { return nil }
    return Int32(clamping: left / .milliseconds(1) < 1e9 ? Int(left / .milliseconds(1)) + 1 : 1_000_000_000)
  }

  /// Reads of standard error what is there, and keeps the end.
  private func drainErrors() {
    _ = drain(&errors, into: &errorTail)
    if errorTail.count > 2 * Self.tailLimit { errorTail.removeFirst(errorTail.count - Self.tailLimit) }
  }

  /// Reads standard error to its end, or until nothing came for a moment: a grandchild may hold it open.
  private func drainErrorsToEnd(quiet: Int32, until deadline: ContinuousClock.Instant) {
    while errors >= 0, ContinuousClock.now < deadline {
      var waiting = pollfd(fd: errors, events: Int16(POLLIN), revents: 0)
      guard Glibc.poll(&waiting, 1, quiet) > 0 else { return }
      drainErrors()
    }
  }

  /// Reads what is there; false at the end of the stream, whose descriptor is then closed.
  private func drain(_ descriptor: inout Int32, into bytes: inout [UInt8]) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = read(descriptor, &buffer, buffer.count)
    if count < 0 && (errno == EINTR || errno == EAGAIN) { return true }
    guard count > 0 else {
      close(descriptor)
      descriptor = -1
      return false
    }
    bytes += buffer[..<count]
    return true
  }

  /// Kills the program and its process group, and waits for its end.
  public func terminate() {
    guard status == nil else { return }
    kill(-processID, SIGKILL)
    kill(processID, SIGKILL)
    _ = wait()
  }

  /// Waits for the end; the exit status, or 128 plus the signal that ended it.
  public func wait() -> Int32 {
    if let status { return status }
    var raw: Int32 = 0
    while waitpid(processID, &raw, 0) < 0 && errno == EINTR {}
    return finish(raw)
  }

  @discardableResult private func finish(_ raw: Int32) -> Int32 {
    kill(-processID, SIGKILL)  // what it left behind
    let result = raw & 0x7F == 0 ? (raw >> 8) & 0xFF : 128 + raw & 0x7F
    status = result
    return result
  }

  /// Waits for the end until a deadline; false when the program still runs.
  private func ends(before deadline: ContinuousClock.Instant) -> Bool {
    var pause: UInt32 = 200
    while status == nil {
      var raw: Int32 = 0
      let found = waitpid(processID, &raw, WNOHANG)
      if found == processID || (found < 0 && errno != EINTR) {
        finish(raw)
      } else if ContinuousClock.now >= deadline {
        return false
      } else {
        usleep(pause)
        pause = min(pause * 2, 10_000)
      }
    }
    return true
  }

  /// How the program ended, with the end of its standard error.
  private func ended(_ what: String) -> KernelError {
    // It may still be on its way out; but a program that only closed its output is not waited for.
    let deadline = ContinuousClock.now + .seconds(1)
    drainErrorsToEnd(quiet: 100, until: deadline)
    if !ends(before: deadline) { terminate() }
    let status = wait()
    let how =
      status > 128 ? "signal \(status - 128) (\(String(cString: strsignal(status - 128))))" : "exit status \(status)"
    let tail = standardError.suffix(2000)
    return KernelError(.runFailed, "the process ended: \(how), \(what)\(tail.isEmpty ? "" : "; it said: \(tail)")")
  }

  /// What a program that ran to its end left.
  public struct Outcome: Sendable, Hashable {
    /// The exit status, or 128 plus the signal that ended it.
    public var status: Int32
    public var output: String
    /// The end of standard error.
    public var errors: String
  }

  /// Runs a program to its end.
  /// - Throws: `runFailed` when it cannot be started or takes longer than `limit`.
  public static func run(
    _ command: [String], within limit: Duration, environment: [String]? = nil, workingDirectory: String? = nil
  ) throws(KernelError) -> Outcome {
    let deadline = ContinuousClock.now + limit
    let child = try ChildProcess(command, environment: environment, workingDirectory: workingDirectory)
    let late = KernelError(.runFailed, "\(command.first ?? "") did not end within \(limit)")
    let output: [UInt8]
    do throws(Failure) {
      output = try child.receiveAll(within: limit)
    } catch {
      if case .ended(let reason) = error { throw reason }
      throw late
    }
    guard child.ends(before: deadline) else { throw late }
    // What is left of standard error is in the pipe.
    child.drainErrorsToEnd(quiet: 0, until: deadline)
    return Outcome(
      status: child.wait(), output: String(decoding: output, as: UTF8.self), errors: child.standardError)
  }
}
