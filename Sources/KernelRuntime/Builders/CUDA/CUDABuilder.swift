import Glibc
import Tensors
import Traces

/// The place of CUDA C++. It says what is missing; compiling needs NVRTC and a driver.
public struct CUDABuilder: AbsentBuilder {
  public init() {}
  public var languages: [Language] { [.cuda] }
}

/// Whether this machine has NVIDIA's driver.
enum CUDADriverProbe {
  /// Why there is no driver; nil when there is one.
  static var absence: String? {
    dlerror()
    if let handle = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) {
      dlclose(handle)
      return nil
    }
    return "no CUDA driver (\(dlerror().map { String(cString: $0) } ?? "libcuda.so.1 cannot be loaded"))"
  }
}
