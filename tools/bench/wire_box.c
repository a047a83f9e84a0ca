/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire_box.c - the boxes of 'lb-bench wire': Sluice by its agent, the ceiling by a program of ours,
 * and the kernel's own ways by its own tools.
 */
#include "wire_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <bpf/libbpf.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "rig.h"
#include "wire.skel.h"

#define CONFIG_PATH    RIG_DIR "/wire.yaml"
#define USABLE_WAIT_MS 30000

/* What every class of VIPs is; the index is wire_class(). */
static const struct {
	const char *forward, *end;
} classes[] = {{"ipip", "near"}, {"ipip", "far"}, {"l2", "near"}, {"l2", "far"}};

static void write_pool(FILE *out, const char *name, const char *v4, const char *v6, size_t backends)
{
	for (int family = 4; family <= 6; family += 2) {
		fprintf(out, "  %s%d:\n    backends:\n", name, family);
		for (size_t i = 1; i <= backends; i++)
			if (family == 4)
				fprintf(out, "      - {address: %s.%zu.%zu}\n", v4, i >> 8,
					i & 255);
			else
				fprintf(out, "      - {address: \"%s::%zx\"}\n", v6, i);
	}
}

static void write_class(FILE *out, size_t class, size_t vips)
{
	const char *forward = classes[class].forward, *end = classes[class].end;

	for (size_t i = 0; i < vips; i++) {
		size_t low = (class << WIRE_CLASS_SHIFT) + i + 1;

		fprintf(out,
			"  - {name: %s-%s4-%zu, address: " WIRE_VIP4 ".%zu.%zu, protocol: udp, "
			"port: %d, forward: %s, pool: %s4}\n",
			forward, end, i, low >> 8, low & 255, WIRE_PORT, forward, end);
		fprintf(out,
			"  - {name: %s-%s6-%zu, address: \"" WIRE_VIP6 "::%zx\", protocol: udp, "
			"port: %d, forward: %s, pool: %s6}\n",
			forward, end, i, low, WIRE_PORT, forward, end);
	}
}

static int write_config(const struct wire_options *options, struct err *err)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int r;

	if (!out)
		return err_set(err, -ENOMEM, "out of memory");
	fputs("version: 1\n\nnode:\n  interfaces: [bench0, bench1]\n\npools:\n", out);
	write_pool(out, "near", WIRE_NEAR4, WIRE_NEAR6, options->backends);
	write_pool(out, "far", WIRE_FAR4, WIRE_FAR6, options->backends);
	fputs("\nvips:\n", out);
	for (size_t class = 0; class < sizeof(classes) / sizeof(classes[0]); class ++)
		write_class(out, class, options->vips);
	r = fclose(out) ? err_set(err, -ENOMEM, "out of memory")
			: rig_write_file(CONFIG_PATH, text, len, err);
	free(text);
	return r;
}

static int wait_usable(struct wire_lab *lab, struct err *err)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	double end = bench_now_ms() + USABLE_WAIT_MS;
	json_int_t backends = 0, usable = 0;

	while (bench_now_ms() < end) {
		json_t *status;
		int r = agent_process_command(lab->agent, "status", NULL, &status, NULL, err);

		if (r)
			return r;
		backends = json_integer_value(json_object_get(status, "backends"));
		usable = json_integer_value(json_object_get(status, "backends_usable"));
		json_decref(status);
		if (backends && usable == backends)
			return 0;
		nanosleep(&pause, NULL);
	}
	return err_set(err, -ETIMEDOUT, "%" PRIdMAX " of %" PRIdMAX " backends are usable",
		       (intmax_t)usable, (intmax_t)backends);
}

static int start_sluice(struct wire_lab *lab, int binary, struct err *err)
{
	double ready_ms;
	int r = write_config(lab->options, err);

	if (!r)
		r = agent_process_start(binary, CONFIG_PATH, &lab->agent, &ready_ms, err);
	if (!r)
		r = wait_usable(lab, err);
	return r;
}

static int attach(const struct bpf_program *program, struct err *err)
{
	int r = bpf_xdp_attach((int)if_nametoindex("bench0"), bpf_program__fd(program),
			       XDP_FLAGS_DRV_MODE, NULL);

	return r ? err_set(err, r, "XDP on bench0: %s", strerror(-r)) : 0;
}

/* A router between both pairs. Frames come in by XDP_PASS, for veth takes redirected ones only
 * with a program; where a packet is checked twice or answered for its own sake is turned off. */
static int start_router(struct wire_lab *lab, enum wire_box box, struct err *err)
{
	static const char *const on[] = {"ipv4/ip_forward", "ipv6/conf/all/forwarding"};
	static const char *const off[] = {
	    "ipv4/conf/all/rp_filter",
	    "ipv4/conf/bench0/rp_filter",
	    "ipv4/conf/all/send_redirects",
	    "ipv4/conf/bench0/send_redirects",
	};
	int r = attach(lab->bpf->progs.pass, err);

	for (size_t i = 0; i < 2 && !r; i++)
		r = wire_set_sysctl(on[i], "1", err);
	for (size_t i = 0; i < 4 && !r; i++)
		r = wire_set_sysctl(off[i], "0", err);
	return r;
}

static int start_forward(struct wire_lab *lab, struct err *err)
{
	static const char *const argv[] = {"ip", "-batch", "-", NULL};
	int r = start_router(lab, WIRE_FORWARD, err);

	if (r)
		return r;
	return wire_command(&lab->boxes[WIRE_FORWARD], argv,
			    "route add " WIRE_VIP4 ".0.0/16 via 198.51.100.2\n"
			    "route add " WIRE_VIP6 "::/64 via 2001:db8:2::2\n",
			    err);
}

static bool is_program(const char *name)
{
	char path[64];
	static const char *const dirs[] = {"/usr/sbin", "/sbin", "/usr/bin"};

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

/* The whole range of VIPs by one rule a family, which is the least that nftables can have to do;
 * it is run once a connection, the rest is connection tracking. */
static char *nft_rules(size_t backends)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fputs("table inet wire {\n"
	      "  chain prerouting {\n"
	      "    type nat hook prerouting priority dstnat;\n",
	      out);
	fprintf(out,
		"    ip daddr " WIRE_VIP4 ".0.0/16 udp dport %d dnat ip to "
		"jhash ip saddr . udp sport mod %zu map {",
		WIRE_PORT, backends);
	for (size_t i = 0; i < backends; i++)
		fprintf(out, " %zu : " WIRE_FAR4 ".%zu.%zu,", i, (i + 1) >> 8, (i + 1) & 255);
	fprintf(out,
		"}\n    ip6 daddr " WIRE_VIP6 "::/64 udp dport %d dnat ip6 to "
		"jhash ip6 saddr . udp sport mod %zu map {",
		WIRE_PORT, backends);
	for (size_t i = 0; i < backends; i++)
		fprintf(out, " %zu : " WIRE_FAR6 "::%zx,", i, i + 1);
	fputs("}\n  }\n}\n", out);
	return fclose(out) ? NULL : text;
}

static int start_nft(struct wire_lab *lab, struct err *err)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};
	char *rules;
	int r;

	if (!is_program("nft")) {
		lab->lacks[WIRE_NFT] = "nft is not installed (package nftables)";
		return 0;
	}
	r = start_router(lab, WIRE_NFT, err);
	if (r)
		return r;
	rules = nft_rules(lab->options->backends);
	r = rules ? wire_command(&lab->boxes[WIRE_NFT], argv, rules, err)
		  : err_set(err, -ENOMEM, "out of memory");
	free(rules);
	return r;
}

static bool kernel_has_ipvs(void)
{
	int status;
	pid_t pid;

	if (!access("/proc/net/ip_vs", F_OK))
		return true;
	pid = fork();
	if (!pid) {
		execlp("modprobe", "modprobe", "-q", "ip_vs", (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	return !access("/proc/net/ip_vs", F_OK);
}

/* Direct routing: it leaves the packet as it is, as forward: l2 does. */
static char *ipvs_rules(const struct wire_options *options)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (size_t v = 0; v < options->vips; v++) {
		size_t low = (3u << WIRE_CLASS_SHIFT) + v + 1;
		char vip4[64], vip6[64];

		snprintf(vip4, sizeof(vip4), WIRE_VIP4 ".%zu.%zu:%d", low >> 8, low & 255,
			 WIRE_PORT);
		snprintf(vip6, sizeof(vip6), "[" WIRE_VIP6 "::%zx]:%d", low, WIRE_PORT);
		fprintf(out, "-A -u %s -s mh\n-A -u %s -s mh\n", vip4, vip6);
		for (size_t i = 1; i <= options->backends; i++) {
			fprintf(out, "-a -u %s -r " WIRE_FAR4 ".%zu.%zu:%d -g -w 1\n", vip4, i >> 8,
				i & 255, WIRE_PORT);
			fprintf(out, "-a -u %s -r [" WIRE_FAR6 "::%zx]:%d -g -w 1\n", vip6, i,
				WIRE_PORT);
		}
	}
	return fclose(out) ? NULL : text;
}

static int start_ipvs(struct wire_lab *lab, struct err *err)
{
	static const char *const ipvsadm[] = {"ipvsadm", "-R", NULL};
	static const char *const ip[] = {"ip", "-batch", "-", NULL};
	struct wire_space *space = &lab->boxes[WIRE_IPVS];
	char *rules;
	int r;

	if (!kernel_has_ipvs())
		lab->lacks[WIRE_IPVS] = "this kernel has no IPVS";
	else if (!is_program("ipvsadm"))
		lab->lacks[WIRE_IPVS] = "ipvsadm is not installed (package ipvsadm)";
	if (lab->lacks[WIRE_IPVS])
		return 0;
	r = start_router(lab, WIRE_IPVS, err);
	if (!r) /* IPVS hooks into local delivery */
		r = wire_command(space, ip,
				 "route add local " WIRE_VIP4 ".0.0/16 dev lo\n"
				 "route add local " WIRE_VIP6 "::/64 dev lo\n",
				 err);
	if (r)
		return r;
	rules = ipvs_rules(lab->options);
	r = rules ? wire_command(space, ipvsadm, rules, err)
		  : err_set(err, -ENOMEM, "out of memory");
	free(rules);
	return r;
}

int wire_box_start(struct wire_lab *lab, enum wire_box box, int binary, struct err *err)
{
	switch (box) {
	case WIRE_SINK:
		return attach(lab->bpf->progs.receive_near, err);
	case WIRE_BOUNCE:
		return attach(lab->bpf->progs.bounce, err);
	case WIRE_SLUICE:
		return start_sluice(lab, binary, err);
	case WIRE_FORWARD:
		return start_forward(lab, err);
	case WIRE_NFT:
		return start_nft(lab, err);
	case WIRE_IPVS:
	case WIRE_BOXES:
		break;
	}
	return start_ipvs(lab, err);
}

static int sluice_balanced(struct wire_lab *lab, const struct wire_path *path,
			   uint64_t *ret_packets, struct err *err)
{
	unsigned int class = wire_class(path);
	json_t *data, *vip;
	char prefix[32];
	size_t i;
	int r = agent_process_command(lab->agent, "vips", NULL, &data, NULL, err);

	if (r)
		return r;
	snprintf(prefix, sizeof(prefix), "%s-%s%d-", classes[class].forward, classes[class].end,
		 path->v6 ? 6 : 4);
	*ret_packets = 0;
	json_array_foreach (data, i, vip)
		if (!strncmp(json_string_value(json_object_get(vip, "name")), prefix,
			     strlen(prefix)))
			*ret_packets +=
			    (uint64_t)json_integer_value(json_object_get(vip, "packets"));
	json_decref(data);
	return 0;
}

/* IPv4: RFC 4293's ForwDatagrams, in a line of names and one of values. */
static bool read_snmp4(FILE *file, uint64_t *ret_packets)
{
	char line[1024], values[1024], *names_rest, *values_rest;

	while (fgets(line, sizeof(line), file)) {
		const char *name, *value;

		if (strncmp(line, "Ip: ", 4) != 0 || !fgets(values, sizeof(values), file))
			continue;
		name = strtok_r(line, " \n", &names_rest);
		value = strtok_r(values, " \n", &values_rest);
		for (; name && value; name = strtok_r(NULL, " \n", &names_rest),
				      value = strtok_r(NULL, " \n", &values_rest))
			if (!strcmp(name, "ForwDatagrams")) {
				*ret_packets = strtoull(value, NULL, 10);
				return true;
			}
	}
	return false;
}

static bool read_snmp6(FILE *file, uint64_t *ret_packets)
{
	char line[256];

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Ip6OutForwDatagrams %" SCNu64, ret_packets) == 1)
			return true;
	return false;
}

/* The third line has the sums: connections, packets in, … in hexadecimal. */
static bool read_ipvs(FILE *file, uint64_t *ret_packets)
{
	char line[256];

	for (int i = 0; i < 3; i++)
		if (!fgets(line, sizeof(line), file))
			return false;
	return sscanf(line, "%*x %" SCNx64, ret_packets) == 1;
}

static int kernel_balanced(struct wire_lab *lab, const struct wire_path *path,
			   uint64_t *ret_packets, struct err *err)
{
	const char *name = path->box == WIRE_IPVS ? "/proc/thread-self/net/ip_vs_stats"
			   : path->v6		  ? "/proc/thread-self/net/snmp6"
						  : "/proc/thread-self/net/snmp";
	FILE *file;
	bool found;
	int r = wire_enter(&lab->boxes[path->box], err);

	if (r)
		return r;
	file = fopen(name, "re");
	found = file && (path->box == WIRE_IPVS ? read_ipvs(file, ret_packets)
			 : path->v6		? read_snmp6(file, ret_packets)
						: read_snmp4(file, ret_packets));
	if (file)
		fclose(file);
	r = wire_enter(&lab->generator, err);
	return r || found ? r : err_set(err, -EIO, "%s does not tell what was forwarded", name);
}

int wire_box_balanced(struct wire_lab *lab, const struct wire_path *path, uint64_t *ret_packets,
		      struct err *err)
{
	switch (path->box) {
	case WIRE_SINK:
		*ret_packets = 0;
		return 0;
	case WIRE_BOUNCE:
		return wire_device_sum(lab->boxes[WIRE_BOUNCE].socket, "bench0", "rx_queue",
				       "xdp_tx", ret_packets, err);
	case WIRE_SLUICE:
		return sluice_balanced(lab, path, ret_packets, err);
	default:
		return kernel_balanced(lab, path, ret_packets, err);
	}
}
