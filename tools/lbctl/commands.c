/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of commands and the help that is made from it. A command, an option or an argument is
 * added here and nowhere else.
 */
#include "lbctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/diag.h"
#include "ctl.h"
#include "text.h"

const struct lbctl_option lbctl_global_options[] = {
    {"--socket", "PATH", false, "the agent's control socket (" CTL_SOCKET_DEFAULT ")"},
    {"--json", NULL, false, "print data as JSON, exactly as the agent gave it"},
    {"--help", NULL, false, "print this help; after a command, that command's"},
    {"--version", NULL, false, "print the version"},
    {NULL},
};

const struct lbctl_command lbctl_commands[] = {
    {
	.name = "status",
	.args = "",
	.summary = "whether the agent and the data plane are well",
	.help =
	    "Shows the agent, its interfaces and its last reload, and one line for each problem:\n"
	    "an interface without the balancer, a pool without a usable backend, a reload that\n"
	    "failed. The exit status is 0 whenever the agent answers.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl status\n"
	    "  lbctl --json status | jq .backends_usable\n",
	.run = cmd_status,
    },
    {
	.name = "vips",
	.args = "",
	.summary = "the virtual services and their traffic",
	.help =
	    "Lists the VIPs with their pool, how many of its backends are usable, and what was\n"
	    "forwarded and dropped since the data plane was first loaded.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl vips\n"
	    "  lbctl --json vips | jq -r '.[] | [.name, .packets] | @tsv'\n",
	.run = cmd_vips,
    },
    {
	.name = "backends",
	.args = "[POOL]",
	.max_args = 1,
	.words = {LBCTL_WORD_POOL},
	.summary = "the backends: weight, state, health, next hop, share, traffic",
	.help =
	    "Lists the backends of all pools, or of POOL. SHARE is the part of the pool's slots\n"
	    "that a backend has now. A weight or state marked with * was set by lbctl (drain,\n"
	    "weight) and stands in for what the configuration file says.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl backends\n"
	    "  lbctl backends web\n",
	.run = cmd_backends,
    },
    {
	.name = "counters",
	.args = "",
	.summary = "what became of every packet, by reason",
	.help =
	    "Shows how many packets were forwarded, passed to the kernel and dropped, and why.\n"
	    "Reasons that never occurred are left out.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl counters --all\n"
	    "  lbctl counters --watch 5\n",
	.options = {{"--all", NULL, false, "show reasons with no packets too"},
		    {"--watch", "SECONDS", true,
		     "show again every SECONDS (1 if left out), with rates, until interrupted"}},
	.run = cmd_counters,
    },
    {
	.name = "limits",
	.args = "[VIP]",
	.max_args = 1,
	.words = {LBCTL_WORD_VIP},
	.summary = "the rate limits and what was too much for them",
	.help =
	    "Lists the rate limits of all VIPs, or of VIP, in the order in which packets meet them.\n"
	    "DROPPED counts the packets that a limit dropped, COUNTED those that it would have\n"
	    "dropped while its action was count. SOURCES are those that are remembered now. Below,\n"
	    "the sources that have used up most of their burst.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl limits\n"
	    "  lbctl limits dns\n"
	    "  lbctl --json limits | jq '.top[].source'\n",
	.run = cmd_limits,
    },
    {
	.name = "reload",
	.args = "",
	.summary = "read the configuration file again and apply it",
	.help =
	    "Applies the agent's configuration file and shows what changed. A file with errors\n"
	    "changes nothing: they are printed, and what was running goes on.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl check /etc/sluice/sluice.yaml && lbctl reload\n",
	.run = cmd_reload,
    },
    {
	.name = "check",
	.args = "FILE",
	.min_args = 1,
	.max_args = 1,
	.words = {LBCTL_WORD_FILE},
	.summary = "check a configuration file; needs no agent and no root",
	.help =
	    "Reads FILE (\"-\": standard input) and prints every error and warning with its line,\n"
	    "to standard error. With --json they go to standard output as an object.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl check sluice.yaml\n"
	    "  lbctl --json check sluice.yaml | jq '.errors | length'\n",
	.run = cmd_check,
    },
    {
	.name = "plan",
	.args = "FILE",
	.min_args = 1,
	.max_args = 1,
	.words = {LBCTL_WORD_FILE},
	.summary = "show what a configuration file would change, and change nothing",
	.help =
	    "Compares FILE (\"-\": standard input) with what the agent runs: what would be added,\n"
	    "removed or changed, and the share of each VIP's slots that would move to another\n"
	    "backend. With --from, compares two files and asks no agent; then every backend\n"
	    "counts as healthy.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl plan new.yaml\n"
	    "  lbctl plan new.yaml --from /etc/sluice/sluice.yaml\n",
	.options = {{"--from", "OLD", false, "compare with the file OLD instead of the agent"}},
	.run = cmd_plan,
    },
    {
	.name = "drain",
	.args = "POOL ADDRESS",
	.min_args = 2,
	.max_args = 2,
	.words = {LBCTL_WORD_POOL, LBCTL_WORD_BACKEND},
	.summary = "give a backend no new flows",
	.help =
	    "Takes the backend's share of new flows away. This overrides the configuration file,\n"
	    "survives reloads and restarts of the agent, and ends with undrain.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl drain web 10.0.1.11\n",
	.run = cmd_drain,
    },
    {
	.name = "undrain",
	.args = "POOL ADDRESS",
	.min_args = 2,
	.max_args = 2,
	.words = {LBCTL_WORD_POOL, LBCTL_WORD_BACKEND},
	.summary = "take back what drain and weight have set",
	.help =
	    "Removes every override of the backend: its state and weight are the configuration\n"
	    "file's again.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl undrain web 10.0.1.11\n",
	.run = cmd_undrain,
    },
    {
	.name = "weight",
	.args = "POOL ADDRESS WEIGHT",
	.min_args = 3,
	.max_args = 3,
	.words = {LBCTL_WORD_POOL, LBCTL_WORD_BACKEND},
	.summary = "change a backend's weight",
	.help = "Sets the weight (0 to 65535; 0 is the same as drain). This overrides the\n"
		"configuration file, survives reloads and restarts, and ends with undrain.\n"
		"\n"
		"Examples:\n"
		"  lbctl weight web 10.0.1.11 50\n",
	.run = cmd_weight,
    },
    {
	.name = "schema",
	.args = "",
	.summary = "the configuration's fields, for editors and for the manual",
	.help =
	    "Prints a JSON Schema of the configuration file, or its reference as man page source.\n"
	    "\n"
	    "Examples:\n"
	    "  lbctl schema --json > sluice.schema.json\n"
	    "  lbctl schema --man\n",
	.options = {{"--man", NULL, false, "man(7) source"}},
	.run = cmd_schema,
    },
    {
	.name = "version",
	.args = "",
	.summary = "the version of lbctl",
	.help = "Prints the version. The agent's own is in `lbctl status`.\n",
	.run = cmd_version,
    },
    {
	.name = "help",
	.args = "[COMMAND]",
	.max_args = 1,
	.words = {LBCTL_WORD_COMMAND},
	.summary = "this help, or a command's",
	.help = "Prints the list of commands, or the help of one.\n"
		"\n"
		"Examples:\n"
		"  lbctl help plan\n",
	.run = cmd_help,
    },
    {NULL},
};

const struct lbctl_command *lbctl_find_command(const char *name, bool complain)
{
	const char *words[sizeof(lbctl_commands) / sizeof(lbctl_commands[0])];
	const char *near;
	size_t n = 0;

	for (const struct lbctl_command *c = lbctl_commands; c->name; c++) {
		if (!strcmp(c->name, name))
			return c;
		words[n++] = c->name;
	}
	words[n] = NULL;
	if (complain) {
		near = diag_nearest(name, words);
		fprintf(stderr, "lbctl: no command '%s'", name);
		if (near)
			fprintf(stderr, "; did you mean '%s'?\n", near);
		else
			fprintf(stderr, "; 'lbctl --help' lists them\n");
	}
	return NULL;
}

static void print_options(const struct lbctl_option *options, FILE *out)
{
	for (const struct lbctl_option *o = options; o->name; o++) {
		char *head = text_format("%s%s%s%s", o->name, o->value ? " " : "",
					 !o->value	     ? ""
					 : o->value_optional ? "["
							     : "",
					 o->value ? o->value : "");

		fprintf(out, "  %s%s%*s  %s\n", head, o->value_optional ? "]" : "",
			(int)(18 - strlen(head) - (o->value_optional ? 1 : 0)), "", o->help);
		free(head);
	}
}

void lbctl_print_help(FILE *out)
{
	fputs("Usage: lbctl [--socket PATH] [--json] COMMAND [ARGUMENT ...]\n"
	      "\n"
	      "Asks and commands lb-agent, the load balancer's agent.\n"
	      "\n"
	      "Commands:\n",
	      out);
	for (const struct lbctl_command *c = lbctl_commands; c->name; c++) {
		char *head = text_format("%s%s%s", c->name, *c->args ? " " : "", c->args);

		fprintf(out, "  %-29s%s\n", head, c->summary);
		free(head);
	}
	fputs("\nOptions:\n", out);
	print_options(lbctl_global_options, out);
	fputs("\n"
	      "Exit status: 0 fine; 1 the command failed; 2 the command line is wrong; 3 no agent\n"
	      "answers.\n"
	      "\n"
	      "Examples:\n"
	      "  lbctl status\n"
	      "  lbctl backends web\n"
	      "  lbctl plan new.yaml\n"
	      "  lbctl drain web 10.0.1.11\n",
	      out);
}

void lbctl_print_usage(const struct lbctl_command *command, FILE *out)
{
	fprintf(out, "Usage: lbctl %s", command->name);
	for (const struct lbctl_option *o = command->options; o->name; o++) {
		fprintf(out, " [%s", o->name);
		if (o->value)
			fprintf(out, o->value_optional ? " [%s]" : " %s", o->value);
		fputc(']', out);
	}
	fprintf(out, "%s%s\n", *command->args ? " " : "", command->args);
}

void lbctl_print_command_help(const struct lbctl_command *command, FILE *out)
{
	lbctl_print_usage(command, out);
	fprintf(out, "\n%s", command->help);
	if (command->options[0].name) {
		fputs("\nOptions:\n", out);
		print_options(command->options, out);
	}
}
