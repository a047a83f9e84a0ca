/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conf.c - from a file to a config: read, parse, bind, check, build.
 */
#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/bind.h"
#include "conf/check.h"
#include "conf/conf_private.h"
#include "conf/yaml_tree.h"

struct lb_config *conf_new(void)
{
	struct lb_config *config = calloc(1, sizeof(*config));
	struct conf_private *private = calloc(1, sizeof(*private));

	if (!config || !private) {
		free(config);
		free(private);
		return NULL;
	}
	config->arena = private;
	private->arena = arena_new();
	private->vip_names = index_new();
	if (!private->arena || !private->vip_names) {
		conf_free(config);
		return NULL;
	}
	return config;
}

void conf_free(struct lb_config *config)
{
	struct conf_private *private = config ? config->arena : NULL;

	if (private) {
		arena_free(private->arena);
		index_free(private->vip_names);
		free(private);
	}
	free(config);
}

/* 0 and a config; -EINVAL with errors in the diag; -ENOMEM. */
static int load(struct diag *diag, const char *text, size_t len, struct lb_config **ret_config)
{
	struct arena *arena = arena_new();
	struct checked checked = {0};
	struct tree_node *root;
	struct object *object;
	int err = -ENOMEM;

	if (!arena)
		goto out;
	err = tree_parse(arena, text, len, diag, &root);
	if (err || !root)
		goto out;
	err = bind_tree(arena, root, diag, &object);
	if (err || !object)
		goto out;
	err = check_rules(arena, object, diag, &checked);
	if (err || diag_errors(diag) > 0)
		goto out;
	err = build_config(object, &checked, ret_config);
out:
	arena_free(arena);
	return !err && diag_errors(diag) > 0 ? -EINVAL : err;
}

int conf_load_text(const char *name, const char *text, size_t len, struct lb_config **ret_config,
		   struct diag **ret_diag)
{
	*ret_config = NULL;
	*ret_diag = diag_new(name, text, len);
	if (!*ret_diag)
		return -ENOMEM;
	return load(*ret_diag, text, len, ret_config);
}

/* Reads to the end, or to one byte more than a config may have. 0 or -errno. */
static int read_all(int fd, char **ret_text, size_t *ret_len)
{
	size_t capacity = 64 << 10, len = 0;
	char *text = malloc(capacity), *larger;
	struct stat st;
	ssize_t n;

	if (text && fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size <= TREE_TEXT_MAX &&
	    (larger = realloc(text, (size_t)st.st_size + 2))) {
		text = larger;
		capacity = (size_t)st.st_size + 2;
	}
	for (;;) {
		if (!text)
			return -ENOMEM;
		n = read(fd, text + len, capacity - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len > TREE_TEXT_MAX)
			break;
		if (len == capacity) {
			capacity *= 2;
			larger = realloc(text, capacity);
			if (!larger)
				free(text);
			text = larger;
		}
	}
	if (n < 0) {
		int err = -errno;

		free(text);
		return err;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int conf_load(const char *path, struct lb_config **ret_config, struct diag **ret_diag)
{
	bool standard_input = strcmp(path, "-") == 0;
	char *text = NULL;
	size_t len = 0;
	int fd, err;

	*ret_config = NULL;
	*ret_diag = diag_new(standard_input ? "standard input" : path, NULL, 0);
	if (!*ret_diag)
		return -ENOMEM;
	fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	err = fd < 0 ? -errno : read_all(fd, &text, &len);
	if (fd >= 0 && !standard_input)
		close(fd);
	if (err) {
		diag_add(*ret_diag, DIAG_ERROR, (struct diag_loc){0}, NULL, "can't read: %s",
			 strerror(-err));
		return err;
	}
	diag_take_text(*ret_diag, text, len);
	return load(*ret_diag, text, len, ret_config);
}

static int pool_by_name(const void *name, const void *pool)
{
	return strcmp(name, ((const struct conf_pool *)pool)->name);
}

const struct conf_pool *conf_find_pool(const struct lb_config *config, const char *name)
{
	if (config->n_pools == 0)
		return NULL;
	return bsearch(name, config->pools, config->n_pools, sizeof(*config->pools), pool_by_name);
}

const struct conf_vip *conf_find_vip(const struct lb_config *config, const char *name)
{
	const struct conf_private *private = config->arena;
	size_t i;

	if (private)
		return index_find(private->vip_names, name, strlen(name), &i) ? &config->vips[i]
									      : NULL;
	for (i = 0; i < config->n_vips; i++) /* a config made by hand */
		if (strcmp(config->vips[i].name, name) == 0)
			return &config->vips[i];
	return NULL;
}

static int backend_by_address(const void *address, const void *backend)
{
	return addr_cmp(address, &((const struct conf_backend *)backend)->address);
}

const struct conf_backend *conf_find_backend(const struct conf_pool *pool,
					     const struct lb_addr *address)
{
	if (pool->n_backends == 0)
		return NULL;
	return bsearch(address, pool->backends, pool->n_backends, sizeof(*pool->backends),
		       backend_by_address);
}

const char *conf_forward_name(enum conf_forward forward)
{
	switch (forward) {
	case CONF_FORWARD_L2:
		return "l2";
	case CONF_FORWARD_IPIP:
		return "ipip";
	case CONF_FORWARD_GUE:
		return "gue";
	}
	return "unknown";
}

const char *conf_affinity_name(enum conf_affinity affinity)
{
	switch (affinity) {
	case CONF_AFFINITY_FLOW:
		return "flow";
	case CONF_AFFINITY_SOURCE:
		return "source";
	case CONF_AFFINITY_QUIC:
		return "quic";
	}
	return "unknown";
}

const char *conf_checksum6_name(enum conf_checksum6 checksum)
{
	return checksum == CONF_CHECKSUM6_ZERO ? "zero" : "computed";
}

const char *conf_format_source(const struct conf_source *source, char buf[CONF_SOURCE_TEXT_MAX])
{
	if (!source->set)
		return strcpy(buf, "by route");
	addr_format(&source->address, buf);
	if (source->prefix)
		snprintf(buf + strlen(buf), 5, "/%u", source->prefix);
	return buf;
}

const char *conf_protocol_name(enum conf_protocol protocol)
{
	switch (protocol) {
	case CONF_TCP:
		return "tcp";
	case CONF_UDP:
		return "udp";
	}
	return "unknown";
}
