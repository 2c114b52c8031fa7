import Tensors
import Traces

/// A language of solutions that this build cannot make callable. Solutions in it are listed, with the reason.
public protocol AbsentBuilder: KernelBuilder {
  /// What is missing.
  var reason: String { get }
}

extension AbsentBuilder {
  public var reason: String {
    let here = "this build of swiftlet has no builder for \(languages.map(\.rawValue).joined(separator: ", ")) yet"
    return CUDADriverProbe.absence.map { "\($0), and \(here)" } ?? here
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
