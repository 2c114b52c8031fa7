import CUDADriver
import Glibc
import Tensors
import Traces

/// Compiled code for a GPU.
public enum KernelImage: Sendable {
  /// A cubin or PTX.
  case bytes([UInt8])
  /// A file with an image: `kernel.cubin`, or `kernel.so` for a stand-in driver.
  case file(String)
  /// A folder with the files that the record and its launches name.
  case folder(String)

  var isFolder: Bool { if case .folder = self { true } else { false } }

  /// - name: the image's file in a folder.
  func module(_ name: String, _ context: CUDAContext) throws(CUDAError) -> CUDAModule {
    switch self {
    case .bytes(let bytes): try CUDAModule(context, image: bytes)
    case .file(let path): try CUDAModule(context, path: path)
    case .folder(let path): try CUDAModule(context, path: path + "/" + name)
    }
  }
}

/// A kernel for a GPU: an image and what its launch record says, queued on a `CUDAStream`.
///
/// Names are resolved once; a call computes sizes, takes scratch memory from the stream, fills parameters and launches.
/// Nothing is waited for: faults on the device come to light when the stream is synchronised.
public struct LaunchedKernel: Kernel {
  public let record: LaunchRecord
  private let plan: LaunchPlan

  /// - constants: inputs held constant, on the device.
  /// - Throws: `buildFailed` when the record does not fit the definition or the image not the device, with the name that is
  ///   wrong or the driver's words.
  public init(
    _ record: LaunchRecord, image: KernelImage, definition: Definition, constants: [String: Tensor] = [:],
    on context: CUDAContext
  ) throws(KernelError) {
    self.record = record
    plan = try LaunchPlan(
      record, definition, constants: constants, image: image, on: context,
      tensorDevice: .cuda(ordinal: context.device.ordinal))
  }

  public func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    guard type(of: stream) == CUDAStream.self else {
      throw plan.error(.signatureMismatch, "bound for \(plan.device), called on \(stream.device)")
    }
    let stream = unsafeDowncast(stream, to: CUDAStream.self)
    guard stream.device == plan.device else {
      throw plan.error(.signatureMismatch, "bound for \(plan.device), called on \(stream.device)")
    }
    try plan.run(arguments, on: stream.driverStream) { (bytes) throws(CUDAError) in
      try stream.scratch(byteCount: bytes)
    }
  }
}
