import Traces

/// The least memory traffic and arithmetic that a call needs.
public struct WorkCost: Sendable, Hashable {
  public let bytes: Double, operations: Double
  public init(bytes: Double, operations: Double) { (self.bytes, self.operations) = (bytes, operations) }
  public init(_ definition: Definition, axes: OrderedMap<Int>, inputs: WorkloadInputs?) { self.init(bytes: 0, operations: 0) }
  public func floorSeconds(_ ceilings: MachineCeilings) -> Double { 0 }
}
