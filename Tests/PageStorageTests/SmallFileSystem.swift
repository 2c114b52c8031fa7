import Glibc

/// Mounts a file system in memory over a folder, for this thread only: it leaves nothing behind. False where that is not
/// allowed. For exit tests, before anything waits.
func mountSmallFileSystem(_ folder: String, _ options: String) -> Bool {
  typealias Unshare = @convention(c) (Int32) -> Int32
  typealias Mount =
    @convention(c) (UnsafePointer<CChar>?, UnsafePointer<CChar>, UnsafePointer<CChar>?, UInt, UnsafePointer<CChar>?) ->
    Int32
  // Not in the Glibc module.
  guard let unshare = symbol("unshare", as: Unshare.self), let mount = symbol("mount", as: Mount.self) else {
    return false
  }
  let (newNamespace, isPrivateBelow) = (Int32(0x0002_0000), UInt(1 << 18 | 1 << 14))
  return unshare(newNamespace) == 0 && mount("none", "/", nil, isPrivateBelow, nil) == 0
    && mount("tmpfs", folder, "tmpfs", 0, options) == 0
}

func unmountFileSystem(_ folder: String) {
  typealias Unmount = @convention(c) (UnsafePointer<CChar>, Int32) -> Int32
  let detach = Int32(2)
  _ = symbol("umount2", as: Unmount.self)?(folder, detach)
}

private func symbol<F>(_ name: String, as type: F.Type) -> F? {
  dlsym(dlopen(nil, RTLD_NOW), name).map { unsafeBitCast($0, to: type) }
}
