// half_t and bfloat16_t: numbers of 16 bits whose arithmetic is rounded after each operation.
#pragma once

namespace tl {

inline float widen(__half x) { return __half2float(x); }
inline float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
inline void narrow(float x, __half& y) { y = __float2half_rn(x); }
inline void narrow(float x, __nv_bfloat16& y) { y = __float2bfloat16_rn(x); }

/// Raw is __half or __nv_bfloat16. Made of a float only when asked for, and a float whenever one is needed.
template <typename Raw>
struct Element16 {
  Raw raw;

  Element16() = default;
  Element16(Raw x) : raw(x) {}
  explicit Element16(float x) { narrow(x, raw); }
  explicit Element16(double x) : Element16(static_cast<float>(x)) {}
  template <typename Integer, typename = std::enable_if_t<std::is_integral_v<Integer>>>
  explicit Element16(Integer x) : Element16(static_cast<float>(x)) {}
  template <typename Other>
  explicit Element16(Element16<Other> x) : Element16(static_cast<float>(x)) {}

  operator float() const { return widen(raw); }
  explicit operator Raw() const { return raw; }

  Raw to_half() const { return raw; }
  Raw to_nv_bfloat16() const { return raw; }

  friend Element16 operator+(Element16 a, Element16 b) { return Element16(widen(a.raw) + widen(b.raw)); }
  friend Element16 operator-(Element16 a, Element16 b) { return Element16(widen(a.raw) - widen(b.raw)); }
  friend Element16 operator*(Element16 a, Element16 b) { return Element16(widen(a.raw) * widen(b.raw)); }
  friend Element16 operator/(Element16 a, Element16 b) { return Element16(widen(a.raw) / widen(b.raw)); }
  friend Element16 operator-(Element16 a) { return Element16(-widen(a.raw)); }
  Element16& operator+=(Element16 b) { return *this = *this + b; }
  Element16& operator-=(Element16 b) { return *this = *this - b; }
  Element16& operator*=(Element16 b) { return *this = *this * b; }
  Element16& operator/=(Element16 b) { return *this = *this / b; }

  friend bool operator<(Element16 a, Element16 b) { return widen(a.raw) < widen(b.raw); }
  friend bool operator>(Element16 a, Element16 b) { return widen(a.raw) > widen(b.raw); }
  friend bool operator<=(Element16 a, Element16 b) { return widen(a.raw) <= widen(b.raw); }
  friend bool operator>=(Element16 a, Element16 b) { return widen(a.raw) >= widen(b.raw); }
  friend bool operator==(Element16 a, Element16 b) { return widen(a.raw) == widen(b.raw); }
  friend bool operator!=(Element16 a, Element16 b) { return widen(a.raw) != widen(b.raw); }
};

}  // namespace tl

using half_t = tl::Element16<__half>;
using bfloat16_t = tl::Element16<__nv_bfloat16>;

// Functions of them, computed in float and rounded once.
#define EMULATION_ELEMENT_FUNCTION(name, expression)                                      \
  template <typename Raw>                                                                 \
  inline tl::Element16<Raw> name(tl::Element16<Raw> value) {                              \
    const float x = value;                                                                \
    return tl::Element16<Raw>(expression);                                                \
  }
EMULATION_ELEMENT_FUNCTION(__habs, fabsf(x))
EMULATION_ELEMENT_FUNCTION(hexp, expf(x))
EMULATION_ELEMENT_FUNCTION(hexp2, exp2f(x))
EMULATION_ELEMENT_FUNCTION(hexp10, powf(10.0f, x))
EMULATION_ELEMENT_FUNCTION(hlog, logf(x))
EMULATION_ELEMENT_FUNCTION(hlog2, log2f(x))
EMULATION_ELEMENT_FUNCTION(hlog10, log10f(x))
EMULATION_ELEMENT_FUNCTION(hsqrt, sqrtf(x))
EMULATION_ELEMENT_FUNCTION(hrsqrt, 1.0f / sqrtf(x))
EMULATION_ELEMENT_FUNCTION(hrcp, 1.0f / x)
EMULATION_ELEMENT_FUNCTION(hsin, sinf(x))
EMULATION_ELEMENT_FUNCTION(hcos, cosf(x))
EMULATION_ELEMENT_FUNCTION(htan, tanf(x))
EMULATION_ELEMENT_FUNCTION(htanh, tanhf(x))
EMULATION_ELEMENT_FUNCTION(hsinh, sinhf(x))
EMULATION_ELEMENT_FUNCTION(hcosh, coshf(x))
EMULATION_ELEMENT_FUNCTION(hatan, atanf(x))
EMULATION_ELEMENT_FUNCTION(herf, erff(x))
EMULATION_ELEMENT_FUNCTION(hfloor, floorf(x))
EMULATION_ELEMENT_FUNCTION(hceil, ceilf(x))
EMULATION_ELEMENT_FUNCTION(htrunc, truncf(x))
EMULATION_ELEMENT_FUNCTION(hrint, nearbyintf(x))
EMULATION_ELEMENT_FUNCTION(hnearbyint, nearbyintf(x))
#undef EMULATION_ELEMENT_FUNCTION

template <typename Raw>
inline tl::Element16<Raw> __hmax(tl::Element16<Raw> a, tl::Element16<Raw> b) { return __hmax(a.raw, b.raw); }
template <typename Raw>
inline tl::Element16<Raw> __hmin(tl::Element16<Raw> a, tl::Element16<Raw> b) { return __hmin(a.raw, b.raw); }
template <typename Raw>
inline tl::Element16<Raw> __hfma(tl::Element16<Raw> a, tl::Element16<Raw> b, tl::Element16<Raw> c) {
  return __hfma(a.raw, b.raw, c.raw);
}
template <typename Raw>
inline tl::Element16<Raw> hpow(tl::Element16<Raw> a, tl::Element16<Raw> b) {
  return tl::Element16<Raw>(powf(static_cast<float>(a), static_cast<float>(b)));
}

/// Two elements in a register, the first in the lower half.
inline unsigned emulation_pack(const void* low, const void* high) {
  uint16_t bits[2];
  memcpy(&bits[0], low, 2);
  memcpy(&bits[1], high, 2);
  return bits[0] | static_cast<unsigned>(bits[1]) << 16;
}
inline unsigned __pack_half2(half_t low, half_t high) { return emulation_pack(&low, &high); }
inline unsigned __pack_half2(bfloat16_t low, bfloat16_t high) { return emulation_pack(&low, &high); }
inline unsigned __pack_half2(__half low, __half high) { return emulation_pack(&low, &high); }
inline unsigned __pack_nv_bfloat162(bfloat16_t low, bfloat16_t high) { return emulation_pack(&low, &high); }
