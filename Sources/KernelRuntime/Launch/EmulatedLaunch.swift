import CUDADriver
import Synchronization
import Tensors
import Traces

/// A kernel for a GPU executed on the CPU: the same record and the same launches, over a stand-in driver whose device memory
/// is the process' own. Tensors on the CPU are passed by their addresses; a call returns when it is done.
///
/// Tensors that begin at no multiple of 16 bytes are copied to memory that does, and back: only here, because a GPU's kernel
/// would refuse them.
public struct EmulatedLaunch: Kernel {
  public let record: LaunchRecord
  private let plan: LaunchPlan
  private let emulation: Emulation
  private let outputCount: Int

  /// The stand-in's stream and scratch memory; one call at a time.
  private final class Emulation: Sendable {
    let stream: DriverStream
    let scratch = Mutex<DeviceMemory?>(nil)
    init(_ context: CUDAContext) throws(CUDAError) {
      stream = try context.makeStream()
    }
  }

  /// - context: of a stand-in driver: its memory must be the process' own.
  /// - constants: inputs held constant, on the CPU.
  /// - Throws: `buildFailed` when the record does not fit the definition or the image cannot be loaded.
  public init(
    _ record: LaunchRecord, image: KernelImage, definition: Definition, constants: [String: Tensor] = [:],
    on context: CUDAContext
  ) throws(KernelError) {
    (self.record, outputCount) = (record, definition.outputs.count)
    if record.target != LaunchRecord.emulated {
      throw KernelError(
        .buildFailed, definition: definition.name, solution: record.solution,
        "compiled for \(record.target), which the CPU does not execute; expected \(LaunchRecord.emulated)")
    }
    if !context.driver.isEmulation {
      throw KernelError(
        .buildFailed, definition: definition.name, solution: record.solution,
        "\(context.driver.path) is no stand-in for the driver: it cannot read the CPU's tensors")
    }
    do throws(CUDAError) {
      emulation = try Emulation(context)
    } catch {
      throw KernelError(.buildFailed, definition: definition.name, solution: record.solution, error.description)
    }
    plan = try LaunchPlan(
      record, definition, constants: constants.mapValues { $0.isAlignedForDevices ? $0 : $0.alignedCopy() },
      image: image, on: context, tensorDevice: .cpu)
  }

  /// On a stream of the CPU.
  public func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    guard stream.device == .cpu else {
      throw plan.error(.signatureMismatch, "executed on the cpu, called on \(stream.device)")
    }
    let copies = AlignedCopies(arguments, outputs: outputCount)
    let failure: KernelError? = emulation.scratch.withLock { scratch in
      do throws(KernelError) {
        try launch(copies.arguments, &scratch)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
    copies.writeBack()
  }

  private func launch(_ arguments: [KernelArgument], _ scratch: inout DeviceMemory?) throws(KernelError) {
    let stream = emulation.stream
    var memory = scratch
    defer { scratch = memory }
    try plan.run(arguments, on: stream) { (bytes) throws(CUDAError) in
      if let memory, memory.byteCount >= bytes { return memory.address }
      let more = try stream.context.allocate(byteCount: bytes)
      memory = more
      return more.address
    }
    do throws(CUDAError) { try stream.synchronize() } catch { throw plan.error(.runFailed, error.description) }
  }
}

/// Arguments with the misaligned ones replaced by copies.
private struct AlignedCopies {
  private(set) var arguments: [KernelArgument]
  private var copies: [Copy] = []

  private struct Copy {
    let original: Tensor, copy: Tensor
    /// Whether it is an output: other memory may not be writable.
    var isWritten: Bool
  }

  /// - outputs: how many of the arguments, at the end, are outputs.
  init(_ arguments: [KernelArgument], outputs: Int) {
    self.arguments = arguments
    for (index, argument) in arguments.enumerated() {
      guard case .tensor(let tensor) = argument, !tensor.isAlignedForDevices else { continue }
      let isWritten = index >= arguments.count - outputs
      // What shares memory (an output written in place) shares its copy.
      let earlier = copies.firstIndex { $0.original.pointer == tensor.pointer && $0.original.shape == tensor.shape }
      if let earlier {
        copies[earlier].isWritten = copies[earlier].isWritten || isWritten
      } else {
        copies.append(Copy(original: tensor, copy: tensor.alignedCopy(), isWritten: isWritten))
      }
      self.arguments[index] = .tensor(copies[earlier ?? copies.count - 1].copy)
    }
  }

  func writeBack() {
    for copy in copies where copy.isWritten { StridedCopy.scatter(copy.copy.pointer, to: copy.original) }
  }
}

extension Tensor {
  /// Whether it begins where kernels for GPUs may read 16 bytes at once.
  fileprivate var isAlignedForDevices: Bool { count == 0 || UInt(bitPattern: pointer) % 16 == 0 || device != .cpu }

  /// A contiguous copy in memory of its own.
  fileprivate func alignedCopy() -> Tensor {
    let copy = Tensor(dtype, shape)
    StridedCopy.gather(self, into: copy.pointer)
    return copy
  }
}
