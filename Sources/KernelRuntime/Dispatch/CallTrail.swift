import CPUIntrinsics
import Tensors

/// Memory that calls read before they compute: objects behind objects, each known from the one before.
///
///     BoundKernel ─► binding ─► slot ─► plan ─► entry ─► kernel ─► its weights' storage
///                                                    └─► counters
///
/// Since the step before, a model's weights have gone through the caches and pushed all that out; a call that comes to it
/// waits for memory eight times in turn. Asked for beforehand, all of it comes at once.
///
/// These are the places at the time of `init`: after a switch of kernels what was asked for is not what is read, which
/// costs the gain and nothing else.
public struct CallTrail: Sendable {
  private let lines: [UInt]

  /// - tensors: arguments that are not activations, such as the weights of a norm.
  public init(_ kernels: [BoundKernel], tensors: [Tensor] = []) {
    let objects = kernels.flatMap(\.trail).flatMap { [$0, $0 + Self.lineBytes] }
    lines = objects + tensors.flatMap(Self.places(of:))
  }

  /// Asks for all of it, and does not wait.
  public func prefetch() {
    for line in lines {
      if let place = UnsafeRawPointer(bitPattern: line) { cpu_prefetch_far(place) }
    }
  }

  private static let lineBytes: UInt = 64

  static func place(of object: AnyObject) -> UInt { UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque()) }

  /// A tensor's storage, and where its elements begin.
  private static func places(of tensor: Tensor) -> [UInt] {
    [place(of: tensor.storage), UInt(bitPattern: tensor.pointer)]
  }
}

extension Storage {
  /// The object itself, and its bytes.
  public var firstReads: [UnsafeRawPointer] {
    [UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque()), UnsafeRawPointer(pointer)]
  }
}
