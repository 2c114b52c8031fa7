import Generation
import KernelRuntime
import Serving

/// What `/metrics` tells: the engine's state, and every kernel's calls with the reason for the choice.
struct ServerMetrics: Sendable {
  let engine: Engine
  let board: KernelSwitchboard?
  let model: String

  func families() -> [MetricFamily] {
    let pageSize = engine.configuration.scheduler.pageSize
    return EngineMetrics(engine.statistics, pageSize: pageSize, model: model).families + kernelFamilies()
  }

  private func kernelFamilies() -> [MetricFamily] {
    guard let board else { return [] }
    var calls = MetricFamily(
      "swiftlet:kernel_calls_total", .counter, "Calls of kernels, by definition, solution and reason of the choice.")
    for call in board.calls {
      calls.add(
        Double(call.count),
        [.init("definition", call.definition), .init("solution", call.solution), .init("reason", call.route.rawValue)])
    }
    var failures = MetricFamily("swiftlet:kernel_failures_total", .counter, "Calls of kernels that threw.")
    for failure in board.failures {
      failures.add(
        Double(failure.count), [.init("definition", failure.definition), .init("solution", failure.solution)])
    }
    return [calls, failures]
  }
}
