import Generation
import Scheduling

/// An engine's statistics as metrics, under the names that dashboards for vLLM and for SGLang know, and under
/// `swiftlet:` what neither has.
///
/// A figure that both have appears under both names. What is not known here is left out, never told as 0.
public struct EngineMetrics: Sendable {
  let statistics: EngineStatistics
  let pageSize: Int
  let label: [MetricFamily.Label]

  /// - pageSize: tokens in a page; model: the value of the label `model_name`.
  public init(_ statistics: EngineStatistics, pageSize: Int, model: String) {
    (self.statistics, self.pageSize, label) = (statistics, pageSize, [.init("model_name", model)])
  }

  public var families: [MetricFamily] { vLLM + sglang + own }

  // MARK: vLLM

  private var vLLM: [MetricFamily] {
    let now = statistics, times = now.latencies
    return [
      gauge("vllm:num_requests_running", "Requests that hold pages.", now.running),
      gauge("vllm:num_requests_waiting", "Requests that wait for pages, preempted ones included.", now.waiting),
      gauge("vllm:kv_cache_usage_perc", "Share of the pages that requests hold, from 0 to 1.", usage),
      counter("vllm:prefix_cache_queries_total", "Tokens that were looked up.", now.prefixCache.queriedTokens),
      counter("vllm:prefix_cache_hits_total", "Looked-up tokens that were found.", now.prefixCache.hitTokens),
      counter("vllm:num_preemptions_total", "How often a sequence gave its pages back.", now.preemptions),
      counter("vllm:spec_decode_num_draft_tokens_total", "Tokens that were guessed.", now.draftedTokens),
      counter("vllm:spec_decode_num_accepted_tokens_total", "Guessed tokens that held.", now.acceptedTokens),
      counter("vllm:prompt_tokens_total", "Tokens of prompts taken in.", now.promptTokens),
      counter("vllm:generation_tokens_total", "Tokens generated.", now.generatedTokens),
      requestSuccess,
      histogram("vllm:iteration_tokens_total", "Tokens put through the model in a step.", times.stepTokens),
      histogram("vllm:time_to_first_token_seconds", Help.firstToken, times.timeToFirstToken),
      histogram("vllm:inter_token_latency_seconds", Help.betweenTokens, times.timeBetweenTokens),
      histogram(
        "vllm:request_time_per_output_token_seconds", "Mean seconds between a request's tokens.",
        times.timePerOutputToken),
      histogram("vllm:e2e_request_latency_seconds", Help.endToEnd, times.endToEnd),
      histogram("vllm:request_queue_time_seconds", Help.queue, times.queueTime),
      histogram("vllm:request_inference_time_seconds", "Seconds from first step to last token.", times.inferenceTime),
      histogram("vllm:request_prefill_time_seconds", "Seconds from first step to first token.", times.prefillTime),
      histogram("vllm:request_decode_time_seconds", "Seconds from first to last token.", times.decodeTime),
      histogram("vllm:request_prompt_tokens", "Prompt tokens of a finished request.", times.promptTokens),
      histogram("vllm:request_generation_tokens", "Tokens that a finished request got.", times.generatedTokens),
    ]
  }

  /// All reasons are there from the start, so that rates can be told of the first of each.
  private var requestSuccess: MetricFamily {
    var family = MetricFamily("vllm:request_success_total", .counter, "Requests that have ended, by how.")
    let reasons = [("stop", FinishReason.stop), ("length", .length), ("abort", .cancelled), ("error", .failed)]
    for (name, reason) in reasons {
      family.add(Double(statistics.finishes[reason, default: 0]), label + [.init("finished_reason", name)])
    }
    return family
  }

  // MARK: SGLang

  private var sglang: [MetricFamily] {
    let now = statistics, times = now.latencies
    return [
      gauge("sglang:num_running_reqs", "Requests that hold pages.", now.running),
      gauge("sglang:num_queue_reqs", "Requests that wait for pages, preempted ones included.", now.waiting),
      gauge("sglang:token_usage", "Share of the KV memory that requests hold, from 0 to 1.", usage),
      gauge("sglang:num_used_tokens", "Token slots that requests hold.", now.heldPages * pageSize),
      gauge("sglang:kv_used_tokens", "Token slots that requests hold.", now.heldPages * pageSize),
      gauge("sglang:kv_available_tokens", "Token slots that nothing is known of.", now.freePages * pageSize),
      gauge("sglang:kv_evictable_tokens", "Token slots that are only cached.", now.cachedPages * pageSize),
      gauge("sglang:max_total_num_tokens", "Token slots of the KV memory.", now.pageCount * pageSize),
      gauge("sglang:gen_throughput", "Tokens generated in a second, lately.", now.tokensPerSecond),
      gauge("sglang:cache_hit_rate", "Share of the looked-up tokens that were found, since the start.", hitRate),
      counter("sglang:cached_tokens_total", "Prompt tokens found in the prefix cache.", now.prefixCache.hitTokens),
      counter(
        "sglang:evicted_tokens_total", "Token slots evicted from the prefix cache.",
        now.prefixCache.evictedPages * pageSize),
      counter("sglang:num_retracted_requests_total", "How often a sequence gave its pages back.", now.preemptions),
      counter("sglang:num_requests_total", "Requests that have ended.", now.finishedRequests),
      counter(
        "sglang:num_aborted_requests_total", "Requests that were cancelled.", now.finishes[.cancelled, default: 0]),
      counter("sglang:prompt_tokens_total", "Tokens of prompts taken in.", now.promptTokens),
      counter("sglang:generation_tokens_total", "Tokens generated.", now.generatedTokens),
      histogram("sglang:time_to_first_token_seconds", Help.firstToken, times.timeToFirstToken),
      histogram("sglang:inter_token_latency_seconds", Help.betweenTokens, times.timeBetweenTokens),
      histogram("sglang:e2e_request_latency_seconds", Help.endToEnd, times.endToEnd),
      histogram("sglang:queue_time_seconds", Help.queue, times.queueTime),
    ]
  }

  // MARK: Without counterpart

  private var own: [MetricFamily] {
    let now = statistics
    return [
      gauge(
        "swiftlet:largest_token_gap_seconds", "The longest that a request waited for its next token, since the start.",
        now.latencies.largestGap),
      histogram("swiftlet:step_seconds", "Seconds that a step takes.", now.latencies.stepTime),
      counter("swiftlet:steps_total", "Steps run.", now.steps),
      counter("swiftlet:computed_tokens_total", "Tokens put through the model.", now.computedTokens),
      counter("swiftlet:shed_chunks_total", "How often a step left a chunk of a prompt to the next.", now.shedChunks),
      counter("swiftlet:requests_total", "Requests taken in.", now.submittedRequests),
      counter("swiftlet:evicted_pages_total", "Pages evicted from the prefix cache.", now.prefixCache.evictedPages),
      counter("swiftlet:swaps_total", "Preemptions whose pages the second level kept.", now.swaps),
      counter("swiftlet:saved_pages_total", "Pages copied to the second level.", now.prefixCache.savedPages),
      counter("swiftlet:loaded_pages_total", "Pages copied back from the second level.", now.prefixCache.loadedPages),
      counter("swiftlet:failed_copies_total", "Copies between the levels that went wrong.", now.failedCopies),
      counter(
        "swiftlet:second_level_hit_tokens_total", "Looked-up tokens that were found in the second level.",
        now.prefixCache.secondLevelTokens),
      gauge(
        "swiftlet:second_level_cached_pages", "Pages of the second level that requests may find.",
        now.secondLevelCachedPages),
      gauge(
        "swiftlet:second_level_lent_pages", "Pages that preempted requests keep in the second level.",
        now.secondLevelLentPages),
    ]
  }

  // MARK: Parts

  private enum Help {
    static let firstToken = "Seconds from a request to its first token."
    static let betweenTokens = "Seconds between a request's tokens."
    static let endToEnd = "Seconds from a request to its end, of those that ran to it."
    static let queue = "Seconds from a request to its first step."
  }

  private var usage: Double { share(statistics.heldPages, of: statistics.pageCount) }
  private var hitRate: Double { share(statistics.prefixCache.hitTokens, of: statistics.prefixCache.queriedTokens) }
  private func share(_ part: Int, of whole: Int) -> Double { whole > 0 ? Double(part) / Double(whole) : 0 }

  private func gauge(_ name: String, _ help: String, _ value: Double) -> MetricFamily {
    family(name, .gauge, help, value)
  }
  private func gauge(_ name: String, _ help: String, _ value: Int) -> MetricFamily {
    family(name, .gauge, help, Double(value))
  }
  private func counter(_ name: String, _ help: String, _ value: Int) -> MetricFamily {
    family(name, .counter, help, Double(value))
  }

  private func family(_ name: String, _ kind: MetricFamily.Kind, _ help: String, _ value: Double) -> MetricFamily {
    var family = MetricFamily(name, kind, help)
    family.add(value, label)
    return family
  }

  private func histogram(_ name: String, _ help: String, _ histogram: LatencyHistogram) -> MetricFamily {
    MetricFamily(name, help, histogram, label)
  }
}

extension MetricFamily {
  /// A histogram: a bucket for each bound and for infinity, the sum and the count.
  init(_ name: String, _ help: String, _ histogram: LatencyHistogram, _ labels: [Label]) {
    self.init(name, .histogram, help)
    let buckets = histogram.cumulated
    for (bound, count) in buckets {
      add(Double(count), labels + [Label("le", bound.isInfinite ? "+Inf" : "\(bound)")], suffix: "_bucket")
    }
    add(histogram.sum, labels, suffix: "_sum")
    add(Double(buckets.last?.count ?? 0), labels, suffix: "_count")
  }
}
