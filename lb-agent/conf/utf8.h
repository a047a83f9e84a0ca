/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * utf8.h - characters and how many columns a terminal gives them: a caret is only worth
 * something under the right character.
 */
#ifndef LB_CONF_UTF8_H
#define LB_CONF_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_INVALID 0xffffffffu

/*
 * Decodes the character at `text` (`len` > 0 bytes are there) as RFC 3629 says, sets *ret_bytes to
 * what it takes and returns its code point; UTF8_INVALID, and one byte, where it is none.
 */
uint32_t utf8_decode(const char *text, size_t len, size_t *ret_bytes);
/* Columns in a terminal: 0 for combining marks, 2 for wide characters, else 1. */
unsigned int utf8_width(uint32_t c);
/* Safe to print: no control character, nothing that turns the direction of text. */
bool utf8_printable(uint32_t c);

#endif
