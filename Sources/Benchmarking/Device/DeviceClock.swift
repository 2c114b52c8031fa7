import CUDADriver
import KernelRuntime

/// Times by the events of a stream: of the GPU's own clock, about half a microsecond fine.
enum DeviceClock {
  /// Seconds of each of `count` runs of `body`, which queues work; two runs before are not counted.
  static func seconds(
    of count: Int, on stream: CUDAStream, _ body: () throws(KernelError) -> Void
  ) throws -> [Double] {
    let start = try DriverEvent(stream.context), end = try DriverEvent(stream.context)
    var times: [Double] = []
    for run in -2..<count {
      try start.record(on: stream.driverStream)
      try body()
      try end.record(on: stream.driverStream)
      try end.synchronize()
      if run >= 0 { times.append(try end.milliseconds(since: start) / 1e3) }
    }
    return times
  }
}
