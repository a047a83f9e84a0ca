/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers for people; see format.h. */
#include "format.h"

#include <stdio.h>

/* Scales `value` down by `base` until it prints in under `limit`; returns the number of steps. */
static int scale(double *value, double base, double limit, int max_steps)
{
	int steps = 0;

	while (*value >= limit && steps < max_steps) {
		*value /= base;
		steps++;
	}
	return steps;
}

/* Decimals that give three digits, judged after rounding. */
static int decimals(double value)
{
	if (value < 9.995)
		return 2;
	return value < 99.95 ? 1 : 0;
}

const char *format_count(uint64_t count, char buf[FORMAT_MAX])
{
	static const char units[] = " KMGTPE";
	double value = (double)count;
	int steps;

	if (count <= 9999) {
		snprintf(buf, FORMAT_MAX, "%u", (unsigned int)count);
		return buf;
	}
	steps = scale(&value, 1000, 999.5, 6);
	snprintf(buf, FORMAT_MAX, "%.*f%c", decimals(value), value, units[steps]);
	return buf;
}

const char *format_bytes(uint64_t bytes, char buf[FORMAT_MAX])
{
	static const char units[] = " KMGTPE";
	double value = (double)bytes;
	int steps = scale(&value, 1024, 1023.5, 6);

	if (steps == 0)
		snprintf(buf, FORMAT_MAX, "%u B", (unsigned int)bytes);
	else
		snprintf(buf, FORMAT_MAX, "%.*f %ciB", decimals(value), value, units[steps]);
	return buf;
}

const char *format_bit_rate(double bits_per_s, char buf[FORMAT_MAX])
{
	static const char units[] = " kMGTPE";
	int steps = scale(&bits_per_s, 1000, 999.5, 6);

	if (steps == 0)
		snprintf(buf, FORMAT_MAX, "%.0f b/s", bits_per_s);
	else
		snprintf(buf, FORMAT_MAX, "%.*f %cb/s", decimals(bits_per_s), bits_per_s,
			 units[steps]);
	return buf;
}

const char *format_percent(double share, char buf[FORMAT_MAX])
{
	double percent = share * 100;

	if (percent > 0 && percent < 0.05)
		snprintf(buf, FORMAT_MAX, "<0.1 %%");
	else if (percent < 100 && percent >= 99.95)
		snprintf(buf, FORMAT_MAX, ">99.9 %%");
	else
		snprintf(buf, FORMAT_MAX, "%.1f %%", percent);
	return buf;
}

const char *format_duration(double seconds, char buf[FORMAT_MAX])
{
	uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;

	if (s < 60)
		snprintf(buf, FORMAT_MAX, "%us", (unsigned int)s);
	else if (s < 3600)
		snprintf(buf, FORMAT_MAX, "%um %us", (unsigned int)(s / 60),
			 (unsigned int)(s % 60));
	else if (s < 86400)
		snprintf(buf, FORMAT_MAX, "%uh %um", (unsigned int)(s / 3600),
			 (unsigned int)(s / 60 % 60));
	else
		snprintf(buf, FORMAT_MAX, "%ud %uh", (unsigned int)(s / 86400),
			 (unsigned int)(s / 3600 % 24));
	return buf;
}

const char *format_plural(uint64_t count, const char *singular, char buf[FORMAT_MAX])
{
	snprintf(buf, FORMAT_MAX, "%llu %s%s", (unsigned long long)count, singular,
		 count == 1 ? "" : "s");
	return buf;
}
