// Running sums and maxima.
#pragma once

#include <limits>

#include "reduce.h"

namespace tl {

struct ScanSumOp : SumOp {
  template <typename T>
  static T identity() { return T(0); }
};
struct ScanMaxOp : MaxOp {
  template <typename T>
  static T identity() {
    if constexpr (std::is_integral_v<T>) return std::numeric_limits<T>::lowest();
    else return T(-INFINITY);
  }
};

/// One line, by WIDTH lanes of a warp, that many elements at a time; the last of each is carried to the next.
template <class Reducer, bool REVERSE, typename T, int WIDTH>
inline void scan_line(const T* from, T* to, int count, int from_stride, int to_stride) {
  const int lane = static_cast<int>(threadIdx.x) % WIDTH;
  const Reducer reducer;
  T carry = Reducer::template identity<T>();
  for (int first = 0; first < count; first += WIDTH) {
    const int position = first + lane;
    const int index = REVERSE ? count - 1 - position : position;
    T x = position < count ? from[index * from_stride] : Reducer::template identity<T>();
    for (int distance = 1; distance < WIDTH; distance *= 2) {
      const T before = shfl_up_sync(~0u, x, distance);
      if (lane >= distance) x = reducer(x, before);
    }
    x = reducer(x, carry);
    if (position < count) to[index * to_stride] = x;
    carry = shfl_sync(~0u, x, WIDTH - 1);
  }
}

template <class Reducer, bool REVERSE>
struct Scan1D {
  template <typename T, int WIDTH = 32>
  static void run(const T* from, T* to, int count) {
    if (threadIdx.x < WIDTH) scan_line<Reducer, REVERSE, T, WIDTH>(from, to, count, 1, 1);
  }
};

/// Along rows when AXIS is 1, along columns when it is 0; each WIDTH threads take a line.
template <class Reducer, int THREADS, int AXIS, bool REVERSE>
struct Scan2D {
  template <typename T, int WIDTH = 32>
  static void run(const T* from, T* to, int height, int width, int from_stride, int to_stride) {
    const int lines = AXIS == 1 ? height : width, count = AXIS == 1 ? width : height;
    for (int line = static_cast<int>(threadIdx.x) / WIDTH; line < lines; line += THREADS / WIDTH) {
      if constexpr (AXIS == 1) {
        scan_line<Reducer, REVERSE, T, WIDTH>(from + line * from_stride, to + line * to_stride, count, 1, 1);
      } else {
        scan_line<Reducer, REVERSE, T, WIDTH>(from + line, to + line, count, from_stride, to_stride);
      }
    }
  }
};

template <int THREADS, bool REVERSE = false>
struct CumSum1D : Scan1D<ScanSumOp, REVERSE> {};
template <int THREADS, bool REVERSE = false>
struct CumMax1D : Scan1D<ScanMaxOp, REVERSE> {};
template <int THREADS, int AXIS = 0, bool REVERSE = false>
struct CumSum2D : Scan2D<ScanSumOp, THREADS, AXIS, REVERSE> {};
template <int THREADS, int AXIS = 0, bool REVERSE = false>
struct CumMax2D : Scan2D<ScanMaxOp, THREADS, AXIS, REVERSE> {};

}  // namespace tl
