/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c - lb-agent's command line and exit codes: 0 fine, 1 it failed, 2 it was called wrongly.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "base/log.h"
#include "conf/conf.h"
#include "ctl.h"
#include "dataplane.h"
#include "netlink.h"

static const char usage[] =
    "Usage: lb-agent [OPTION]...\n"
    "Loads Sluice's data plane and keeps it as the configuration file says.\n"
    "\n"
    "  -c, --config FILE      configuration (default " AGENT_CONFIG_DEFAULT ")\n"
    "  -s, --socket PATH      control socket for lbctl (default " CTL_SOCKET_DEFAULT ")\n"
    "  -g, --group NAME       group that may use the socket besides root\n"
    "      --bpffs DIR        where maps and programs are pinned, in a bpffs\n"
    "                         (default " DATAPLANE_BPFFS_DEFAULT ")\n"
    "      --state-dir DIR    where overrides are kept (default " AGENT_STATE_DEFAULT ")\n"
    "      --log-level LEVEL  error, warning, notice, info (default) or debug\n"
    "      --check            check the configuration and exit; needs no root\n"
    "      --teardown         remove from the kernel everything that Sluice put there, and exit;\n"
    "                         VIPs stop being served\n"
    "  -h, --help             this text\n"
    "  -V, --version          the version\n"
    "\n"
    "Runs in the foreground. SIGHUP reloads the file; SIGTERM and SIGINT end the agent while the\n"
    "data plane goes on serving; the next agent takes it over. See lb-agent(8), lbctl(1) and\n"
    "lb-agent.yaml(5).\n";

enum {
	OPT_BPFFS = 256,
	OPT_STATE_DIR,
	OPT_LOG_LEVEL,
	OPT_CHECK,
	OPT_TEARDOWN
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"socket", required_argument, NULL, 's'},
    {"group", required_argument, NULL, 'g'},
    {"bpffs", required_argument, NULL, OPT_BPFFS},
    {"state-dir", required_argument, NULL, OPT_STATE_DIR},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"check", no_argument, NULL, OPT_CHECK},
    {"teardown", no_argument, NULL, OPT_TEARDOWN},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static int check(const char *path)
{
	struct lb_config *config = NULL;
	struct diag *diag = NULL;
	int r = conf_load(path, &config, &diag);

	if (diag)
		diag_print(diag, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
	if (!r)
		printf("%s: OK\n", path);
	diag_free(diag);
	conf_free(config);
	return r ? 1 : 0;
}

static int teardown(const struct agent_options *options)
{
	struct err err = {0};
	int devices = dataplane_teardown(options->bpffs_dir, &err), neighbours;

	if (devices < 0 && devices != -ENOENT) {
		log_error("teardown of %s: %s%s", options->bpffs_dir, err.text,
			  devices == -EBUSY ? "; stop it first (systemctl stop lb-agent)" : "");
		return 1;
	}
	neighbours = netlink_teardown();
	if (neighbours < 0) {
		log_error("teardown: removing neighbour entries: %s", strerror(-neighbours));
		return 1;
	}
	if (devices == -ENOENT)
		log_info("nothing is pinned at %s; %d neighbour entries removed",
			 options->bpffs_dir, neighbours);
	else
		log_info("detached from %d device%s, removed %s and %d neighbour entries", devices,
			 devices == 1 ? "" : "s", options->bpffs_dir, neighbours);
	return 0;
}

static int run(const struct agent_options *options)
{
	struct agent *agent;
	int r = agent_start(options, &agent);

	if (r)
		return 1;
	r = agent_run(agent);
	agent_free(agent);
	return r ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct agent_options options = {
	    .config_path = AGENT_CONFIG_DEFAULT,
	    .socket_path = CTL_SOCKET_DEFAULT,
	    .bpffs_dir = DATAPLANE_BPFFS_DEFAULT,
	    .state_dir = AGENT_STATE_DEFAULT,
	};
	bool want_check = false, want_teardown = false;
	enum log_level level;
	int c;

	while ((c = getopt_long(argc, argv, "c:s:g:hV", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			options.config_path = optarg;
			break;
		case 's':
			options.socket_path = optarg;
			break;
		case 'g':
			options.socket_group = optarg;
			break;
		case OPT_BPFFS:
			options.bpffs_dir = optarg;
			break;
		case OPT_STATE_DIR:
			options.state_dir = optarg;
			break;
		case OPT_LOG_LEVEL:
			if (log_parse_level(optarg, &level)) {
				fprintf(stderr,
					"lb-agent: --log-level %s: not one of error, warning, "
					"notice, info, debug\n",
					optarg);
				return 2;
			}
			log_set_level(level);
			break;
		case OPT_CHECK:
			want_check = true;
			break;
		case OPT_TEARDOWN:
			want_teardown = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("lb-agent " SLUICE_VERSION);
			return 0;
		default:
			fputs("Try 'lb-agent --help'.\n", stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr,
			"lb-agent: what is '%s'? It takes options alone; try 'lb-agent "
			"--help'.\n",
			argv[optind]);
		return 2;
	}
	if (want_check)
		return check(options.config_path);
	return want_teardown ? teardown(&options) : run(&options);
}
