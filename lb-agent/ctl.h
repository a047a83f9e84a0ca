/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ctl.h - the control socket: one JSON object a line, a request and its reply.
 *
 * The socket is a UNIX stream socket with mode 0660 (group as the agent was told); who may open it
 * may command the agent, there is no other access control. A connection may carry several requests
 * in turn.
 *
 * Request   {"command": "status", "args": {…}}
 * Reply     {"ok": true, "data": …} or
 *           {"ok": false, "error": "one line", "diagnostics": "text as lbctl check prints"?}
 *
 * Commands, their arguments (? optional) and `data`:
 *
 *   status    -> {"version": "0.1.0", "pid": 1, "config_file": "…", "uptime_s": 12.5,
 *                 "last_reload": {"at": "2026-01-31T12:00:00Z", "ok": true, "error": null,
 *                                 "took_ms": 3.2, "check_ms": 1.1},
 *                 "generation": 1, "abi": 1, "adopted": false,
 *                 "interfaces": [{"name": "eth0", "present": true, "attached": true,
 *                                 "mode": "native", "dispatcher": false, "error": null}],
 *                 "vips": 2, "pools": 1, "backends": 3, "backends_usable": 2, "overrides": 0,
 *                 "map_memory_bytes": 123,
 *                 "tunnels": null, or {"source_ipv4": "by route", "source_ipv6": "fd88::/64",
 *                             "gue": null, or {"port", "variant", "ipv6_checksum"}}}
 *   vips      -> [{"name", "address", "port", "port_last" (the same where there is one port),
 *                  "protocol", "forward", "affinity", "affinity_prefix" (null unless source),
 *                  "pool", "backends", "backends_usable",
 * "slots", "packets", "bytes", "dropped_packets", "dropped_bytes"}] backends  {"pool"?: name}
 *             -> [{"pool", "address", "weight": 100, "configured_weight": 100,
 *                  "state": "active" | "drain", "configured_state": …, "override": true | false,
 *                  "usable": true, "why": "in use" | "draining" | "weight 0" | "health check: …" |
 *                  "next hop: …", "share": 0.25 (of the pool's slots),
 *                  "health": "up" | "down" | "unknown" | "unchecked", "health_error": text | null,
 *                  "health_since_s": 12.5 | null, "quic_id": 1 | null,
 *                  "next_hop": {"status": "resolved", "detail", "device", "via", "mac", "vlan",
 *                               "mtu"},
 *                  "packets", "bytes"}]
 *   counters  -> {"reasons": [{"name", "action": "forward" | "pass" | "drop", "help", "packets",
 *                              "bytes"}]}                     (every reason, zero or not)
 *   limits    {"vip"?: name}
 *             -> {"limits": [{"vip", "per": "source" | "vip",
 *                             "count": "packets" | "bytes" | "connections",
 *                             "action": "drop" | "count", "rate" (a second), "burst",
 *                             "prefix_ipv4": 32 | null, "prefix_ipv6": 64 | null,
 *                             "sources": remembered | null, "used": of the VIP's burst | null,
 *                             "dropped_packets", "dropped_bytes", "would_drop_packets",
 *                             "would_drop_bytes"}],
 *                 "top": [{"source": "198.51.100.7/32", "vip", "limit": text,
 *                          "used": 0.0 .. 1.0 of the burst}]  (the ten nearest to their limit),
 *                 "sources": remembered in all, of 262144 at the most,
 *                 "sources_max": 262144}
 *   reload    -> {"changes": plan, "took_ms": 3.2, "check_ms": 1.1}
 *   plan      {"file": name for messages, "text": the YAML} -> plan
 *   drain     {"pool", "address"}            -> the backend as in `backends`
 *   undrain   {"pool", "address"}            -> the same; takes every override of it away
 *   weight    {"pool", "address", "weight"}  -> the same
 *
 * plan:
 *   {"rebuild": false, "rebuild_reason": null, "n_changes": 2,
 *    "vips": [{"change": "keep" | "add" | "remove" | "change", "name", "address", "port",
 *              "port_last", "protocol", "detail": text | null, "moved_share": 0.0 .. 1.0}],
 *    "pools": [{"change", "name", "detail": text | null, "moved_share",
 *               "backends": [{"change", "address", "detail"}]}],
 *    "node": text | null}
 */
#ifndef LB_CTL_H
#define LB_CTL_H

#include <sys/types.h>
#include <jansson.h>

struct event_base;
struct ctl; /* opaque */

#define CTL_SOCKET_DEFAULT    "/run/sluice/lb-agent.sock"
#define CTL_REQUEST_BYTES_MAX (64u << 20) /* a plan request carries a whole config */

/*
 * Answers one command. Returns `data` (a new reference), or NULL with `*ret_error` set to a
 * malloc'd line (and perhaps `*ret_diagnostics` to a malloc'd text). `args` is never NULL.
 */
typedef json_t *(*ctl_handler)(void *ctx, const char *command, const json_t *args, char **ret_error,
			       char **ret_diagnostics);

/*
 * Listens on `path`, replacing a stale socket; `group` (may be NULL) gets access besides root.
 * -EADDRINUSE: another agent answers there; -ENOTSOCK: something else lies there; -ENOENT: no such
 * group, or the directory above the socket's own is missing; -ENAMETOOLONG: over 107 bytes.
 *
 * A client that is slow or sends garbage costs only itself: bad JSON or an overlong request gets an
 * error reply and is disconnected; at most 64 connections, and one that neither sends nor reads is
 * closed after 60 s.
 */
int ctl_new(struct event_base *base, const char *path, const char *group, ctl_handler handler,
	    void *ctx, struct ctl **ret_ctl);
/* Another idle time, for connections from now on. */
void ctl_set_idle_ms(struct ctl *ctl, unsigned int idle_ms);
/* Closes and removes the socket. */
void ctl_free(struct ctl *ctl);

#endif
