/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decode.c - prints a frame for whoever has to understand it: by its own fields, which may lie.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "failure.h"
#include "shape.h"

#define PYTHON "/usr/bin/python3"

static const char *protocol_name(uint8_t number)
{
	switch (number) {
	case IPPROTO_HOPOPTS:
		return "hop-by-hop";
	case IPPROTO_ICMP:
		return "ICMP";
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_ROUTING:
		return "routing";
	case IPPROTO_FRAGMENT:
		return "fragment";
	case IPPROTO_AH:
		return "AH";
	case IPPROTO_ICMPV6:
		return "ICMPv6";
	case IPPROTO_DSTOPTS:
		return "destination options";
	default:
		return "protocol";
	}
}

static void print_ethernet(const struct model_frame *frame, const struct shape *s, FILE *out)
{
	const uint8_t *b = frame->bytes;

	fprintf(out,
		"  0: Ethernet %02x:%02x:%02x:%02x:%02x:%02x > %02x:%02x:%02x:%02x:%02x:%02x, %zu "
		"bytes",
		b[6], b[7], b[8], b[9], b[10], b[11], b[0], b[1], b[2], b[3], b[4], b[5],
		frame->len);
	for (int i = 0; i < s->tags; i++)
		fprintf(out, ", tag %04x %04x", model_get16(b + 12 + 4 * i),
			model_get16(b + 14 + 4 * i));
	fprintf(out, ", type %04x\n", s->ethertype);
}

static void print_ip(const struct model_frame *frame, const struct shape *s, FILE *out)
{
	const uint8_t *ip = frame->bytes + s->l3;
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	if (s->af == 4) {
		inet_ntop(AF_INET, ip + 12, src, sizeof(src));
		inet_ntop(AF_INET, ip + 16, dst, sizeof(dst));
		fprintf(out,
			"%3zu: IPv%d %s > %s, header %d, total %d, TOS %02x, TTL %d, fragment "
			"field %04x, %s %d; the frame has %zu\n",
			s->l3, ip[0] >> 4, src, dst, (ip[0] & 15) * 4, model_get16(ip + 2), ip[1],
			ip[8], model_get16(ip + 6), protocol_name(ip[9]), ip[9],
			frame->len - s->l3);
		return;
	}
	inet_ntop(AF_INET6, ip + 8, src, sizeof(src));
	inet_ntop(AF_INET6, ip + 24, dst, sizeof(dst));
	fprintf(out,
		"%3zu: IPv%d %s > %s, payload %d, class %02x, hop limit %d, next %s %d; the frame "
		"has 40 + %zu\n",
		s->l3, ip[0] >> 4, src, dst, model_get16(ip + 4),
		(uint8_t)(ip[0] << 4 | ip[1] >> 4), ip[7], protocol_name(ip[6]), ip[6],
		frame->len - s->l3 - 40);
	for (int i = 0; i < s->n_extensions; i++) {
		const uint8_t *e = frame->bytes + s->extensions[i];

		fprintf(out, "%3zu: %s, next %d, length byte %d, %02x%02x\n", s->extensions[i],
			protocol_name(s->extension_numbers[i]), e[0], e[1], e[2], e[3]);
	}
}

static void print_l4(const struct model_frame *frame, const struct shape *s, FILE *out)
{
	const uint8_t *l4 = frame->bytes + s->l4;
	const size_t left = frame->len - s->l4;

	if (s->fragment || left < 8)
		fprintf(out, "%3zu: %s %d, %zu bytes to the frame's end%s\n", s->l4,
			protocol_name(s->proto), s->proto, left,
			s->fragment ? ", a later fragment" : "");
	else if (s->proto == IPPROTO_TCP && left >= 20)
		fprintf(out, "%3zu: TCP %d > %d, header %d, flags %02x, %zu bytes\n", s->l4,
			model_get16(l4), model_get16(l4 + 2), (l4[12] >> 4) * 4, l4[13], left);
	else if (s->proto == IPPROTO_UDP)
		fprintf(out, "%3zu: UDP %d > %d, length %d, %zu bytes\n", s->l4, model_get16(l4),
			model_get16(l4 + 2), model_get16(l4 + 4), left);
	else
		fprintf(out, "%3zu: %s %d, type %d code %d, %zu bytes\n", s->l4,
			protocol_name(s->proto), s->proto, l4[0], l4[1], left);
}

void decode_print(const struct model_frame *frame, FILE *out)
{
	struct shape s;

	shape_scan(frame, &s);
	print_ethernet(frame, &s, out);
	if (s.af && frame->len >= s.l3 + (s.af == 4 ? 20 : 40))
		print_ip(frame, &s, out);
	if (s.l4)
		print_l4(frame, &s, out);
}

void decode_hexdump(const uint8_t *bytes, size_t len, FILE *out)
{
	for (size_t i = 0; i < len; i++) {
		if (i % 16 == 0)
			fprintf(out, "%s%06zx", i ? "\n" : "", i);
		fprintf(out, " %02x", bytes[i]);
	}
	fputc('\n', out);
}

void decode_scapy(const struct model_frame *frame, FILE *out)
{
	char command[2 * MODEL_FRAME_MAX + 256];
	size_t used;
	char line[512];
	FILE *in;

	if (access(PYTHON, X_OK))
		return;
	used =
	    (size_t)snprintf(command, sizeof(command),
			     PYTHON " -c 'import sys\n"
				    "from scapy.all import Ether\n"
				    "print(Ether(bytes.fromhex(sys.argv[1])).show(dump=True))' ");
	for (size_t i = 0; i < frame->len; i++)
		used += (size_t)snprintf(command + used, sizeof(command) - used, "%02x",
					 frame->bytes[i]);
	snprintf(command + used, sizeof(command) - used, " 2>/dev/null");
	in = popen(command, "re");
	if (!in)
		return;
	while (fgets(line, sizeof(line), in))
		fputs(line, out);
	pclose(in);
}
