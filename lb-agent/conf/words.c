/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * words.c - "did you mean": the nearest valid word (declared in diag.h).
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "conf/diag.h"

#define WORD_MAX 64 /* longer words are no misspelt keys */

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/*
 * Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours
 * (F. Damerau, "A technique for computer detection and correction of spelling errors", 1964). Both
 * lengths are at most WORD_MAX.
 */
static unsigned int edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int rows[3][WORD_MAX + 1];
	unsigned int *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = (unsigned int)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned int *spare = before;

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = min3(last[j] + 1, row[j - 1] + 1,
				      last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

unsigned int diag_distance(const char *word, const char *candidate)
{
	size_t a = strnlen(word, WORD_MAX + 1), b = strnlen(candidate, WORD_MAX + 1);
	size_t shorter = a < b ? a : b, longer = a < b ? b : a;
	unsigned int distance, limit;

	if (longer > WORD_MAX || shorter == 0)
		return DIAG_FAR;
	/* One is the start of the other: "addr", "proto", "weights". */
	if (shorter >= 3 && shorter < longer && strncasecmp(word, candidate, shorter) == 0)
		return 1;
	limit = longer < 6 ? (longer < 3 ? 0 : 1) : (unsigned int)longer / 3;
	if (longer - shorter > limit)
		return DIAG_FAR;
	distance = edit_distance(word, a, candidate, b);
	return distance <= limit ? distance : DIAG_FAR;
}

const char *diag_nearest(const char *word, const char *const *words)
{
	unsigned int best = DIAG_FAR;
	const char *nearest = NULL;

	for (; *words; words++) {
		unsigned int distance = diag_distance(word, *words);

		if (distance < best) {
			best = distance;
			nearest = *words;
		}
	}
	return nearest;
}
