import ArgumentParser
import JSONText
import KernelRuntime
import Logging
import Serving
import Synchronization
import Traces

/// Looks at and changes the kernels of a running server.
final class KernelAdministration: ServerAdministration {
  private let library: Mutex<KernelLibrary>
  private let options: KernelOptions
  private let board: KernelSwitchboard
  private let log: Logger

  init(_ library: KernelLibrary, _ board: KernelSwitchboard, options: KernelOptions, log: Logger) {
    self.library = Mutex(library)
    (self.board, self.options, self.log) = (board, options, log)
  }

  let actions = ["switch", "shadow", "rollback", "reload", "release"]

  func state() -> JSONValue {
    let decisions = board.decisions.map { decision in
      JSONValue.object(
        JSONObject([
          ("definition", .string(decision.definition)), ("layer", decision.layer.map { .int($0) } ?? .null),
          ("phase", decision.phase.map { .string($0.rawValue) } ?? .null),
          ("solution", decision.chosen.map { .string($0.solution) } ?? .null),
          ("route", .string(decision.route.rawValue)),
          ("selection", .string("\(decision.selection)")), ("candidates", .array(decision.candidates.map(\.json))),
        ]))
    }
    let calls = board.calls.map { call in
      JSONValue.object(
        JSONObject([
          ("definition", .string(call.definition)), ("solution", .string(call.solution)),
          ("reason", .string(call.route.rawValue)), ("calls", .int(call.count)),
        ]))
    }
    let quarantine = library.withLock { $0.quarantine?.all ?? [] }.map { entry in
      JSONValue.object(
        JSONObject([
          ("definition", .string(entry.definition)), ("solution", .string(entry.solution)),
          ("time", .string(entry.time)), ("reason", .string(entry.reason)),
        ]))
    }
    return .object(
      JSONObject([
        ("kernels", .array(decisions)), ("calls", .array(calls)), ("quarantine", .array(quarantine)),
        ("events", .array(board.events.map { .string($0) })),
      ]))
  }

  func perform(_ action: String, _ fields: JSONObject) async throws(AdministrationError) -> JSONValue {
    let summary: String
    do throws(KernelError) {
      switch action {
      case "switch": summary = try change(fields)
      case "shadow": summary = try shadow(fields)
      case "rollback":
        guard let undone = board.rollBack() else { throw KernelError(.noCandidate, "no switch is left to take back") }
        summary = undone
      case "reload": summary = try reload()
      default: summary = try release(fields)
      }
    } catch {
      throw AdministrationError("\(error)")
    }
    log.notice("admin: \(summary)")
    return .object(JSONObject([("done", .string(summary)), ("takes_effect", .string("before the next step"))]))
  }

  private func change(_ fields: JSONObject) throws(KernelError) -> String {
    let definition = try fields.text("definition"), solution = try fields.text("solution")
    let layer = try fields.optionalInt("layer")
    let change = try withLibrary { library throws(KernelError) in
      try library.prepareSwitch(definition: definition, to: solution, layer: layer)
    }
    board.enqueue(change)
    return change.summary
  }

  private func shadow(_ fields: JSONObject) throws(KernelError) -> String {
    let definition = try fields.text("definition"), solution = try fields.text("solution")
    let every = try fields.optionalInt("every") ?? 10, agreements = try fields.optionalInt("agreements") ?? 100
    let promotes = fields["promote"]?.bool ?? false
    guard every > 0, agreements > 0 else {
      throw KernelError(.invalidPolicy, "`every` and `agreements` are at least 1")
    }
    let change = try withLibrary { library throws(KernelError) in
      try library.prepareShadow(
        definition: definition, candidate: solution, every: every, agreements: agreements, promotes: promotes)
    }
    board.enqueue(change)
    return change.summary
  }

  /// Reads policy, solutions and traces again and puts what they say in place, as a whole or not at all.
  private func reload() throws(KernelError) -> String {
    let fresh: KernelLibrary
    do { fresh = try options.library(log: log) } catch let error as KernelError {
      throw error
    } catch {
      throw KernelError(.invalidPolicy, "\(error)")
    }
    let change = try withLibrary { library throws(KernelError) in
      var next = library
      (next.solutions, next.policy, next.measurements) = (fresh.solutions, fresh.policy, fresh.measurements)
      let change = try next.prepareReload()
      library = next
      return change
    }
    board.enqueue(change)
    return change.summary
  }

  private func release(_ fields: JSONObject) throws(KernelError) -> String {
    let definition = try fields.text("definition"), solution = try fields.text("solution")
    let released = library.withLock { $0.quarantine?.release(definition: definition, solution: solution) ?? false }
    guard released else {
      throw KernelError(.noCandidate, definition: definition, solution: solution, "it is not in quarantine")
    }
    return "\(definition) / \(solution): released from quarantine"
  }

  /// The lock is held while kernels are built: two operators do not build at once. The engine never takes it.
  private func withLibrary<T: Sendable>(
    _ body: (inout KernelLibrary) throws(KernelError) -> T
  ) throws(KernelError) -> T {
    let result: Result<T, KernelError> = library.withLock { library in
      do throws(KernelError) { return .success(try body(&library)) } catch { return .failure(error) }
    }
    return try result.get()
  }
}

extension KernelLibrary.Candidate {
  var json: JSONValue {
    .object(
      JSONObject([
        ("solution", .string(solution)), ("language", .string(flavor.rawValue)), ("reason", .string(reason.rawValue)),
        ("because", .string(sentence)),
      ]))
  }
}

extension JSONObject {
  fileprivate func text(_ name: String) throws(KernelError) -> String {
    guard let text = self[name]?.string, !text.isEmpty else {
      throw KernelError(.invalidPolicy, "the field \"\(name)\" is required: a string")
    }
    return text
  }

  fileprivate func optionalInt(_ name: String) throws(KernelError) -> Int? {
    guard let value = self[name], value != .null else { return nil }
    guard let number = value.int else { throw KernelError(.invalidPolicy, "the field \"\(name)\" is an integer") }
    return number
  }
}
