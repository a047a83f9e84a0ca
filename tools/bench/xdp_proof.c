/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_proof.c - what the data plane's own counters say of a row's packets: each VIP's must have
 * grown by exactly what was sent to it, the reason's by what is not forwarded, and no other at all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "xdp.h"

static const struct {
	const char *name;
	enum {
		FORWARD,
		PASS,
		DROP
	} action;
} reasons[] = {
#define LB_REASON(id, name, action, help) {name, action},
#include "lb/reasons.def"
#undef LB_REASON
};

const char *xdp_reason_name(enum lb_reason reason)
{
	return reasons[reason].name;
}

bool xdp_reason_passes(enum lb_reason reason)
{
	return reasons[reason].action == PASS;
}

int xdp_proof_begin(const struct xdp_row *row, const struct xdp_wrapper *first,
		    struct xdp_proof *ret_proof, struct err *err)
{
	ret_proof->first = *first;
	return xdp_counts_read(row->scene, &ret_proof->was, err);
}

void xdp_proof_end(struct xdp_proof *proof)
{
	xdp_counts_free(&proof->was);
}

static int check_reasons(const struct xdp_row *row, const struct xdp_counts *was,
			 const struct xdp_counts *is, uint64_t n, size_t len, struct err *err)
{
	for (size_t i = 0; i < LB_REASON_MAX; i++) {
		const uint64_t packets = is->reasons[i].packets - was->reasons[i].packets;
		const uint64_t bytes = is->reasons[i].bytes - was->reasons[i].bytes;
		const bool here = i != LB_REASON_FORWARDED && i == row->expect;

		if (packets != (here ? n : 0) || bytes != (here ? n * len : 0))
			return err_set(err, -EBADMSG,
				       "%" PRIu64 " packets and %" PRIu64
				       " bytes counted as %s, not %" PRIu64 " and %" PRIu64,
				       packets, bytes, reasons[i].name, here ? n : 0,
				       here ? n * len : 0);
	}
	return 0;
}

/* How many of `n` packets went to each VIP: the wrapper's generator, run once more. */
static int expected_packets(const struct xdp_row *row, const struct xdp_proof *proof, uint64_t n,
			    uint64_t *expected, size_t n_vips, struct err *err)
{
	struct xdp_wrapper generator = proof->first;
	uint32_t vip;

	if (row->expect != LB_REASON_FORWARDED && !row->of_vip)
		return 0;
	for (; n; n--) {
		xdp_wrapper_next(&generator, &vip);
		if (vip >= n_vips)
			return err_set(err, -EBADMSG, "packets went to VIP %u of %zu", vip, n_vips);
		expected[vip]++;
	}
	return 0;
}

static int check_vip(size_t vip, const char *verb, const struct lb_counter *before,
		     const struct lb_counter *after, uint64_t expected, size_t len, struct err *err)
{
	const uint64_t packets = after->packets - before->packets;
	const uint64_t bytes = after->bytes - before->bytes;

	if (packets == expected && bytes == expected * len)
		return 0;
	return err_set(err, -EBADMSG,
		       "VIP %zu %s %" PRIu64 " packets and %" PRIu64 " bytes, not %" PRIu64
		       " and %" PRIu64,
		       vip, verb, packets, bytes, expected, expected * len);
}

static int check_vips(const struct xdp_row *row, const struct xdp_counts *was,
		      const struct xdp_counts *is, const uint64_t *expected, size_t len,
		      struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < is->n_vips && !r; i++) {
		const struct lb_vip_counter *before = &was->vips[i], *after = &is->vips[i];

		r = check_vip(i, "forwarded", &before->forwarded, &after->forwarded,
			      row->of_vip ? 0 : expected[i], len, err);
		if (!r)
			r = check_vip(i, "dropped", &before->dropped, &after->dropped,
				      row->of_vip ? expected[i] : 0, len, err);
	}
	return r;
}

int xdp_proof_check(const struct xdp_row *row, const struct xdp_proof *proof, uint64_t n,
		    size_t len, struct err *err)
{
	struct xdp_counts is = {0};
	uint64_t *expected = NULL;
	int r = xdp_counts_read(row->scene, &is, err);

	if (r)
		goto out;
	expected = calloc(is.n_vips + 1, sizeof(*expected));
	if (!expected) {
		r = err_set(err, -ENOMEM, "out of memory");
		goto out;
	}
	r = check_reasons(row, &proof->was, &is, n, len, err);
	if (!r)
		r = expected_packets(row, proof, n, expected, is.n_vips, err);
	if (!r)
		r = check_vips(row, &proof->was, &is, expected, len, err);
out:
	free(expected);
	xdp_counts_free(&is);
	return r;
}
