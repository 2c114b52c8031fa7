import CConfinement
import KernelRuntime

/// Why a worker did not do what it was asked.
enum WorkerFailure: Error, Sendable {
  /// Nothing came within the time; the worker has been killed.
  case timedOut(Duration)
  /// The process ended; how, and what it said last.
  case ended(String)
  /// It could not do it; the code is nil when the request itself was refused.
  case refused(KernelError.Code?, String)
  /// It answered what nobody asked: something else than the worker's own code writes on its channel.
  case forged(String)
}

/// The checking process's hold of one worker.
final class WorkerProcess {
  /// What the worker writes to; of this worker only.
  let outputs: WorkerMemory
  private let child: ChildProcess
  private let mark = MarkedProcesses.newMark()
  private let processorClock: ProcessorClock
  private var number = 0

  /// - command: the program that becomes the worker: `["/usr/bin/swiftlet", "kernel-worker"]`.
  /// - environment: `NAME=value` lines.
  /// - Throws: `runFailed` when it cannot be started.
  init(
    _ command: [String], limits: WorkerLimits, environment: [String], inputs: WorkerMemory, outputBytes: Int
  ) throws(KernelError) {
    outputs = try WorkerMemory(byteCount: outputBytes, readOnly: false)
    child = try ChildProcess(
      command + limits.arguments, environment: environment + [mark], passing: [inputs.descriptor, outputs.descriptor])
    processorClock = ProcessorClock(of: child.processID)
  }

  deinit {
    child.terminate()
    MarkedProcesses.kill(mark)
  }

  /// What was answered, and when.
  struct Answer {
    let reply: WorkerReply
    /// This process's readings of the counter around request and answer.
    let sent: UInt64, received: UInt64
    /// The worker's processor time meanwhile.
    let processorSeconds: Double
  }

  /// Asks and waits. The bracket closes when a second, empty request was answered too, so that an answer which the
  /// solution wrote itself, while the worker was still busy, gains nothing.
  func ask(_ request: WorkerRequest, within limit: Duration) throws(WorkerFailure) -> Answer {
    let first = request.line(number: number + 1), second = WorkerRequest.ping.line(number: number + 2)
    number += 2
    let used = processorClock.seconds, sent = confinement_ticks()
    do throws(KernelError) { try child.send(first + "\n" + second) } catch {
      // A worker that died before it was asked says more at the end of its output.
      _ = try receive(within: limit)
      throw .ended(error.reason)
    }
    let reply = try receive(within: limit)
    guard reply.number == number - 1 || reply.number == -1 && reply.failure != nil else {
      throw .forged("it answered request \(reply.number) when \(number - 1) was asked")
    }
    let last = try receive(within: limit)
    let received = confinement_ticks()
    guard last.number == number else {
      throw .forged("it answered request \(last.number) when \(number) was asked")
    }
    if let failure = reply.failure { throw .refused(KernelError.Code(rawValue: failure.code), failure.reason) }
    return Answer(
      reply: reply, sent: sent, received: received, processorSeconds: max(0, processorClock.seconds - used))
  }

  private func receive(within limit: Duration) throws(WorkerFailure) -> WorkerReply {
    let line: [UInt8]
    do throws(ChildProcess.Failure) { line = try child.receive(within: limit) } catch {
      switch error {
      case .timedOut: throw .timedOut(limit)
      case .ended(let error): throw .ended(error.reason)
      }
    }
    guard let reply = WorkerReply(line) else {
      throw .forged("it wrote \"\(String(decoding: line.prefix(80), as: UTF8.self))\" where answers go")
    }
    return reply
  }

  var processID: Int32 { child.processID }
  /// The end of what the solution printed, at most 64 KiB.
  var log: String { child.standardError }
  /// What its handlers noted, also after its end.
  var findings: confinement_findings { outputs.findings }
}
