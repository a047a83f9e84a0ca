/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scene_text.c - a scene as lines of text, so that a kept case says all that it depends on and
 * means the same when scenes are made up in another way. A new field of a scene is a row of a table
 * here.
 */
#include "scene.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	NUMBER8,
	NUMBER16,
	NUMBER32,
	NUMBER64,
	MAC,
	ADDRESS
};

struct field {
	const char *name;
	enum kind kind;
	size_t offset;
};

#define FIELD(type, kind, name)                                                                    \
	{                                                                                          \
#name, kind, offsetof(struct type, name)                                           \
	}

static const struct field scene_fields[] = {
    FIELD(scene, NUMBER64, seed),	   FIELD(scene, NUMBER32, cap_slots),
    FIELD(scene, NUMBER32, cap_backends),  FIELD(scene, NUMBER32, cap_vips),
    FIELD(scene, NUMBER32, service_lines), FIELD(scene, NUMBER32, buckets),
    FIELD(scene, NUMBER32, cap_ranges),	   FIELD(scene, NUMBER8, second_half),
    FIELD(scene, NUMBER8, no_headroom),	   {0},
};

static const struct field pool_fields[] = {
    FIELD(scene_pool, NUMBER32, first_slot),
    FIELD(scene_pool, NUMBER32, slot_count),
    FIELD(scene_pool, NUMBER32, first_backend),
    FIELD(scene_pool, NUMBER32, fill),
    FIELD(scene_pool, NUMBER8, none),
    FIELD(scene_pool, NUMBER8, dirty),
    {0},
};

static const struct field backend_fields[] = {
    FIELD(scene_backend, MAC, eth_dst),	      FIELD(scene_backend, MAC, eth_src),
    FIELD(scene_backend, NUMBER16, tci),      FIELD(scene_backend, NUMBER8, ready),
    FIELD(scene_backend, NUMBER8, down),      FIELD(scene_backend, NUMBER32, ifindex),
    FIELD(scene_backend, NUMBER16, mtu),      FIELD(scene_backend, ADDRESS, outer_src),
    FIELD(scene_backend, ADDRESS, outer_dst), {0},
};

static const struct field vip_fields[] = {
    FIELD(scene_vip, ADDRESS, addr),	    FIELD(scene_vip, NUMBER8, proto),
    FIELD(scene_vip, NUMBER16, port),	    FIELD(scene_vip, NUMBER16, port_last),
    FIELD(scene_vip, NUMBER8, forward),	    FIELD(scene_vip, NUMBER8, source),
    FIELD(scene_vip, NUMBER8, source_skip), FIELD(scene_vip, NUMBER32, pool),
    FIELD(scene_vip, NUMBER32, id),	    {0},
};

static size_t kind_bytes(enum kind kind)
{
	static const size_t bytes[] = {1, 2, 4, 8, 6, 16};

	return bytes[kind];
}

static void write_value(enum kind kind, const uint8_t *at, FILE *out)
{
	char text[INET6_ADDRSTRLEN];
	uint64_t number = 0;

	switch (kind) {
	case MAC:
		for (int i = 0; i < 6; i++)
			fprintf(out, "%s%02x", i ? ":" : "", at[i]);
		break;
	case ADDRESS:
		if (scene_is_v4(at))
			inet_ntop(AF_INET, at + 12, text, sizeof(text));
		else
			inet_ntop(AF_INET6, at, text, sizeof(text));
		fputs(text, out);
		break;
	case NUMBER64:
		memcpy(&number, at, 8);
		fprintf(out, "0x%" PRIx64, number);
		break;
	default:
		memcpy(&number, at, kind_bytes(kind)); /* little-endian, as both architectures */
		fprintf(out, "%" PRIu64, number);
		break;
	}
}

static void write_record(const char *what, const struct field *fields, const void *record,
			 FILE *out)
{
	static const uint8_t zero[16];

	fputs(what, out);
	for (; fields->name; fields++) {
		const uint8_t *at = (const uint8_t *)record + fields->offset;

		if (!memcmp(at, zero, kind_bytes(fields->kind)))
			continue;
		fprintf(out, " %s=", fields->name);
		write_value(fields->kind, at, out);
	}
	fputc('\n', out);
}

void scene_write(const struct scene *scene, FILE *out)
{
	write_record("scene", scene_fields, scene, out);
	for (uint32_t i = 0; i < scene->n_pools; i++) {
		write_record("pool", pool_fields, &scene->pools[i], out);
		for (uint32_t j = 0; j < scene->pools[i].n_backends; j++)
			write_record("backend", backend_fields, &scene->pools[i].backends[j], out);
	}
	for (uint32_t i = 0; i < scene->n_vips; i++)
		write_record("vip", vip_fields, &scene->vips[i], out);
}

static bool read_mac(const char *text, uint8_t *at)
{
	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &at[0], &at[1], &at[2], &at[3],
		      &at[4], &at[5]) == 6;
}

static bool read_address(const char *text, uint8_t *at)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memcpy(at, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, at + 12) == 1 || inet_pton(AF_INET6, text, at) == 1;
}

static bool read_value(enum kind kind, const char *text, uint8_t *at)
{
	const size_t bytes = kind_bytes(kind);
	uint64_t number;
	char *end;

	if (kind == MAC)
		return read_mac(text, at);
	if (kind == ADDRESS)
		return read_address(text, at);
	number = strtoull(text, &end, 0);
	if (end == text || *end || (bytes < 8 && number >> bytes * 8))
		return false;
	memcpy(at, &number, bytes);
	return true;
}

static const char *read_record(const struct field *fields, void *record, char *words)
{
	char *word, *value, *rest = NULL;

	for (word = strtok_r(words, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		const struct field *field = fields;

		value = strchr(word, '=');
		if (!value)
			return "a word without '='";
		*value++ = '\0';
		while (field->name && strcmp(field->name, word))
			field++;
		if (!field->name)
			return "a field that there is not";
		if (!read_value(field->kind, value, (uint8_t *)record + field->offset))
			return "a value that is none";
	}
	return NULL;
}

static const char *read_pool(struct scene *scene, char *words)
{
	if (scene->n_pools == SCENE_POOLS)
		return "too many pools";
	return read_record(pool_fields, &scene->pools[scene->n_pools++], words);
}

static const char *read_backend(struct scene *scene, char *words)
{
	struct scene_pool *pool = &scene->pools[scene->n_pools ? scene->n_pools - 1 : 0];

	if (!scene->n_pools || pool->n_backends == SCENE_BACKENDS)
		return "a backend before its pool, or too many";
	return read_record(backend_fields, &pool->backends[pool->n_backends++], words);
}

static const char *read_vip(struct scene *scene, char *words)
{
	struct scene_vip *vip = &scene->vips[scene->n_vips];
	const char *error;

	if (scene->n_vips == SCENE_VIPS)
		return "too many VIPs";
	scene->n_vips++;
	error = read_record(vip_fields, vip, words);
	if (!vip->port_last) /* as cases were written before there were ranges */
		vip->port_last = vip->port;
	if (!error && (vip->pool >= scene->n_pools || vip->id >= scene->cap_vips))
		error = "a VIP of a pool that there is not, or with an id out of range";
	return error;
}

const char *scene_read_line(struct scene *scene, char *line)
{
	char *words = strchr(line, ' ');

	if (!words)
		return "a line of one word";
	*words++ = '\0';
	if (!strcmp(line, "scene"))
		return read_record(scene_fields, scene, words);
	if (!strcmp(line, "pool"))
		return read_pool(scene, words);
	if (!strcmp(line, "backend"))
		return read_backend(scene, words);
	if (!strcmp(line, "vip"))
		return read_vip(scene, words);
	return "neither scene, pool, backend, vip nor packet";
}
