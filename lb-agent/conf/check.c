/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check.c - the rules that one value alone can't break: duplicates, references, contradictions.
 *
 * A rule looks only at values that are good by themselves, so that no error is the echo of another.
 */
#include "conf/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/check_ports.h"
#include "conf/index.h"
#include "conf/scalar.h"

#define SUGGESTIONS_MAX                                                                            \
	100 /* each looks at every pool's name; more errors than that aren't read                  \
	     */

struct checker {
	struct arena *arena;
	struct diag *diag;
	const struct value *pools; /* ROOT_POOLS */
	const struct value *vips;  /* ROOT_VIPS */
	struct index *pool_names;  /* → place in the file */
	struct index *vip_names;   /* → line */
	struct index *services;	   /* (address, port, protocol) → line */
	struct index *addresses;   /* a VIP's address → place of the first such VIP */
	struct index *backends;	   /* (pool, address) → line */
	struct index *quic_ids;	   /* (pool, id) → line */
	unsigned int suggestions;
	bool pools_unsure; /* a VIP names no pool that is known: any pool may be the one it means */
	struct checked *out;
};

static size_t n_pools(const struct checker *c)
{
	return value_good(c->pools) ? c->pools->list.n : 0;
}

static size_t n_vips(const struct checker *c)
{
	return value_good(c->vips) ? c->vips->list.n : 0;
}

/* 0: new; -EEXIST: said; -ENOMEM. */
__attribute__((format(printf, 6, 7))) static int add_unique(struct checker *c, struct index *index,
							    const void *key, size_t len,
							    struct diag_loc loc, const char *format,
							    ...)
{
	char message[256], hint[64];
	va_list args;
	size_t first;
	int err = index_add(index, key, len, loc.line, &first);

	if (err != -EEXIST)
		return err;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	snprintf(hint, sizeof(hint), "it was first given in line %zu", first);
	diag_add(c->diag, DIAG_ERROR, loc, hint, "%s", message);
	return -EEXIST;
}

static int check_interfaces(struct checker *c, const struct value *node)
{
	const struct value *list =
	    node->state == VALUE_SET ? &node->object->v[NODE_INTERFACES] : NULL;
	struct index *seen;
	int err = 0;

	if (!list || !value_good(list))
		return 0;
	seen = index_new();
	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < list->list.n && err != -ENOMEM; i++) {
		const struct value *item = &list->list.items[i];

		if (value_good(item))
			err = add_unique(c, seen, item->text, strlen(item->text), item->loc,
					 "duplicate interface '%s'", item->text);
	}
	index_free(seen);
	return err == -ENOMEM ? err : 0;
}

struct service_key {
	struct lb_addr address;
	uint16_t port, port_last;
	uint32_t protocol;
};

static int check_vip_unique(struct checker *c, const struct object *vip, size_t place)
{
	const struct value *name = &vip->v[VIP_NAME], *address = &vip->v[VIP_ADDRESS];
	const struct value *protocol = &vip->v[VIP_PROTOCOL], *port = &vip->v[VIP_PORT];
	char endpoint[CHECK_PORTS_TEXT_MAX];
	struct service_key *key;
	int err = 0;

	if (value_good(name))
		err = add_unique(c, c->vip_names, name->text, strlen(name->text), name->loc,
				 "duplicate name '%s' in 'vips'", name->text);
	if (err == -ENOMEM || !value_good(address))
		return err == -ENOMEM ? err : 0;
	err = index_add(c->addresses, address->address.b, sizeof(address->address.b), place, NULL);
	if (err == -ENOMEM || !value_good(protocol) || !value_good(port))
		return err == -ENOMEM ? err : 0;
	key = arena_alloc(c->arena, sizeof(*key));
	if (!key)
		return -ENOMEM;
	*key = (struct service_key){address->address, port->ports.first, port->ports.last,
				    (uint32_t)protocol->number};
	check_ports_endpoint(&key->address, key->port, key->port_last, endpoint);
	err = add_unique(c, c->services, key, sizeof(*key), address->loc,
			 "a second VIP with address, protocol and port %s %s",
			 conf_protocol_name((enum conf_protocol)protocol->number), endpoint);
	return err == -ENOMEM ? err : 0;
}

static void unknown_pool(struct checker *c, const struct value *pool)
{
	unsigned int best = DIAG_FAR;
	char hint[CONF_NAME_MAX + 32] = "";

	for (size_t i = 0; c->suggestions < SUGGESTIONS_MAX && i < n_pools(c); i++) {
		const char *name = c->pools->list.items[i].object->name;
		unsigned int distance = diag_distance(pool->text, name);

		if (distance < best) {
			best = distance;
			snprintf(hint, sizeof(hint), "did you mean '%s'?", name);
		}
	}
	c->suggestions++;
	diag_add(c->diag, DIAG_ERROR, pool->loc, hint[0] ? hint : "define it in 'pools'",
		 "pool '%s' is not defined", pool->text);
}

static void note_use(struct checker *c, const struct object *vip, size_t place)
{
	const struct value *pool = &vip->v[VIP_POOL], *port = &vip->v[VIP_PORT];
	const struct value *protocol = &vip->v[VIP_PROTOCOL], *affinity = &vip->v[VIP_AFFINITY];
	struct pool_use *use;
	size_t i;

	if (!value_good(pool)) {
		c->pools_unsure = true;
		return;
	}
	if (!index_find(c->pool_names, pool->text, strlen(pool->text), &i)) {
		if (value_good(c->pools))
			unknown_pool(c, pool);
		c->pools_unsure = true;
		return;
	}
	c->out->vip_pool[place] = i;
	use = &c->out->uses[i];
	if (!value_good(port) || !value_good(protocol)) {
		use->unsure = true;
	} else {
		if (port->ports.first != port->ports.last)
			use->any_range = true;
		if (use->n_vips == 0)
			use->port = port->ports.first;
		else if (use->port != port->ports.first)
			use->port = 0;
		if (use->any_range)
			use->port = 0;
		use->any_tcp |= protocol->number == CONF_TCP;
	}
	if (value_good(affinity) && affinity->number == CONF_AFFINITY_QUIC && !use->quic_vip)
		use->quic_vip = vip;
	use->n_vips++;
}

static void check_affinity(struct checker *c, const struct object *vip)
{
	const struct value *affinity = &vip->v[VIP_AFFINITY], *address = &vip->v[VIP_ADDRESS];
	const struct value *prefix = &vip->v[VIP_AFFINITY_PREFIX];

	const struct value *protocol = &vip->v[VIP_PROTOCOL];

	if (value_good(affinity) && affinity->number == CONF_AFFINITY_QUIC &&
	    value_good(protocol) && protocol->number != CONF_UDP)
		diag_add(c->diag, DIAG_ERROR, affinity->loc, "QUIC is carried by UDP",
			 "'affinity: quic' is for 'protocol: udp' alone");
	if (prefix->state != VALUE_SET || !value_good(affinity))
		return;
	if (affinity->number != CONF_AFFINITY_SOURCE)
		diag_add(c->diag, DIAG_ERROR, prefix->loc,
			 "add 'affinity: source', or leave it out",
			 "'affinity_prefix' is for 'affinity: source' alone");
	else if (value_good(address) && prefix->number > addr_bits(&address->address))
		diag_add(c->diag, DIAG_ERROR, prefix->loc, "the range is 1 to 32",
			 "'affinity_prefix' is out of range for an IPv4 VIP: %" PRIu64,
			 prefix->number);
}

static int check_vips(struct checker *c)
{
	for (size_t i = 0; i < n_vips(c); i++) {
		const struct value *item = &c->vips->list.items[i];
		int err;

		c->out->vip_pool[i] = SIZE_MAX;
		if (item->state != VALUE_SET) {
			c->pools_unsure = true;
			continue;
		}
		err = check_vip_unique(c, item->object, i);
		if (err)
			return err;
		check_affinity(c, item->object);
		note_use(c, item->object, i);
	}
	return 0;
}

struct backend_key {
	struct lb_addr address;
	uint64_t pool;
};

static int check_backend(struct checker *c, const struct object *pool, size_t place,
			 const struct object *backend)
{
	const struct value *address = &backend->v[BACKEND_ADDRESS];
	char text[LB_ADDR_TEXT_MAX], hint[160];
	struct backend_key *key;
	size_t i;
	int err;

	if (!value_good(address))
		return 0;
	key = arena_alloc(c->arena, sizeof(*key));
	if (!key)
		return -ENOMEM;
	*key = (struct backend_key){address->address, place};
	addr_format(&key->address, text);
	err = add_unique(c, c->backends, key, sizeof(*key), address->loc,
			 "duplicate backend %s in pool '%s'", text, pool->name);
	if (err == -ENOMEM)
		return err;
	if (index_find(c->addresses, key->address.b, sizeof(key->address.b), &i)) {
		const struct object *vip = c->vips->list.items[i].object;

		snprintf(hint, sizeof(hint),
			 "packets would come back to the box: give the backend's own address (the "
			 "VIP is in line %u)",
			 vip->v[VIP_ADDRESS].loc.line);
		diag_add(c->diag, DIAG_ERROR, address->loc, hint,
			 "backend %s of pool '%s' has the address of a VIP", text, pool->name);
	}
	return 0;
}

struct quic_key {
	uint64_t pool, id;
};

/* 0 or -ENOMEM. */
static int check_quic_id(struct checker *c, const struct object *pool, size_t place,
			 const struct object *backend)
{
	const struct value *id = &backend->v[BACKEND_QUIC_ID];
	const struct object *vip = c->out->uses[place].quic_vip;
	const struct value *address = &backend->v[BACKEND_ADDRESS];
	char text[LB_ADDR_TEXT_MAX], hint[160];
	struct quic_key *key;
	int err;

	if (id->state == VALUE_UNSET && vip && value_good(address)) {
		snprintf(hint, sizeof(hint),
			 "'affinity: quic' in line %u wants one of each backend of the pool",
			 vip->v[VIP_AFFINITY].loc.line);
		diag_add(c->diag, DIAG_ERROR, address->loc, hint,
			 "backend %s of pool '%s' has no 'quic_id'",
			 addr_format(&address->address, text), pool->name);
	}
	if (!value_good(id))
		return 0;
	key = arena_alloc(c->arena, sizeof(*key));
	if (!key)
		return -ENOMEM;
	*key = (struct quic_key){place, id->number};
	err = add_unique(c, c->quic_ids, key, sizeof(*key), id->loc,
			 "a second backend with quic_id %" PRIu64 " in pool '%s'", id->number,
			 pool->name);
	return err == -ENOMEM ? err : 0;
}

static bool takes_flows(const struct object *backend)
{
	const struct value *weight = &backend->v[BACKEND_WEIGHT];
	const struct value *state = &backend->v[BACKEND_STATE];

	if (!value_good(weight) || !value_good(state))
		return true; /* for all that is known */
	return weight->number > 0 && state->number == CONF_BACKEND_ACTIVE;
}

static int check_backends(struct checker *c, const struct object *pool, size_t place)
{
	const struct value *backends = &pool->v[POOL_BACKENDS], *slots = &pool->v[POOL_SLOTS];
	bool any = false;

	if (!value_good(backends))
		return 0;
	for (size_t i = 0; i < backends->list.n; i++) {
		const struct value *item = &backends->list.items[i];
		int err;

		if (item->state != VALUE_SET) {
			any = true;
			continue;
		}
		err = check_backend(c, pool, place, item->object);
		if (!err)
			err = check_quic_id(c, pool, place, item->object);
		if (err)
			return err;
		any |= takes_flows(item->object);
	}
	if (!any && backends->list.n > 0)
		diag_add(c->diag, DIAG_WARNING, pool->loc, NULL,
			 "no backend of pool '%s' takes new flows: each has weight 0 or is drained",
			 pool->name);
	if (value_good(slots) && slots->number < backends->list.n)
		diag_add(c->diag, DIAG_ERROR, slots->loc,
			 "leave 'slots' out for a number that fits the backends",
			 "pool '%s' has fewer slots (%" PRIu64 ") than backends (%zu)", pool->name,
			 slots->number, backends->list.n);
	return 0;
}

static void check_timing(struct checker *c, const struct object *health)
{
	const struct value *interval = &health->v[HEALTH_INTERVAL];
	const struct value *timeout = &health->v[HEALTH_TIMEOUT];
	bool by_default = timeout->state == VALUE_DEFAULT;
	char interval_text[32], timeout_text[32];

	if (!value_good(interval) || !value_good(timeout) || timeout->number <= interval->number)
		return;
	diag_add(c->diag, DIAG_ERROR, by_default ? interval->loc : timeout->loc,
		 by_default ? "set 'timeout', too" : NULL,
		 "'timeout' (%s%s) is longer than 'interval' (%s%s)",
		 scalar_format_duration(timeout->number, timeout_text, sizeof(timeout_text)),
		 by_default ? " by default" : "",
		 scalar_format_duration(interval->number, interval_text, sizeof(interval_text)),
		 interval->state == VALUE_DEFAULT ? " by default" : "");
}

static void check_probe_port(struct checker *c, const struct object *pool, size_t place,
			     const struct value *port, struct diag_loc loc)
{
	const struct pool_use *use = &c->out->uses[place];
	const char *why;

	if (port->state != VALUE_UNSET || use->unsure || use->n_vips == 0)
		return;
	if (use->any_range)
		why = "a VIP of it has more than one port";
	else if (use->port == 0)
		why = "its VIPs have different ports";
	else if (!use->any_tcp)
		why = "its VIPs are UDP only";
	else
		return;
	diag_add(c->diag, DIAG_ERROR, loc, "set 'port' to the one that the backends answer on",
		 "the health check of pool '%s' has no port: %s", pool->name, why);
}

static void check_health(struct checker *c, const struct object *pool, size_t place)
{
	const struct value *value = &pool->v[POOL_HEALTH], *tcp, *http;
	const struct object *health;

	if (value->state != VALUE_SET)
		return;
	health = value->object;
	tcp = &health->v[HEALTH_TCP];
	http = &health->v[HEALTH_HTTP];
	check_timing(c, health);
	if (tcp->state == VALUE_UNSET && http->state == VALUE_UNSET)
		diag_add(c->diag, DIAG_ERROR, health->loc, "add 'tcp: {}' or 'http: {path: /}'",
			 "the health check of pool '%s' has neither 'tcp' nor 'http'", pool->name);
	if (tcp->state == VALUE_SET && http->state == VALUE_SET)
		diag_add(c->diag, DIAG_ERROR, health->loc, "'http' includes what 'tcp' checks",
			 "the health check of pool '%s' has both 'tcp' and 'http'", pool->name);
	else if (tcp->state == VALUE_SET)
		check_probe_port(c, pool, place, &tcp->object->v[HEALTH_TCP_PORT],
				 tcp->object->loc);
	else if (http->state == VALUE_SET)
		check_probe_port(c, pool, place, &http->object->v[HEALTH_HTTP_PORT],
				 http->object->loc);
}

static bool health_lacks_port(const struct object *pool)
{
	const struct value *health = &pool->v[POOL_HEALTH], *tcp, *http;

	if (health->state != VALUE_SET)
		return false;
	tcp = &health->object->v[HEALTH_TCP];
	http = &health->object->v[HEALTH_HTTP];
	return (tcp->state == VALUE_SET && !value_good(&tcp->object->v[HEALTH_TCP_PORT])) ||
	       (http->state == VALUE_SET && !value_good(&http->object->v[HEALTH_HTTP_PORT]));
}

static int check_pools(struct checker *c)
{
	for (size_t i = 0; i < n_pools(c); i++) {
		const struct value *item = &c->pools->list.items[i];
		const struct object *pool = item->object;
		int err;

		if (item->state == VALUE_SET) {
			err = check_backends(c, pool, i);
			if (err)
				return err;
			check_health(c, pool, i);
		}
		if (c->out->uses[i].n_vips == 0 && !c->pools_unsure && value_good(c->vips))
			diag_add(c->diag, DIAG_WARNING, item->loc,
				 item->state == VALUE_SET && health_lacks_port(pool)
				     ? "it won't be health-checked either: 'port' is not set"
				     : NULL,
				 "pool '%s' is not used by any VIP", pool->name);
	}
	return 0;
}

static int index_pools(struct checker *c)
{
	for (size_t i = 0; i < n_pools(c); i++) {
		const char *name = c->pools->list.items[i].object->name;
		int err = index_add(c->pool_names, name, strlen(name), i, NULL);

		if (err == -ENOMEM)
			return err;
	}
	return 0;
}

int check_rules(struct arena *arena, const struct object *root, struct diag *diag,
		struct checked *ret_checked)
{
	struct checker c = {
	    .arena = arena,
	    .diag = diag,
	    .pools = &root->v[ROOT_POOLS],
	    .vips = &root->v[ROOT_VIPS],
	    .pool_names = index_new(),
	    .vip_names = index_new(),
	    .services = index_new(),
	    .addresses = index_new(),
	    .backends = index_new(),
	    .quic_ids = index_new(),
	    .out = ret_checked,
	};
	int err = -ENOMEM;

	if (!c.pool_names || !c.vip_names || !c.services || !c.addresses || !c.backends ||
	    !c.quic_ids)
		goto out;
	ret_checked->vip_pool = arena_array(arena, n_vips(&c), sizeof(size_t));
	ret_checked->uses = arena_array(arena, n_pools(&c), sizeof(struct pool_use));
	if (!ret_checked->vip_pool || !ret_checked->uses)
		goto out;
	err = check_interfaces(&c, &root->v[ROOT_NODE]);
	if (!err)
		err = index_pools(&c);
	if (!err)
		err = check_vips(&c);
	if (!err)
		err = check_ports(arena, c.vips, diag);
	if (!err)
		err = check_pools(&c);
	if (!err)
		err = check_limits(arena, root, diag, ret_checked);
out:
	index_free(c.pool_names);
	index_free(c.vip_names);
	index_free(c.services);
	index_free(c.addresses);
	index_free(c.backends);
	index_free(c.quic_ids);
	return err;
}
