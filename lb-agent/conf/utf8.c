/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * utf8.c - see utf8.h. The C library's own functions depend on the locale, and a diagnostic must
 * look the same in an ssh session as in a unit started with LANG=C.
 */
#include "conf/utf8.h"

uint32_t utf8_decode(const char *text, size_t len, size_t *ret_bytes)
{
	const unsigned char *p = (const unsigned char *)text;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* shorter forms are lies */
	size_t n;
	uint32_t c;

	*ret_bytes = 1;
	if (p[0] < 0x80)
		return p[0];
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2, c = p[0] & 0x1f;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3, c = p[0] & 0x0f;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4, c = p[0] & 0x07;
	else
		return UTF8_INVALID;
	if (n > len)
		return UTF8_INVALID;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return UTF8_INVALID;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return UTF8_INVALID;
	*ret_bytes = n;
	return c;
}

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t c, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* The blocks that matter, from Unicode's EastAsianWidth.txt (W and F) and general category Mn. */
static const struct range zero_width[] = {
    {0x0300, 0x036f}, {0x0591, 0x05bd}, {0x064b, 0x065f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
};
static const struct range double_width[] = {
    {0x1100, 0x115f},	{0x2e80, 0x303e},   {0x3041, 0xa4cf},	{0xa960, 0xa97f},
    {0xac00, 0xd7a3},	{0xf900, 0xfaff},   {0xfe30, 0xfe6f},	{0xff00, 0xff60},
    {0xffe0, 0xffe6},	{0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd},
};
/* Marks that reorder text can make a line read otherwise than it is parsed. */
static const struct range turning[] = {
    {0x061c, 0x061c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

unsigned int utf8_width(uint32_t c)
{
	if (c < 0x300)
		return 1;
	if (in_ranges(c, zero_width, COUNT(zero_width)))
		return 0;
	return in_ranges(c, double_width, COUNT(double_width)) ? 2 : 1;
}

bool utf8_printable(uint32_t c)
{
	if (c == UTF8_INVALID || c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	return c < 0x300 || !in_ranges(c, turning, COUNT(turning));
}
