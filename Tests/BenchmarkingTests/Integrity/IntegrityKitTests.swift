import Glibc
import Tensors
import Testing

@testable import Benchmarking

@Suite struct IntegrityKitTests {
  private static let check = ClockCheck(ticksPerSecond: 1e9, overhead: 0.0001, threads: 2)

  private func reading(
    _ sent: UInt64, _ start: UInt64, _ end: UInt64, _ received: UInt64, inside: Int? = nil, used: Double = 0
  ) -> ClockCheck.Reading {
    let inside = inside ?? (end > start ? Int(end - start) : 0)
    return .init(
      sent: sent, start: start, end: end, received: received, libraryNanoseconds: inside, kernelNanoseconds: inside,
      processorSeconds: used)
  }

  @Test func `a time inside of its bracket that fills it is believed`() {
    let good = reading(1_000, 60_000, 80_000, 140_000)
    #expect(Self.check.contradiction(good) == nil)
    #expect(!Self.check.isSuspicious(good))
  }

  @Test func `a time outside of its bracket is impossible`() {
    #expect(Self.check.contradiction(reading(1_000, 900, 80_000, 140_000)) != nil)
    #expect(Self.check.contradiction(reading(1_000, 60_000, 140_001, 140_000)) != nil)
    #expect(Self.check.contradiction(reading(1_000, 80_000, 60_000, 140_000)) != nil)
  }

  @Test func `clocks that disagree are impossible`() {
    var slowed = reading(1_000, 60_000, 80_000, 140_000)
    slowed.kernelNanoseconds = 50_000_000
    #expect(Self.check.contradiction(slowed)?.contains("kernel's 50000000 ns") == true)
  }

  @Test func `a time far below what went by is suspicious, outside or inside of the worker`() {
    #expect(Self.check.isSuspicious(reading(0, 60_000, 80_000, 10_000_000, used: 0.005)))
    #expect(!Self.check.isSuspicious(reading(0, 60_000, 2_060_000, 10_000_000, used: 0.005)))
    // A machine under load lets a worker wait, but does not count that as its processor time.
    #expect(!Self.check.isSuspicious(reading(0, 60_000, 80_000, 90_000_000, used: 0.0003)))
    #expect(Self.check.isSuspicious(reading(0, 60_000, 60_100, 200_000, inside: 20_000)))
    #expect(!Self.check.isSuspicious(reading(0, 60_000, 60_100, 200_000, inside: 400)))
  }

  @Test(arguments: DType.allCases.filter { $0.bitWidth >= 8 })
  func `poison is not a number, and every element that is written over is seen`(dtype: DType) {
    let tensor = Tensor(dtype, [3, 5])
    Poison.fill(tensor)
    #expect(Poison.untouched(in: tensor) == 15)
    let size = dtype.bitWidth / 8
    memset(tensor.pointer + 7 * size, 0, size)
    #expect(Poison.untouched(in: tensor) == 14)
    if dtype.isFloatingPoint {
      let bits = dtype.bitWidth == 64 ? UInt64.max : (UInt64(1) << UInt64(dtype.bitWidth)) - 1
      #expect(dtype.decode(bits).isNaN)
    }
  }

  @Test func `a byte written on either side of a tensor is found with its place`() {
    let storage = Tensor(.float32, [64])
    let tensor = storage.narrow(0, from: 20, count: 10)
    let guards = GuardBytes()
    guards.put(around: tensor)
    #expect(guards.firstDamage(around: tensor) == nil)
    (tensor.pointer + 43).storeBytes(of: ~(tensor.pointer + 43).load(as: UInt8.self), as: UInt8.self)
    #expect(guards.firstDamage(around: tensor) == 43)
    guards.put(around: tensor)
    (tensor.pointer - 2).storeBytes(of: ~(tensor.pointer - 2).load(as: UInt8.self), as: UInt8.self)
    #expect(guards.firstDamage(around: tensor) == -2)
  }

  @Test func `each byte changes a hash`() {
    let tensor = Tensor(.int8, [37])
    func hash() -> UInt64 {
      var hash = OutputHash()
      hash.add(tensor)
      return hash.value
    }
    var seen: Set<UInt64> = [hash()]
    for i in 0..<37 {
      tensor.elements(as: Int8.self)[i] = 1
      seen.insert(hash())
    }
    #expect(seen.count == 38)
  }

  @Test func `the census sees this process's threads from outside`() {
    let before = ThreadCensus.threads(of: getpid())
    #expect(before.contains(Int(getpid())))
    #expect(ThreadCensus.threads(of: -1).isEmpty)
  }
}
