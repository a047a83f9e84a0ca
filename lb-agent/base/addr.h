/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * addr.h - IP addresses, normalised at the edge: 16 bytes, IPv4 as ::ffff:a.b.c.d.
 */
#ifndef LB_BASE_ADDR_H
#define LB_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct lb_addr {
	union {
		uint8_t b[16];
		uint32_t w[4]; /* the same bytes as words, network byte order */
		uint64_t q[2];
	};
};

#define LB_ADDR_TEXT_MAX     46 /* INET6_ADDRSTRLEN */
#define LB_ENDPOINT_TEXT_MAX 56 /* "[" address "]:65535" */

/*
 * Reads an IPv4 dotted quad or an IPv6 address (RFC 4291 text form). -EINVAL: it is neither, or it
 * is an IPv6 text in ::ffff:0:0/96, which would alias an IPv4 address.
 */
int addr_parse(const char *text, struct lb_addr *ret_addr);

/* Writes the canonical text (RFC 5952 for IPv6) and returns `buf`. */
const char *addr_format(const struct lb_addr *addr, char buf[LB_ADDR_TEXT_MAX]);

/* "192.0.2.1:80" or "[2001:db8::1]:80"; port in host byte order. Returns `buf`. */
const char *addr_format_endpoint(const struct lb_addr *addr, uint16_t port,
				 char buf[LB_ENDPOINT_TEXT_MAX]);

/* 32 or 128. */
uint8_t addr_bits(const struct lb_addr *addr);
bool addr_is_v4(const struct lb_addr *addr);
/* AF_INET or AF_INET6. */
int addr_family(const struct lb_addr *addr);
/* memcmp order. */
int addr_cmp(const struct lb_addr *a, const struct lb_addr *b);
bool addr_equal(const struct lb_addr *a, const struct lb_addr *b);
/* 0.0.0.0 or :: */
bool addr_is_unspecified(const struct lb_addr *addr);
bool addr_is_multicast(const struct lb_addr *addr);
bool addr_is_loopback(const struct lb_addr *addr);
bool addr_is_link_local(const struct lb_addr *addr);

/* From and to the kernel's forms: 4 or 16 bytes in network order. */
struct lb_addr addr_from_v4(const void *be4);
struct lb_addr addr_from_v6(const void *be16);
/* Points at the 4 or 16 bytes of the family's form, inside `addr`. */
const void *addr_raw(const struct lb_addr *addr, size_t *ret_len);
/* Fills a sockaddr_in or sockaddr_in6; port in host byte order. Returns its length. */
socklen_t addr_to_sockaddr(const struct lb_addr *addr, uint16_t port,
			   struct sockaddr_storage *ret_sa);

/* Clears the bits behind the first `length` of the 128 (IPv4: 96 more than its own); whether any
 * was set. */
bool addr_clear_host(struct lb_addr *address, unsigned int length);

#endif
