/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan_text.h - a plan for people: one line a change, and what it does to the flows.
 */
#ifndef LBCTL_PLAN_TEXT_H
#define LBCTL_PLAN_TEXT_H

#include <stdbool.h>
#include <stdio.h>
#include <jansson.h>

/* `plan` as in lb-agent/ctl.h. `done`: it was carried out, so that nothing "would" change. */
void plan_text_print(const json_t *plan, bool done, bool colour, FILE *out);

#endif
