// What a C++ kernel needs, in one header without dependencies: typed views of tensors, checked arguments, errors.
//
//     #include "swiftlet_kernel.h"
//
//     SWIFTLET_KERNEL(run, swiftlet::Tensor<const float> x, double scale, swiftlet::Tensor<float> out) {
//       out.expect_shape({x.size(0), x.size(1)});
//       for (int64_t i = 0; i < x.count(); ++i) out[i] = x[i] * static_cast<float>(scale);
//     }
//
// The macro exports `__tvm_ffi_run` with the C ABI of TVM-FFI 0.1 (DLPack tensors), so that one source, unchanged,
//
//   - builds under FlashInfer-Bench and tvm_ffi, with this header among the solution's sources, and
//   - builds with `c++ -std=c++17 -O3 -march=native -shared -fPIC`, to be loaded with dlopen by any program that speaks
//     the ABI. Nothing of TVM-FFI is needed to build or to run it.
//
// Arguments are the definition's inputs, then its outputs (destination passing). A parameter is a
//
//   - `Tensor<T>` or `Tensor<const T>`: contiguous, aligned, in the processor's memory; T is float, double, (u)int8_t …
//     (u)int64_t, bool, swiftlet::bfloat16 or swiftlet::float16;
//   - `AnyTensor`: the same with the element type looked up at run time;
//   - double, float, int64_t, int32_t or bool: a host scalar (a definition's `shape: null`).
//
// What a caller passes is checked before the kernel runs; a mismatch names the kernel, the argument and what it should
// be. A kernel reports a fault of its own with `throw swiftlet::Error("tokens[", i, "] is ", token)`. The call then
// returns -1, `swiftlet_last_error()` returns the message (of this thread), and where TVM-FFI is in the process the
// message is raised through it, so that Python sees an exception.
#pragma once

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#define SWIFTLET_EXPORT __attribute__((visibility("default")))

// Everything but the exported functions is hidden: kernels in one process share no state, and can be unloaded.
#pragma GCC visibility push(hidden)

namespace swiftlet {

// ---- the ABI: DLPack 1 and TVM-FFI 0.1, as laid out in memory ----

namespace abi {

struct Device {
  int32_t type, id;
};
struct DataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void *data;
  Device device;
  int32_t rank;
  DataType dtype;
  int64_t *shape, *strides;  // strides in elements; null: contiguous
  uint64_t byte_offset;
};
struct Object {
  uint64_t reference_counts;
  int32_t type_index;
  uint32_t padding;
  void (*deleter)(void *, int);
};
struct TensorObject {
  Object header;
  DLTensor tensor;
};
struct Any {
  int32_t type_index;
  uint32_t padding;
  union {
    int64_t integer;
    double real;
    void *pointer;
  };
};
static_assert(sizeof(DLTensor) == 48 && sizeof(Object) == 24 && sizeof(Any) == 16, "the ABI is that of 64-bit systems");

enum TypeIndex : int32_t { none = 0, integer = 1, boolean = 2, real = 3, tensor_pointer = 7, moved = 10, tensor = 70 };
enum TypeCode : uint8_t { int_code = 0, uint_code = 1, float_code = 2, bfloat_code = 4, bool_code = 6 };
enum DeviceType : int32_t { cpu = 1, cuda_host = 3 };

}  // namespace abi

// ---- errors ----

// Not std::to_string, whose table of digits is a process-wide symbol that keeps the library loaded.
template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
std::string number_text(T value) {
  char text[32];
  if constexpr (std::is_floating_point_v<T>) std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  else if constexpr (std::is_signed_v<T>) std::snprintf(text, sizeof text, "%lld", static_cast<long long>(value));
  else std::snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(value));
  return text;
}

// What a kernel throws: its arguments, joined. `kind` is the name of the Python exception.
class Error : public std::exception {
 public:
  template <typename... Parts>
  explicit Error(const Parts &...parts) {
    (append(parts), ...);
  }
  Error &of_kind(const char *kind) {
    kind_ = kind;
    return *this;
  }
  const char *what() const noexcept override { return message_.c_str(); }
  const char *kind() const noexcept { return kind_; }

 private:
  void append(const char *text) { message_ += text; }
  void append(const std::string &text) { message_ += text; }
  void append(bool value) { message_ += value ? "true" : "false"; }
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  void append(T value) {
    message_ += number_text(value);
  }
  std::string message_;
  const char *kind_ = "RuntimeError";
};

inline std::string shape_text(const int64_t *sizes, size_t rank) {
  std::string text = "[";
  for (size_t i = 0; i < rank; ++i) text += (i ? ", " : "") + number_text(sizes[i]);
  return text + "]";
}

// ---- element types ----

namespace detail {

template <typename To, typename From>
To bit_cast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

}  // namespace detail

// 8 bits of exponent, 7 of fraction: the upper half of a float.
struct bfloat16 {
  uint16_t bits;
  bfloat16() = default;
  // Rounds to nearest, ties to even; a NaN stays one.
  explicit bfloat16(float value) {
    const uint32_t x = detail::bit_cast<uint32_t>(value);
    bits = (x & 0x7FFFFFFFu) > 0x7F800000u ? (x >> 16) | 0x40u : (x + 0x7FFFu + (x >> 16 & 1u)) >> 16;
  }
  operator float() const { return detail::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

// IEEE binary16.
struct float16 {
  uint16_t bits;
  float16() = default;
  // Rounds to nearest, ties to even; a NaN stays one, what is too large becomes infinite.
  explicit float16(float value) {
    const uint32_t x = detail::bit_cast<uint32_t>(value), magnitude = x & 0x7FFFFFFFu, sign = x >> 16 & 0x8000u;
    uint32_t half;
    if (magnitude > 0x7F800000u) {
      half = 0x7E00u;  // NaN
    } else if (magnitude >= 0x47800000u) {
      half = 0x7C00u;  // 2^16 and above
    } else if (magnitude < 0x38800000u) {
      // Below 2^-14: the sum's last bit is worth 2^-24, the step of a subnormal, and addition rounds to it.
      half = detail::bit_cast<uint32_t>(detail::bit_cast<float>(magnitude) + 0.5f) - 0x3F000000u;
    } else {
      half = (magnitude - 0x38000000u + 0xFFFu + (magnitude >> 13 & 1u)) >> 13;
    }
    bits = static_cast<uint16_t>(sign | half);
  }
  operator float() const {
    const uint32_t sign = (bits & 0x8000u) << 16, magnitude = (bits & 0x7FFFu) << 13;
    if ((bits & 0x7C00u) == 0x7C00u) return detail::bit_cast<float>(sign | magnitude | 0x7F800000u);
    // The exponent's bias goes from 15 to 127; a product makes subnormals normal, exactly.
    return detail::bit_cast<float>(sign | 0x3F800000u) * (detail::bit_cast<float>(magnitude) * 0x1p112f);
  }
};

// The definition's name of an element type.
inline std::string dtype_name(abi::DataType type) {
  if (type.lanes == 1) switch (type.code) {
      case abi::int_code: return "int" + number_text(type.bits);
      case abi::uint_code: return "uint" + number_text(type.bits);
      case abi::float_code: return "float" + number_text(type.bits);
      case abi::bfloat_code: return "bfloat" + number_text(type.bits);
      case abi::bool_code: return "bool";
      default: break;
    }
  return "DLPack type " + number_text(type.code) + " of " + number_text(type.bits) + " bits x " +
         number_text(type.lanes);
}

template <typename T>
constexpr abi::DataType dtype_of() {
  constexpr uint8_t bits = 8 * sizeof(T);
  if constexpr (std::is_same_v<T, bool>) return {abi::bool_code, 8, 1};
  else if constexpr (std::is_same_v<T, bfloat16>) return {abi::bfloat_code, 16, 1};
  else if constexpr (std::is_same_v<T, float16> || std::is_floating_point_v<T>) return {abi::float_code, bits, 1};
  else {
    static_assert(std::is_integral_v<T>, "no element type of a tensor");
    return {std::is_signed_v<T> ? abi::int_code : abi::uint_code, bits, 1};
  }
}

// ---- tensors ----

template <typename T>
class Tensor;

// A contiguous tensor in the processor's memory, its element type known at run time. Valid during the call.
class AnyTensor {
 public:
  // - Throws: Error when the tensor is not contiguous, not on the processor, or too large to be true.
  AnyTensor(const abi::DLTensor &tensor, std::string name) : tensor_(tensor), name_(std::move(name)) {
    const bool is_here = tensor.device.type == abi::cpu || tensor.device.type == abi::cuda_host;
    if (!is_here) throw fault("is on device type ", tensor.device.type, ", expected the processor's memory (1)");
    if (tensor.rank < 0 || (tensor.rank > 0 && !tensor.shape)) throw fault("has no shape");
    for (int32_t i = 0; i < tensor.rank; ++i)
      if (tensor.shape[i] < 0) throw fault("has the shape ", shape(), ", no size may be negative");
    for (int32_t i = 0; i < tensor.rank; ++i)
      if (tensor.shape[i] == 0) count_ = 0;
    int64_t stride = 1;
    for (int32_t i = tensor.rank - 1; i >= 0 && count_ > 0; --i) {
      if (tensor.strides && tensor.shape[i] > 1 && tensor.strides[i] != stride)
        throw fault("is not contiguous: axis ", i, " has stride ", tensor.strides[i], ", expected ", stride);
      if (__builtin_mul_overflow(stride, tensor.shape[i], &stride)) throw fault("has the shape ", shape(), ", too large");
    }
    if (count_ > 0) count_ = stride;
    if (count_ > 0 && !tensor.data) throw fault("has no data");
  }

  const std::string &name() const { return name_; }
  std::string dtype() const { return dtype_name(tensor_.dtype); }
  int64_t rank() const { return tensor_.rank; }
  // The number of elements.
  int64_t count() const { return count_; }
  // - axis: negative ones count from the last.
  int64_t size(int64_t axis) const {
    const int64_t i = axis < 0 ? axis + rank() : axis;
    if (i < 0 || i >= rank()) throw fault("has the shape ", shape(), ", there is no axis ", axis);
    return tensor_.shape[i];
  }
  std::string shape() const { return shape_text(tensor_.shape, static_cast<size_t>(tensor_.rank)); }
  void *raw() const { return static_cast<char *>(tensor_.data) + tensor_.byte_offset; }

  // - Throws: Error when the shape differs; -1 stands for any size.
  void expect_shape(std::initializer_list<int64_t> expected) const {
    bool agrees = expected.size() == static_cast<size_t>(rank());
    for (size_t i = 0; agrees && i < expected.size(); ++i)
      agrees = expected.begin()[i] == -1 || expected.begin()[i] == tensor_.shape[i];
    if (!agrees) throw fault("is ", shape(), ", expected ", shape_text(expected.begin(), expected.size()));
  }
  void expect_rank(int64_t expected) const {
    if (rank() != expected) throw fault("is ", shape(), ", expected ", expected, " axes");
  }

  template <typename T>
  bool is() const {
    const abi::DataType expected = dtype_of<std::remove_const_t<T>>(), found = tensor_.dtype;
    // A bool of DLPack before 0.8 is an unsigned byte.
    const bool is_bool = std::is_same_v<std::remove_const_t<T>, bool> && found.code == abi::uint_code;
    return found.bits == expected.bits && found.lanes == 1 && (found.code == expected.code || is_bool);
  }
  // The same tensor with its element type.
  // - Throws: Error when it has another.
  template <typename T>
  Tensor<T> as() const {
    return Tensor<T>(*this);
  }

  // A fault of this tensor, to be thrown.
  template <typename... Parts>
  Error fault(const Parts &...parts) const {
    return Error(name_, " ", parts...).of_kind("ValueError");
  }

 private:
  abi::DLTensor tensor_;
  std::string name_;
  int64_t count_ = 1;
};

// A contiguous tensor of T in the processor's memory; Tensor<const T> is read only. Valid during the call.
template <typename T>
class Tensor : public AnyTensor {
 public:
  explicit Tensor(const AnyTensor &any) : AnyTensor(any), data_(static_cast<T *>(any.raw())) {
    if (!is<T>())
      throw Error(name(), " is ", dtype(), ", expected ", dtype_name(dtype_of<std::remove_const_t<T>>()))
          .of_kind("TypeError");
    if (count() > 0 && reinterpret_cast<uintptr_t>(data_) % alignof(T) != 0) throw fault("is not aligned");
  }

  T *data() const { return data_; }
  T *begin() const { return data_; }
  T *end() const { return data_ + count(); }
  // Element i in memory order; not checked.
  T &operator[](int64_t i) const { return data_[i]; }
  // The elements of index i of the first axis; not checked.
  T *row(int64_t i) const { return data_ + i * row_size(); }
  // Elements of a row: the product of all sizes but the first.
  int64_t row_size() const { return size(0) == 0 ? 0 : count() / size(0); }

 private:
  T *data_;
};

// ---- the call ----

namespace detail {

// The last error of this thread. Without a destructor, which would keep the library loaded.
inline char *last_error() {
  static thread_local char message[1024] = "";
  return message;
}
constexpr size_t last_error_size = 1024;

inline int fail(const char *kernel, const char *kind, const char *message) {
  char *text = last_error();
  std::snprintf(text, last_error_size, "%s: %s", kernel, message);
  using Raise = void (*)(const char *, const char *);
  if (void *raise = dlsym(RTLD_DEFAULT, "TVMFFIErrorSetRaisedFromCStr")) reinterpret_cast<Raise>(raise)(kind, text);
  return -1;
}

// The name of parameter i in the text of a parameter list: the last word before its comma.
inline std::string parameter_name(const char *parameters, size_t index) {
  int depth = 0;
  std::string word, last;
  size_t i = 0;
  for (const char *c = parameters;; ++c) {
    const bool is_word = *c == '_' || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
    if (is_word) {
      word += *c;
      continue;
    }
    if (!word.empty()) last = word;
    word.clear();
    if (*c == '<' || *c == '(') ++depth;
    if (*c == '>' || *c == ')') --depth;
    if (*c != '\0' && (*c != ',' || depth > 0)) continue;
    if (i == index || *c == '\0') return last.empty() ? "argument " + number_text(index) : last;
    ++i;
  }
}

inline const char *kind_of(int32_t type_index) {
  switch (type_index) {
    case abi::none: return "None";
    case abi::integer: return "an integer";
    case abi::boolean: return "a bool";
    case abi::real: return "a float";
    case abi::tensor_pointer:
    case abi::tensor: return "a tensor";
    default: return "neither number nor tensor";
  }
}

// One argument as the parameter's type.
struct Argument {
  const abi::Any &any;
  const char *parameters;
  size_t index;

  std::string name() const { return parameter_name(parameters, index); }
  Error mismatch(const char *expected) const {
    return Error(name(), " is ", kind_of(any.type_index), " (type index ", any.type_index, "), expected ", expected)
        .of_kind("TypeError");
  }

  AnyTensor tensor() const {
    const abi::DLTensor *found = nullptr;
    if (any.type_index == abi::tensor_pointer) found = static_cast<const abi::DLTensor *>(any.pointer);
    if (any.type_index == abi::tensor) found = &static_cast<const abi::TensorObject *>(any.pointer)->tensor;
    if (any.type_index == abi::moved && any.pointer) {
      const auto *object = *static_cast<const abi::TensorObject *const *>(any.pointer);
      if (object && object->header.type_index == abi::tensor) found = &object->tensor;
    }
    if (!found) throw mismatch("a tensor");
    return AnyTensor(*found, name());
  }

  template <typename T>
  T as() const {
    const bool is_integer = any.type_index == abi::integer || any.type_index == abi::boolean;
    if constexpr (std::is_base_of_v<AnyTensor, T>) {
      return T(tensor());
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!is_integer) throw mismatch("a bool");
      return any.integer != 0;
    } else if constexpr (std::is_floating_point_v<T>) {
      if (is_integer) return static_cast<T>(any.integer);
      if (any.type_index != abi::real) throw mismatch("a number");
      return static_cast<T>(any.real);
    } else {
      static_assert(std::is_integral_v<T> && std::is_signed_v<T>, "a parameter is a Tensor, an AnyTensor or a number");
      if (!is_integer) throw mismatch("an integer");
      if (static_cast<T>(any.integer) != any.integer)
        throw Error(name(), " is ", any.integer, ", which does not fit into ", sizeof(T) * 8, " bits")
            .of_kind("ValueError");
      return static_cast<T>(any.integer);
    }
  }
};

template <typename... Parameters, size_t... Index>
void invoke(void (*kernel)(Parameters...), const char *parameters, const abi::Any *arguments,
            std::index_sequence<Index...>) {
  // Braces: arguments are read in order, so the first wrong one is reported.
  std::tuple<std::decay_t<Parameters>...> values{
      Argument{arguments[Index], parameters, Index}.template as<std::decay_t<Parameters>>()...};
  kernel(std::get<Index>(values)...);
}

template <typename... Parameters>
int call(const char *name, const char *parameters, void (*kernel)(Parameters...), const abi::Any *arguments,
         int32_t count, abi::Any *result) noexcept {
  try {
    constexpr int32_t expected = sizeof...(Parameters);
    if (count != expected || (count > 0 && !arguments))
      throw Error("called with ", count, " arguments, expected ", expected, " (", parameters, ")").of_kind("TypeError");
    invoke(kernel, parameters, arguments, std::index_sequence_for<Parameters...>());
    if (result) {
      result->type_index = abi::none;
      result->padding = 0;
      result->integer = 0;
    }
    return 0;
  } catch (const Error &error) {
    return fail(name, error.kind(), error.what());
  } catch (const std::exception &error) {
    return fail(name, "RuntimeError", error.what());
  } catch (...) {
    return fail(name, "RuntimeError", "something that is no std::exception was thrown");
  }
}

}  // namespace detail
}  // namespace swiftlet

#pragma GCC visibility pop

// The message of the last call on this thread that returned a nonzero value; empty before.
extern "C" inline __attribute__((used, visibility("default"))) const char *swiftlet_last_error() {
  return swiftlet::detail::last_error();
}

// Defines and exports a kernel: SWIFTLET_KERNEL(name, parameters...) { body }.
#define SWIFTLET_KERNEL(name, ...)                                                                             \
  static void swiftlet_kernel_##name(__VA_ARGS__);                                                             \
  extern "C" SWIFTLET_EXPORT int __tvm_ffi_##name(void *, const swiftlet::abi::Any *arguments, int32_t count,  \
                                                  swiftlet::abi::Any *result) {                                \
    return swiftlet::detail::call(#name, #__VA_ARGS__, &swiftlet_kernel_##name, arguments, count, result);     \
  }                                                                                                            \
  static void swiftlet_kernel_##name(__VA_ARGS__)
