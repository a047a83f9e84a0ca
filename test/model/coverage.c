/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * coverage.c - counts a run's packets by reason and, if forwarded, by what was done to their heads.
 */
#include "coverage.h"

#include <inttypes.h>

#include <linux/bpf.h>

#include "shape.h"

static const char *const outer_names[] = {"l2", "ipip in IPv4", "ipip in IPv6"};

/* What no packet of a run can end by, and what shows it instead. */
static const struct {
	int reason;
	const char *why;
} elsewhere[] = {
    {LB_REASON_RATE_LIMITED, "limits need a clock: test/packet/test_limit.c"},
};

static const char *shown_elsewhere(int reason)
{
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (elsewhere[i].reason == reason)
			return elsewhere[i].why;
	return NULL;
}

void coverage_count(struct coverage *coverage, const struct model_frame *in,
		    const struct model_verdict *verdict)
{
	const uint8_t *out = verdict->out.bytes;
	struct shape s;
	size_t grown, tag_out;

	shape_scan(in, &s);
	coverage->packets++;
	coverage->reasons[verdict->reason][s.af == 4 ? 0 : s.af == 6 ? 1 : 2]++;
	if (verdict->reason != LB_REASON_FORWARDED)
		return;
	tag_out = model_get16(out + 12) == 0x8100;
	grown = verdict->out.len + 4 * (size_t)s.tags - in->len - 4 * tag_out;
	coverage->forwarded[s.af == 6][grown / 20][s.tags][tag_out]++;
	coverage->redirected += verdict->action == XDP_REDIRECT;
}

void coverage_print(const struct coverage *coverage, FILE *out)
{
	fprintf(out, "%-20s %12s %12s %12s\n", "reason", "IPv4", "IPv6", "neither");
	for (int i = 0; i < LB_REASON_MAX; i++)
		fprintf(out, "%-20s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n",
			model_reason_name(i), coverage->reasons[i][0], coverage->reasons[i][1],
			coverage->reasons[i][2]);
	fprintf(out, "%-20s %12s %12s\n", "forwarded by", "IPv4", "IPv6");
	for (int outer = 0; outer < 3; outer++) {
		uint64_t sum[2] = {0};

		for (int i = 0; i < 12; i++)
			sum[i / 6] += coverage->forwarded[i / 6][outer][i / 2 % 3][i % 2];
		fprintf(out, "%-20s %12" PRIu64 " %12" PRIu64 "\n", outer_names[outer], sum[0],
			sum[1]);
	}
}

int coverage_missing(const struct coverage *coverage, FILE *out)
{
	int missing = 0;

	for (int i = 0; i < LB_REASON_MAX; i++) {
		const uint64_t *n = coverage->reasons[i];

		if (n[0] + n[1] + n[2])
			continue;
		if (shown_elsewhere(i)) {
			fprintf(out, "not in this run: %s (%s)\n", model_reason_name(i),
				shown_elsewhere(i));
			continue;
		}
		fprintf(out, "no packet ended as %s\n", model_reason_name(i));
		missing++;
	}
	for (int i = 0; i < 36; i++) {
		const int af = i / 18, outer = i / 6 % 3, tags = i / 2 % 3, tag_out = i % 2;

		if (coverage->forwarded[af][outer][tags][tag_out])
			continue;
		fprintf(out, "no IPv%d packet with %d tags went by %s with %d tags\n", af ? 6 : 4,
			tags, outer_names[outer], tag_out);
		missing++;
	}
	if (!coverage->redirected) {
		fprintf(out, "no packet left by another device\n");
		missing++;
	}
	return missing;
}
