#pragma once
#error "tl_templates/cuda/instruction/mma_sp.h: the emulation has no sparse products."
