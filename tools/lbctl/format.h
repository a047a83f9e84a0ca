/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * format.h - numbers for people: three digits and a unit, in a width that tables can count on.
 */
#ifndef LBCTL_FORMAT_H
#define LBCTL_FORMAT_H

#include <stdint.h>

#define FORMAT_MAX 32

/* Each writes into `buf` and returns it. */

/* "9999", "12.3K", "4.56M" … "18.4E"; powers of 1000, 5 columns at the most. */
const char *format_count(uint64_t count, char buf[FORMAT_MAX]);
/* "512 B", "1.50 KiB" … "16.0 EiB"; powers of 1024, 8 columns at the most. */
const char *format_bytes(uint64_t bytes, char buf[FORMAT_MAX]);
/* "950 b/s", "12.3 Mb/s"; powers of 1000, as link speeds are; 9 columns at the most. */
const char *format_bit_rate(double bits_per_s, char buf[FORMAT_MAX]);
/* "33.3 %"; a share that is not 0 or 1 is not shown as if it were ("<0.1 %", ">99.9 %"). */
const char *format_percent(double share, char buf[FORMAT_MAX]);
/* "12s", "3m 5s", "2h 10m", "5d 3h". */
const char *format_duration(double seconds, char buf[FORMAT_MAX]);
/* "1 VIP", "2 VIPs" */
const char *format_plural(uint64_t count, const char *singular, char buf[FORMAT_MAX]);

#endif
