/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire_traffic.c - the generator's frames, and what became of them.
 *
 * Everything between the generator and the receiver happens on the CPU that the generator runs on:
 * it puts a batch of frames into the box's ring, and the kernel takes them through box and receiver
 * in softirq before it goes on with the next batch.
 */
#include "wire_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "wire.skel.h"

#define BATCH	       64     /* frames at a time; NAPI's own batch, and a quarter of veth's ring */
#define CHUNK	       131072 /* frames a system call */
#define WARM_UP	       32768
#define SETTLE_MS      500
#define BYTES_OF_FRAME 2048

static uint32_t word_of(int family, const char *text, size_t at)
{
	struct in6_addr address = {0};
	uint32_t word;

	inet_pton(family, text, &address);
	memcpy(&word, (const uint8_t *)&address + at, sizeof(word));
	return word;
}

static uint32_t sum_words(const void *data, size_t len)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The UDP checksum is zero in both families (RFC 6936 has it for tunnels): nobody on the way needs
 * to look at the payload, so that all boxes are spared the same. */
static void write_udp(struct udphdr *udp, size_t len)
{
	udp->dest = htons(WIRE_PORT);
	udp->len = htons((uint16_t)len);
}

static void setup_ipv4(struct wire_setup *setup, size_t size)
{
	uint8_t frame[sizeof(setup->header)] = {0};
	struct ethhdr *eth = (void *)frame;
	struct iphdr *ip = (void *)(eth + 1);

	memcpy(eth->h_dest, "\x02\0\0\0\0\x01", ETH_ALEN);
	memcpy(eth->h_source, "\x02\0\0\0\0\x02", ETH_ALEN);
	eth->h_proto = htons(ETH_P_IP);
	*ip = (struct iphdr){
	    .version = 4,
	    .ihl = 5,
	    .tot_len = htons((uint16_t)(size - sizeof(*eth))),
	    .frag_off = htons(IP_DF),
	    .ttl = 64,
	    .protocol = IPPROTO_UDP,
	    .saddr = word_of(AF_INET, "198.19.0.0", 0),
	    .daddr = word_of(AF_INET, WIRE_VIP4 ".0.0", 0),
	};
	setup->csum = sum_words(ip, sizeof(*ip));
	write_udp((void *)(ip + 1), size - sizeof(*eth) - sizeof(*ip));
	memcpy(setup->header, frame, sizeof(frame));
}

static void setup_ipv6(struct wire_setup *setup, size_t size)
{
	uint8_t frame[sizeof(setup->header)] = {0};
	struct ethhdr *eth = (void *)frame;
	struct ip6_hdr ip = {0};

	memcpy(eth->h_dest, "\x02\0\0\0\0\x01", ETH_ALEN);
	memcpy(eth->h_source, "\x02\0\0\0\0\x02", ETH_ALEN);
	eth->h_proto = htons(ETH_P_IPV6);
	ip.ip6_flow = htonl(6u << 28);
	ip.ip6_plen = htons((uint16_t)(size - sizeof(*eth) - sizeof(ip)));
	ip.ip6_nxt = IPPROTO_UDP;
	ip.ip6_hlim = 64;
	inet_pton(AF_INET6, WIRE_SOURCE6 "::", &ip.ip6_src);
	inet_pton(AF_INET6, WIRE_VIP6 "::", &ip.ip6_dst);
	memcpy(eth + 1, &ip, sizeof(ip));
	write_udp((void *)(frame + sizeof(*eth) + sizeof(ip)), size - sizeof(*eth) - sizeof(ip));
	memcpy(setup->header, frame, sizeof(frame));
}

/* The outermost destination address of a frame as it has to arrive. */
static void setup_want(struct wire_setup *setup, const struct wire_path *path)
{
	bool backend = path->ipip || path->rewritten, near = path->end == WIRE_NEAR;

	if (path->v6) { /* the second word: the first is the same for all */
		setup->want_off = ETH_HLEN + offsetof(struct ip6_hdr, ip6_dst) + 4;
		setup->want_mask = 0xffffffff;
		setup->want = word_of(AF_INET6,
				      !backend ? WIRE_VIP6 "::"
				      : near   ? WIRE_NEAR6 "::"
					       : WIRE_FAR6 "::",
				      4);
	} else {
		setup->want_off = ETH_HLEN + offsetof(struct iphdr, daddr);
		setup->want_mask = htonl(0xffff0000);
		setup->want = word_of(AF_INET,
				      !backend ? WIRE_VIP4 ".0.0"
				      : near   ? WIRE_NEAR4 ".0.0"
					       : WIRE_FAR4 ".0.0",
				      0);
	}
}

static void set_up(struct wire_lab *lab, const struct wire_path *path)
{
	struct wire_setup *setup = &lab->bpf->bss->setup;

	setup->ifindex = lab->ifindex[path->box];
	setup->flows = (uint32_t)lab->options->flows;
	setup->vips = (uint32_t)lab->options->vips;
	setup->vip_low = (wire_class(path) << WIRE_CLASS_SHIFT) + 1;
	if (path->v6)
		setup_ipv6(setup, lab->options->size);
	else
		setup_ipv4(setup, lab->options->size);
	setup_want(setup, path);
}

static void sum_counts(const struct wire_count *counts, uint64_t *ret_packets, uint64_t *ret_bytes)
{
	const volatile struct wire_count *now = counts; /* the kernel writes here */

	*ret_packets = *ret_bytes = 0;
	for (size_t i = 0; i < WIRE_CPUS; i++) {
		*ret_packets += now[i].packets;
		*ret_bytes += now[i].bytes;
	}
}

static uint64_t count_received(const struct wire_lab *lab)
{
	uint64_t sum = 0, packets, bytes;

	for (size_t end = 0; end < WIRE_ENDS; end++) {
		sum_counts(lab->bpf->bss->received[end], &packets, &bytes);
		sum += packets;
	}
	return sum;
}

/* Waits for what is still in a ring, which it is when the kernel's softirq thread took over. */
static void settle(const struct wire_lab *lab)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	uint64_t before = count_received(lab), now;

	for (int quiet = 0, ms = 0; quiet < 3 && ms < SETTLE_MS; ms += 2) {
		nanosleep(&pause, NULL);
		now = count_received(lab);
		quiet = now == before ? quiet + 1 : 0;
		before = now;
	}
}

static int send_frames(const struct wire_lab *lab, bool v6, uint32_t frames, struct err *err)
{
	uint8_t frame[BYTES_OF_FRAME] = {0};
	const struct bpf_program *program =
	    v6 ? lab->bpf->progs.generate6 : lab->bpf->progs.generate4;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame,
		    .data_size_in = (uint32_t)lab->options->size, .repeat = (int)frames,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	int r = bpf_prog_test_run_opts(bpf_program__fd(program), &o);

	if (r == -EINTR)
		return err_set(err, r, "interrupted");
	return r ? err_set(err, r, "the kernel's packet generator (BPF_F_TEST_XDP_LIVE_FRAMES): %s",
			   strerror(-r))
		 : 0;
}

/* Everything there is to count, as it stands. */
static int take_counters(struct wire_lab *lab, const struct wire_path *path,
			 struct wire_sample *ret_now, struct err *err)
{
	const struct wire_bpf__bss *bss = lab->bpf->bss;
	const int inside = lab->boxes[path->box].socket;
	uint64_t bytes, tx_errors, xmit_errors;
	char device[32];
	int r;

	snprintf(device, sizeof(device), "gen-%s", wire_box_name(path->box));
	sum_counts(bss->offered, &ret_now->offered, &bytes);
	sum_counts(bss->received[path->end], &ret_now->received, &ret_now->received_bytes);
	sum_counts(bss->stray, &ret_now->stray, &bytes);
	r = wire_device_sum(lab->generator.socket, device, "tx_queue", "xdp_xmit",
			    &ret_now->arrived, err);
	if (!r)
		r = wire_device_sum(lab->generator.socket, device, "tx_queue", "xdp_xmit_errors",
				    &ret_now->overrun, err);
	if (!r)
		r = wire_device_sum(inside, "bench0", "rx_queue", "xdp_tx_errors", &tx_errors, err);
	if (!r)
		r = wire_device_sum(inside, "bench1", "tx_queue", "xdp_xmit_errors", &xmit_errors,
				    err);
	if (r)
		return r;
	ret_now->send_errors = tx_errors + xmit_errors;
	return wire_box_balanced(lab, path, &ret_now->balanced, err);
}

static void subtract(struct wire_sample *now, const struct wire_sample *before)
{
	now->offered -= before->offered;
	now->overrun -= before->overrun;
	now->arrived -= before->arrived;
	now->balanced -= before->balanced;
	now->send_errors -= before->send_errors;
	now->received -= before->received;
	now->received_bytes -= before->received_bytes;
	now->stray -= before->stray;
}

int wire_lab_measure(struct wire_lab *lab, const struct wire_path *path,
		     struct wire_sample *ret_sample, struct err *err)
{
	size_t warm_up = lab->options->flows * 2;
	struct wire_sample before = {0};
	double begun, worked, elapsed = 0;
	int r;

	set_up(lab, path);
	/* Caches get warm, and connection tracking knows the flows. */
	r = send_frames(lab, path->v6, (uint32_t)(warm_up < WARM_UP ? WARM_UP : warm_up), err);
	settle(lab);
	if (!r)
		r = take_counters(lab, path, &before, err);
	begun = bench_now_ms();
	worked = wire_clock_now_ms(&lab->clock);
	while (!r && elapsed < lab->options->seconds * 1e3) {
		r = send_frames(lab, path->v6, CHUNK, err);
		elapsed = bench_now_ms() - begun;
	}
	worked = wire_clock_now_ms(&lab->clock) - worked;
	settle(lab);
	if (!r)
		r = take_counters(lab, path, ret_sample, err);
	if (r)
		return r;
	subtract(ret_sample, &before);
	ret_sample->seconds = worked / 1e3;
	ret_sample->wall_seconds = elapsed / 1e3;
	return 0;
}

/* What the tunnel header adds. */
static size_t overhead(const struct wire_path *path)
{
	return !path->ipip ? 0 : path->v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
}

int wire_check(const struct wire_path *path, const struct wire_sample *s, size_t frame_size,
	       struct err *err)
{
	const char *name = path->name;

	if (!s->received)
		return err_set(err, -EIO,
			       "%s: no packet came out (%" PRIu64 " offered, %" PRIu64 " stray)",
			       name, s->offered, s->stray);
	if (s->offered != s->arrived + s->overrun)
		return err_set(err, -EIO,
			       "%s: %" PRIu64 " frames sent, but %" PRIu64 " arrived at the box "
			       "and %" PRIu64 " did not fit into its ring",
			       name, s->offered, s->arrived, s->overrun);
	if (s->received_bytes != s->received * (frame_size + overhead(path)))
		return err_set(err, -EIO, "%s: %" PRIu64 " packets have %" PRIu64 " bytes", name,
			       s->received, s->received_bytes);
	if (path->box == WIRE_SINK && s->received != s->arrived)
		return err_set(err, -EIO, "%s: %" PRIu64 " of %" PRIu64 " were counted", name,
			       s->received, s->arrived);
	if (path->box != WIRE_BOUNCE && path->box != WIRE_SLUICE)
		return 0; /* what the kernel's own ways lose is a result */
	if (s->balanced != s->arrived)
		return err_set(err, -EIO,
			       "%s: %" PRIu64 " packets arrived at the box, it sent on %" PRIu64,
			       name, s->arrived, s->balanced);
	if (s->balanced != s->received + s->send_errors)
		return err_set(err, -EIO,
			       "%s: of %" PRIu64 " packets %" PRIu64 " were received, and %" PRIu64
			       " did not fit into the ring behind the box",
			       name, s->balanced, s->received, s->send_errors);
	return 0;
}
