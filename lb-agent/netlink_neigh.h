/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_neigh.h - the neighbour entries that the next hops need: made managed in the kernel,
 * followed, and given up.
 */
#ifndef LB_NETLINK_NEIGH_H
#define LB_NETLINK_NEIGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlink_parse.h"
#include "netlink_request.h"

struct neigh_entry {
	struct neigh_message last; /* what the kernel said last; last.neigh.known: it exists */
	bool changed; /* usable, failed or MAC: another than at the last neigh_clear_changes() */
	/* private to netlink_neigh.c: */
	struct neigh_entry *next; /* in its hash bucket */
	uint32_t users;
	uint32_t stamp; /* dump that saw it last */
	bool queued;	/* is in the table's queue */
	bool asked;	/* its state was asked for, or came in an event */
	bool failed;	/* did not answer, and has not been resolved since */
	bool use_only;	/* the kernel refused NTF_EXT_MANAGED */
	bool listed;	/* is in the table's list of changed entries */
};

struct neigh_table; /* opaque */

/* The requester is borrowed. NULL when memory ran out. */
struct neigh_table *neigh_table_new(struct netlink_requester *requester);
/* Leaves the kernel's entries as they are. */
void neigh_table_free(struct neigh_table *table);

/* One more user of an entry; the kernel hears of it by neigh_table_settle(). NULL when memory ran
 * out. The entry lives until it has no user and the table was settled. */
struct neigh_entry *neigh_want(struct neigh_table *table, const struct neigh_key *key);
/* One user less; NULL is allowed. */
void neigh_unwant(struct neigh_table *table, struct neigh_entry *entry);

/* An RTM_NEWNEIGH or RTM_DELNEIGH notification. true: neigh_table_settle() has something to do, or
 * an entry changed. */
bool neigh_table_event(struct neigh_table *table, const struct nlmsghdr *message);

/* Reads all entries anew: at the start (then those that carry NETLINK_PROTOCOL are taken over) and
 * after lost events. */
int neigh_table_read(struct neigh_table *table);

/* Gives up the kernel's entries that are ours and have no user (by neigh_table_settle()). */
void neigh_table_sweep(struct neigh_table *table);

/* Tells the kernel what was wanted and given up. */
int neigh_table_settle(struct neigh_table *table);

/* Marks up to `max` entries that the kernel refused to make, to be tried again. */
void neigh_table_retry(struct neigh_table *table, size_t max);
/* Number of entries that the kernel refused to make. */
size_t neigh_table_errors(const struct neigh_table *table);

/* Resets `changed` in all entries. */
void neigh_table_clear_changes(struct neigh_table *table);
bool neigh_table_has_changes(const struct neigh_table *table);

/* As netlink_teardown(). */
int neigh_teardown(struct netlink_requester *requester);

#endif
