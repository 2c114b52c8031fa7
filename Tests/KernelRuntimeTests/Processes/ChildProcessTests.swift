import Glibc
import Testing

@testable import KernelRuntime

@Suite("A child process") struct ChildProcessTests {
  private func shell(_ script: String, passing: [Int32] = []) throws -> ChildProcess {
    try ChildProcess(["/bin/sh", "-c", script], passing: passing)
  }

  private func line(_ child: ChildProcess, within limit: Duration = .seconds(10)) throws -> String {
    String(decoding: try child.receive(within: limit), as: UTF8.self)
  }

  @Test("answers line by line")
  func lines() throws {
    let child = try shell("while read line; do echo \"<$line>\"; echo second; done")
    for word in ["one", "two", String(repeating: "x", count: 300_000)] {
      try child.send(word)
      #expect(try line(child) == "<\(word)>")
      #expect(try line(child) == "second")
    }
  }

  @Test("takes long lines while the program writes a lot, and the other way round")
  func bothWaysFull() throws {
    let child = try shell(
      "head -c 3000000 /dev/zero | tr '\\0' e >&2; head -c 1000000 /dev/zero | tr '\\0' o; echo; cat")
    let word = String(repeating: "w", count: 1_000_000)
    try child.send(word)
    #expect(try line(child).utf8.count == 1_000_000)
    #expect(try line(child) == word)
    #expect(child.standardError.utf8.count <= 128 << 10)
  }

  @Test("a program that does not answer is ended in time")
  func timeOut() throws {
    let child = try shell("sleep 100 & sleep 100")
    #expect(throws: ChildProcess.Failure.timedOut) { try child.receive(within: .milliseconds(50)) }
    #expect(child.wait() == 128 + SIGKILL)
  }

  @Test("a program that does not read is ended in time")
  func doesNotRead() throws {
    let child = try shell("exec sleep 100")
    let error = failure { try child.send(String(repeating: "x", count: 1 << 20), within: .milliseconds(50)) }
    #expect(error?.reason.contains("did not read its input") == true)
    #expect(child.wait() == 128 + SIGKILL)
  }

  @Test(
    "says how a program ended, with what it said last",
    arguments: [
      ("echo broken >&2; exit 3", "exit status 3"), ("echo broken >&2; kill -11 $$", "signal 11"),
      ("echo broken >&2; exec 1>&-; sleep 0.05; exit 4", "exit status 4"),
      ("echo broken >&2; exit 0", "exit status 0"),
    ])
  func endings(script: String, expected: String) throws {
    let child = try shell(script)
    do {
      _ = try child.receive(within: .seconds(10))
      Issue.record("it answered")
    } catch {
      guard case .ended(let reason) = error else { Issue.record("\(error)"); return }
      #expect(reason.reason.contains(expected) && reason.reason.contains("broken"), "\(reason)")
    }
    // Asked once more, it says so at once.
    #expect(throws: ChildProcess.Failure.self) { try child.receive(within: .seconds(1000)) }
    #expect(failure { for _ in 0..<100 { try child.send(String(repeating: "x", count: 10_000)) } } != nil)
  }

  @Test("a last line without a break is not taken for an answer")
  func halfLine() throws {
    let child = try shell("printf half")
    #expect(throws: ChildProcess.Failure.self) { try child.receive(within: .seconds(10)) }
  }

  @Test("what a program started is ended with it")
  func grandchildren() throws {
    var child: ChildProcess! = try shell("sleep 100 >/dev/null 2>&1 & echo $!; read line")
    let answer = try line(child)
    let grandchild = try #require(pid_t(answer))
    #expect(kill(grandchild, 0) == 0)
    child = nil
    // It is nobody's child now: whoever adopts it may take a moment.
    for _ in 0..<500 where isAlive(grandchild) { usleep(2000) }
    #expect(!isAlive(grandchild))
  }

  private func isAlive(_ process: pid_t) -> Bool {
    guard kill(process, 0) == 0 else { return false }
    let bytes = CacheFiles.read("/proc/\(process)/stat") ?? []
    return !String(decoding: bytes, as: UTF8.self).contains(") Z ")  // dead, but not yet reaped
  }

  @Test("descriptors are passed from 3 on, and no others")
  func descriptors() throws {
    let first = try SharedMemory(byteCount: 16), second = try SharedMemory(byteCount: 32)
    first.pointer.storeBytes(of: 0x0A41, as: UInt16.self)
    let child = try shell(
      "head -n 1 <&3; wc -c <&4; ls -l /proc/self/fd | grep -c memfd:", passing: [first.descriptor, second.descriptor])
    #expect(try line(child) == "A")
    #expect(try line(child) == "32")
    #expect(try line(child) == "2")
  }

  @Test("runs a program to its end, in a folder, with an environment of its own")
  func runs() throws {
    let outcome = try ChildProcess.run(
      ["/bin/sh", "-c", "pwd; echo $WORD; echo oops >&2; exit 7"], within: .seconds(10),
      environment: ["WORD=hello"], workingDirectory: "/usr")
    #expect(outcome == ChildProcess.Outcome(status: 7, output: "/usr\nhello\n", errors: "oops\n"))
  }

  @Test("run comes back when the program ends, though something else holds its errors open")
  func heldErrors() throws {
    let outcome = try ChildProcess.run(["/bin/sh", "-c", "sleep 100 >/dev/null & echo done"], within: .seconds(20))
    #expect(outcome.output == "done\n" && outcome.status == 0)
  }

  @Test("run ends a program that closes its output and stays")
  func staysAfterClosing() {
    let error = failure {
      _ = try ChildProcess.run(["/bin/sh", "-c", "exec 1>&-; exec sleep 100"], within: .milliseconds(100))
    }
    #expect(error?.reason.contains("did not end within") == true)
  }

  @Test("a program or folder that does not exist is an error that names the program")
  func absent() {
    for (command, folder) in [(["no-such-program"], nil), (["/bin/true"], "/no/such/folder"), ([], nil)] {
      let error = failure { _ = try ChildProcess.run(command, within: .seconds(1), workingDirectory: folder) }
      #expect(
        error?.code == .runFailed && error?.reason.hasPrefix("cannot start \(command.first ?? "an empty")") == true)
    }
  }

  @Test("children take SIGPIPE as usual")
  func brokenPipe() throws {
    let outcome = try ChildProcess.run(
      ["/bin/bash", "-c", "yes | head -n 1; echo ${PIPESTATUS[0]}"], within: .seconds(10))
    #expect(outcome.output == "y\n141\n")
  }
}
