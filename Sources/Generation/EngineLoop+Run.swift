import Scheduling
import Tokenization

/// What a step came to.
enum StepOutcome {
  /// The rows of the batch, in order.
  case sampled([SampledRow])
  /// The model could not run the batch.
  case failed(String)
}

/// What was chosen from one row; `problem` says why there is no token.
struct SampledRow {
  var token: TokenID?
  var logprobs: TokenLogprobs?
  var problem: String?
}

extension EngineLoop {
  /// Runs the model on the batch and chooses the tokens. Rows fail alone, the batch only as a whole.
  /// - batch: what the step has shed is out of it afterwards.
  mutating func run(_ batch: inout Batch, pace: StepPace?) -> StepOutcome {
    do {
      try runner.forward(batch, room: pace?.room)
      if let done = pace?.shedAfter { batch = scheduler.shed(batch, after: done) }
      return .sampled(try sample(batch))
    } catch {
      return .failed("the step failed: \(error)")
    }
  }

  private mutating func sample(_ batch: Batch) throws -> [SampledRow] {
    var rows: [SampledRow] = []
    var draws: [Draw] = []
    for entry in batch.sequences {
      let guesses = entry.tokens.suffix(entry.drafts)
      for ahead in 0..<entry.rowCount {
        let (row, draw) = prepare(rows.count, for: entry.handle, behind: guesses.prefix(ahead))
        rows.append(row)
        draws.append(draw)
      }
    }
    if rows.isEmpty { return [] }
    let tokens = try runner.sample(draws)
    guard tokens.count == rows.count else {
      throw EngineError.wrongSampleCount(found: tokens.count, expected: rows.count)
    }
    for (row, token) in tokens.enumerated() where rows[row].problem == nil {
      guard token >= 0, Int(token) < runner.vocabularySize else {
        rows[row].problem = "the model chose token \(token), which is not in its vocabulary"
        continue
      }
      rows[row].token = token
      // The prepared normaliser becomes the token's log-probability: one subtraction.
      if let normaliser = rows[row].logprobs?.logprob {
        rows[row].logprobs?.token = token
        rows[row].logprobs?.logprob = runner.logits(row)[Int(token)] - normaliser
      }
    }
    return rows
  }

  /// Applies the request's bias and penalties to the row behind these guesses, and takes from it what log-probabilities
  /// need.
  /// - Returns: a row with its problem, if it has one, and the draw. A row with a problem is made zero, so that the
  ///   others can still be sampled together with it.
  private func prepare(
    _ row: Int, for handle: Int, behind guesses: ArraySlice<TokenID>
  ) -> (SampledRow, Draw) {
    let logits = runner.logits(row)
    var result = SampledRow()
    guard let request = active[handle], logits.count == runner.vocabularySize else {
      result.problem = "the model gave \(logits.count) logits; its vocabulary has \(runner.vocabularySize)"
      return (result, Draw(temperature: 0, uniform: 0))
    }
    request.process(logits, behind: guesses)
    guard LogitsRow.isFinite(logits) else {
      result.problem = "the logits are not finite numbers"
      logits.update(repeating: 0)
      return (result, Draw(temperature: 0, uniform: 0))
    }
    if let count = request.sampling.topLogprobs {
      let normaliser = LogitsRow.logSumExp(logits)
      let top = LogitsRow.largest(count, of: logits).map { (token: $0.token, logprob: $0.logit - normaliser) }
      result.logprobs = TokenLogprobs(token: -1, logprob: normaliser, top: top)
    }
    return (result, request.draw(ahead: guesses.count))
  }
}
