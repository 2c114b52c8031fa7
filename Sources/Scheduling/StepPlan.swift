/// One sequence's share of the step that is being put together.
struct Grant {
  let handle: Int
  /// Position of its first token in the step, and how many are certain.
  let start: Int
  let tokens: Int
  /// Rows of logits without those of guesses: 1 or 0.
  let rows: Int
  let isDecoding: Bool
  /// Tokens guessed behind the certain ones.
  var drafts: [Int32] = []
}

/// The step that is being put together, and what it has room for yet.
struct StepPlan {
  private(set) var grants: [Grant] = []
  /// Tokens that are left.
  private(set) var budget: Int
  private(set) var shape = StepShape()
  /// Whether a sequence decodes in this step, and whether one computes a prompt.
  var hasDecoding = false, hasPrefill = false

  /// Seconds that copies take before the step.
  var copySeconds = 0.0

  /// How long the step may take if others wait for it; known once a chunk was asked for.
  var target: Double?
  /// What the step may be expected to take as a whole where its chunks are spread over several.
  var spreadSeconds: Double?

  init(budget: Int) { self.budget = budget }

  mutating func add(_ grant: Grant) {
    grants.append(grant)
    budget -= grant.tokens
    shape.add(count: grant.tokens, after: grant.start, rows: grant.rows)
  }

  /// Takes a sequence out that lost its pages.
  mutating func remove(_ handle: Int) {
    grants.removeAll { grant in
      guard grant.handle == handle else { return false }
      budget += grant.tokens
      shape.remove(count: grant.tokens, after: grant.start, rows: grant.rows)
      return true
    }
  }

  /// Puts chunks into the order of these handles.
  mutating func order(_ handles: [Int]) {
    let chunks = grants.filter { !$0.isDecoding }
    let ordered = handles.compactMap { handle in chunks.first { $0.handle == handle } }
    grants = grants.filter(\.isDecoding) + ordered + chunks.filter { !handles.contains($0.handle) }
  }

  /// Adds guesses to a grant.
  mutating func add(_ drafts: [Int32], to index: Int) {
    grants[index].drafts = drafts
    budget -= drafts.count
    shape.add(count: drafts.count, after: grants[index].start + grants[index].tokens, rows: drafts.count)
  }
}
