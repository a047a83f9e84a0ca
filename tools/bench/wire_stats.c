/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire_stats.c - what a veth device counted, by ethtool's ioctls: it tells frames lost to a full
 * ring, which no program sees.
 */
#include "wire_internal.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int request(int socket, const char *device, void *command)
{
	struct ifreq ifr = {.ifr_data = command};

	strncpy(ifr.ifr_name, device, IFNAMSIZ - 1);
	return ioctl(socket, SIOCETHTOOL, &ifr) ? -errno : 0;
}

static int count_stats(int socket, const char *device, uint32_t *ret_n)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t n;
	} sset = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_STATS}};
	int r = request(socket, device, &sset);

	*ret_n = r || !sset.info.sset_mask ? 0 : sset.n;
	return r;
}

static bool matches(const char *name, const char *prefix, const char *suffix)
{
	size_t n = strlen(prefix);

	if (strncmp(name, prefix, n) != 0 || name[n] != '_')
		return false;
	n++;
	n += strspn(name + n, "0123456789");
	return name[n] == '_' && !strcmp(name + n + 1, suffix);
}

int wire_device_sum(int socket, const char *device, const char *prefix, const char *suffix,
		    uint64_t *ret_sum, struct err *err)
{
	struct ethtool_gstrings *strings = NULL;
	struct ethtool_stats *stats = NULL;
	unsigned int found = 0;
	uint32_t n;
	int r = count_stats(socket, device, &n);

	*ret_sum = 0;
	if (r)
		goto out;
	r = -ENOMEM;
	strings = calloc(1, sizeof(*strings) + (size_t)n * ETH_GSTRING_LEN);
	stats = calloc(1, sizeof(*stats) + (size_t)n * sizeof(uint64_t));
	if (!strings || !stats)
		goto out;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_STATS;
	strings->len = n;
	stats->cmd = ETHTOOL_GSTATS;
	stats->n_stats = n;
	r = request(socket, device, strings);
	if (!r)
		r = request(socket, device, stats);
	for (uint32_t i = 0; !r && i < n; i++) {
		char name[ETH_GSTRING_LEN + 1] = "";

		memcpy(name, strings->data + (size_t)i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
		if (!matches(name, prefix, suffix))
			continue;
		*ret_sum += stats->data[i];
		found++;
	}
	if (!r && !found)
		r = -ENOENT;
out:
	free(strings);
	free(stats);
	return r ? err_set(err, r, "%s does not tell its statistic %s_N_%s: %s", device, prefix,
			   suffix, strerror(-r))
		 : 0;
}
