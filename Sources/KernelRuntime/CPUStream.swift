import Tensors

/// The CPU as a stream: kernels run at once, on the calling thread and a pool of helpers.
///
/// Not Sendable: one engine thread owns it. Scratch memory is handed out per call and reused by the next call.
public final class CPUStream: ExecutionStream {
  public let pool: WorkerPool
  public var phase: KernelPhase?
  private var scratch = Storage(byteCount: 1 << 20)
  private var keptObjects: [ObjectIdentifier: AnyObject] = [:]
  private var constantInput: ConstantInput?
  private var formStorage = Storage(byteCount: 1 << 16)

  /// - Parameter threads: all threads, the caller included; at least 1.
  public init(threads: Int) { pool = WorkerPool(threads: threads) }

  public var device: Device { .cpu }
  public func synchronize() {}

  /// Memory for the running kernel, 64-byte aligned, valid until the next call of this function. Contents undefined.
  public func scratch(byteCount: Int) -> UnsafeMutableRawPointer {
    if byteCount > scratch.byteCount { scratch = Storage(byteCount: byteCount + byteCount / 2) }
    return scratch.pointer
  }

  /// What kernels keep from one call to the next, one object of each type; made when first asked for.
  public func kept<Kept: AnyObject>(_ make: () -> Kept) -> Kept {
    if let found = keptObjects[ObjectIdentifier(Kept.self)] { return unsafeDowncast(found, to: Kept.self) }
    let made = make()
    keptObjects[ObjectIdentifier(Kept.self)] = made
    return made
  }

  // MARK: An input of several kernels

  /// A tensor that nobody changes for now, and what a kernel has made of it.
  private struct ConstantInput {
    let tensor: Tensor
    var form: String?
  }

  public func reading(_ tensor: Tensor, _ body: () throws(KernelError) -> Void) throws(KernelError) {
    constantInput = ConstantInput(tensor: tensor)
    defer { constantInput = nil }
    try body()
  }

  /// Memory for what a kernel makes of an input before it computes, 64-byte aligned. For the input of `reading` a later
  /// kernel that wants the same form finds it there; otherwise this is `scratch`.
  /// - form: names what is made; equal names mean equal bytes.
  /// - Returns: the memory, and whether the form is in it. If it is not, the caller puts it there.
  public func form(
    _ form: String, of input: Tensor, byteCount: Int
  ) -> (memory: UnsafeMutableRawPointer, isMade: Bool) {
    guard let constant = constantInput, constant.tensor.isSameView(as: input) else {
      return (scratch(byteCount: byteCount), false)
    }
    if constant.form == form { return (formStorage.pointer, true) }
    if byteCount > formStorage.byteCount { formStorage = Storage(byteCount: byteCount + byteCount / 2) }
    constantInput?.form = form
    return (formStorage.pointer, false)
  }
}
