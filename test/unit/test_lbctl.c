/* SPDX-License-Identifier: GPL-2.0-only */
/* lbctl's numbers, texts and tables. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "table.h"
#include "text.h"

static char b[FORMAT_MAX];

Test(format, counts_in_three_digits_and_a_unit)
{
	cr_expect_str_eq(format_count(0, b), "0");
	cr_expect_str_eq(format_count(9999, b), "9999");
	cr_expect_str_eq(format_count(10000, b), "10.0K");
	cr_expect_str_eq(format_count(12345, b), "12.3K");
	cr_expect_str_eq(format_count(999499, b), "999K");
	cr_expect_str_eq(format_count(999500, b), "1.00M");
	cr_expect_str_eq(format_count(1234567890, b), "1.23G");
	cr_expect_str_eq(format_count(UINT64_MAX, b), "18.4E");
}

Test(format, writes_bytes_in_powers_of_1024)
{
	cr_expect_str_eq(format_bytes(0, b), "0 B");
	cr_expect_str_eq(format_bytes(1023, b), "1023 B");
	cr_expect_str_eq(format_bytes(1024, b), "1.00 KiB");
	cr_expect_str_eq(format_bytes(1536, b), "1.50 KiB");
	cr_expect_str_eq(format_bytes(1024 * 1024 - 1, b), "1.00 MiB");
	cr_expect_str_eq(format_bytes(UINT64_MAX, b), "16.0 EiB");
}

Test(format, never_takes_more_columns_than_tables_count_on)
{
	for (uint64_t x = 1; x; x <<= 1) {
		for (int d = -1; d <= 1; d++) {
			cr_expect_leq(strlen(format_count(x + (uint64_t)d, b)), 5, "%s", b);
			cr_expect_leq(strlen(format_bytes(x + (uint64_t)d, b)), 8, "%s", b);
			cr_expect_leq(strlen(format_bit_rate((double)x, b)), 9, "%s", b);
		}
	}
	for (uint64_t x = 1; x < UINT64_MAX / 10; x *= 10) {
		cr_expect_leq(strlen(format_count(x - 1, b)), 5, "%s", b);
		cr_expect_leq(strlen(format_bytes(x - 1, b)), 8, "%s", b);
	}
}

Test(format, does_not_round_a_share_to_none_or_all)
{
	cr_expect_str_eq(format_percent(0, b), "0.0 %");
	cr_expect_str_eq(format_percent(0.0001, b), "<0.1 %");
	cr_expect_str_eq(format_percent(0.0241, b), "2.4 %");
	cr_expect_str_eq(format_percent(0.9999, b), ">99.9 %");
	cr_expect_str_eq(format_percent(1, b), "100.0 %");
}

Test(format, writes_durations_in_two_units)
{
	cr_expect_str_eq(format_duration(12.9, b), "12s");
	cr_expect_str_eq(format_duration(185, b), "3m 5s");
	cr_expect_str_eq(format_duration(7800, b), "2h 10m");
	cr_expect_str_eq(format_duration(86400 * 5 + 3600 * 3, b), "5d 3h");
	cr_expect_str_eq(format_duration(-1, b), "0s");
}

Test(format, knows_one_from_many)
{
	cr_expect_str_eq(format_plural(0, "pool", b), "0 pools");
	cr_expect_str_eq(format_plural(1, "pool", b), "1 pool");
	cr_expect_str_eq(format_plural(2, "VIP", b), "2 VIPs");
}

static void expect_clean(const char *dirty, const char *clean)
{
	char *text = text_clean(dirty);

	cr_expect_str_eq(text, clean);
	free(text);
}

Test(text, counts_columns_not_bytes)
{
	cr_expect_eq(text_width(""), 0);
	cr_expect_eq(text_width("abc"), 3);
	cr_expect_eq(text_width("100 → 50"), 8);
	cr_expect_eq(text_width("日本"), 4);
	cr_expect_eq(text_width("e\xcc\x81"), 1, "a combining accent takes no column");
}

Test(text, takes_what_could_command_a_terminal_out)
{
	expect_clean("plain → text", "plain → text");
	expect_clean("a\033[31mb\n\tc\x7f", "a?[31mb??c?");
	expect_clean("\xc2\x9b"
		     "31m",
		     "?31m"); /* CSI as one C1 character */
	expect_clean("\xe2\x80\xae"
		     "gpj.exe",
		     "?gpj.exe");
}

Test(text, takes_what_is_not_utf8_out)
{
	expect_clean("\xff\xfe", "??");
	expect_clean("\xc0\x80", "??");		  /* overlong */
	expect_clean("\xed\xa0\x80", "???");	  /* surrogate */
	expect_clean("\xf4\x90\x80\x80", "????"); /* past U+10FFFF */
	expect_clean("ab\xe2\x86", "ab??");	  /* cut off */
}

static void expect_short(const char *text, size_t width, enum text_cut cut, const char *expected)
{
	char *cut_text = text_shorten(text, width, cut);

	cr_expect_str_eq(cut_text, expected);
	cr_expect_leq(text_width(cut_text), width);
	free(cut_text);
}

Test(text, cuts_in_the_middle_or_at_the_end)
{
	expect_short("short", 5, TEXT_CUT_MIDDLE, "short");
	expect_short("frontend-pool-7", 9, TEXT_CUT_MIDDLE, "fron…ol-7");
	expect_short("frontend-pool-7", 8, TEXT_CUT_MIDDLE, "fron…l-7");
	expect_short("does not answer", 9, TEXT_CUT_END, "does not…");
	expect_short("日本語日本語", 6, TEXT_CUT_MIDDLE, "日…語");
	expect_short("ab", 1, TEXT_CUT_MIDDLE, "…");
}

static char *capture_table(const struct table *table, bool colour)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	table_print(table, out, colour);
	fclose(out);
	return text;
}

Test(table, aligns_by_columns_of_the_terminal)
{
	static const struct table_column columns[] = {
	    {"NAME", TABLE_LEFT}, {"N", TABLE_RIGHT}, {"WHY", TABLE_LEFT}};
	struct table *table = table_new(columns, 3);
	char *text;

	table_cell(table, "→");
	table_cell(table, "100");
	table_cell(table, "x");
	table_cell(table, "abcde");
	table_cell(table, "2");
	table_cell(table, "");
	text = capture_table(table, false);
	cr_expect_str_eq(text, "NAME     N  WHY\n"
			       "→      100  x\n"
			       "abcde    2  \n");
	cr_expect_eq(table_rows(table), 2);
	free(text);
	table_free(table);
}

Test(table, shortens_the_widest_until_it_fits_and_no_fixed_column)
{
	static const struct table_column columns[] = {
	    {"A", TABLE_LEFT, 5}, {"B", TABLE_LEFT}, {"C", TABLE_LEFT, 5, TEXT_CUT_END}};
	struct table *table = table_new(columns, 3);
	char wide[91], fixed[41], *text, *line, *rest;

	memset(wide, 'w', 90);
	wide[90] = '\0';
	memset(fixed, 'f', 40);
	fixed[40] = '\0';
	table_cell(table, wide);
	table_cell(table, fixed);
	table_cell(table, wide);
	text = capture_table(table, false);
	cr_expect_not_null(strstr(text, fixed), "a fixed column was cut");
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		cr_expect_leq(text_width(line), TEXT_COLUMNS, "%s", line);
	free(text);
	table_free(table);
}

Test(table, colours_only_when_told)
{
	static const struct table_column columns[] = {{"A", TABLE_LEFT}};
	struct table *table = table_new(columns, 1);
	char *plain, *coloured;

	table_cell_coloured(table, "down", TABLE_BAD);
	plain = capture_table(table, false);
	coloured = capture_table(table, true);
	cr_expect_null(strchr(plain, '\033'));
	cr_expect_not_null(strstr(coloured, "\033[31mdown\033[0m"));
	free(plain);
	free(coloured);
	table_free(table);
}
