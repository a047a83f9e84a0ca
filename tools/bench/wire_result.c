/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire_result.c - medians, ratios, the table and the JSON of 'lb-bench wire'.
 */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define TARGET_CEILING 0.85
#define TARGET_NFT     8.0

struct rate {
	double median, min, max; /* packets/s */
	double ns;		 /* a packet at the median, all that the CPU does for it */
};

struct ratio {
	const char *name; /* "tx": what it is compared with */
	enum wire_box box;
	double target; /* 0: none */
};

static const struct ratio ratios[] = {
    {"tx", WIRE_BOUNCE, TARGET_CEILING},
    {"nft-dnat", WIRE_NFT, TARGET_NFT},
    {"forward", WIRE_FORWARD, 0},
    {"ipvs", WIRE_IPVS, 0},
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_of(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/* Of one round, for each packet received. */
static double ns_of(const struct wire_row *row, size_t round)
{
	const struct wire_sample *s = &row->samples[round];

	return s->seconds * 1e9 / (double)s->received;
}

/* Every round of every row received something: wire_check(). */
static struct rate rate_of(const struct wire_row *row)
{
	double values[WIRE_ROUNDS_MAX];
	struct rate rate;

	for (size_t i = 0; i < row->n; i++)
		values[i] = 1e9 / ns_of(row, i);
	rate.median = median_of(values, row->n);
	rate.min = values[0];
	rate.max = values[row->n - 1];
	rate.ns = 1e9 / rate.median;
	return rate;
}

static struct wire_sample total_of(const struct wire_row *row)
{
	struct wire_sample total = {0};

	for (size_t i = 0; i < row->n; i++) {
		const struct wire_sample *s = &row->samples[i];

		total.seconds += s->seconds;
		total.wall_seconds += s->wall_seconds;
		total.offered += s->offered;
		total.overrun += s->overrun;
		total.arrived += s->arrived;
		total.balanced += s->balanced;
		total.send_errors += s->send_errors;
		total.received += s->received;
		total.stray += s->stray;
	}
	return total;
}

static const struct wire_row *find(const struct wire_result *result, enum wire_box box, bool v6)
{
	for (size_t i = 0; i < result->n_rows; i++)
		if (result->rows[i].path.box == box && result->rows[i].path.v6 == v6)
			return &result->rows[i];
	return NULL;
}

/*
 * What a packet costs beyond generator, first pair and a drop. Differences and ratios are taken
 * within a round, for the machine drifts from one to the next, and their median is shown.
 */
static double net_ns(const struct wire_result *result, const struct wire_row *row)
{
	const struct wire_row *sink = find(result, WIRE_SINK, row->path.v6);
	double values[WIRE_ROUNDS_MAX];

	for (size_t i = 0; i < row->n; i++)
		values[i] = ns_of(row, i) - ns_of(sink, i);
	return median_of(values, row->n);
}

/* How many times as fast, in all and net; false: there is nothing to compare. */
static bool ratio_of(const struct wire_result *result, const struct wire_row *row,
		     const struct ratio *ratio, double *ret_ratio, double *ret_net)
{
	const struct wire_row *sink = find(result, WIRE_SINK, row->path.v6);
	const struct wire_row *other = find(result, ratio->box, row->path.v6);
	double values[WIRE_ROUNDS_MAX], net[WIRE_ROUNDS_MAX];

	/* The ceiling is compared too: no box here can be more times as fast than that. */
	if (!other || other == row || row->path.box > WIRE_SLUICE || row->path.box < WIRE_BOUNCE)
		return false;
	for (size_t i = 0; i < row->n; i++) {
		double own_ns = ns_of(row, i), other_ns = ns_of(other, i), base = ns_of(sink, i);

		values[i] = other_ns / own_ns;
		net[i] = (other_ns - base) / (own_ns - base);
	}
	*ret_ratio = median_of(values, row->n);
	*ret_net = median_of(net, row->n);
	return true;
}

/* The targets are for ipip, sent back where it came from as the ceiling does. */
static double target_of(const struct wire_row *row, const struct ratio *ratio)
{
	return row->path.ipip && row->path.end == WIRE_NEAR ? ratio->target : 0;
}

static void print_ratio(const struct wire_result *result, const struct wire_row *row,
			const struct ratio *ratio, FILE *out)
{
	double rate, net, target = target_of(row, ratio);
	const char *mark = " ";

	if (!ratio_of(result, row, ratio, &rate, &net)) {
		fprintf(out, " %16s ", "");
		return;
	}
	if (target > 0)
		mark = rate >= target ? "✓" : "✗";
	fprintf(out, " %7.2f (%6.2f)%s", rate, net, mark);
}

static void print_ratios(const struct wire_result *result, FILE *out)
{
	const size_t n = sizeof(ratios) / sizeof(ratios[0]);

	fprintf(out, "\n%-26s", "times as fast as (net)");
	for (size_t k = 0; k < n; k++)
		if (!result->lacks[ratios[k].box])
			fprintf(out, " %16s ", ratios[k].name);
	for (size_t i = 0; i < result->n_rows; i++) {
		const struct wire_row *row = &result->rows[i];

		if (row->path.box != WIRE_BOUNCE && row->path.box != WIRE_SLUICE)
			continue;
		fprintf(out, "\n%-26s", row->path.name);
		for (size_t k = 0; k < n; k++)
			if (!result->lacks[ratios[k].box])
				print_ratio(result, row, &ratios[k], out);
	}
	fputs("\n\nTargets, for ipip by rate:", out);
	for (size_t k = 0; k < n; k++)
		if (ratios[k].target > 0)
			fprintf(out, " %g times %s%s", ratios[k].target, ratios[k].name,
				k ? "\n" : ",");
}

static const char *million(double value, char buffer[16])
{
	snprintf(buffer, 16, "%.3f", value / 1e6);
	return buffer;
}

void wire_print(const struct wire_result *result, FILE *out)
{
	const struct wire_options *o = result->options;

	fprintf(out,
		"%zu flows to %zu VIPs, %zu backends a pool, frames of %zu bytes; rounds: %zu of "
		"%g s; million packets/s\n\n"
		"%-26s %7s %7s %7s %7s %7s %10s %9s\n",
		o->flows, o->vips, o->backends, o->size, o->rounds, o->seconds, "", "median", "min",
		"max", "ns", "net ns", "received", "lost");
	for (size_t i = 0; i < result->n_rows; i++) {
		const struct wire_row *row = &result->rows[i];
		struct wire_sample total = total_of(row);
		char median[16], min[16], max[16];
		struct rate rate = rate_of(row);

		fprintf(out, "%-26s %7s %7s %7s %7.0f %7.0f %10ju %9ju\n", row->path.name,
			million(rate.median, median), million(rate.min, min),
			million(rate.max, max), rate.ns, net_ns(result, row),
			(uintmax_t)total.received, (uintmax_t)(total.offered - total.received));
	}
	if (result->wall)
		fputs(
		    "\nBy wall time: this kernel does not tell how long a thread waits for a CPU.\n",
		    out);
	print_ratios(result, out);
	for (size_t i = 0; i < WIRE_BOXES; i++)
		if (result->lacks[i])
			fprintf(out, "\nNot measured: %s\n", result->lacks[i]);
}

static json_t *row_json(const struct wire_result *result, const struct wire_row *row)
{
	struct wire_sample total = total_of(row);
	struct rate rate = rate_of(row);

	return json_pack(
	    "{s:s, s:f, s:f, s:f, s:f, s:o, s:i, s:f, s:f, s:I, s:I, s:I, s:o, s:I, s:I, s:I, "
	    "s:I}",
	    "path", row->path.name, "pps", rate.median, "min", rate.min, "max", rate.max, "ns",
	    rate.ns, "net_ns", json_real(net_ns(result, row)), "samples", (int)row->n, "seconds",
	    total.seconds, "wall_seconds", total.wall_seconds, "offered", (json_int_t)total.offered,
	    "overrun", (json_int_t)total.overrun, "arrived", (json_int_t)total.arrived, "balanced",
	    row->path.box == WIRE_SINK ? json_null() : json_integer((json_int_t)total.balanced),
	    "received", (json_int_t)total.received, "lost",
	    (json_int_t)(total.offered - total.received), "send_errors",
	    (json_int_t)total.send_errors, "stray", (json_int_t)total.stray);
}

static json_t *ratios_json(const struct wire_result *result)
{
	json_t *list = json_array();

	for (size_t i = 0; i < result->n_rows; i++)
		for (size_t k = 0; k < sizeof(ratios) / sizeof(ratios[0]); k++) {
			const struct wire_row *row = &result->rows[i];
			double ratio, net, target = target_of(row, &ratios[k]);

			if (!ratio_of(result, row, &ratios[k], &ratio, &net))
				continue;
			json_array_append_new(
			    list,
			    json_pack("{s:s, s:s, s:f, s:f, s:o, s:o}", "path", row->path.name,
				      "against", ratios[k].name, "ratio", ratio, "net_ratio", net,
				      "target", target > 0 ? json_real(target) : json_null(), "met",
				      target > 0 ? json_boolean(ratio >= target) : json_null()));
		}
	return list;
}

static json_t *lacks_json(const struct wire_result *result)
{
	json_t *list = json_array();

	for (size_t i = 0; i < WIRE_BOXES; i++)
		if (result->lacks[i])
			json_array_append_new(list, json_string(result->lacks[i]));
	return list;
}

static json_t *settings_json(const struct wire_options *o)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:f}", "flows", (json_int_t)o->flows, "size",
			 (json_int_t)o->size, "vips", (json_int_t)o->vips, "backends",
			 (json_int_t)o->backends, "rounds", (json_int_t)o->rounds, "seconds",
			 o->seconds);
}

static json_t *document(const struct wire_result *result)
{
	json_t *rows = json_array();
	time_t now = time(NULL);
	struct utsname name;
	struct tm utc;
	char at[32];

	for (size_t i = 0; i < result->n_rows; i++)
		json_array_append_new(rows, row_json(result, &result->rows[i]));
	uname(&name);
	gmtime_r(&now, &utc);
	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:I, s:f}, s:o, s:o, s:o, s:o}", "bench",
			 "wire", "version", SLUICE_VERSION, "at", at, "host", "kernel",
			 name.release, "machine", name.machine, "cpus",
			 (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "load", result->load,
			 "settings", settings_json(result->options), "rows", rows, "ratios",
			 ratios_json(result), "not_measured", lacks_json(result));
}

int wire_write_json(const struct wire_result *result, FILE *out)
{
	json_t *json = document(result);
	int r = -EIO;

	if (!json)
		return -ENOMEM;
	if (!json_dumpf(json, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) &&
	    fputc('\n', out) != EOF && !fflush(out))
		r = 0;
	json_decref(json);
	return r;
}
