import CUDADriver
import Tensors
import Traces

/// A language of Solution documents that this program cannot make callable. Solutions in it are listed, with the reason.
public protocol AbsentBuilder: KernelBuilder {
  /// What is missing.
  var reason: String { get }
}

extension AbsentBuilder {
  public var reason: String {
    let language = languages.map(\.rawValue).joined(separator: ", ")
    let here =
      "a Solution document in \(language) launches its kernels by host code of its own, which there is nothing here to run; "
      + "kernels that swiftlet launches itself lie in Kernels/<room>/\(language)"
    return CUDADriver.absence().map { "\($0), and \(here)" } ?? here
  }

  public func availability(on device: Device) -> Availability { .unavailable(because: reason) }

  public func compile(_ solution: Solution) throws(KernelError) -> CompiledSolution {
    throw KernelError(.buildFailed, reason).about(solution)
  }

  public func build(_ solution: Solution, for definition: Definition, in context: BindContext) throws(KernelError)
    -> any Kernel
  {
    throw KernelError(.buildFailed, reason).about(solution)
  }
}
