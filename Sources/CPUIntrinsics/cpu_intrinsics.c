#include "cpu_intrinsics.h"
