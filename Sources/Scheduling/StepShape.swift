/// What makes a step long: its size, without its tokens.
public struct StepShape: Sendable, Hashable {
  /// Tokens put through the model.
  public var tokens: Int
  /// Pairs of a token and a position that it attends to, of all sequences: the work of attention.
  public var pairs: Int
  /// Rows of logits.
  public var rows: Int

  public init(tokens: Int = 0, pairs: Int = 0, rows: Int = 0) {
    (self.tokens, self.pairs, self.rows) = (tokens, pairs, rows)
  }

  /// Adds a run of `count` tokens behind `start` others, of which `rows` want logits.
  public mutating func add(count: Int, after start: Int, rows: Int) {
    tokens += count
    pairs += Self.pairs(count: count, after: start)
    self.rows += rows
  }

  /// The same with a run that wants no logits.
  func adding(_ count: Int, after start: Int) -> StepShape {
    var shape = self
    shape.add(count: count, after: start, rows: 0)
    return shape
  }

  /// Takes such a run out again.
  mutating func remove(count: Int, after start: Int, rows: Int) {
    tokens -= count
    pairs -= Self.pairs(count: count, after: start)
    self.rows -= rows
  }

  /// Pairs of a run of `count` tokens behind `start` others: each sees all before it and itself.
  public static func pairs(count: Int, after start: Int) -> Int { count * start + count * (count + 1) / 2 }
}

extension Batch {
  /// The size of the step.
  public var shape: StepShape {
    var shape = StepShape()
    for sequence in sequences {
      shape.add(count: sequence.tokens.count, after: sequence.startPosition, rows: sequence.rowCount)
    }
    return shape
  }
}

/// What a step costs in seconds, as a sum over its size: `fixed + perToken · tokens + perPair · pairs + perRow · rows`.
///
/// `fixed` is the reading of the weights, which all tokens of a step share.
public struct StepCosts: Sendable, Hashable {
  public var fixed: Double, perToken: Double, perPair: Double, perRow: Double

  public init(fixed: Double, perToken: Double, perPair: Double, perRow: Double) {
    (self.fixed, self.perToken, self.perPair, self.perRow) = (fixed, perToken, perPair, perRow)
  }

  /// The seconds that a step of this size takes.
  public func seconds(_ shape: StepShape) -> Double {
    fixed + perToken * Double(shape.tokens) + perPair * Double(shape.pairs) + perRow * Double(shape.rows)
  }
}
