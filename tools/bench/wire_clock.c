/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire_clock.c - the time that a CPU works for the measurement, on a machine that has other work.
 *
 * Generator, box and receivers run in the measuring thread, below its system call, and now and then
 * in the CPU's softirq thread. So the time is that of the wall, less what the measuring thread
 * waited for the CPU, and the softirq thread's part of that wait put back. CPU clocks would not do:
 * kernels with CONFIG_IRQ_TIME_ACCOUNTING leave softirqs out of them.
 */
#include "wire_internal.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define OWN_SCHEDSTAT "/proc/thread-self/schedstat"

/* Documentation/scheduler/sched-stats.rst: ns on the CPU, ns waiting for it, time slices. */
static bool read_schedstat(const char *path, uint64_t *ret_ran, uint64_t *ret_waited)
{
	FILE *file = fopen(path, "re");
	bool ok = file && fscanf(file, "%" SCNu64 " %" SCNu64, ret_ran, ret_waited) == 2;

	if (file)
		fclose(file);
	return ok;
}

static bool has_name(const char *pid, const char *wanted)
{
	char path[64], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	file = fopen(path, "re");
	if (file && !fgets(name, sizeof(name), file))
		name[0] = '\0';
	if (file)
		fclose(file);
	name[strcspn(name, "\n")] = '\0';
	return !strcmp(name, wanted);
}

static void find_softirq_thread(int cpu, struct wire_clock *ret_clock)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	char wanted[32];
	uint64_t ran, waited;

	ret_clock->softirq[0] = '\0';
	snprintf(wanted, sizeof(wanted), "ksoftirqd/%d", cpu);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    has_name(entry->d_name, wanted)) {
			snprintf(ret_clock->softirq, sizeof(ret_clock->softirq),
				 "/proc/%.16s/schedstat", entry->d_name);
			break;
		}
	if (dir)
		closedir(dir);
	if (!read_schedstat(ret_clock->softirq, &ran, &waited) ||
	    !read_schedstat(OWN_SCHEDSTAT, &ran, &waited))
		ret_clock->softirq[0] = '\0';
}

int wire_clock_start(struct wire_clock *ret_clock, struct err *err)
{
	cpu_set_t allowed, one;
	int cpu = CPU_SETSIZE - 1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return err_set(err, -errno, "sched_getaffinity: %s", strerror(errno));
	/* The last one: the first has the interrupts of many machines. */
	while (cpu > 0 && !CPU_ISSET(cpu, &allowed))
		cpu--;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return err_set(err, -errno, "sched_setaffinity: %s", strerror(errno));
	find_softirq_thread(cpu, ret_clock);
	return 0;
}

double wire_clock_now_ms(const struct wire_clock *clock)
{
	uint64_t ran, waited, softirq_ran, softirq_waited;
	double wall = bench_now_ms();

	/* Without the one the other would make rates too good. */
	if (!clock->softirq[0] || !read_schedstat(OWN_SCHEDSTAT, &ran, &waited) ||
	    !read_schedstat(clock->softirq, &softirq_ran, &softirq_waited))
		return wall;
	return wall - (double)waited / 1e6 + (double)softirq_ran / 1e6;
}
