import Generation
import Paging

/// How fast token prefixes are compared and found. Needs no model.
struct PrefixLookupBenchmark {
  /// Tokens of the prompt that is looked for.
  var tokens = 4096
  var pageSize: Int

  struct Figures {
    /// Prompt bytes compared in a second, four to a token; as many bytes of the tree are read beside them.
    var compareGBPerSecond: Double
    /// Seconds to find the whole prompt: in one run, and along a path of `nodes` runs.
    var oneRun: Double, path: Double
    var nodes: Int
  }

  func run() throws -> Figures {
    let prompt = (0..<tokens).map { Int32(($0 * 7919 + 31) % 49152) }
    let other = prompt
    let compared = best { TokenRun.commonPrefix(prompt, from: 0, other, from: 0, count: tokens - $0 % 16) }
    let pages = 4 * tokens / pageSize + 64
    var plain = try PrefixCache(pageCount: pages, pageSize: pageSize)
    enter(prompt, into: &plain)
    let oneRun = best { _ in plain.match(prompt, salt: "").tokenCount }
    // Other prompts leave this one every 64 tokens, as turns of conversations do.
    var branched = try PrefixCache(pageCount: pages, pageSize: pageSize)
    let step = max(64, pageSize)
    for end in stride(from: step, to: tokens, by: step) {
      enter(prompt.prefix(end) + (0..<Int32(pageSize + 1)).map { $0 }, into: &branched)
    }
    for _ in 0..<3 { enter(prompt, into: &branched) }
    let path = best { _ in branched.match(prompt, salt: "").tokenCount }
    return Figures(
      compareGBPerSecond: Double(tokens * 4) / compared * 1e-9, oneRun: oneRun, path: path,
      nodes: branched.path(of: prompt, salt: "").nodes.count)
  }

  /// Computes a prompt and ends.
  private func enter(_ prompt: [Int32], into cache: inout PrefixCache) {
    var (table, lease) = cache.acquire(prompt, salt: "", priority: 0, time: 0)
    guard let pages = cache.allocate(table.missingPages(for: prompt.count)) else { return }
    table.append(pages)
    table.advance(by: prompt.count - table.tokenCount)
    cache.publish(&lease, prompt, &table, priority: 0, time: 0)
    cache.release(lease, &table, time: 0)
  }

  /// The shortest of many times of a call, each over a hundred calls; they are numbered, so that none is as good as another.
  private func best(_ body: (Int) -> Int) -> Double {
    var (shortest, sum) = (Double.infinity, 0)
    for _ in 0..<200 {
      let start = monotonicSeconds()
      for call in 0..<100 { sum &+= body(call) }
      shortest = min(shortest, (monotonicSeconds() - start) / 100)
    }
    // The sum is looked at, so that the calls are not left out.
    return sum > 0 ? shortest : .infinity
  }
}
