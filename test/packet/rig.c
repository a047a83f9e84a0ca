/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rig.c - maps in, packet through, counters out.
 *
 * The four services are (VIP4, VIP6) x (TCP, UDP) on one port, over one pool of three backends and
 * seven slots that begin neither at the first slot nor at the first backend.
 */
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>

#include <lb/hash.h>

#include "balancer.skel.h"
#include "balancer_tables.h"
#include "poison.skel.h"

#define RIG_SEED	  0x0123456789abcdefull
#define RIG_SERVICE_LINES 8u
#define RIG_BUCKETS	  4u
#define RIG_SLOTS	  64u
#define RIG_SLOT_COUNT	  7u
#define RIG_FIRST_SLOT	  32u
#define RIG_BACKENDS	  3u
#define RIG_FIRST_BACKEND 2u
#define RIG_VIPS	  12u
#define RIG_FIRST_VIP	  5u
#define RIG_BE_LINES	  (RIG_FIRST_BACKEND + RIG_BACKENDS)
#define RIG_OUTSIDE	  4096u
#define RIG_QUIC	  1024u /* entries of a half of lb_quic */
#define RIG_QUIC_RUN	  7u

struct rig {
	struct balancer_tables balancer;
	struct poison_bpf *poison;
	struct rig_config config;
	struct lb_encap encap;
	char outer_src[INET6_ADDRSTRLEN]; /* where it is the flow's */
};

/* Every counter of the balancer, added up over the CPUs. */
struct rig_counters {
	struct lb_counter reason[LB_REASON_MAX];
	struct lb_vip_counter vip[RIG_VIPS];
	struct lb_counter backend[RIG_BE_LINES];
};

struct rig *rig_open(void)
{
	return rig_open_encap(&(struct lb_encap){.gue_port_be = htons(6080)});
}

struct rig *rig_open_encap(const struct lb_encap *encap)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	const struct layout_caps caps = {
	    .slots = RIG_SLOTS,
	    .backends = RIG_BE_LINES,
	    .vips = RIG_VIPS,
	    .pools = 1,
	    .service_lines = RIG_SERVICE_LINES,
	    .buckets = RIG_BUCKETS,
	    .quic = RIG_QUIC,
	};
	const __u32 key = 0;
	int err, fd;

	cr_assert_not_null(rig);
	rig->encap = *encap;
	balancer_tables_open(&rig->balancer, &caps, RIG_SEED, encap);
	rig->poison = poison_bpf__open();
	cr_assert_not_null(rig->poison);
	/* Both ends of a tail call want the same; the balancer has none. */
	bpf_program__set_expected_attach_type(rig->poison->progs.poison, 0);
	err = poison_bpf__load(rig->poison);
	cr_assert_eq(err, 0, "the poisoner does not load: %s", strerror(-err));
	fd = bpf_program__fd(rig->balancer.skel->progs.sluice_balancer);
	err = bpf_map_update_elem(bpf_map__fd(rig->poison->maps.poison_target), &key, &fd, 0);
	cr_assert_eq(err, 0);
	return rig;
}

void rig_close(struct rig *rig)
{
	balancer_tables_close(&rig->balancer);
	poison_bpf__destroy(rig->poison);
	free(rig);
}

static void rig_service(const struct rig_config *config, int index, struct lb_service *service)
{
	memset(service, 0, sizeof(*service));
	packet_address(index & 1 ? PACKET_VIP6 : PACKET_VIP4, service->addr);
	memcpy(service->addr_tail, service->addr + 12, 4);
	service->family = index & 1 ? 6 : 4;
	service->port_be = htons(PACKET_PORT);
	service->proto = index & 2 ? IPPROTO_UDP : IPPROTO_TCP;
	service->forward = config->ipip	 ? LB_FORWARD_IPIP
			   : config->gue ? LB_FORWARD_GUE
					 : LB_FORWARD_L2;
	if (config->forward)
		service->forward = config->forward;
	service->vip_id = RIG_FIRST_VIP + index;
	service->first_slot = config->slots_outside ? RIG_OUTSIDE * 32 : RIG_FIRST_SLOT;
	service->slot_count = RIG_SLOT_COUNT;
	service->first_backend = config->backends_outside ? RIG_OUTSIDE : RIG_FIRST_BACKEND;
	service->flags = config->hash_source ? LB_SERVICE_HASH_SOURCE : 0;
	service->source_skip = config->source_skip;
	if (config->quic)
		service->flags |= LB_SERVICE_QUIC;
	service->quic_run = config->second_half ? RIG_QUIC + RIG_QUIC_RUN : RIG_QUIC_RUN;
}

static __u64 rig_service_hash(const struct lb_service *service)
{
	__u64 addr[2];

	memcpy(addr, service->addr, sizeof(addr));
	return lb_service_hash(
	    lb_service_tail(addr[1] >> 32, service->port_be, service->proto, service->family),
	    addr[0], addr[1], service->family == 4);
}

/* Displacements, one bucket after the other, by trial, until the four services do not collide. */
static void rig_place(const struct lb_service services[4], __u32 disp[RIG_BUCKETS],
		      __u32 position[4])
{
	__u32 taken = 0;

	for (__u32 bucket = 0; bucket < RIG_BUCKETS; bucket++) {
		for (disp[bucket] = 0;; disp[bucket]++) {
			__u32 mine = 0;
			bool fits = true;

			for (int i = 0; i < 4; i++) {
				const __u64 hash = rig_service_hash(&services[i]);
				__u32 bit;

				if (hash >> 62 != bucket)
					continue;
				position[i] = lb_service_place(hash, disp[bucket]) >> 61;
				bit = 1u << position[i];
				fits &= !((taken | mine) & bit);
				mine |= bit;
			}
			if (fits) {
				taken |= mine;
				break;
			}
		}
	}
}

/* The dead half holds the same keys with an id that no counter has: used, it would show. */
static void rig_put_services(struct rig *rig)
{
	const __u32 live = rig->config.second_half ? 1 : 0;
	struct lb_control *control = rig->balancer.memory[BALANCER_CONTROL];
	struct lb_service *lines = rig->balancer.memory[BALANCER_SERVICES], services[4];
	__u32 disp[RIG_BUCKETS] = {0}, position[4];
	__u32 *disps = rig->balancer.memory[BALANCER_DISP];

	memset(lines, 0, rig->balancer.bytes[BALANCER_SERVICES]);
	for (int i = 0; i < 4; i++)
		rig_service(&rig->config, i, &services[i]);
	rig_place(services, disp, position);
	for (__u32 half = 0; half < 2; half++) {
		for (__u32 i = 0; i < RIG_BUCKETS; i++)
			disps[half * RIG_BUCKETS + i] = disp[i];
		for (int i = 0; i < 4; i++) {
			struct lb_service service = services[i];

			if (half != live)
				service.vip_id = RIG_OUTSIDE;
			lines[half * RIG_SERVICE_LINES + position[i]] = service;
		}
	}
	*control = (struct lb_control){
	    .magic = LB_ABI_MAGIC,
	    .abi = LB_ABI_VERSION,
	    .active_mask = live ? ~0u : 0,
	    .generation = 1,
	};
}

static void rig_wrap(const struct rig_config *config, unsigned int backend, struct wrap *ret_wrap)
{
	static const char *const dst4[] = {"10.0.1.11", "10.0.255.12", "10.254.1.13"};
	static const char *const dst6[] = {"2001:db8:b::11", "2001:db8:b:ffff::12",
					   "2001:db8:b::ff:13"};

	*ret_wrap = (struct wrap){
	    .dst_mac = {0x0a, 0xbb, 0xcc, 0xdd, 0xee, backend},
	    .src_mac = {0x06, 0x11, 0x22, 0x33, 0x44, backend},
	    .tci = config->tag ? RIG_TCI : 0,
	    .outer_af = !config->ipip && !config->gue ? 0
			: config->outer_v6	      ? 6
						      : 4,
	    .outer_src = config->outer_v6 ? "2001:db8:a::1" : "10.0.0.1",
	    .outer_dst = config->outer_v6 ? dst6[backend] : dst4[backend],
	};
}

static uint16_t rig_sum(const uint8_t *bytes, int len)
{
	unsigned int sum = 0;

	for (int i = 0; i < len; i += 2)
		sum += bytes[i] | bytes[i + 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The template as the agent makes it: see struct lb_backend. */
static void rig_template(const struct wrap *wrap, bool v6, struct lb_backend *line)
{
	uint8_t addr[16];

	memset(line->outer, 0, sizeof(line->outer));
	if (v6) {
		line->outer[0] = 0x60;
		line->outer[7] = 64;
		packet_address(wrap->outer_src, line->outer + 8);
		packet_address(wrap->outer_dst, line->outer + 24);
		line->outer_sum = rig_sum(line->outer + 8, 32);
		return;
	}
	line->outer[0] = 0x45;
	line->outer[6] = 0x40;
	line->outer[8] = 64;
	packet_address(wrap->outer_src, addr);
	memcpy(line->outer + 12, addr + 12, 4);
	packet_address(wrap->outer_dst, addr);
	memcpy(line->outer + 16, addr + 12, 4);
	line->outer_sum = rig_sum(line->outer, 20);
}

static void rig_put_backends(struct rig *rig)
{
	const struct rig_config *config = &rig->config;
	struct lb_backend *lines = rig->balancer.memory[BALANCER_BACKENDS];
	__u16 *slots = (__u16 *)rig->balancer.memory[BALANCER_SLOTS] + RIG_FIRST_SLOT;

	for (unsigned int i = 0; i < RIG_BACKENDS; i++) {
		struct lb_backend line = {0};
		struct wrap wrap;

		rig_wrap(config, i, &wrap);
		memcpy(line.eth_dst, wrap.dst_mac, 6);
		memcpy(line.eth_src, wrap.src_mac, 6);
		line.vlan_tci_be = htons(wrap.tci);
		line.flags = LB_BACKEND_USED | (config->not_ready ? 0 : LB_BACKEND_READY) |
			     (config->dead & 1u << i ? 0 : LB_BACKEND_ALIVE) |
			     (config->outer_v6 ? LB_BACKEND_IPV6 : 0);
		line.ifindex = config->other_device ? RIG_IFINDEX_OTHER : RIG_IFINDEX_IN;
		line.mtu = config->mtu ? config->mtu : 1500;
		rig_template(&wrap, config->outer_v6, &line);
		lines[RIG_FIRST_BACKEND + i] = line;
	}
	for (unsigned int i = 0; i < LB_SLOTS_PER_LINE; i++) {
		slots[i] = config->no_backend ? LB_SLOT_NONE : i % RIG_BACKENDS;
		if (config->dirty)
			slots[i] |= LB_SLOT_DIRTY;
	}
}

/* Backends stand for themselves in the live half; in the other one each for the next. */
static void rig_put_quic(struct rig *rig)
{
	for (unsigned int half = 0; half < 2; half++) {
		__u16 *run =
		    (__u16 *)rig->balancer.memory[BALANCER_QUIC] + half * RIG_QUIC + RIG_QUIC_RUN;
		const unsigned int shift = half != (rig->config.second_half ? 1 : 0);

		run[0] = RIG_QUIC_ID(RIG_BACKENDS - 1);
		for (unsigned int id = 1; id <= run[0]; id++)
			run[id] = LB_SLOT_NONE;
		for (unsigned int i = 0; i < RIG_BACKENDS; i++)
			run[RIG_QUIC_ID(i)] = (i + shift) % RIG_BACKENDS;
	}
}

void rig_configure(struct rig *rig, const struct rig_config *config)
{
	rig->config = *config;
	rig->poison->bss->poison_no_headroom = config->no_headroom;
	rig_put_services(rig);
	rig_put_backends(rig);
	rig_put_quic(rig);
}

static void rig_read_counters(const struct rig *rig, struct rig_counters *ret)
{
	for (int i = 0; i < LB_REASON_MAX; i++)
		balancer_tables_reason(&rig->balancer, i, &ret->reason[i]);
	for (unsigned int i = 0; i < RIG_VIPS; i++)
		balancer_tables_vip(&rig->balancer, i, &ret->vip[i]);
	for (unsigned int i = 0; i < RIG_BE_LINES; i++)
		balancer_tables_backend(&rig->balancer, i, &ret->backend[i]);
}

static void rig_diff(struct rig_result *result, const struct lb_counter *was,
		     const struct lb_counter *is, size_t len, int index, int *ret_which)
{
	const __u64 packets = is->packets - was->packets;

	result->counted += packets;
	if (is->bytes - was->bytes != packets * len)
		result->bytes_mismatch++;
	if (packets == 1)
		*ret_which = index;
}

static void rig_compare(const struct rig_counters *was, const struct rig_counters *is, size_t len,
			struct rig_result *result)
{
	result->reason = result->vip_forwarded = result->vip_dropped = result->backend = -1;
	for (int i = 0; i < LB_REASON_MAX; i++)
		rig_diff(result, &was->reason[i], &is->reason[i], len, i, &result->reason);
	for (unsigned int i = 0; i < RIG_VIPS; i++) {
		rig_diff(result, &was->vip[i].forwarded, &is->vip[i].forwarded, len, i,
			 &result->vip_forwarded);
		rig_diff(result, &was->vip[i].dropped, &is->vip[i].dropped, len, i,
			 &result->vip_dropped);
	}
	for (unsigned int i = 0; i < RIG_BE_LINES; i++)
		rig_diff(result, &was->backend[i], &is->backend[i], len, i, &result->backend);
}

void rig_run_cut(struct rig *rig, const struct frame *in, size_t len, struct rig_result *ret_result)
{
	struct rig_counters before, after;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = len,
		    .data_out = ret_result->out.data, .data_size_out = FRAME_MAX, .repeat = 1);
	int err;

	memset(ret_result, 0, sizeof(*ret_result));
	rig_read_counters(rig, &before);
	err = bpf_prog_test_run_opts(bpf_program__fd(rig->poison->progs.poison), &opts);
	cr_assert_eq(err, 0, "TEST_RUN of %zu bytes: %s", len, strerror(errno));
	cr_assert_eq(rig->poison->bss->poison_failed, 0, "the headroom could not be poisoned");
	rig_read_counters(rig, &after);
	rig_compare(&before, &after, len, ret_result);
	ret_result->action = opts.retval;
	ret_result->out.len = opts.data_size_out;
}

void rig_run(struct rig *rig, const struct frame *in, struct rig_result *ret_result)
{
	rig_run_cut(rig, in, in->len, ret_result);
}

/* Of the outer source, the bits of the mask are the hash's, most significant byte first. */
static void rig_source(const struct rig *rig, uint32_t hash, struct wrap *wrap)
{
	const bool v6 = rig->config.outer_v6;
	const uint32_t mask = ntohl(v6 ? rig->encap.source6_mask_be : rig->encap.source4_mask_be);
	uint8_t addr[16];

	if (!mask)
		return;
	packet_address(wrap->outer_src, addr);
	for (int i = 0; i < 4; i++)
		addr[12 + i] |= (hash & mask) >> (24 - 8 * i);
	inet_ntop(v6 ? AF_INET6 : AF_INET, v6 ? addr : addr + 12, (char *)rig->outer_src,
		  sizeof(rig->outer_src));
	wrap->outer_src = rig->outer_src;
}

static void rig_gue(const struct rig *rig, const struct packet *packet, uint32_t hash,
		    struct wrap *wrap)
{
	const bool covered = packet->ext_count == 0 && !packet->udp_len_add &&
			     !(packet->proto == IPPROTO_UDP && packet->no_checksum);

	wrap->udp_sport = 49152 + hash % 16384;
	wrap->udp_dport = ntohs(rig->encap.gue_port_be);
	wrap->gue_header = rig->encap.gue_header;
	wrap->udp_checksum = rig->config.outer_v6 && !rig->encap.gue_zero6 && covered;
}

void rig_expect(const struct rig *rig, const struct packet *packet, const struct frame *in,
		struct frame *ret_out, int *ret_vip, int *ret_backend)
{
	rig_expect_at(rig, packet, in, -1, ret_out, ret_vip, ret_backend);
}

void rig_expect_at(const struct rig *rig, const struct packet *packet, const struct frame *in,
		   int which, struct frame *ret_out, int *ret_vip, int *ret_backend)
{
	const __u32 ports = htons(packet_sport(packet)) | (__u32)htons(packet_dport(packet)) << 16;
	const int v4 = packet->af == 4;
	__u64 src[2], dst[2], service;
	__u32 hash, backend;
	struct wrap wrap;

	packet_address(packet_src(packet), (uint8_t *)src);
	packet_address(packet_dst(packet), (uint8_t *)dst);
	service = lb_service_hash(
	    lb_service_tail(dst[1] >> 32, htons(packet_dport(packet)), packet->proto, packet->af),
	    dst[0], dst[1], v4);
	for (int bit = 0; rig->config.hash_source && bit < rig->config.source_skip; bit++)
		((uint8_t *)src)[15 - bit / 8] &= ~(1u << bit % 8);
	if (rig->config.hash_source)
		hash = lb_flow_hash_source(RIG_SEED, src[0], src[1], src[1] >> 32, v4);
	else
		hash = lb_flow_hash(RIG_SEED, src[0], src[1], src[1] >> 32, v4, ports, service);
	backend = which < 0 ? lb_hash_slot(hash, RIG_SLOT_COUNT) % RIG_BACKENDS : (__u32)which;
	rig_wrap(&rig->config, backend, &wrap);
	wrap.flow_label = hash & 0xfffff;
	rig_source(rig, hash, &wrap);
	if (rig->config.gue)
		rig_gue(rig, packet, hash, &wrap);
	packet_wrap(in, packet->af, &wrap, ret_out);
	*ret_vip = RIG_FIRST_VIP + (packet->af == 6) + 2 * (packet->proto == IPPROTO_UDP);
	*ret_backend = RIG_FIRST_BACKEND + backend;
}

uint32_t rig_expect_action(const struct rig *rig)
{
	return rig->config.other_device ? XDP_REDIRECT : XDP_TX;
}

const char *rig_reason_name(int reason)
{
	static const char *const names[] = {
#define LB_REASON(id, name, action, help) name,
#include <lb/reasons.def>
#undef LB_REASON
	};

	return reason < 0 ? "none" : names[reason];
}

uint32_t rig_reason_action(int reason)
{
	enum {
		PASS = XDP_PASS,
		DROP = XDP_DROP,
		FORWARD = XDP_TX
	};
	static const uint32_t actions[] = {
#define LB_REASON(id, name, action, help) action,
#include <lb/reasons.def>
#undef LB_REASON
	};

	return actions[reason];
}
