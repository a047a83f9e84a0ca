/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * settings.h - what is fixed for the program's life: constants of its instructions.
 *
 * lb_setting(field) is one instruction that loads a 64-bit constant which only marks the place:
 * before loading, lb-agent/balancer.c writes the field's value there. The verifier then knows it,
 * as it would know that of a `const volatile` variable, but nothing is read from memory.
 */
#ifndef LB_BPF_SETTINGS_H
#define LB_BPF_SETTINGS_H

#include "compiler.h"

#define lb_setting(field)                                                                          \
	({                                                                                         \
		__u64 lb_value;                                                                    \
		asm("%0 = %1 ll"                                                                   \
		    : "=r"(lb_value)                                                               \
		    : "i"(LB_SETTING_MARK | __builtin_offsetof(struct lb_settings, field)));       \
		lb_value;                                                                          \
	})

/* `value & setting`, of 32 bits, in one instruction. */
#define lb_and_setting(value, field)                                                               \
	({                                                                                         \
		__u32 lb_value = (value);                                                          \
		asm("%0 &= %1"                                                                     \
		    : "+w"(lb_value)                                                               \
		    : "i"(LB_SETTING_IMM | __builtin_offsetof(struct lb_settings, field)));        \
		lb_value;                                                                          \
	})

/* `value >> setting`, of 64 bits. */
#define lb_shift_by_setting(value, field)                                                          \
	({                                                                                         \
		__u64 lb_value = (value);                                                          \
		asm("%0 >>= %1"                                                                    \
		    : "+r"(lb_value)                                                               \
		    : "i"(LB_SETTING_IMM | __builtin_offsetof(struct lb_settings, field)));        \
		lb_value;                                                                          \
	})

#endif
