/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the agent's data, of this version or another, and printing it as it is. */
#include "lbctl.h"

const char *field_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

uint64_t field_count(const json_t *object, const char *key)
{
	double value = json_number_value(json_object_get(object, key));

	if (json_is_integer(json_object_get(object, key)))
		return (uint64_t)json_integer_value(json_object_get(object, key));
	if (!(value > 0))
		return 0;
	return value >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)value;
}

double field_real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

bool field_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const char *field_ports(const json_t *vip, char buf[PORTRANGE_TEXT_MAX])
{
	uint64_t first = field_count(vip, "port"), last = field_count(vip, "port_last");

	/* An agent of an earlier version says no port_last. */
	return portrange_format((uint16_t)first, (uint16_t)(last ? last : first), buf);
}

void lbctl_print_json(const json_t *data)
{
	/* 15 digits, as the agent writes them: what came in is what goes out. */
	json_dumpf(data, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY);
	fputc('\n', stdout);
}
