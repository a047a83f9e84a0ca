/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * overrides.c - see overrides.h. The file: {"version": 1, "overrides": [{"pool", "address",
 * "drain", "weight"}, …]}.
 */
#include "overrides.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#define FILE_NAME "overrides.json"

struct overrides {
	char *dir;
	struct override *items;
	size_t n;
};

static int add_item(struct overrides *o, const struct override *item)
{
	struct override *items = realloc(o->items, (o->n + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	o->items = items;
	items[o->n] = *item;
	items[o->n].pool = strdup(item->pool);
	if (!items[o->n].pool)
		return -ENOMEM;
	o->n++;
	return 0;
}

static int read_item(struct overrides *o, json_t *entry)
{
	struct override item = {0};
	const char *pool, *address;
	int drain = 0;
	json_int_t weight = -1;

	if (json_unpack(entry, "{s:s, s:s, s?b, s?I}", "pool", &pool, "address", &address, "drain",
			&drain, "weight", &weight) ||
	    addr_parse(address, &item.address) || weight > 65535)
		return -EBADMSG;
	item.pool = (char *)pool;
	item.drain = drain;
	item.has_weight = weight >= 0;
	item.weight = item.has_weight ? (uint32_t)weight : 0;
	return add_item(o, &item);
}

static int read_file(struct overrides *o, struct err *err)
{
	char path[4096];
	json_error_t where;
	json_t *root, *entry;
	size_t i;
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", o->dir, FILE_NAME);
	if (access(path, F_OK))
		return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %s", path, strerror(errno));
	root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
	if (!root)
		return err_set(err, -EBADMSG, "%s:%d:%d: %s; mend it or remove it", path,
			       where.line, where.column, where.text);
	if (json_integer_value(json_object_get(root, "version")) != 1 ||
	    !json_is_array(json_object_get(root, "overrides")))
		r = -EBADMSG;
	json_array_foreach (json_object_get(root, "overrides"), i, entry) {
		if (!r)
			r = read_item(o, entry);
	}
	json_decref(root);
	return r ? err_set(err, r,
			   "%s is not a list of overrides that this version understands; mend "
			   "it or remove it",
			   path)
		 : 0;
}

int overrides_load(const char *dir, struct overrides **ret_overrides, struct err *err)
{
	struct overrides *o = calloc(1, sizeof(*o));
	int r = 0;

	if (!o)
		return err_set(err, -ENOMEM, "out of memory");
	if (dir) {
		o->dir = strdup(dir);
		if (!o->dir)
			r = err_set(err, -ENOMEM, "out of memory");
		else if (mkdir(dir, 0750) && errno != EEXIST)
			r = err_set(err, -errno, "cannot make %s: %s", dir, strerror(errno));
		else
			r = read_file(o, err);
	}
	if (r) {
		overrides_free(o);
		return r;
	}
	*ret_overrides = o;
	return 0;
}

void overrides_free(struct overrides *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		free(o->items[i].pool);
	free(o->items);
	free(o->dir);
	free(o);
}

const struct override *overrides_find(const struct overrides *o, const char *pool,
				      const struct lb_addr *address)
{
	for (size_t i = 0; i < o->n; i++)
		if (addr_equal(&o->items[i].address, address) && !strcmp(o->items[i].pool, pool))
			return &o->items[i];
	return NULL;
}

size_t overrides_count(const struct overrides *o)
{
	return o->n;
}

static json_t *to_json(const struct override *items, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		char text[LB_ADDR_TEXT_MAX];
		json_t *entry =
		    json_pack("{s:s, s:s, s:b}", "pool", items[i].pool, "address",
			      addr_format(&items[i].address, text), "drain", items[i].drain);

		if (items[i].has_weight)
			json_object_set_new(entry, "weight", json_integer(items[i].weight));
		json_array_append_new(list, entry);
	}
	return json_pack("{s:i, s:o}", "version", 1, "overrides", list);
}

/* So that the new name survives a power loss. The override is in force and in the file already:
 * where a file system cannot sync a directory, that is no reason to refuse it. */
static void sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

static int write_file(const struct overrides *o, struct err *err)
{
	char path[4096], temp[4096];
	json_t *root;
	int fd, r = 0;

	if (!o->dir)
		return 0;
	root = to_json(o->items, o->n);
	snprintf(path, sizeof(path), "%s/%s", o->dir, FILE_NAME);
	snprintf(temp, sizeof(temp), "%s/.%s.new", o->dir, FILE_NAME);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0) {
		r = -errno;
		goto out;
	}
	if (!root || json_dumpfd(root, fd, JSON_INDENT(2)) || write(fd, "\n", 1) != 1 || fsync(fd))
		r = errno ? -errno : -EIO;
	if (close(fd) && !r)
		r = -errno;
	if (!r && rename(temp, path))
		r = -errno;
	if (r)
		unlink(temp);
	else
		sync_directory(o->dir);
out:
	json_decref(root);
	return r ? err_set(err, r, "cannot write %s: %s; the override is not set", path,
			   strerror(-r))
		 : 0;
}

int overrides_set(struct overrides *o, const struct override *override, struct err *err)
{
	bool keep = override->drain || override->has_weight;
	struct overrides before = *o;
	int r = 0;

	/* The new list is made beside the old, so that a failure leaves the old. */
	o->items = NULL;
	o->n = 0;
	for (size_t i = 0; i < before.n && !r; i++)
		if (!addr_equal(&before.items[i].address, &override->address) ||
		    strcmp(before.items[i].pool, override->pool) != 0)
			r = add_item(o, &before.items[i]);
	if (!r && keep)
		r = add_item(o, override);
	r = r ? err_set(err, r, "out of memory") : write_file(o, err);
	if (r) {
		struct overrides failed = *o;

		*o = before;
		before = failed;
	}
	before.dir = NULL;
	for (size_t i = 0; i < before.n; i++)
		free(before.items[i].pool);
	free(before.items);
	return r;
}
