/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shape.h - where the headers of a frame seem to be, for those who change or print it. Unlike the
 * model it believes what it reads, as far as the frame goes.
 */
#ifndef MODEL_SHAPE_H
#define MODEL_SHAPE_H

#include "model.h"

#define SHAPE_HEADERS 16

struct shape {
	int tags;
	uint16_t ethertype;		  /* behind the tags */
	int af;				  /* by ethertype: 4, 6, or 0 */
	size_t l3, l4;			  /* 0: not reached */
	uint8_t proto;			  /* valid with l4 */
	bool fragment;			  /* not the first one: no L4 header is to be seen */
	size_t extensions[SHAPE_HEADERS]; /* IPv6: their offsets */
	uint8_t extension_numbers[SHAPE_HEADERS];
	int n_extensions;
};

void shape_scan(const struct model_frame *frame, struct shape *ret_shape);

/* Makes the checksums right, of IPv4's header and of TCP, UDP and ICMP, as far as lengths allow. */
void shape_checksums(struct model_frame *frame);

#endif
