import CUDADriver
import Testing

@Suite struct TensorMapTests {
  /// [2048, 8, 128] of bfloat16, a box of 64 x 1 x 64.
  private var valid: TensorMapDescriptor {
    var map = TensorMapDescriptor(type: .bfloat16, rank: 3, address: 1 << 20, swizzle: 128, l2Promotion: 128)
    map.extents = .init([128, 8, 2048])
    map.strides = .init([256, 2048])
    map.box = .init([64, 1, 64])
    map.elementStrides = .init([1, 1, 1])
    return map
  }

  @Test func `a right descriptor has no fault`() { #expect(valid.fault == nil) }

  @Test func `each broken rule is named`() {
    func fault(_ change: (inout TensorMapDescriptor) -> Void) -> String {
      var map = valid
      change(&map)
      return map.fault ?? "none"
    }
    #expect(fault { $0.rank = 6 } == "6 axes, expected one to 5")
    #expect(fault { $0.rank = 0 } == "0 axes, expected one to 5")
    #expect(fault { $0.address += 8 } == "the address is not a multiple of 16 bytes")
    #expect(fault { $0.extents[1] = 0 } == "axis 1 has 0 elements, expected 1 to 2^32")
    #expect(fault { $0.extents[2] = (1 << 32) + 1 }.hasPrefix("axis 2 has 4294967297 elements"))
    #expect(
      fault { $0.strides[0] = 250 } == "neighbours on axis 1 are 250 bytes apart, expected a multiple of 16 below 2^40")
    #expect(fault { $0.strides[1] = 1 << 40 }.hasPrefix("neighbours on axis 2 are 1099511627776"))
    #expect(fault { $0.box[2] = 257 } == "axis 2 of the box has 257 elements, expected 1 to 256")
    #expect(fault { $0.box[0] = 20 } == "the box is 40 bytes wide, expected a multiple of 16")
    #expect(fault { $0.box[0] = 128 } == "the box is 256 bytes wide, wider than the swizzle of 128")
    #expect(fault { $0.elementStrides[1] = 9 } == "axis 1 has an element stride of 9, expected 1 to 8")
    #expect(fault { $0.swizzle = 48 } == "a swizzle of 48 bytes, expected 0, 32, 64 or 128")
    #expect(fault { $0.interleave = 8 } == "an interleave of 8 bytes, expected 0, 16 or 32")
    #expect(fault { $0.interleave = 32 } == "an interleave of 32 bytes wants a swizzle of 32 bytes")
    #expect(fault { $0.l2Promotion = 1 } == "an L2 promotion of 1 bytes")
    #expect(fault { $0.type = .float4_e2m1 } == "float4_e2m1 elements cannot be copied by tensor maps")
    let nan = "only floating-point elements can be filled with not-a-number"
    #expect(fault { ($0.type, $0.fill) = (.int16, 1) } == nan)
    #expect(fault { $0.fill = 1 } == "none")
  }
}
