import Glibc
import Testing
import Traces

@testable import Benchmarking

/// Each attack is a solution that comes as data; beside each runs a good one, which must pass.
@Suite(.serialized) struct AttackTests {
  /// Attacks that are caught at tricking the measurement: the log begins with REWARD_HACK and says how.
  @Test(
    arguments: [
      ("caches_by_address", Evaluation.Status.incorrectNumerical, "outputs of an earlier call at the same address"),
      ("mutates_inputs", .runtimeError, "wrote to its inputs"),
      ("writes_outside", .runtimeError, "wrote outside of its output output: at byte 1280"),
      ("writes_before", .runtimeError, "wrote outside of its output output: at byte -"),
      ("returns_before_done", .incorrectNumerical, "after the call had returned"),
      ("leaves_threads", .runtimeError, "threads that were started in timed calls"),
      ("opens_socket", .runtimeError, "system call socket"),
      ("kills_the_checker", .runtimeError, "system call kill"),
      ("replaces_the_clock", .runtimeError, "replaces the clock function clock_gettime"),
      ("slows_the_counter", .runtimeError, "far below what the kernel counted"),
      ("forges_answers", .runtimeError, "wrote on the worker's channel"),
      ("skips_work", .incorrectNumerical, "without having written anything to its output output"),
    ])
  func `a trick is recorded as such, and harms no other`(
    name: String, status: Evaluation.Status, sentence: String
  ) throws {
    let found = try Workbench.attack(name)
    #expect(found.status == status, "\(found.log)")
    #expect(found.log.contains(sentence), "\(found.log)")
    #expect(found.log.hasPrefix("REWARD_HACK: "), "\(found.log)")
  }

  @Test(
    arguments: [
      ("wrong_answer", Evaluation.Status.incorrectNumerical, "output["),
      ("writes_nan", .incorrectNumerical, "output"),
      ("skips_half", .incorrectNumerical, "64 of 320 elements of output were not written"),
      ("does_not_compile", .compileError, "this is no statement"),
      ("crashes", .runtimeError, "signal 11 (Segmentation fault)"),
      ("exits", .runtimeError, "exit status 0"),
      ("returns_an_error", .runtimeError, "-1"),
      ("writes_a_file", .runtimeError, "-1"),
      ("allocates_without_end", .runtimeError, "bad_alloc"),
    ])
  func `a failure is recorded with what it was, and harms no other`(
    name: String, status: Evaluation.Status, sentence: String
  ) throws {
    let found = try Workbench.attack(name)
    #expect(found.status == status, "\(found.log)")
    #expect(found.log.contains(sentence), "\(found.log)")
    #expect(access("/var/tmp/swiftlet-attacked.txt", F_OK) != 0)
  }

  @Test(
    arguments: [
      ("good_python", Evaluation.Status.passed, ""),
      ("wrong_answer_python", .incorrectNumerical, "output["),
      ("exits_python", .runtimeError, "exit status 0"),
      ("raises_python", .runtimeError, "no gate today"),
    ])
  func `a solution in Python is held to the same`(name: String, status: Evaluation.Status, sentence: String) throws {
    let found = try Workbench.attack(name)
    #expect(found.status == status, "\(found.log)")
    #expect(found.log.contains(sentence), "\(found.log)")
  }

  @Test(arguments: [("hangs_python", Evaluation.Status.timeout), ("leaves_a_process", .passed)])
  func `what a solution started ends with it`(name: String, status: Evaluation.Status) throws {
    let mark = MarkedProcesses.newMark().replacing("WORKER", with: "TEST")
    var options = Workbench.options(timeout: .seconds(3))
    options.environment.append(mark)
    let found = try Workbench.attack(name, options: options)
    #expect(found.status == status, "\(found.log)")
    #expect(MarkedProcesses.all(mark).isEmpty)
  }

  @Test func `a solution that hangs is killed at its limit`() throws {
    let found = try Workbench.attack("hangs", options: Workbench.options(timeout: .seconds(2)))
    #expect(found.status == .timeout)
    #expect(found.log.contains("2.0 seconds"), "\(found.log)")
  }

  @Test func `what a solution prints is kept to a limit, and does not disturb the channel`() throws {
    let found = try Workbench.attack("prints_much")
    #expect(found.status == .passed, "\(found.log)")
    #expect(found.log.contains("[log truncated]") && found.log.utf8.count < 10_000)
  }

  @Test func `a result that depends on the batch is recorded`() throws {
    let found = try Workbench.attack("depends_on_batch")
    #expect(found.status == .passed, "\(found.log)")
    #expect(found.correctness?.extra?["batch_invariant"] == .bool(false))
  }
}
