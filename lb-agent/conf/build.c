/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * build.c - the checked values as the plain structs of conf.h, in memory of their own, so that the
 * tree (many times as large) can go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conf_private.h"

struct build {
	struct arena *arena;
	struct lb_config *config;
	const struct checked *checked;
	size_t *pool_place; /* a pool's place in the file → in the config */
	bool no_memory;
};

static const char *copy_text(struct build *b, const char *text)
{
	char *copy = arena_text(b->arena, text, strlen(text));

	b->no_memory |= !copy;
	return copy;
}

static void *new_array(struct build *b, size_t n, size_t size)
{
	void *array = arena_array(b->arena, n, size);

	b->no_memory |= !array;
	return array;
}

static void build_source(const struct value *value, struct conf_source *source)
{
	if (!value_good(value))
		return;
	*source = (struct conf_source){
	    .set = true,
	    .address = value->source.address,
	    .prefix = value->source.prefix,
	};
}

static void build_gue(const struct value *value, struct conf_gue *gue)
{
	const struct value *v;

	*gue = (struct conf_gue){.port = CONF_GUE_PORT, .variant = CONF_GUE_VARIANT};
	if (value->state != VALUE_SET)
		return;
	v = value->object->v;
	gue->port = (uint16_t)v[GUE_PORT].number;
	gue->variant = (uint8_t)v[GUE_VARIANT].number;
	gue->checksum6 = (enum conf_checksum6)v[GUE_IPV6_CHECKSUM].number;
}

static void build_node(struct build *b, const struct object *object)
{
	const struct value *interfaces = &object->v[NODE_INTERFACES];
	const struct value *source = &object->v[NODE_TUNNEL_SOURCE];
	struct conf_node *node = &b->config->node;

	node->xdp_mode = (enum conf_xdp_mode)object->v[NODE_XDP_MODE].number;
	node->seed = object->v[NODE_SEED].number;
	node->interfaces = new_array(b, interfaces->list.n, sizeof(char *));
	if (!node->interfaces)
		return;
	for (size_t i = 0; i < interfaces->list.n; i++)
		node->interfaces[i] = copy_text(b, interfaces->list.items[i].text);
	node->n_interfaces = interfaces->list.n;
	build_gue(&object->v[NODE_GUE], &node->gue);
	if (source->state != VALUE_SET)
		return;
	build_source(&source->object->v[TUNNEL_IPV4], &node->tunnel_source_v4);
	build_source(&source->object->v[TUNNEL_IPV6], &node->tunnel_source_v6);
}

/* The port that is probed; 0 where neither the check nor the VIPs have one. */
static uint16_t probe_port(const struct value *port, const struct pool_use *use)
{
	return value_good(port) ? (uint16_t)port->number : use->port;
}

static void build_health(struct build *b, const struct value *value, const struct pool_use *use,
			 struct conf_health *health)
{
	const struct value *v, *http;

	if (value->state != VALUE_SET)
		return;
	v = value->object->v;
	health->interval_ms = (uint32_t)v[HEALTH_INTERVAL].number;
	health->timeout_ms = (uint32_t)v[HEALTH_TIMEOUT].number;
	health->rise = (uint16_t)v[HEALTH_RISE].number;
	health->fall = (uint16_t)v[HEALTH_FALL].number;
	if (v[HEALTH_HTTP].state == VALUE_SET) {
		http = v[HEALTH_HTTP].object->v;
		health->type = CONF_HEALTH_HTTP;
		health->port = probe_port(&http[HEALTH_HTTP_PORT], use);
		health->path = copy_text(b, http[HEALTH_HTTP_PATH].text);
		if (value_good(&http[HEALTH_HTTP_HOST]))
			health->host = copy_text(b, http[HEALTH_HTTP_HOST].text);
		health->expect_min = http[HEALTH_HTTP_EXPECT].status.min;
		health->expect_max = http[HEALTH_HTTP_EXPECT].status.max;
	} else {
		health->type = CONF_HEALTH_TCP;
		health->port = probe_port(&v[HEALTH_TCP].object->v[HEALTH_TCP_PORT], use);
	}
	if (health->port == 0) /* of a pool that no VIP uses: check.c has warned */
		*health = (struct conf_health){.type = CONF_HEALTH_NONE};
}

static int backend_order(const void *a, const void *b)
{
	return addr_cmp(&((const struct conf_backend *)a)->address,
			&((const struct conf_backend *)b)->address);
}

static void build_pool(struct build *b, const struct object *object, const struct pool_use *use,
		       struct conf_pool *pool)
{
	const struct value *backends = &object->v[POOL_BACKENDS];

	pool->loc = object->loc;
	pool->quic = use->quic_vip;
	pool->name = copy_text(b, object->name);
	pool->when_all_down = (enum conf_all_down)object->v[POOL_WHEN_ALL_DOWN].number;
	if (value_good(&object->v[POOL_SLOTS]))
		pool->slots = (uint32_t)object->v[POOL_SLOTS].number;
	build_health(b, &object->v[POOL_HEALTH], use, &pool->health);
	pool->backends = new_array(b, backends->list.n, sizeof(*pool->backends));
	if (!pool->backends)
		return;
	for (size_t i = 0; i < backends->list.n; i++) {
		const struct object *backend = backends->list.items[i].object;

		pool->backends[i] = (struct conf_backend){
		    .address = backend->v[BACKEND_ADDRESS].address,
		    .weight = (uint32_t)backend->v[BACKEND_WEIGHT].number,
		    .state = (enum conf_backend_state)backend->v[BACKEND_STATE].number,
		    .quic_id = value_good(&backend->v[BACKEND_QUIC_ID])
				   ? (uint16_t)backend->v[BACKEND_QUIC_ID].number
				   : 0,
		    .loc = backend->v[BACKEND_ADDRESS].loc,
		};
	}
	pool->n_backends = backends->list.n;
	qsort(pool->backends, pool->n_backends, sizeof(*pool->backends), backend_order);
}

struct named_place {
	const char *name;
	size_t place;
};

static int name_order(const void *a, const void *b)
{
	return strcmp(((const struct named_place *)a)->name, ((const struct named_place *)b)->name);
}

static void build_pools(struct build *b, const struct value *pools)
{
	size_t n = pools->list.n;
	struct named_place *order = calloc(n + 1, sizeof(*order));

	b->config->pools = new_array(b, n, sizeof(*b->config->pools));
	b->no_memory |= !order;
	if (b->no_memory)
		goto out;
	for (size_t i = 0; i < n; i++)
		order[i] = (struct named_place){pools->list.items[i].object->name, i};
	qsort(order, n, sizeof(*order), name_order);
	for (size_t i = 0; i < n; i++) {
		size_t place = order[i].place;

		build_pool(b, pools->list.items[place].object, &b->checked->uses[place],
			   &b->config->pools[i]);
		b->pool_place[place] = i;
	}
	b->config->n_pools = n;
out:
	free(order);
}

static void build_vips(struct build *b, const struct value *vips)
{
	struct conf_private *private = b->config->arena;
	size_t n = vips->list.n;

	b->config->vips = new_array(b, n, sizeof(*b->config->vips));
	for (size_t i = 0; i < n && !b->no_memory; i++) {
		const struct value *v = vips->list.items[i].object->v;
		struct conf_vip *vip = &b->config->vips[i];

		*vip = (struct conf_vip){
		    .name = copy_text(b, v[VIP_NAME].text),
		    .address = v[VIP_ADDRESS].address,
		    .protocol = (enum conf_protocol)v[VIP_PROTOCOL].number,
		    .port = v[VIP_PORT].ports.first,
		    .port_last = v[VIP_PORT].ports.last,
		    .forward = (enum conf_forward)v[VIP_FORWARD].number,
		    .affinity = (enum conf_affinity)v[VIP_AFFINITY].number,
		    .affinity_prefix = value_good(&v[VIP_AFFINITY_PREFIX])
					   ? (uint8_t)v[VIP_AFFINITY_PREFIX].number
					   : 0,
		    .pool = b->pool_place[b->checked->vip_pool[i]],
		    .loc = v[VIP_NAME].loc,
		};
		if (vip->name &&
		    index_add(private->vip_names, vip->name, strlen(vip->name), i, NULL) == -ENOMEM)
			b->no_memory = true;
		b->config->n_vips = i + 1;
	}
}

int build_config(const struct object *root, const struct checked *checked,
		 struct lb_config **ret_config)
{
	struct build b = {.checked = checked, .config = conf_new()};
	struct conf_private *private;
	int err = -ENOMEM;

	if (!b.config)
		return -ENOMEM;
	private = b.config->arena;
	b.arena = private->arena;
	b.pool_place = calloc(root->v[ROOT_POOLS].list.n + 1, sizeof(size_t));
	if (!b.pool_place)
		goto out;
	build_node(&b, root->v[ROOT_NODE].object);
	build_pools(&b, &root->v[ROOT_POOLS]);
	if (!b.no_memory)
		build_vips(&b, &root->v[ROOT_VIPS]);
	b.no_memory |= build_limits(b.arena, root, checked, b.config) != 0;
	if (b.no_memory)
		goto out;
	*ret_config = b.config;
	b.config = NULL;
	err = 0;
out:
	free(b.pool_place);
	conf_free(b.config);
	return err;
}
