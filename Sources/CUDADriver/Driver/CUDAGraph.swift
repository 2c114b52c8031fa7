import CCUDA

/// Launches that were recorded once and are replayed as one.
///
///     let graph = try stream.capture { () throws(CUDAError) in try launchEverything(on: stream) }
///     try graph.launch(on: stream)
///
/// Addresses and scalars are those of the recording: what changes from step to step must lie in memory.
public final class CUDAGraph: Sendable {
  public let context: CUDAContext
  private let executable: cu_graph_exec

  fileprivate init(_ context: CUDAContext, _ graph: cu_graph) throws(CUDAError) {
    var executable: cu_graph_exec = 0
    try context.call(context.driver.functions.graphInstantiate) { $0(&executable, graph, 0) }
    (self.context, self.executable) = (context, executable)
  }

  deinit { context.callSilently(context.driver.functions.graphExecutableDestroy) { $0(executable) } }

  /// Queues all of it.
  public func launch(on stream: DriverStream) throws(CUDAError) {
    try context.call(context.driver.functions.graphLaunch) { $0(executable, stream.handle) }
  }
}

extension DriverStream {
  /// Records what `body` queues on this stream instead of running it. Meanwhile nothing may wait for the stream, and this
  /// thread may not allocate or free device memory: the driver ends a recording for that.
  /// - Throws: what `body` throws (the recording is dropped), or what the driver says.
  public func capture<E: Error>(
    _ body: () throws(E) -> Void, orElse wrap: (CUDAError) -> E
  ) throws(E) -> CUDAGraph {
    let functions = context.driver.functions
    do throws(CUDAError) {
      try context.call(functions.captureBegin) { $0(handle, 1) }  // other threads may do what they like
    } catch { throw wrap(error) }
    var graph: cu_graph = 0
    do throws(E) {
      try body()
    } catch {
      context.callSilently(functions.captureEnd) { $0(handle, &graph) }
      if graph != 0 { context.callSilently(functions.graphDestroy) { $0(graph) } }
      throw error
    }
    do throws(CUDAError) {
      try context.call(functions.captureEnd) { $0(handle, &graph) }
      defer { context.callSilently(functions.graphDestroy) { $0(graph) } }
      return try CUDAGraph(context, graph)
    } catch { throw wrap(error) }
  }

  public func capture(_ body: () throws(CUDAError) -> Void) throws(CUDAError) -> CUDAGraph {
    try capture(body) { $0 }
  }
}
