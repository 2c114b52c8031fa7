import Glibc
import JSONText
import KernelRuntime
import Testing

@testable import Benchmarking

@Suite(.serialized) struct WorkerTests {
  private func worker(limits: WorkerLimits = WorkerLimits()) throws -> (WorkerProcess, WorkerMemory) {
    let inputs = try WorkerMemory(byteCount: 1 << 16, readOnly: true)
    return (
      try WorkerProcess(
        Workbench.workerCommand, limits: limits, environment: [], inputs: inputs, outputBytes: 1 << 16), inputs
    )
  }

  @Test func `limits survive the way over the command line`() throws {
    let limits = WorkerLimits(memory: 123, processorSeconds: 4, fileBytes: 5, writable: ["/a", "/b c"])
    #expect(try WorkerLimits(arguments: limits.arguments) == limits)
    for wrong in [["--memory"], ["--memory", "much"], ["--memory", "0"], ["--speed", "1"]] {
      #expect(throws: WorkerUsageError.self) { try WorkerLimits(arguments: wrong) }
    }
  }

  @Test func `a worker answers, and says what it cannot do`() throws {
    let (worker, _) = try worker()
    #expect(throws: Never.self) { try worker.ask(.ping, within: .seconds(20)) }
    do {
      _ = try worker.ask(.run(slot: 3), within: .seconds(20))
      Issue.record("there is no slot 3")
    } catch {
      guard case .refused(.runFailed, let reason) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(reason == "no kernel was built")
    }
  }

  @Test func `a place outside of the shared memory is refused, not touched`() throws {
    let (worker, _) = try worker()
    for offset in [-8, 1 << 16, Int.max - 3] {
      let place = ArgumentLayout.TensorPlace(
        name: "x", dtype: .float32, shape: [4], place: .outputs, offsets: [offset])
      do {
        _ = try worker.ask(
          .layout(ArgumentLayout(arguments: [.tensor(place)], outputCount: 1, slotCount: 1)), within: .seconds(20))
        Issue.record("\(offset) was accepted")
      } catch {
        guard case .refused(.signatureMismatch, _) = error else {
          Issue.record("\(error)")
          continue
        }
      }
    }
  }

  @Test func `a worker has no way to write its inputs`() throws {
    let memory = try WorkerMemory(byteCount: 4096, readOnly: true)
    #expect(mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory.descriptor, 0) == MAP_FAILED)
    let path = "/proc/self/fd/\(memory.descriptor)"
    let again = open(path, O_RDWR)
    if again >= 0 {
      #expect(mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED)
      close(again)
    }
    memory.pointer.storeBytes(of: 5, as: UInt8.self)
    let seen = mmap(nil, 4096, PROT_READ, MAP_SHARED, memory.descriptor, 0)
    #expect(seen?.load(as: UInt8.self) == 5)
  }

  @Test func `a worker that is no worker is told as ended`() throws {
    let inputs = try WorkerMemory(byteCount: 4096, readOnly: true)
    let worker = try WorkerProcess(
      ["/bin/true"], limits: WorkerLimits(), environment: [], inputs: inputs, outputBytes: 4096)
    do {
      _ = try worker.ask(.ping, within: .seconds(20))
      Issue.record("/bin/true answered")
    } catch {
      guard case .ended(let how) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(how.contains("exit status"))
    }
  }

  @Test func `requests and replies survive the way over the channel`() throws {
    let place = ArgumentLayout.TensorPlace(
      name: "x", dtype: .bfloat16, shape: [2, 3], place: .inputs, offsets: [64, 128])
    let layout = ArgumentLayout(
      arguments: [.tensor(place), .scalar(name: "eps", values: [1e-5, .infinity])], outputCount: 1, slotCount: 2)
    guard case .layout(let read) = try WorkerRequest(JSONValue(parsing: WorkerRequest.layout(layout).line(number: 4)))
    else {
      Issue.record("another request")
      return
    }
    #expect(read == layout)
    var reply = WorkerReply(number: 9)
    (reply.start, reply.end, reply.outputHash) = (UInt64.max, 3, UInt64.max - 1)
    reply.failure = ("runFailed", "a \"quoted\" line\nand another")
    let back = try #require(WorkerReply(Array(reply.line.utf8)))
    #expect(
      back.start == UInt64.max && back.outputHash == UInt64.max - 1 && back.failure?.reason == reply.failure?.reason)
    #expect(WorkerReply(Array("no JSON".utf8)) == nil)
  }
}
