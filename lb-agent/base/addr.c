/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * addr.c - the one place where the two address families differ: everybody else sees 16 bytes.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ::ffff:0:0/96, RFC 4291 section 2.5.5.2. */
static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int addr_parse(const char *text, struct lb_addr *ret_addr)
{
	struct lb_addr addr;

	if (inet_pton(AF_INET, text, addr.b + 12) == 1) {
		memcpy(addr.b, mapped_prefix, sizeof(mapped_prefix));
		*ret_addr = addr;
		return 0;
	}
	if (inet_pton(AF_INET6, text, addr.b) != 1)
		return -EINVAL;
	if (addr_is_v4(&addr))
		return -EINVAL;
	*ret_addr = addr;
	return 0;
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952 section 4.2). */
static void find_zero_run(const uint16_t groups[8], int *ret_start, int *ret_len)
{
	int start = -1, len = 1;

	for (int i = 0; i < 8;) {
		int end = i;

		while (end < 8 && groups[end] == 0)
			end++;
		if (end - i > len) {
			start = i;
			len = end - i;
		}
		i = end + 1;
	}
	*ret_start = start;
	*ret_len = len;
}

/*
 * Not inet_ntop(): glibc writes ::1:2 as "::0.1.0.2", but RFC 5952 section 5 keeps the dotted form
 * for prefixes known to hold an IPv4 address.
 */
static void format_v6(const struct lb_addr *addr, char buf[LB_ADDR_TEXT_MAX])
{
	uint16_t groups[8];
	int start, len, pos = 0;

	for (int i = 0; i < 8; i++)
		groups[i] = (uint16_t)(addr->b[2 * i] << 8 | addr->b[2 * i + 1]);
	find_zero_run(groups, &start, &len);
	for (int i = 0; i < 8; i++) {
		if (i == start) {
			buf[pos++] = ':';
			buf[pos++] = ':';
			i += len - 1;
			continue;
		}
		if (i > 0 && buf[pos - 1] != ':')
			buf[pos++] = ':';
		pos += snprintf(buf + pos, (size_t)(LB_ADDR_TEXT_MAX - pos), "%x", groups[i]);
	}
	buf[pos] = '\0';
}

const char *addr_format(const struct lb_addr *addr, char buf[LB_ADDR_TEXT_MAX])
{
	if (addr_is_v4(addr))
		snprintf(buf, LB_ADDR_TEXT_MAX, "%u.%u.%u.%u", addr->b[12], addr->b[13],
			 addr->b[14], addr->b[15]);
	else
		format_v6(addr, buf);
	return buf;
}

const char *addr_format_endpoint(const struct lb_addr *addr, uint16_t port,
				 char buf[LB_ENDPOINT_TEXT_MAX])
{
	char text[LB_ADDR_TEXT_MAX];

	snprintf(buf, LB_ENDPOINT_TEXT_MAX, addr_is_v4(addr) ? "%s:%u" : "[%s]:%u",
		 addr_format(addr, text), port);
	return buf;
}

uint8_t addr_bits(const struct lb_addr *addr)
{
	return addr_is_v4(addr) ? 32 : 128;
}

bool addr_is_v4(const struct lb_addr *addr)
{
	return memcmp(addr->b, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

int addr_family(const struct lb_addr *addr)
{
	return addr_is_v4(addr) ? AF_INET : AF_INET6;
}

int addr_cmp(const struct lb_addr *a, const struct lb_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

bool addr_equal(const struct lb_addr *a, const struct lb_addr *b)
{
	return addr_cmp(a, b) == 0;
}

bool addr_is_unspecified(const struct lb_addr *addr)
{
	if (addr_is_v4(addr))
		return addr->w[3] == 0;
	return (addr->w[0] | addr->w[1] | addr->w[2] | addr->w[3]) == 0;
}

bool addr_is_multicast(const struct lb_addr *addr)
{
	/* 224.0.0.0/4 (RFC 5771), ff00::/8 (RFC 4291 section 2.7) */
	return addr_is_v4(addr) ? (addr->b[12] & 0xf0) == 0xe0 : addr->b[0] == 0xff;
}

bool addr_is_loopback(const struct lb_addr *addr)
{
	/* 127.0.0.0/8 (RFC 1122 section 3.2.1.3), ::1 (RFC 4291 section 2.5.3) */
	if (addr_is_v4(addr))
		return addr->b[12] == 127;
	return (addr->w[0] | addr->w[1] | addr->w[2]) == 0 && addr->w[3] == htonl(1);
}

bool addr_is_link_local(const struct lb_addr *addr)
{
	/* 169.254.0.0/16 (RFC 3927), fe80::/10 (RFC 4291 section 2.5.6) */
	if (addr_is_v4(addr))
		return addr->b[12] == 169 && addr->b[13] == 254;
	return addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80;
}

struct lb_addr addr_from_v4(const void *be4)
{
	struct lb_addr addr;

	memcpy(addr.b, mapped_prefix, sizeof(mapped_prefix));
	memcpy(addr.b + 12, be4, 4);
	return addr;
}

struct lb_addr addr_from_v6(const void *be16)
{
	struct lb_addr addr;

	memcpy(addr.b, be16, 16);
	return addr;
}

const void *addr_raw(const struct lb_addr *addr, size_t *ret_len)
{
	bool v4 = addr_is_v4(addr);

	*ret_len = v4 ? 4 : 16;
	return v4 ? addr->b + 12 : addr->b;
}

socklen_t addr_to_sockaddr(const struct lb_addr *addr, uint16_t port,
			   struct sockaddr_storage *ret_sa)
{
	memset(ret_sa, 0, sizeof(*ret_sa));
	if (addr_is_v4(addr)) {
		struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};

		memcpy(&sin.sin_addr, addr->b + 12, 4);
		memcpy(ret_sa, &sin, sizeof(sin));
		return sizeof(sin);
	}

	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memcpy(&sin6.sin6_addr, addr->b, 16);
	memcpy(ret_sa, &sin6, sizeof(sin6));
	return sizeof(sin6);
}

bool addr_clear_host(struct lb_addr *address, unsigned int length)
{
	bool any = false;

	for (unsigned int bit = length; bit < 128; bit++) {
		const uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		any |= address->b[bit / 8] & mask;
		address->b[bit / 8] &= (uint8_t)~mask;
	}
	return any;
}
