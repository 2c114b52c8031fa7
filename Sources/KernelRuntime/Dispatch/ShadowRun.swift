import Glibc
import Tensors
import Traces

/// A candidate that runs beside the kernel in use on a share of the calls; its results are compared and thrown away.
///
/// Which calls are compared is decided by counting, not by chance. After enough agreements the candidate may take over
/// (a canary); one disagreement, or an error, ends the trial and puts it into quarantine.
public final class ShadowRun: @unchecked Sendable {
  // @unchecked: used by the calling thread of its slot only.
  /// How a trial stands.
  enum Verdict: Sendable {
    case undecided, agreed
    case disagreed(String)
  }

  let candidate: DispatchPlan.Entry
  /// Compares the first of every so many calls.
  private let every: Int
  /// Agreements until the verdict.
  private let agreements: Int
  let promotes: Bool
  private var calls = 0
  private(set) var agreed = 0

  init(_ candidate: DispatchPlan.Entry, every: Int, agreements: Int, promotes: Bool) {
    (self.candidate, self.every, self.agreements) = (candidate, max(1, every), max(1, agreements))
    self.promotes = promotes
  }

  func isDue() -> Bool {
    defer { calls += 1 }
    return calls % every == 0
  }

  /// Runs the candidate on copies that were made before the kernel in use ran, and compares the outputs.
  func compare(
    _ arguments: [KernelArgument], _ copies: [KernelArgument], _ definition: Definition, on stream: any ExecutionStream
  ) -> Verdict {
    do throws(KernelError) {
      try candidate.kernel.run(copies, on: stream)
    } catch {
      candidate.counters.countFailure()
      return .disagreed("it failed: \(error.reason)")
    }
    let names = definition.outputs.names
    for (number, name) in names.enumerated() {
      let index = arguments.count - names.count + number
      guard case .tensor(let expected) = arguments[index], case .tensor(let found) = copies[index] else { continue }
      guard let x = found.hostCopy(on: stream), let y = expected.hostCopy(on: stream) else {
        return .disagreed("\(name) cannot be copied from \(expected.device)")
      }
      if let difference = Self.difference(x, y) { return .disagreed("\(name)\(difference)") }
    }
    agreed += 1
    return agreed >= agreements ? .agreed : .undecided
  }

  /// Copies of all tensors, where they are; those that share memory (an output written in place) share their copy. Nil when
  /// there is no memory for them on a device: the call is not compared.
  static func copies(_ arguments: [KernelArgument], on stream: any ExecutionStream) -> [KernelArgument]? {
    var made: [UnsafeMutableRawPointer: Tensor] = [:]
    var copies: [KernelArgument] = []
    for argument in arguments {
      guard case .tensor(let tensor) = argument else {
        copies.append(argument)
        continue
      }
      guard let copy = made[tensor.pointer] ?? tensor.compactCopy(on: stream) else { return nil }
      made[tensor.pointer] = copy
      copies.append(.tensor(copy))
    }
    return copies
  }

  /// Whether an output lies in an input's memory: such a call cannot be done again.
  static func writesItsInputs(_ arguments: [KernelArgument], _ definition: Definition) -> Bool {
    let outputs = definition.outputs.names.count
    func range(_ argument: KernelArgument) -> Range<UInt>? {
      guard case .tensor(let tensor) = argument, tensor.count > 0 else { return nil }
      let start = UInt(bitPattern: tensor.pointer)
      return start..<start + UInt(tensor.dtype.byteCount(of: tensor.spanCount))
    }
    let written = arguments.suffix(outputs).compactMap(range), read = arguments.dropLast(outputs).compactMap(range)
    return written.contains { output in read.contains { $0.overlaps(output) } }
  }

  /// The first element that is too far off: beyond the type's tolerance both absolutely and relatively.
  private static func difference(_ x: Tensor, _ y: Tensor) -> String? {
    let limit = tolerance(y.dtype)
    for i in 0..<x.count where x.bits(at: i) != y.bits(at: i) {
      guard x.dtype.isFloatingPoint else {
        return
          "[\(i)] is \(x.dtype.decodeInteger(x.bits(at: i))), the kernel in use has \(y.dtype.decodeInteger(y.bits(at: i)))"
      }
      let a = x.dtype.decode(x.bits(at: i)), b = y.dtype.decode(y.bits(at: i))
      if a.isNaN && b.isNaN { continue }
      let difference = abs(a - b)
      if !(difference <= limit || difference <= limit * abs(b)) {
        return "[\(i)] is \(a), the kernel in use has \(b)"
      }
    }
    return nil
  }

  /// FlashInfer's default tolerances by type.
  private static func tolerance(_ dtype: DType) -> Float {
    switch dtype {
    case .float16: 1e-3
    case .bfloat16: 1e-2
    case .float8_e4m3fn, .float8_e5m2: 0.1
    case .float4_e2m1: 1
    default: 1e-4
    }
  }
}

extension Tensor {
  /// Elements from the first to the last that the strides reach.
  fileprivate var spanCount: Int {
    var last = 0
    for axis in 0..<shape.rank { last += max(0, shape[axis] - 1) * strides[axis] }
    return last + 1
  }

  /// A contiguous copy on the same device; nil when that fails.
  fileprivate func compactCopy(on stream: any ExecutionStream) -> Tensor? {
    if device == .cpu { return compactCopy() }
    guard let stream = stream as? CUDAStream, let copy = try? stream.tensor(dtype, shape),
      (try? stream.copy(self, to: copy)) != nil
    else { return nil }
    return copy
  }

  /// A contiguous copy on the CPU; nil when that fails.
  fileprivate func hostCopy(on stream: any ExecutionStream) -> Tensor? {
    device == .cpu ? compactCopy() : try? (stream as? CUDAStream)?.hostCopy(of: self)
  }

  /// A contiguous copy in memory of its own.
  fileprivate func compactCopy() -> Tensor {
    let copy = Tensor(dtype, shape)
    if isContiguous {
      memcpy(copy.pointer, pointer, byteCount)
      return copy
    }
    var index = [Int](repeating: 0, count: shape.rank)
    for i in 0..<count {
      let offset = zip(index, strides.array).map { $0 * $1 }.reduce(0, +)
      let width = max(1, dtype.bitWidth / 8)
      memcpy(copy.pointer + i * width, pointer + offset * width, width)
      for axis in stride(from: shape.rank - 1, through: 0, by: -1) {
        index[axis] += 1
        if index[axis] < shape[axis] { break }
        index[axis] = 0
      }
    }
    return copy
  }
}
