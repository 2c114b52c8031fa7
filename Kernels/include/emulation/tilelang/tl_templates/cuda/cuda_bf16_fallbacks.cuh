// Nothing of the header of this name is needed.
#pragma once

#include "common.h"
