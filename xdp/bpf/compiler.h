/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compiler.h - what every stage's header needs before it can say anything.
 */
#ifndef LB_BPF_COMPILER_H
#define LB_BPF_COMPILER_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <lb/abi.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "headers are written as words; both supported architectures are little-endian");

#define lb_likely(x)   __builtin_expect(!!(x), 1)
#define lb_unlikely(x) __builtin_expect(!!(x), 0)

/* One load, whatever the optimiser thinks: the agent may store to the word meanwhile. */
#define LB_READ_ONCE(x) (*(const volatile typeof(x) *)&(x))

/*
 * A stage returns LB_NEXT, or the reason (enum lb_reason) that ends the packet's way. Zero is
 * LB_REASON_FORWARDED, which no stage but the last may return, so "next" is a value of its own.
 */
#define LB_NEXT (-1)

/*
 * The reason, as a stage returns it. The compiler may not load it before it knows that the packet
 * stops here: it would load one before every test that can stop a packet, for all that go on.
 */
#define lb_stop(reason)                                                                            \
	({                                                                                         \
		int lb_reason = (reason);                                                          \
		asm volatile("" : "+r"(lb_reason));                                                \
		__builtin_assume(lb_reason > 0); /* neither LB_NEXT nor forwarded */               \
		lb_reason;                                                                         \
	})

/* Ends the stage with a reason if `condition` holds. */
#define lb_stop_if(condition, reason)                                                              \
	do {                                                                                       \
		if (lb_unlikely(condition))                                                        \
			return lb_stop(reason);                                                    \
	} while (0)

/* A pointer that the compiler may not compute anew from its parts wherever it is used. */
#define lb_computed(pointer) asm("" : "+r"(pointer))

/* The constant `af` that specialises one body for both families. */
#define LB_IPV4		 4
#define LB_IPV6		 6

#define LB_ETH_P_IP_BE	 bpf_htons(0x0800)
#define LB_ETH_P_IPV6_BE bpf_htons(0x86dd)

#endif
