import Generation
import Scheduling
import Testing

@testable import Serving

/// What `/metrics` tells of an engine.
@Suite struct EngineMetricsTests {
  private var statistics: EngineStatistics {
    var statistics = EngineStatistics(contextLength: 8192)
    (statistics.running, statistics.waiting) = (3, 5)
    (statistics.pageCount, statistics.freePages, statistics.cachedPages) = (100, 40, 35)
    (statistics.promptTokens, statistics.generatedTokens, statistics.computedTokens) = (700, 80, 500)
    statistics.shedChunks = 5
    (statistics.preemptions, statistics.steps, statistics.submittedRequests) = (2, 90, 20)
    statistics.finishes = [.stop: 6, .length: 3, .cancelled: 2, .failed: 1]
    statistics.tokensPerSecond = 41.5
    statistics.prefixCache.queriedTokens = 640
    statistics.prefixCache.hitTokens = 160
    statistics.prefixCache.evictedPages = 7
    (statistics.prefixCache.savedPages, statistics.prefixCache.loadedPages) = (31, 29)
    (statistics.prefixCache.secondLevelTokens, statistics.swaps, statistics.failedCopies) = (480, 4, 1)
    (statistics.secondLevelCachedPages, statistics.secondLevelLentPages) = (13, 6)
    (statistics.draftedTokens, statistics.acceptedTokens) = (50, 33)
    return statistics
  }

  private func metrics(_ statistics: EngineStatistics) -> [MetricFamily] {
    EngineMetrics(statistics, pageSize: 16, model: "tiny").families
  }

  @Test("names and types are those that dashboards for vLLM and SGLang ask for")
  func names() {
    let kinds = Dictionary(uniqueKeysWithValues: metrics(statistics).map { ($0.name, $0.kind) })
    let gauges = [
      "vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc", "sglang:num_running_reqs",
      "sglang:num_queue_reqs", "sglang:token_usage", "sglang:num_used_tokens", "sglang:gen_throughput",
      "sglang:cache_hit_rate", "sglang:max_total_num_tokens", "sglang:kv_available_tokens",
      "sglang:kv_evictable_tokens", "sglang:kv_used_tokens", "swiftlet:largest_token_gap_seconds",
      "swiftlet:second_level_cached_pages", "swiftlet:second_level_lent_pages",
    ]
    let counters = [
      "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total", "vllm:num_preemptions_total",
      "vllm:prompt_tokens_total", "vllm:generation_tokens_total", "vllm:request_success_total",
      "sglang:prompt_tokens_total", "sglang:generation_tokens_total", "sglang:cached_tokens_total",
      "sglang:evicted_tokens_total", "sglang:num_requests_total", "sglang:num_aborted_requests_total",
      "sglang:num_retracted_requests_total", "swiftlet:steps_total", "swiftlet:computed_tokens_total",
      "swiftlet:shed_chunks_total",
      "swiftlet:requests_total", "swiftlet:evicted_pages_total",
      "vllm:spec_decode_num_draft_tokens_total", "vllm:spec_decode_num_accepted_tokens_total", "swiftlet:swaps_total",
      "swiftlet:saved_pages_total", "swiftlet:loaded_pages_total", "swiftlet:failed_copies_total",
      "swiftlet:second_level_hit_tokens_total",
    ]
    let histograms = [
      "vllm:time_to_first_token_seconds", "vllm:inter_token_latency_seconds",
      "vllm:request_time_per_output_token_seconds", "vllm:e2e_request_latency_seconds",
      "vllm:request_queue_time_seconds", "vllm:request_inference_time_seconds", "vllm:request_prefill_time_seconds",
      "vllm:request_decode_time_seconds", "vllm:request_prompt_tokens", "vllm:request_generation_tokens",
      "vllm:iteration_tokens_total", "sglang:time_to_first_token_seconds", "sglang:inter_token_latency_seconds",
      "sglang:e2e_request_latency_seconds", "sglang:queue_time_seconds", "swiftlet:step_seconds",
    ]
    let expected = [(gauges, MetricFamily.Kind.gauge), (counters, .counter), (histograms, .histogram)]
    for (names, kind) in expected {
      for name in names { #expect(kinds[name] == kind, "\(name)") }
    }
    #expect(kinds.count == gauges.count + counters.count + histograms.count)
  }

  @Test("figures are the engine's, under every name")
  func figures() {
    let lines = Set(MetricFamily.text(metrics(statistics)).split(separator: "\n").map(String.init))
    for (name, value) in [
      ("vllm:num_requests_running", "3"), ("vllm:num_requests_waiting", "5"), ("vllm:kv_cache_usage_perc", "0.25"),
      ("vllm:prefix_cache_queries_total", "640"), ("vllm:prefix_cache_hits_total", "160"),
      ("vllm:num_preemptions_total", "2"), ("vllm:prompt_tokens_total", "700"),
      ("vllm:generation_tokens_total", "80"), ("sglang:num_running_reqs", "3"), ("sglang:num_queue_reqs", "5"),
      ("sglang:token_usage", "0.25"), ("sglang:num_used_tokens", "400"), ("sglang:max_total_num_tokens", "1600"),
      ("sglang:kv_available_tokens", "640"), ("sglang:kv_evictable_tokens", "560"), ("sglang:cache_hit_rate", "0.25"),
      ("sglang:gen_throughput", "41.5"), ("sglang:evicted_tokens_total", "112"), ("sglang:num_requests_total", "12"),
      ("sglang:num_aborted_requests_total", "2"), ("swiftlet:steps_total", "90"),
      ("swiftlet:shed_chunks_total", "5"),
      ("swiftlet:evicted_pages_total", "7"), ("swiftlet:saved_pages_total", "31"),
      ("swiftlet:loaded_pages_total", "29"), ("swiftlet:second_level_hit_tokens_total", "480"),
      ("swiftlet:swaps_total", "4"), ("swiftlet:failed_copies_total", "1"),
      ("swiftlet:second_level_cached_pages", "13"), ("swiftlet:second_level_lent_pages", "6"),
      ("vllm:spec_decode_num_draft_tokens_total", "50"), ("vllm:spec_decode_num_accepted_tokens_total", "33"),
    ] {
      #expect(lines.contains("\(name){model_name=\"tiny\"} \(value)"), "\(name)")
    }
    for (reason, count) in [("stop", 6), ("length", 3), ("abort", 2), ("error", 1)] {
      #expect(
        lines.contains("vllm:request_success_total{model_name=\"tiny\",finished_reason=\"\(reason)\"} \(count)"))
    }
  }

  @Test("an engine that has done nothing divides by nothing, and tells every reason")
  func nothing() {
    let families = metrics(EngineStatistics(contextLength: 2))
    let values = families.flatMap { $0.samples.map(\.value) }
    #expect(values.allSatisfy { $0 == 0 })
    #expect(families.first { $0.name == "vllm:request_success_total" }?.samples.count == 4)
  }

  @Test("a histogram has ascending buckets up to infinity, which is its count")
  func histogram() {
    var latencies = LatencyHistogram([0.01, 0.5, 2])
    for value in [0.25, 0.005, 1, 0.25, 3] { latencies.record(value) }
    let text = MetricFamily.text([MetricFamily("a:b_seconds", "Seconds.", latencies, [.init("model_name", "m")])])
    #expect(
      text == """
        # HELP a:b_seconds Seconds.
        # TYPE a:b_seconds histogram
        a:b_seconds_bucket{model_name="m",le="0.01"} 1
        a:b_seconds_bucket{model_name="m",le="0.5"} 3
        a:b_seconds_bucket{model_name="m",le="2.0"} 4
        a:b_seconds_bucket{model_name="m",le="+Inf"} 5
        a:b_seconds_sum{model_name="m"} 4.505
        a:b_seconds_count{model_name="m"} 5

        """)
    for family in metrics(statistics) where family.kind == .histogram {
      let bounds = family.samples.filter { $0.suffix == "_bucket" }.compactMap { $0.labels.last?.value }
      #expect(bounds.last == "+Inf", "\(family.name)")
      #expect(family.samples.suffix(2).map(\.suffix) == ["_sum", "_count"], "\(family.name)")
      let numbers = bounds.dropLast().compactMap(Double.init)
      #expect(numbers.count == bounds.count - 1 && numbers == numbers.sorted(), "\(family.name)")
    }
  }
}
