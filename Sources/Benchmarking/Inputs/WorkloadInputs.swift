import KernelRuntime
import Tensors
import Traces

/// Everything one call of a definition needs: its inputs, made from a workload and a seed.
public struct WorkloadInputs: Sendable {
  public let definition: Definition
  /// The values of the variable axes.
  public let axes: OrderedMap<Int>
  /// In the definition's order; tensors are contiguous and on the CPU.
  public var arguments: OrderedMap<KernelArgument>

  public init(_ definition: Definition, _ workload: Workload, seed: UInt64, root: String? = nil) throws(WorkloadError) {
    (self.definition, axes, arguments) = (definition, workload.axes, [:])
  }

  /// Zeroed tensors for the outputs, in order.
  public func outputTensors() throws(WorkloadError) -> OrderedMap<Tensor> { [:] }
}
