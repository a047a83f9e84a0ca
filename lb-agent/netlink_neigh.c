/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_neigh.c - keeps the kernel's neighbour entries of our next hops fresh. The data path
 * forwards without asking the kernel, so nothing but NTF_EXT_MANAGED (Linux 5.16, commit
 * 7482e3841d52) would make the kernel resolve an entry again when it goes stale.
 *
 * An entry is ours when its NDA_PROTOCOL says so; only those are ever deleted. Entries of an
 * administrator (permanent, noarp), of a control plane (extern_learn) or with another protocol are
 * used as they are: making them managed would take their state away (__neigh_update()).
 */
#include "netlink_neigh.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"

#define NUD_STATIC    (NUD_PERMANENT | NUD_NOARP)
#define NUD_USABLE    (NUD_STATIC | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)
#define DUMP_ATTEMPTS 5

struct entry_list {
	struct neigh_entry **entries;
	size_t n, capacity;
};

struct neigh_table {
	struct netlink_requester *requester;
	struct neigh_entry **buckets; /* [n_buckets], a power of two */
	size_t n_buckets, n_entries, n_errors, n_deleted;
	struct entry_list queue, changes, work;
	uint32_t stamp;
	bool out_of_memory; /* in a callback that cannot return it */
};

static uint32_t hash_key(const struct neigh_key *key)
{
	uint32_t h = 2166136261u ^ (uint32_t)key->ifindex; /* FNV-1a */

	for (size_t i = 0; i < sizeof(key->address.b); i++)
		h = (h ^ key->address.b[i]) * 16777619u;
	return h ^ h >> 15;
}

static bool key_equal(const struct neigh_key *a, const struct neigh_key *b)
{
	return a->ifindex == b->ifindex && addr_equal(&a->address, &b->address);
}

static int list_add(struct entry_list *list, struct neigh_entry *entry)
{
	if (list->n == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 64;
		struct neigh_entry **entries =
		    reallocarray(list->entries, capacity, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		list->entries = entries;
		list->capacity = capacity;
	}
	list->entries[list->n++] = entry;
	return 0;
}

struct neigh_table *neigh_table_new(struct netlink_requester *requester)
{
	struct neigh_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->requester = requester;
	table->n_buckets = 64;
	table->buckets = calloc(table->n_buckets, sizeof(*table->buckets));
	if (!table->buckets) {
		free(table);
		return NULL;
	}
	return table;
}

void neigh_table_free(struct neigh_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n_buckets; i++) {
		for (struct neigh_entry *entry = table->buckets[i], *next; entry; entry = next) {
			next = entry->next;
			free(entry);
		}
	}
	free(table->buckets);
	free(table->queue.entries);
	free(table->changes.entries);
	free(table->work.entries);
	free(table);
}

static struct neigh_entry *find(const struct neigh_table *table, const struct neigh_key *key)
{
	struct neigh_entry *entry = table->buckets[hash_key(key) & (table->n_buckets - 1)];

	while (entry && !key_equal(&entry->last.key, key))
		entry = entry->next;
	return entry;
}

static void put(struct neigh_entry **buckets, size_t n_buckets, struct neigh_entry *entry)
{
	struct neigh_entry **bucket = &buckets[hash_key(&entry->last.key) & (n_buckets - 1)];

	entry->next = *bucket;
	*bucket = entry;
}

/* A failure to grow costs speed only. */
static void grow(struct neigh_table *table)
{
	size_t n_buckets = 2 * table->n_buckets;
	struct neigh_entry **buckets = calloc(n_buckets, sizeof(*buckets));

	if (!buckets)
		return;
	for (size_t i = 0; i < table->n_buckets; i++) {
		for (struct neigh_entry *entry = table->buckets[i], *next; entry; entry = next) {
			next = entry->next;
			put(buckets, n_buckets, entry);
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->n_buckets = n_buckets;
}

static struct neigh_entry *add(struct neigh_table *table, const struct neigh_key *key)
{
	struct neigh_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->last.key = *key;
	if (table->n_entries >= table->n_buckets)
		grow(table);
	put(table->buckets, table->n_buckets, entry);
	table->n_entries++;
	return entry;
}

static void drop(struct neigh_table *table, struct neigh_entry *entry)
{
	struct neigh_entry **at =
	    &table->buckets[hash_key(&entry->last.key) & (table->n_buckets - 1)];

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	table->n_entries--;
	if (entry->last.neigh.error)
		table->n_errors--;
	free(entry);
}

static int enqueue(struct neigh_table *table, struct neigh_entry *entry)
{
	int ret;

	if (entry->queued)
		return 0;
	ret = list_add(&table->queue, entry);
	if (ret == 0)
		entry->queued = true;
	else
		table->out_of_memory = true;
	return ret;
}

struct neigh_entry *neigh_want(struct neigh_table *table, const struct neigh_key *key)
{
	struct neigh_entry *entry = find(table, key);

	if (!entry)
		entry = add(table, key);
	if (!entry)
		return NULL;
	if (entry->users == 0 && enqueue(table, entry) < 0)
		return NULL; /* an entry without users is harmless */
	entry->users++;
	return entry;
}

void neigh_unwant(struct neigh_table *table, struct neigh_entry *entry)
{
	if (!entry)
		return;
	entry->users--;
	if (entry->users == 0)
		enqueue(table, entry);
}

static bool is_ours(const struct neigh_entry *entry)
{
	return entry->last.neigh.known && entry->last.protocol == NETLINK_PROTOCOL &&
	       !(entry->last.neigh.state & NUD_STATIC);
}

/* Whether the entry in the kernel, or its absence, is not yet as we want it. */
static bool wants_making(const struct neigh_entry *entry)
{
	const struct neigh_message *last = &entry->last;

	if (entry->users == 0)
		return false;
	if (!last->neigh.known)
		return true;
	if (last->neigh.state & NUD_STATIC || last->ext_learned)
		return false;
	if (last->protocol == 0)
		return true;
	if (last->protocol != NETLINK_PROTOCOL || last->managed)
		return false;
	/* Without managed entries: ask again whenever the kernel is about to let it go. */
	return !entry->use_only || last->neigh.state & (NUD_STALE | NUD_FAILED);
}

static void note_change(struct neigh_table *table, struct neigh_entry *entry)
{
	entry->changed = true;
	if (entry->listed)
		return;
	if (list_add(&table->changes, entry) < 0)
		table->out_of_memory = true;
	else
		entry->listed = true;
}

static void set_error(struct neigh_table *table, struct neigh_entry *entry, int error)
{
	if (entry->last.neigh.error == error)
		return;
	table->n_errors += (error != 0) - (entry->last.neigh.error != 0);
	entry->last.neigh.error = error;
	note_change(table, entry);
}

/*
 * Takes in what the kernel says of an entry (NULL: it does not exist). The kernel tries a failed
 * managed entry again every few seconds, by way of INCOMPLETE; it stays failed for us until it
 * answers.
 */
static void take_state(struct neigh_table *table, struct neigh_entry *entry,
		       const struct neigh_message *message)
{
	struct nexthop_neigh before = entry->last.neigh;
	struct neigh_message now = {.key = entry->last.key};
	bool usable;

	if (message)
		now = *message;
	usable = now.neigh.known && now.neigh.state & NUD_USABLE;
	if (now.neigh.known && now.neigh.state & NUD_FAILED)
		entry->failed = true;
	else if (usable)
		entry->failed = false;
	if (entry->failed) {
		now.neigh.state = NUD_FAILED;
		memset(now.neigh.mac, 0, sizeof(now.neigh.mac));
	}
	now.neigh.error = before.error;
	entry->last = now;
	entry->asked = true;
	if (now.neigh.known)
		set_error(table, entry, 0);
	if (usable != (before.known && before.state & NUD_USABLE) ||
	    (now.neigh.state & NUD_FAILED) != (before.state & NUD_FAILED) ||
	    (usable && memcmp(now.neigh.mac, before.mac, sizeof(before.mac)) != 0))
		note_change(table, entry);
}

bool neigh_table_event(struct neigh_table *table, const struct nlmsghdr *message)
{
	struct neigh_message neigh;
	struct neigh_entry *entry;

	if (netlink_parse_neigh(message, &neigh) < 0)
		return false;
	entry = find(table, &neigh.key);
	if (!entry)
		return false;
	take_state(table, entry, message->nlmsg_type == RTM_DELNEIGH ? NULL : &neigh);
	if (wants_making(entry))
		enqueue(table, entry);
	return entry->queued || entry->changed;
}

static int build_neigh(struct nl_msg *message, int type, int flags, const struct neigh_key *key,
		       uint8_t ndm_flags)
{
	struct ndmsg ndm = {
	    .ndm_family = (uint8_t)addr_family(&key->address),
	    .ndm_ifindex = key->ifindex,
	    .ndm_flags = ndm_flags,
	};
	size_t len;
	const void *raw = addr_raw(&key->address, &len);

	if (!nlmsg_put(message, 0, 0, type, sizeof(ndm), flags))
		return -ENOMEM;
	memcpy(nlmsg_data(nlmsg_hdr(message)), &ndm, sizeof(ndm));
	return nla_put(message, NDA_DST, (int)len, raw) < 0 ? -ENOMEM : 0;
}

static int dump(struct netlink_requester *requester,
		void (*entry)(void *ctx, const struct nlmsghdr *message), void *ctx)
{
	struct nl_msg *message = nlmsg_alloc_size(NETLINK_REQUEST_BYTES);
	struct ndmsg ndm = {.ndm_family = AF_UNSPEC};
	int ret = -ENOMEM;

	if (!message)
		return -ENOMEM;
	if (nlmsg_put(message, 0, 0, RTM_GETNEIGH, sizeof(ndm), 0)) {
		memcpy(nlmsg_data(nlmsg_hdr(message)), &ndm, sizeof(ndm));
		ret = netlink_request_dump(requester, message, entry, ctx);
	}
	nlmsg_free(message);
	return ret;
}

static void take_dumped(void *ctx, const struct nlmsghdr *message)
{
	struct neigh_table *table = ctx;
	struct neigh_message neigh;
	struct neigh_entry *entry;

	if (netlink_parse_neigh(message, &neigh) < 0)
		return;
	entry = find(table, &neigh.key);
	if (!entry && neigh.protocol == NETLINK_PROTOCOL) {
		entry = add(table, &neigh.key);
		if (!entry)
			table->out_of_memory = true;
	}
	if (!entry)
		return;
	take_state(table, entry, &neigh);
	entry->stamp = table->stamp;
}

int neigh_table_read(struct neigh_table *table)
{
	int ret = -EAGAIN;

	for (int i = 0; i < DUMP_ATTEMPTS && ret == -EAGAIN; i++) {
		table->stamp++;
		ret = dump(table->requester, take_dumped, table);
	}
	/* A table that never holds still: what the dump missed, the events bring. */
	if (ret < 0 && ret != -EAGAIN)
		return ret;
	for (size_t i = 0; i < table->n_buckets; i++) {
		for (struct neigh_entry *entry = table->buckets[i]; entry; entry = entry->next) {
			if (ret == 0 && entry->stamp != table->stamp && entry->asked)
				take_state(table, entry, NULL);
			if (wants_making(entry))
				enqueue(table, entry);
		}
	}
	return table->out_of_memory ? -ENOMEM : 0;
}

void neigh_table_sweep(struct neigh_table *table)
{
	for (size_t i = 0; i < table->n_buckets; i++)
		for (struct neigh_entry *entry = table->buckets[i]; entry; entry = entry->next)
			if (entry->users == 0)
				enqueue(table, entry);
}

/* Fills the work list with the queued entries that `want` accepts. */
static int select_work(struct neigh_table *table, bool (*want)(const struct neigh_entry *entry))
{
	int ret = 0;

	table->work.n = 0;
	for (size_t i = 0; i < table->queue.n && ret == 0; i++)
		if (want(table->queue.entries[i]))
			ret = list_add(&table->work, table->queue.entries[i]);
	return ret;
}

static bool wants_asking(const struct neigh_entry *entry)
{
	return entry->users && !entry->asked;
}

static int build_ask(void *ctx, size_t i, struct nl_msg *message)
{
	const struct neigh_table *table = ctx;

	return build_neigh(message, RTM_GETNEIGH, 0, &table->work.entries[i]->last.key, 0);
}

static void take_ask(void *ctx, size_t i, int error, const struct nlmsghdr *answer)
{
	struct neigh_table *table = ctx;
	struct neigh_entry *entry = table->work.entries[i];
	struct neigh_message neigh;

	entry->asked = true;
	if (answer && netlink_parse_neigh(answer, &neigh) == 0)
		take_state(table, entry, &neigh);
}

static int build_make(void *ctx, size_t i, struct nl_msg *message)
{
	const struct neigh_table *table = ctx;
	const struct neigh_entry *entry = table->work.entries[i];
	int ret;

	/* No state: the kernel starts to resolve a new entry, and leaves an old one's as it is. */
	ret = build_neigh(message, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, &entry->last.key,
			  entry->use_only ? NTF_USE : 0);
	if (ret < 0)
		return ret;
	if (nla_put_u8(message, NDA_PROTOCOL, NETLINK_PROTOCOL) < 0)
		return -ENOMEM;
	if (!entry->use_only && nla_put_u32(message, NDA_FLAGS_EXT, NTF_EXT_MANAGED) < 0)
		return -ENOMEM;
	return 0;
}

static void take_make(void *ctx, size_t i, int error, const struct nlmsghdr *answer)
{
	struct neigh_table *table = ctx;
	struct neigh_entry *entry = table->work.entries[i];

	if (error && !entry->use_only && (error == EINVAL || error == EOPNOTSUPP)) {
		/* The fallback is tried in the second round of make_entries(). */
		entry->use_only = true;
		return;
	}
	if (error)
		entry->use_only = false;
	set_error(table, entry, error);
	if (error)
		return;
	if (!entry->last.neigh.known)
		entry->last.neigh.state = entry->failed ? NUD_FAILED : NUD_INCOMPLETE;
	entry->last.neigh.known = true;
	entry->last.protocol = NETLINK_PROTOCOL;
	entry->last.managed = !entry->use_only;
}

static bool wants_making_now(const struct neigh_entry *entry)
{
	return wants_making(entry) && entry->last.neigh.error == 0;
}

static bool wants_fallback(const struct neigh_entry *entry)
{
	return wants_making_now(entry) && entry->use_only && entry->last.protocol == 0;
}

static int make_entries(struct neigh_table *table)
{
	int ret = select_work(table, wants_making_now);

	if (ret == 0)
		ret = netlink_request_many(table->requester, table->work.n, build_make, take_make,
					   table);
	if (ret == 0)
		ret = select_work(table, wants_fallback);
	if (ret == 0)
		ret = netlink_request_many(table->requester, table->work.n, build_make, take_make,
					   table);
	return ret;
}

static bool wants_deleting(const struct neigh_entry *entry)
{
	return entry->users == 0 && is_ours(entry);
}

static int build_delete(void *ctx, size_t i, struct nl_msg *message)
{
	const struct neigh_table *table = ctx;

	return build_neigh(message, RTM_DELNEIGH, NLM_F_ACK, &table->work.entries[i]->last.key, 0);
}

static void take_delete(void *ctx, size_t i, int error, const struct nlmsghdr *answer)
{
	struct neigh_table *table = ctx;

	/* What cannot be deleted is gone already, or its device is. */
	if (!error)
		table->n_deleted++;
}

static void forget_queue(struct neigh_table *table)
{
	size_t kept = 0;

	/* Freed entries must not stay in the other list. */
	for (size_t i = 0; i < table->changes.n; i++)
		if (table->changes.entries[i]->users)
			table->changes.entries[kept++] = table->changes.entries[i];
		else
			table->changes.entries[i]->listed = false;
	table->changes.n = kept;
	for (size_t i = 0; i < table->queue.n; i++) {
		table->queue.entries[i]->queued = false;
		if (table->queue.entries[i]->users == 0)
			drop(table, table->queue.entries[i]);
	}
	table->queue.n = 0;
	table->work.n = 0;
}

int neigh_table_settle(struct neigh_table *table)
{
	int ret;

	if (table->out_of_memory) {
		table->out_of_memory = false;
		return -ENOMEM;
	}
	ret = select_work(table, wants_asking);
	if (ret == 0)
		ret = netlink_request_many(table->requester, table->work.n, build_ask, take_ask,
					   table);
	if (ret == 0)
		ret = select_work(table, wants_deleting);
	if (ret == 0)
		ret = netlink_request_many(table->requester, table->work.n, build_delete,
					   take_delete, table);
	/* After the deletions, which make room in a table near its limit. */
	if (ret == 0)
		ret = make_entries(table);
	if (ret == 0)
		forget_queue(table);
	return ret;
}

void neigh_table_retry(struct neigh_table *table, size_t max)
{
	for (size_t i = 0; i < table->n_buckets && max && table->n_errors; i++) {
		for (struct neigh_entry *entry = table->buckets[i]; entry && max;
		     entry = entry->next) {
			if (!entry->last.neigh.error)
				continue;
			set_error(table, entry, 0);
			enqueue(table, entry);
			max--;
		}
	}
}

size_t neigh_table_errors(const struct neigh_table *table)
{
	return table->n_errors;
}

void neigh_table_clear_changes(struct neigh_table *table)
{
	for (size_t i = 0; i < table->changes.n; i++) {
		table->changes.entries[i]->changed = false;
		table->changes.entries[i]->listed = false;
	}
	table->changes.n = 0;
}

bool neigh_table_has_changes(const struct neigh_table *table)
{
	return table->changes.n > 0;
}

int neigh_teardown(struct netlink_requester *requester)
{
	struct neigh_table *table = neigh_table_new(requester);
	int ret;

	if (!table)
		return -ENOMEM;
	ret = neigh_table_read(table);
	/* Entries that nobody uses: to settle is to delete those that are ours. */
	neigh_table_sweep(table);
	if (ret == 0)
		ret = neigh_table_settle(table);
	if (ret == 0)
		ret = (int)table->n_deleted;
	neigh_table_free(table);
	return ret;
}
