import Traces

/// What one run of a solution gave, beside whether it passed.
struct RunFigures {
  var errors: Correctness
  var prepareSeconds: Double, firstCallSeconds: Double
  var isBatchInvariant: Bool?
  var timing: TimingSummary?, referenceTiming: TimingSummary?
  var calls = 1
  var isInPlace = false, isCold = false
  var cost: WorkCost?

  init(_ run: CandidateRun) {
    errors = run.errors
    (prepareSeconds, firstCallSeconds) = (run.worker.prepareSeconds, run.firstCallSeconds)
    isBatchInvariant = run.isBatchInvariant
  }

  /// - isInPlace: whether outputs were written over inputs. isCold: whether each call read weights from memory.
  mutating func add(_ times: CandidateRun.Times, isInPlace: Bool, isCold: Bool) {
    timing = TimingSummary(samples: times.samples)
    referenceTiming = TimingSummary(samples: times.reference)
    (calls, self.isInPlace, self.isCold) = (times.calls, isInPlace, isCold)
  }
}
