/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_quic.c - affinity: quic, header form by header form: which packets carry a backend's id and
 * go to it, and that every other one goes where its hash says, each compared byte by byte.
 *
 * The packets are built here from RFC 8999 and RFC 9000 (section 17) alone; what is encrypted in
 * them is of no interest.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "checks.h"
#include "packets.h"
#include "rig.h"

#define UDP	17
#define BY_HASH -1
#define CID_LEN 8
#define PAYLOAD 64
#define SHORT	0x40
#define V1	1u
#define V2	0x6b3343cfu

/* A QUIC packet: what of it a balancer could look at. */
struct quic {
	uint8_t first;	   /* its first byte */
	uint32_t version;  /* of a long header */
	int dcid_len;	   /* of a long header, as it says */
	uint8_t cid_first; /* the connection id's first byte */
	uint16_t id;	   /* its second and third */
	int payload;	   /* of UDP */
};

static void quic_write(const struct quic *quic, uint8_t *at, size_t room)
{
	size_t cid = 1;
	uint8_t bytes[PAYLOAD + 200];

	memset(bytes, 0xa5, sizeof(bytes));
	bytes[0] = quic->first;
	if (quic->first & 0x80) {
		for (int i = 0; i < 4; i++)
			bytes[1 + i] = quic->version >> (24 - 8 * i);
		bytes[5] = quic->dcid_len;
		cid = 6;
	}
	bytes[cid] = quic->cid_first;
	bytes[cid + 1] = quic->id >> 8;
	bytes[cid + 2] = quic->id;
	memcpy(at, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
}

/* Which carrier the datagram has; each is another body of the program. */
static const struct packet carriers[] = {
    {.af = 4, .proto = UDP},
    {.af = 6, .proto = UDP},
    {.af = 4, .proto = UDP, .vlans = 1},
    {.af = 6, .proto = UDP, .vlans = 2},
    {.af = 4, .proto = UDP, .ip_options = 8},
    {.af = 6, .proto = UDP, .ext = {60, 0}, .ext_count = 1},
};

static void expect_way(struct rig *rig, const char *name, const struct quic *quic,
		       const struct packet *carrier, uint16_t sport, int which)
{
	struct packet packet = *carrier;
	struct rig_result result;
	struct frame in, want;
	int vip, backend;

	packet.payload = quic->payload;
	packet.sport = sport;
	packet_build(&packet, &in);
	quic_write(quic, in.data + in.l4 + 8, quic->payload);
	rig_expect_at(rig, &packet, &in, which, &want, &vip, &backend);
	rig_run(rig, &in, &result);
	cr_expect_eq(result.action, XDP_TX, "%s: counted as %s", name,
		     rig_reason_name(result.reason));
	cr_expect_eq(result.vip_forwarded, vip, "%s: VIP", name);
	cr_expect_eq(result.backend, backend, "%s, IPv%d: to backend %d, not %d", name, packet.af,
		     result.backend, backend);
	cr_expect_eq(result.out.len, want.len, "%s: length", name);
	cr_expect_eq(memcmp(result.out.data, want.data, want.len), 0, "%s: other bytes", name);
}

/* Over every carrier, and from ports of which the hash sends some to each backend. */
static void expect(struct rig *rig, const char *name, const struct quic *quic, int which)
{
	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++)
		for (uint16_t sport = 40000; sport < 40004; sport++)
			expect_way(rig, name, quic, &carriers[i], sport, which);
}

static struct quic short_header(int backend)
{
	return (struct quic){.first = SHORT | 0x15,
			     .cid_first = CID_LEN - 1,
			     .id = RIG_QUIC_ID(backend),
			     .payload = PAYLOAD};
}

static struct quic long_header(uint8_t first, uint32_t version, int backend)
{
	return (struct quic){.first = first,
			     .version = version,
			     .dcid_len = CID_LEN,
			     .cid_first = CID_LEN - 1,
			     .id = RIG_QUIC_ID(backend),
			     .payload = PAYLOAD};
}

static struct rig *open_quic(void)
{
	struct rig *rig = rig_open();

	rig_configure(rig, &(struct rig_config){.quic = true});
	return rig;
}

Test(quic, a_short_header_goes_to_the_backend_of_its_id)
{
	struct rig *rig = open_quic();

	for (int backend = 0; backend < 3; backend++) {
		struct quic quic = short_header(backend);

		expect(rig, "short", &quic, backend);
		quic.first = 0x3f; /* the fixed bit may be greased (RFC 9287) */
		expect(rig, "short, greased", &quic, backend);
	}
	rig_close(rig);
}

Test(quic, every_long_header_goes_to_the_backend_of_its_id)
{
	static const struct {
		const char *name;
		uint8_t first;
		uint32_t version;
	} forms[] = {
	    {"Initial", 0xc3, V1},    {"0-RTT", 0xd3, V1},	     {"Handshake", 0xe3, V1},
	    {"Retry", 0xf0, V1},      {"Initial 2", 0xd3, V2},	     {"Handshake 2", 0xf3, V2},
	    {"negotiation", 0x80, 0}, {"unknown", 0xaa, 0xfaceb00c},
	};
	struct rig *rig = open_quic();

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		for (int backend = 0; backend < 3; backend++) {
			const struct quic quic =
			    long_header(forms[i].first, forms[i].version, backend);

			expect(rig, forms[i].name, &quic, backend);
		}
	rig_close(rig);
}

Test(quic, what_carries_no_id_goes_by_hash)
{
	struct rig *rig = open_quic();
	char name[64];

	for (unsigned int bits = 1; bits < 8; bits++) {
		struct quic quic = short_header(1), with_long = long_header(0xc3, V1, 1);

		quic.cid_first |= bits << 5;
		with_long.cid_first |= bits << 5;
		snprintf(name, sizeof(name), "configuration %u", bits);
		expect(rig, name, &quic, BY_HASH);
		expect(rig, name, &with_long, BY_HASH);
	}
	for (unsigned int id = 0; id < 0x10000; id += id < 0x400 ? 1 : 997) {
		struct quic quic = short_header(1);
		bool known = false;

		for (unsigned int backend = 0; backend < 3; backend++)
			known |= id == RIG_QUIC_ID(backend);
		quic.id = id;
		snprintf(name, sizeof(name), "id %u", id);
		if (!known)
			expect_way(rig, name, &quic, &carriers[id & 1], 40000, BY_HASH);
	}
	rig_close(rig);
}

Test(quic, the_length_in_the_id_must_be_true)
{
	struct rig *rig = open_quic();
	char name[64];

	for (uint8_t len = 0; len < 32; len++) {
		struct quic quic = short_header(2), with_long = long_header(0xe3, V1, 2);
		const bool good = len >= 6 && len <= 19;

		quic.cid_first = with_long.cid_first = len;
		with_long.dcid_len = len + 1;
		snprintf(name, sizeof(name), "length %u", len);
		expect(rig, name, &quic, good ? 2 : BY_HASH);
		expect(rig, name, &with_long, good ? 2 : BY_HASH);
		with_long.dcid_len = len + 2;
		expect(rig, name, &with_long, BY_HASH);
		with_long.dcid_len = len;
		expect(rig, name, &with_long, BY_HASH);
	}
	rig_close(rig);
}

/* Down to an empty datagram, and with padding of the frame behind it, which is not of the packet.
 */
Test(quic, a_datagram_too_short_for_its_id_goes_by_hash)
{
	struct rig *rig = open_quic();
	char name[64];

	for (int payload = 0; payload < 32; payload++) {
		struct quic quic = short_header(2), with_long = long_header(0xe3, V1, 2);
		struct packet padded = carriers[0];

		quic.payload = with_long.payload = payload;
		snprintf(name, sizeof(name), "payload %d", payload);
		expect(rig, name, &quic, payload >= 1 + CID_LEN ? 2 : BY_HASH);
		expect(rig, name, &with_long, payload >= 6 + CID_LEN ? 2 : BY_HASH);
		padded.padding = 40;
		expect_way(rig, name, &quic, &padded, 40000, payload >= 1 + CID_LEN ? 2 : BY_HASH);
	}
	rig_close(rig);
}

Test(quic, no_frame_that_is_cut_short_is_forwarded_or_faults)
{
	struct rig *rig = open_quic();

	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
		struct packet packet = carriers[i];

		packet.payload = 24;
		check_cuts(rig, "quic", &packet);
	}
	rig_close(rig);
}

Test(quic, a_dead_or_unreachable_backend_loses_its_ids)
{
	struct rig *rig = rig_open();
	struct quic quic = short_header(1);

	rig_configure(rig, &(struct rig_config){.quic = true, .dead = 1 << 1});
	expect(rig, "dead", &quic, BY_HASH);
	quic = short_header(2);
	expect(rig, "alive", &quic, 2);
	rig_close(rig);
}

/* All slots empty, as when every backend is drained: what has an id is served all the same. */
Test(quic, a_drained_backend_keeps_its_ids)
{
	const struct packet udp = {.af = 4, .proto = UDP, .payload = PAYLOAD};
	struct quic quic = short_header(1);
	struct rig *rig = rig_open();

	rig_configure(rig, &(struct rig_config){.quic = true, .no_backend = true});
	expect(rig, "drained", &quic, 1);
	check_reason(rig, "drained, no id", &udp, LB_REASON_NO_BACKEND);
	rig_close(rig);
}

Test(quic, ids_are_read_in_the_live_half_and_every_mode)
{
	struct quic quic = short_header(1);
	struct rig *rig = rig_open();

	rig_configure(rig, &(struct rig_config){.quic = true, .second_half = true});
	expect(rig, "second half", &quic, 1);
	rig_configure(rig, &(struct rig_config){.quic = true, .ipip = true});
	expect(rig, "ipip", &quic, 1);
	rig_configure(rig, &(struct rig_config){.quic = true, .ipip = true, .outer_v6 = true});
	expect(rig, "ipip6", &quic, 1);
	rig_configure(rig, &(struct rig_config){.quic = false});
	expect(rig, "another affinity", &quic, BY_HASH);
	rig_close(rig);
}
