import CUDADriver
import KernelRuntime
import Tensors
import Traces

/// Times kernels on a GPU: every solution on every workload of every definition, in one run with the device's ceilings.
public struct DeviceBenchmark {
  public var definitions: [Definition], solutions: [KernelSolution]
  /// Samples of each kernel, each of twenty calls or more.
  public var samples = 15
  /// Memory of the device that the arguments of one workload may take, all sets together.
  public var byteLimit = 8 << 30
  /// Whether pages and slots lie in an order that looks random.
  public var isShuffled = true
  public var workloads: (Definition) -> [DeviceWorkload] = DeviceWorkload.all(of:)
  /// Told of each kernel that was timed.
  public var onMeasurement: ((DeviceMeasurement) -> Void)?

  public init(definitions: [Definition], solutions: [KernelSolution]) {
    (self.definitions, self.solutions) = (definitions, solutions)
  }

  /// - Throws: only what makes all measuring impossible; a kernel that fails is a measurement with the reason.
  public func run(on stream: CUDAStream) throws -> [DeviceMeasurement] {
    var measured: [DeviceMeasurement] = []
    for definition in definitions {
      let candidates = candidates(definition, stream.device)
      if candidates.isEmpty { continue }
      for workload in workloads(definition) {
        let arguments = try DeviceArguments(workload, byteLimit: byteLimit, isShuffled: isShuffled, on: stream)
        for (solution, kernel) in candidates {
          let figure = DeviceMeasurement.measure(kernel, solution, workload, arguments, samples: samples, on: stream)
          onMeasurement?(figure)
          measured.append(figure)
        }
      }
    }
    return measured
  }

  /// Those that can be bound on the device.
  private func candidates(_ definition: Definition, _ device: Device) -> [(KernelSolution, BoundKernel)] {
    solutions.compactMap { solution in
      guard solution.computes(definition),
        solution.availability(definition, BindContext(device: device)) == .available
      else { return nil }
      let library = KernelLibrary(solutions: [solution], policy: KernelPolicy(preferred: [solution.flavor]))
      guard let kernel = try? library.bind(definition, on: device) else { return nil }
      return (solution, kernel)
    }
  }
}
