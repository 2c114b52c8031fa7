import Traces

public struct FuzzWorkloads: Sendable {
  public static func workloads(for definition: Definition, seed: UInt64, count: Int) -> [(
    workload: Workload, values: ValuePattern
  )] { [] }
  public static func minimised(
    _ failing: Workload, definition: Definition, stillFails: (Workload) -> Bool
  ) -> Workload { failing }
}
