import Glibc
import JSONText
import KernelRuntime
import Kernels
import TestSupport
import Traces

@testable import Benchmarking

/// What the tests of the running half share: the built worker, the attacks, a small operation.
enum Workbench {
  /// Where the test bundle is.
  private static let folder: String = {
    var path = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    let program = String(decoding: path.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "/" + program.split(separator: "/").dropLast().joined(separator: "/")
  }()

  /// The built executable lies beside the test bundle.
  static var workerCommand: [String] { [folder + "/swiftlet", "kernel-worker"] }

  /// What workers build is kept beside the test bundle, so that only a first run compiles.
  private static let home: String = {
    let path = folder + "/benchmarking-tests"
    for part in [path, path + "/kernels"] { mkdir(part, 0o755) }
    return path
  }()

  private static func variable(_ name: String) -> String? { getenv(name).map { "\(name)=\(String(cString: $0))" } }

  /// Few samples: tests ask what is found, not how long things take.
  static func options(timeout: Duration = .seconds(60)) -> KernelBenchmark.Options {
    let environment = ["PATH", "HOME", "LD_LIBRARY_PATH"].compactMap(variable) + ["SWIFTLET_HOME=" + home]
    var options = KernelBenchmark.Options(workerCommand: workerCommand, environment: environment)
    (options.samples, options.trials, options.warmups) = (4, 1, 2)
    (options.timeout, options.timeBudget) = (timeout, 2)
    options.limits.writable.append(home)
    options.limits.memory = 1 << 30
    options.limits.processorSeconds = 60
    options.hardware = "a processor"
    options.slotMemory = 1 << 20
    options.seed = 7
    return options
  }

  static let definition = SiluAndMul.definition(intermediateSize: 64)

  static func workload(tokens: Int = 5) -> Workload {
    Workload(uuid: "tokens-\(tokens)", axes: ["num_tokens": tokens], inputs: ["input": .random])
  }

  static func document(_ name: String) throws -> Solution {
    try Solution(json: try Fixtures.bytes("attacks/\(name).json"))
  }

  static func oracle(_ definition: Definition) throws -> BenchmarkCandidate {
    guard let solution = KernelCatalog.solutions.first(where: { $0.computes(definition) && $0.flavor == .swift }) else {
      throw NoOracle(definition: definition.name)
    }
    return BenchmarkCandidate(solution, version: "test")
  }

  /// All that came of running solutions on one workload, in order.
  static func run(
    _ candidates: [BenchmarkCandidate], _ definition: Definition = definition, on workload: Workload = workload(),
    options: KernelBenchmark.Options = options()
  ) throws -> [KernelMeasurement] {
    var found: [KernelMeasurement] = []
    let problems = try KernelBenchmark(options).run(
      definition, workloads: [workload], candidates: candidates, reference: .solution(try oracle(definition))
    ) { found.append($0) }
    for case .unusable(let reason) in problems { throw Unusable(reason: reason) }
    return found
  }

  /// One attack, and the good solution run right after it.
  static func attack(_ name: String, options: KernelBenchmark.Options = options()) throws -> Evaluation {
    let found = try run(
      [try BenchmarkCandidate(document(name)), try BenchmarkCandidate(document("good_cpp"))], options: options)
    guard found.count == 2, found[1].evaluation.status == .passed else {
      throw Unusable(reason: "the good solution beside \(name): \(found.last?.evaluation.log ?? "no result")")
    }
    return found[0].evaluation
  }
}

struct NoOracle: Error { let definition: String }
struct Unusable: Error, CustomStringConvertible {
  let reason: String
  var description: String { reason }
}
