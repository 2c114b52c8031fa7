import Generation
import KernelRuntime
import Serving

/// What `/metrics` tells: the engine's state, and every kernel's calls with the reason for the choice.
struct ServerMetrics: Sendable {
  let engine: Engine
  let board: KernelSwitchboard?
  let model: String

  func families() -> [MetricFamily] { engineFamilies() + kernelFamilies() }

  private func engineFamilies() -> [MetricFamily] {
    let now = engine.statistics
    let label = [MetricFamily.Label("model_name", model)]
    func family(_ name: String, _ kind: MetricFamily.Kind, _ help: String, _ value: Int) -> MetricFamily {
      var family = MetricFamily(name, kind, help)
      family.add(Double(value), label)
      return family
    }
    return [
      family("swiftlet:num_requests_running", .gauge, "Requests that hold pages.", now.running),
      family("swiftlet:num_requests_waiting", .gauge, "Requests that wait for pages.", now.waiting),
      family("swiftlet:kv_pages", .gauge, "Pages of keys and values.", now.pageCount),
      family("swiftlet:kv_pages_free", .gauge, "Pages that nobody holds.", now.freePages),
      family("swiftlet:steps_total", .counter, "Steps run.", now.steps),
      family("swiftlet:requests_total", .counter, "Requests taken in.", now.submittedRequests),
      family("swiftlet:requests_finished_total", .counter, "Requests that have ended.", now.finishedRequests),
      family("swiftlet:requests_failed_total", .counter, "Requests that ended by a fault.", now.failedRequests),
      family("swiftlet:prompt_tokens_total", .counter, "Tokens of prompts taken in.", now.promptTokens),
      family("swiftlet:generation_tokens_total", .counter, "Tokens generated.", now.generatedTokens),
      family("swiftlet:computed_tokens_total", .counter, "Tokens put through the model.", now.computedTokens),
      family("swiftlet:num_preemptions_total", .counter, "Sequences that gave their pages back.", now.preemptions),
    ]
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
