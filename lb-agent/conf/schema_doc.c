/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schema_doc.c - the field table as documents.
 */
#include "conf/conf.h"
char *conf_schema_json(void)
{
	return 0;
}
char *conf_schema_man(void)
{
	return 0;
}
