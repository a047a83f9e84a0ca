/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attach.h - lb-decap's program on a device: loaded, filled, attached, found again, detached.
 *
 * The only user of libxdp and libbpf's loading in lb-decap.
 */
#ifndef LB_DECAP_ATTACH_H
#define LB_DECAP_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum decap_mode {
	DECAP_MODE_AUTO, /* native, or generic where the driver has no XDP */
	DECAP_MODE_NATIVE,
	DECAP_MODE_GENERIC,
};

struct decap; /* opaque: a loaded and attached program */

/* Where decap_attach() failed, for the message. */
enum decap_step {
	DECAP_STEP_LOAD,
	DECAP_STEP_BUSY, /* another XDP program is attached; its id is in *ret_prog_id */
	DECAP_STEP_ATTACH,
	DECAP_STEP_FILL,
	DECAP_STEP_PIN,
};

/* What is unwrapped. */
struct decap_wanted {
	const struct lb_addr *vips; /* inner destinations */
	size_t vip_count;
	uint16_t gue_port; /* UDP port of GUE; 0: none */
};

/*
 * Loads the program, attaches it to `ifindex` through libxdp and tells it what is wanted.
 * `pin_dir` may be NULL; else its maps are pinned there as lb_decap and lb_decap_ctr. On failure
 * returns -errno, *ret_step says where, and nothing is left behind.
 */
int decap_attach(int ifindex, enum decap_mode mode, const struct decap_wanted *wanted,
		 const char *pin_dir, struct decap **ret_decap, enum decap_step *ret_step,
		 uint32_t *ret_prog_id);
/* "native" or "generic": what it was attached as. */
const char *decap_mode_name(const struct decap *decap);
/* Detaches, removes the pins, frees. NULL is fine. -errno when the device kept the program. */
int decap_free(struct decap *decap);

/* The id of lb-decap's program on `ifindex`. -ENOENT: there is none. */
int decap_find(int ifindex, uint32_t *ret_prog_id);
/* Detaches lb-decap's program, whoever attached it. -ENOENT: there is none. */
int decap_detach(int ifindex);

/* Lets libbpf's and libxdp's own messages through to standard error. */
void decap_set_verbose(bool verbose);

#endif
