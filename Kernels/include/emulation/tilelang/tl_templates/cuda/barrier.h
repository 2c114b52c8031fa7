#pragma once
#error "tl_templates/cuda/barrier.h is for sm_90, which the emulation does not run: lower for sm_80."
