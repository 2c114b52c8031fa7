import Tokenization

extension SchedulerConfiguration {
  /// The most alternatives that are reported beside a token: their cost grows with the square of their number.
  public static let mostTopLogprobs = 128

  /// Proves that a request can be run to its end, whatever else runs: the prompt and one new token fit the context, and
  /// the context fits the pages. O(prompt + stop strings + biases); touches no state, so any thread may ask.
  /// - Throws: the first `AdmissionError` found; `overloaded` and `shuttingDown` are not decided here.
  public func check(_ request: GenerationRequest) throws(AdmissionError) {
    guard !request.prompt.isEmpty else { throw .emptyPrompt }
    guard request.prompt.count < contextLength else {
      throw .promptTooLong(promptTokens: request.prompt.count, limit: contextLength - 1)
    }
    for token in request.prompt { try check(token: token) }
    guard request.maxTokens >= 1 else {
      throw .invalidParameter(parameter: "max_tokens", reason: "must be at least 1, is \(request.maxTokens)")
    }
    guard !request.stop.strings.contains("") else {
      throw .invalidParameter(parameter: "stop", reason: "a stop string must not be empty")
    }
    try check(request.sampling)
  }

  /// Stop token ids are not checked: an id that is not in the vocabulary is merely never generated.
  private func check(_ sampling: SamplingParameters) throws(AdmissionError) {
    func require(_ holds: Bool, _ name: String, _ reason: String) throws(AdmissionError) {
      guard holds else { throw .invalidParameter(parameter: name, reason: reason) }
    }
    func requireFinite(_ value: Float, _ name: String) throws(AdmissionError) {
      try require(value.isFinite, name, "must be a finite number, is \(value)")
    }
    let s = sampling
    try require(s.temperature.isFinite && s.temperature >= 0, "temperature", "must be at least 0, is \(s.temperature)")
    try require(s.topK >= 0, "top_k", "must be at least 0 (0 keeps all), is \(s.topK)")
    try require(s.topP > 0 && s.topP <= 1, "top_p", "must be above 0 and at most 1, is \(s.topP)")
    try require(s.minP >= 0 && s.minP <= 1, "min_p", "must be from 0 to 1, is \(s.minP)")
    try require(
      s.repetitionPenalty.isFinite && s.repetitionPenalty > 0, "repetition_penalty",
      "must be above 0, is \(s.repetitionPenalty)")
    try requireFinite(s.presencePenalty, "presence_penalty")
    try requireFinite(s.frequencyPenalty, "frequency_penalty")
    for (token, bias) in s.logitBias {
      guard token >= 0, Int(token) < vocabularySize else {
        throw .invalidParameter(
          parameter: "logit_bias", reason: "token \(token) is not in the vocabulary of \(vocabularySize)")
      }
      try requireFinite(bias, "logit_bias")
    }
    if let top = s.topLogprobs {
      let most = min(vocabularySize, Self.mostTopLogprobs)
      try require(top >= 0 && top <= most, "top_logprobs", "must be from 0 to \(most), is \(top)")
    }
  }

  private func check(token: TokenID) throws(AdmissionError) {
    guard token >= 0, Int(token) < vocabularySize else {
      throw .unknownToken(token, vocabularySize: vocabularySize)
    }
  }
}
