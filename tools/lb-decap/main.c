/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c - lb-decap: arguments, messages, exit codes. See lb-decap.8.
 */
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "attach.h"
#include "base/addr.h"
#include "counters.h"

#define GUE_PORT 6080 /* IANA's; the agent's default, too */

/* Exit codes, as lb-decap.8 lists them. */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2
};

enum command {
	COMMAND_RUN,
	COMMAND_DETACH,
	COMMAND_STATS
};

struct options {
	enum command command;
	const char *interface;
	int ifindex;
	enum decap_mode mode;
	const char *pin_dir;
	struct lb_addr *vips;
	size_t vip_count;
	uint16_t gue_port;
};

static const char usage_text[] =
    "Usage: lb-decap --interface DEV --vip ADDRESS [--vip ADDRESS]... [OPTION]...\n"
    "       lb-decap --detach --interface DEV\n"
    "       lb-decap --stats --interface DEV | --stats --pin-dir DIR\n"
    "\n"
    "Removes the IP-in-IP or GUE headers that the balancer puts before a packet, for packets\n"
    "whose inner destination is one of the VIPs; everything else is passed on untouched. It\n"
    "needs no tunnel device. The VIPs must be addresses of this host (on lo, without ARP).\n"
    "Runs in the foreground and detaches on SIGTERM or SIGINT.\n"
    "\n"
    "  -i, --interface DEV   the device that the balancer's packets arrive on\n"
    "  -a, --vip ADDRESS     an IPv4 or IPv6 address to unwrap for; may be repeated\n"
    "  -g, --gue-port PORT   the UDP port of GUE (default 6080); 0: UDP is left alone\n"
    "  -m, --mode MODE       auto (default), native or generic\n"
    "  -p, --pin-dir DIR     pin the maps in DIR, on a bpf file system\n"
    "  -D, --detach          detach what an lb-decap left on DEV, and exit\n"
    "  -s, --stats           print the counters and exit\n"
    "  -v, --verbose         show the messages of libbpf and libxdp\n"
    "  -h, --help            print this and exit\n"
    "  -V, --version         print the version and exit\n";

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
	va_list ap;

	fputs("lb-decap: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int add_vip(struct options *options, const char *text)
{
	struct lb_addr addr, *grown;

	if (addr_parse(text, &addr)) {
		complain("--vip %s: not an IPv4 or IPv6 address", text);
		return -EINVAL;
	}
	if (addr_is_unspecified(&addr) || addr_is_multicast(&addr) || addr_is_loopback(&addr)) {
		complain("--vip %s: a VIP is a unicast address", text);
		return -EINVAL;
	}
	grown = reallocarray(options->vips, options->vip_count + 1, sizeof(*grown));
	if (!grown) {
		complain("out of memory");
		return -ENOMEM;
	}
	options->vips = grown;
	options->vips[options->vip_count++] = addr;
	return 0;
}

static int parse_mode(struct options *options, const char *text)
{
	static const char *const names[] = {
	    [DECAP_MODE_AUTO] = "auto",
	    [DECAP_MODE_NATIVE] = "native",
	    [DECAP_MODE_GENERIC] = "generic",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			options->mode = i;
			return 0;
		}
	}
	complain("--mode %s: must be auto, native or generic", text);
	return -EINVAL;
}

static int parse_gue_port(struct options *options, const char *text)
{
	const size_t digits = strspn(text, "0123456789");
	const unsigned long port = strtoul(text, NULL, 10);

	if (!digits || text[digits] || digits > 5 || port > UINT16_MAX) {
		complain("--gue-port %s: must be a port, or 0 for none", text);
		return -EINVAL;
	}
	options->gue_port = (uint16_t)port;
	return 0;
}

/* 0 to go on, or an exit code + 1. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
	    {"interface", required_argument, NULL, 'i'},
	    {"vip", required_argument, NULL, 'a'},
	    {"gue-port", required_argument, NULL, 'g'},
	    {"mode", required_argument, NULL, 'm'},
	    {"pin-dir", required_argument, NULL, 'p'},
	    {"detach", no_argument, NULL, 'D'},
	    {"stats", no_argument, NULL, 's'},
	    {"verbose", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {},
	};
	int c;

	while ((c = getopt_long(argc, argv, "i:a:g:m:p:DsvhV", longs, NULL)) != -1) {
		switch (c) {
		case 'i':
			options->interface = optarg;
			break;
		case 'a':
			if (add_vip(options, optarg))
				return EXIT_USAGE + 1;
			break;
		case 'g':
			if (parse_gue_port(options, optarg))
				return EXIT_USAGE + 1;
			break;
		case 'm':
			if (parse_mode(options, optarg))
				return EXIT_USAGE + 1;
			break;
		case 'p':
			options->pin_dir = optarg;
			break;
		case 'D':
			options->command = COMMAND_DETACH;
			break;
		case 's':
			options->command = COMMAND_STATS;
			break;
		case 'v':
			decap_set_verbose(true);
			break;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_DONE + 1;
		case 'V':
			puts("lb-decap " SLUICE_VERSION);
			return EXIT_DONE + 1;
		default:
			fputs("Try 'lb-decap --help'.\n", stderr);
			return EXIT_USAGE + 1;
		}
	}
	if (optind < argc) {
		complain("unexpected argument '%s'; try 'lb-decap --help'", argv[optind]);
		return EXIT_USAGE + 1;
	}
	return 0;
}

static int check_options(struct options *options)
{
	if (!options->interface && !(options->command == COMMAND_STATS && options->pin_dir)) {
		complain("--interface is missing; try 'lb-decap --help'");
		return EXIT_USAGE;
	}
	if (options->command == COMMAND_RUN && !options->vip_count) {
		complain("--vip is missing: nothing would be unwrapped");
		return EXIT_USAGE;
	}
	if (options->interface) {
		options->ifindex = if_nametoindex(options->interface);
		if (!options->ifindex) {
			complain("%s: no such network device", options->interface);
			return EXIT_FAILED;
		}
	}
	return EXIT_DONE;
}

static void explain_attach_failure(const struct options *options, enum decap_step step, int err,
				   uint32_t prog_id)
{
	const char *dev = options->interface;

	if (err == -EPERM || err == -EACCES) {
		if (geteuid() != 0)
			complain("must run as root (or with CAP_NET_ADMIN, CAP_BPF and "
				 "CAP_PERFMON)");
		else
			complain("%s: the kernel refused: %s; --verbose shows why", dev,
				 strerror(-err));
		return;
	}
	switch (step) {
	case DECAP_STEP_BUSY:
		complain("%s: another XDP program (id %u) is attached: see 'ip link show %s'; an "
			 "lb-decap left over goes by 'lb-decap --detach --interface %s'",
			 dev, prog_id, dev, dev);
		break;
	case DECAP_STEP_ATTACH:
		if (err == -EOPNOTSUPP)
			complain("%s: the driver has no native XDP; use --mode generic", dev);
		else
			complain("%s: can't attach: %s; --verbose shows why", dev, strerror(-err));
		break;
	case DECAP_STEP_PIN:
		complain("%s: can't pin the maps there: %s; it must be on a bpf file system",
			 options->pin_dir, strerror(-err));
		break;
	case DECAP_STEP_LOAD:
	case DECAP_STEP_FILL:
		complain("can't load the program: %s; --verbose shows why", strerror(-err));
		break;
	}
}

static int run(const struct options *options)
{
	const struct decap_wanted wanted = {
	    .vips = options->vips,
	    .vip_count = options->vip_count,
	    .gue_port = options->gue_port,
	};
	enum decap_step step = DECAP_STEP_LOAD;
	struct decap *decap = NULL;
	uint32_t prog_id = 0;
	sigset_t signals;
	int err, got = 0;

	/* Blocked before attaching, so that no signal can end us with the program left behind. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	err = decap_attach(options->ifindex, options->mode, &wanted, options->pin_dir, &decap,
			   &step, &prog_id);
	if (err) {
		explain_attach_failure(options, step, err, prog_id);
		return EXIT_FAILED;
	}
	fprintf(stderr, "lb-decap: ready on %s (%s, %zu VIP%s)\n", options->interface,
		decap_mode_name(decap), options->vip_count, options->vip_count == 1 ? "" : "s");
	sd_notifyf(0, "READY=1\nSTATUS=unwrapping on %s", options->interface);
	sigwait(&signals, &got);

	sd_notify(0, "STOPPING=1");
	err = decap_free(decap);
	if (err && err != -ENOENT) {
		complain("%s: can't detach: %s", options->interface, strerror(-err));
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static int detach(const struct options *options)
{
	int err = decap_detach(options->ifindex);

	if (err == -ENOENT)
		complain("%s: no lb-decap is attached", options->interface);
	else if (err)
		complain("%s: can't detach: %s", options->interface, strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
}

static int stats(const struct options *options)
{
	uint64_t packets[LB_DECAP_MAX];
	uint32_t prog_id = 0;
	int err;

	if (options->pin_dir) {
		err = counters_read_pinned(options->pin_dir, packets);
		if (err)
			complain("%s: no lb-decap has its counters pinned there: %s",
				 options->pin_dir, strerror(-err));
	} else {
		err = decap_find(options->ifindex, &prog_id);
		if (!err)
			err = counters_read(prog_id, packets);
		if (err == -ENOENT)
			complain("%s: no lb-decap is attached", options->interface);
		else if (err)
			complain("%s: can't read the counters: %s", options->interface,
				 strerror(-err));
	}
	if (err)
		return EXIT_FAILED;
	counters_print(stdout, packets);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct options options = {.mode = DECAP_MODE_AUTO, .gue_port = GUE_PORT};
	int code;

	decap_set_verbose(false);
	code = parse_options(argc, argv, &options);
	if (code) {
		code -= 1;
		goto out;
	}
	code = check_options(&options);
	if (code)
		goto out;
	switch (options.command) {
	case COMMAND_RUN:
		code = run(&options);
		break;
	case COMMAND_DETACH:
		code = detach(&options);
		break;
	case COMMAND_STATS:
		code = stats(&options);
		break;
	}
out:
	free(options.vips);
	return code;
}
