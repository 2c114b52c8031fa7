/// Tokens generated in a second, over the last whole second or a little more; before there is one, since work began.
struct TokenRate {
  /// 0 at rest.
  private(set) var tokensPerSecond = 0.0
  private var start: Double?
  private var tokens = 0
  private var hasWholeSecond = false

  /// Takes in a step.
  mutating func add(_ count: Int, from stepStart: Double, to now: Double) {
    let start = self.start ?? stepStart
    self.start = start
    tokens += count
    let elapsed = now - start
    guard elapsed > 0 else { return }
    if elapsed >= 1 || !hasWholeSecond { tokensPerSecond = Double(tokens) / elapsed }
    if elapsed >= 1 { (self.start, tokens, hasWholeSecond) = (now, 0, true) }
  }

  /// Nothing is left to do.
  mutating func rest() { self = TokenRate() }
}
