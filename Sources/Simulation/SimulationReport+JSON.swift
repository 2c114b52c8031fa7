import JSONText

extension SimulationReport {
  /// All figures, times in seconds; null where nothing was measured.
  public var json: JSONValue {
    func object(_ members: [(String, JSONValue)]) -> JSONValue { .object(JSONObject(members)) }
    func summary(_ summary: SampleSummary?) -> JSONValue {
      guard let s = summary else { return .null }
      return object([
        ("mean", .double(s.mean)), ("p50", .double(s.p50)), ("p90", .double(s.p90)), ("p99", .double(s.p99)),
        ("largest", .double(s.largest)), ("count", .int(s.count)),
      ])
    }
    let refused = object([
      ("too_long", .int(counts.refusedTooLong)), ("empty_prompt", .int(counts.refusedEmpty)),
      ("queue_full", .int(counts.refusedOverloaded)),
    ])
    return object([
      ("queue_policy", .string(configuration.queuePolicy.rawValue)),
      ("eviction_policy", .string(configuration.evictionPolicy.rawValue)),
      ("requests", .int(counts.requests)), ("finished", .int(counts.finished)), ("cut_short", .int(counts.cutShort)),
      ("refused", refused), ("virtual_seconds", .double(virtualSeconds)),
      ("ttft_seconds", summary(timeToFirstToken)), ("itl_seconds", summary(interTokenLatency)),
      ("e2e_seconds", summary(endToEnd)), ("queue_seconds", summary(queueTime)),
      ("step_seconds", summary(stepTime)), ("prefix_hit_rate", .double(prefixHitRate)),
      ("hit_tokens", .int(counts.cache.hitTokens)), ("queried_tokens", .int(counts.cache.queriedTokens)),
      ("evicted_pages", .int(counts.cache.evictedPages)), ("preemptions", .int(counts.preemptions)),
      ("swaps", .int(counts.swaps)), ("saved_pages", .int(counts.cache.savedPages)),
      ("loaded_pages", .int(counts.cache.loadedPages)), ("second_level_tokens", .int(counts.cache.secondLevelTokens)),
      ("steps", .int(counts.steps)), ("prompt_tokens", .int(counts.promptTokens)),
      ("generated_tokens", .int(counts.generatedTokens)), ("computed_tokens", .int(counts.computedTokens)),
      ("generated_tokens_per_second", throughput.map { .double($0) } ?? .null),
      ("pages", .int(configuration.pageCount)), ("peak_pages_held", .int(counts.peakPagesHeld)),
      ("peak_pages_used", .int(counts.peakPagesUsed)), ("peak_running", .int(counts.peakRunning)),
      ("peak_waiting", .int(counts.peakWaiting)),
    ])
  }
}
