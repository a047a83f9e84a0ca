/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * layout.c - the bookkeeping of what lies where in the maps.
 */
#include "layout.h"

#include <stdlib.h>
#include <string.h>

struct layout *layout_new(const struct layout_caps *caps)
{
	struct layout *layout = calloc(1, sizeof(*layout));

	if (!layout)
		return NULL;
	layout->caps = *caps;
	layout->slot_runs = extent_new(caps->slots);
	layout->backend_runs = extent_new(caps->backends);
	layout->vip_ids = extent_new(caps->vips);
	layout->limit_ids = extent_new(caps->limits);
	if (!layout->slot_runs || !layout->backend_runs || !layout->vip_ids || !layout->limit_ids) {
		layout_free(layout);
		return NULL;
	}
	return layout;
}

void layout_free(struct layout *layout)
{
	if (!layout)
		return;
	for (size_t i = 0; i < layout->n_pools; i++)
		free(layout->pools[i].backends);
	free(layout->pools);
	free(layout->vips);
	extent_free(layout->slot_runs);
	extent_free(layout->backend_runs);
	extent_free(layout->vip_ids);
	extent_free(layout->limit_ids);
	free(layout->limits);
	free(layout);
}

const struct layout_pool *layout_find_pool(const struct layout *layout, const char *name)
{
	for (size_t i = 0; i < layout->n_pools; i++)
		if (strcmp(layout->pools[i].name, name) == 0)
			return &layout->pools[i];
	return NULL;
}

const struct layout_vip *layout_find_vip(const struct layout *layout, const struct lb_addr *address,
					 uint16_t port, uint16_t port_last, uint8_t proto)
{
	for (size_t i = 0; i < layout->n_vips; i++) {
		const struct layout_vip *vip = &layout->vips[i];

		if (vip->port == port && vip->port_last == port_last && vip->proto == proto &&
		    addr_equal(&vip->address, address))
			return vip;
	}
	return NULL;
}

int layout_find_backend(const struct layout_pool *pool, const struct lb_addr *address)
{
	for (uint32_t id = 0; id < pool->backend_cap; id++)
		if (pool->backends[id].state == LAYOUT_ID_USED &&
		    addr_equal(&pool->backends[id].address, address))
			return (int)id;
	return -1;
}

size_t layout_count_backends(const struct layout_pool *pool)
{
	size_t n = 0;

	for (uint32_t id = 0; id < pool->backend_cap; id++)
		n += pool->backends[id].state == LAYOUT_ID_USED;
	return n;
}

void layout_reap(struct layout *layout)
{
	for (size_t i = 0; i < layout->n_pools; i++) {
		struct layout_pool *pool = &layout->pools[i];

		for (uint32_t id = 0; id < pool->backend_cap; id++)
			if (pool->backends[id].state == LAYOUT_ID_QUARANTINE)
				pool->backends[id] = (struct layout_backend){0};
	}
	extent_reap(layout->slot_runs);
	extent_reap(layout->backend_runs);
	extent_reap(layout->vip_ids);
	extent_reap(layout->limit_ids);
}

bool layout_has_quarantine(const struct layout *layout)
{
	if (extent_has_quarantine(layout->slot_runs) ||
	    extent_has_quarantine(layout->backend_runs) || extent_has_quarantine(layout->vip_ids) ||
	    extent_has_quarantine(layout->limit_ids))
		return true;
	for (size_t i = 0; i < layout->n_pools; i++)
		for (uint32_t id = 0; id < layout->pools[i].backend_cap; id++)
			if (layout->pools[i].backends[id].state == LAYOUT_ID_QUARANTINE)
				return true;
	return false;
}

static int compare_index(const void *a, const void *b)
{
	return addr_cmp(&((const struct layout_index *)a)->address,
			&((const struct layout_index *)b)->address);
}

struct layout_index *layout_index_backends(const struct layout_pool *pool, size_t *ret_n)
{
	struct layout_index *index = calloc(pool->backend_cap + 1, sizeof(*index));
	size_t n = 0;

	*ret_n = 0;
	if (!index)
		return NULL;
	for (uint32_t i = 0; i < pool->backend_cap; i++)
		if (pool->backends[i].state == LAYOUT_ID_USED)
			index[n++] = (struct layout_index){pool->backends[i].address, (uint16_t)i};
	qsort(index, n, sizeof(*index), compare_index);
	*ret_n = n;
	return index;
}

int layout_index_find(const struct layout_index *index, size_t n, const struct lb_addr *address)
{
	const struct layout_index key = {.address = *address};
	const struct layout_index *found = bsearch(&key, index, n, sizeof(key), compare_index);

	return found ? found->local_id : -1;
}
