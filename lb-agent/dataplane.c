/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane.c - opening, adopting, building and switching generations (see dataplane.h).
 */
#include "dataplane.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "balancer.skel.h"
#include "dataplane_internal.h"

#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif

#define PROGRAM_PIN "sluice_balancer"
#define ARRAY_PIN   "lb_programs"

struct dp_generation *dp_generation_target(const struct dataplane *dp)
{
	return dp->next ? dp->next : dp->live;
}

struct lb_control *dp_control(const struct dp_generation *gen)
{
	return gen->memory[BALANCER_CONTROL];
}

static void generation_free(struct dp_generation *gen)
{
	if (!gen)
		return;
	for (int i = 0; i < BALANCER_TABLES; i++)
		if (gen->memory[i])
			munmap(gen->memory[i], gen->memory_bytes[i]);
	for (int i = 0; i < BALANCER_TABLES; i++)
		if (gen->map_fd[i] >= 0)
			close(gen->map_fd[i]);
	for (int i = 0; i < BALANCER_MAPS; i++)
		if (gen->other_fd[i] >= 0)
			close(gen->other_fd[i]);
	if (gen->prog_fd >= 0)
		close(gen->prog_fd);
	dataplane_code_free(&gen->code);
	free(gen);
}

static struct dp_generation *generation_new(void)
{
	struct dp_generation *gen = calloc(1, sizeof(*gen));

	if (!gen)
		return NULL;
	gen->prog_fd = -1;
	for (int i = 0; i < BALANCER_TABLES; i++)
		gen->map_fd[i] = -1;
	for (int i = 0; i < BALANCER_MAPS; i++)
		gen->other_fd[i] = -1;
	return gen;
}

static int generation_map_table(struct dp_generation *gen, enum balancer_table table,
				struct err *err)
{
	const char *name = balancer_table_name(table);
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	void *memory;

	if (gen->map_fd[table] < 0)
		return err_set(err, -EBADMSG, "the live program has no table %s", name);
	if (bpf_obj_get_info_by_fd(gen->map_fd[table], &info, &len))
		return err_set(err, -errno, "table %s: %s", name, strerror(errno));
	if (info.max_entries != 1)
		return err_set(err, -EBADMSG, "map %s has %u entries; a table is one entry", name,
			       info.max_entries);
	memory =
	    mmap(NULL, info.value_size, PROT_READ | PROT_WRITE, MAP_SHARED, gen->map_fd[table], 0);
	if (memory == MAP_FAILED)
		return err_set(err, -errno, "mapping %s: %s", name, strerror(errno));
	gen->memory[table] = memory;
	gen->memory_bytes[table] = info.value_size;
	return 0;
}

static int read_other_caps(struct dp_generation *gen, struct err *err)
{
	const char *name = balancer_map_name(BALANCER_LIMIT_SOURCES);
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	if (gen->other_fd[BALANCER_LIMIT_SOURCES] < 0)
		return err_set(err, -EBADMSG, "the live program has no map %s", name);
	if (bpf_obj_get_info_by_fd(gen->other_fd[BALANCER_LIMIT_SOURCES], &info, &len))
		return err_set(err, -errno, "map %s: %s", name, strerror(errno));
	if (info.type != BPF_MAP_TYPE_LRU_HASH || info.key_size != sizeof(struct lb_limit_key) ||
	    info.value_size != sizeof(uint64_t))
		return err_set(err, -EPROTO, "map %s is not what this version has", name);
	gen->caps.limit_sources = info.max_entries;
	return 0;
}

/* Maps the tables and learns the sizes from the maps themselves. */
static int generation_map(struct dp_generation *gen, struct err *err)
{
	int r = 0;

	for (int i = 0; i < BALANCER_TABLES && !r; i++)
		if (!gen->memory[i])
			r = generation_map_table(gen, i, err);
	if (!r)
		r = balancer_caps(gen->memory_bytes, &gen->caps, err);
	return r ? r : read_other_caps(gen, err);
}

static int generation_check(const struct dp_generation *gen, struct err *err)
{
	const struct lb_control *control = dp_control(gen);

	if (control->magic != LB_ABI_MAGIC)
		return err_set(err, -EBADMSG, "lb_control does not carry Sluice's mark");
	if (control->abi != LB_ABI_VERSION)
		return err_set(
		    err, -EPROTO,
		    "the maps have ABI version %u, this version of lb-agent has %u; start "
		    "the version that made them, or interrupt the traffic by "
		    "'lb-agent --teardown' and start this one",
		    control->abi, LB_ABI_VERSION);
	if (control->active_mask != 0 && control->active_mask != UINT32_MAX)
		return err_set(err, -EBADMSG, "lb_control.active_mask is %#x",
			       control->active_mask);
	return 0;
}

/* The place of a map of this name in the generation; NULL: it is none of ours. */
static int *map_place(struct dp_generation *gen, const char *name)
{
	for (int i = 0; i < BALANCER_TABLES; i++)
		if (!strcmp(name, balancer_table_name(i)))
			return &gen->map_fd[i];
	for (int i = 0; i < BALANCER_MAPS; i++)
		if (!strcmp(name, balancer_map_name(i)))
			return &gen->other_fd[i];
	return NULL;
}

/* Finds the maps of the program with this id. */
static int generation_adopt(uint32_t prog_id, struct dp_generation **ret_gen, struct err *err)
{
	struct dp_generation *gen = generation_new();
	uint32_t n = 0, *ids = NULL;
	int r = -ENOMEM;

	if (!gen)
		goto out;
	gen->prog_fd = bpf_prog_get_fd_by_id(prog_id);
	if (gen->prog_fd < 0) {
		r = err_set(err, -errno, "program %u: %s", prog_id, strerror(errno));
		goto out;
	}
	ids = dp_prog_map_ids(gen->prog_fd, &n);
	for (uint32_t i = 0; ids && i < n; i++) {
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);
		int fd = bpf_map_get_fd_by_id(ids[i]), *place = NULL;

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len))
			place = map_place(gen, info.name);
		if (place && *place < 0)
			*place = fd;
		else
			close(fd);
	}
	/* Another version's tables are another set: what it is comes first. */
	r = generation_map_table(gen, BALANCER_CONTROL, err);
	if (!r)
		r = generation_check(gen, err);
	if (!r)
		r = generation_map(gen, err);
out:
	free(ids);
	if (r) {
		generation_free(gen);
		return r;
	}
	*ret_gen = gen;
	return 0;
}

static int open_directory(struct dataplane *dp, const char *dir, struct err *err)
{
	bool made = mkdir(dir, 0700) == 0;
	struct statfs fs;

	if (!made && errno != EEXIST)
		return err_set(err, -errno, "cannot make %s: %s%s", dir, strerror(errno),
			       errno == ENOENT || errno == EPERM
				   ? "; is a bpffs mounted? (mount -t bpf bpf /sys/fs/bpf)"
				   : "");
	dp->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dp->dir_fd < 0)
		return err_set(err, -errno, "cannot open %s: %s", dir, strerror(errno));
	if (fstatfs(dp->dir_fd, &fs))
		return err_set(err, -errno, "%s: %s", dir, strerror(errno));
	if ((uint32_t)fs.f_type != BPF_FS_MAGIC) {
		if (made)
			rmdir(dir);
		return err_set(err, -ENODEV,
			       "%s is not in a bpffs: mount one (mount -t bpf bpf /sys/fs/bpf)",
			       dir);
	}
	if (flock(dp->dir_fd, LOCK_EX | LOCK_NB))
		return err_set(err, errno == EWOULDBLOCK ? -EBUSY : -errno, "%s",
			       errno == EWOULDBLOCK ? "another lb-agent is running on it"
						    : strerror(errno));
	return 0;
}

static int pin_over(const char *dir, const char *name, int fd, struct err *err)
{
	char path[4096], temp[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(temp, sizeof(temp), "%s/%s_new", dir, name); /* bpffs has no dots in names */
	unlink(temp);
	if (bpf_obj_pin(fd, temp))
		return err_set(err, -errno, "pinning %s: %s", temp, strerror(errno));
	if (rename(temp, path)) {
		int r = -errno;

		unlink(temp);
		return err_set(err, r, "pinning %s: %s", path, strerror(-r));
	}
	return 0;
}

static int pin_generation(const struct dataplane *dp, const struct dp_generation *gen,
			  struct err *err)
{
	int r;

	if (!dp->dir)
		return 0;
	r = pin_over(dp->dir, PROGRAM_PIN, gen->prog_fd, err);
	for (int i = 0; i < BALANCER_TABLES && !r; i++)
		r = pin_over(dp->dir, balancer_table_name(i), gen->map_fd[i], err);
	for (int i = 0; i < BALANCER_MAPS && !r; i++)
		r = pin_over(dp->dir, balancer_map_name(i), gen->other_fd[i], err);
	return r;
}

/* A map of another kind would write more than a program's id where that is expected. */
static bool is_program_array(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_MAP_TYPE_PROG_ARRAY &&
	       info.max_entries >= LB_PROGRAM_SLOTS;
}

/* Opens or makes lb_programs. */
static int open_programs(struct dataplane *dp, struct err *err)
{
	char path[4096];
	int r = 0;

	if (dp->dir) {
		snprintf(path, sizeof(path), "%s/%s", dp->dir, ARRAY_PIN);
		dp->programs_fd = bpf_obj_get(path);
		if (dp->programs_fd < 0 && errno != ENOENT)
			return err_set(err, -errno, "%s: %s", path, strerror(errno));
		if (dp->programs_fd >= 0 && !is_program_array(dp->programs_fd))
			return err_set(err, -EBADMSG, "%s is not a program array of Sluice", path);
	}
	if (dp->programs_fd < 0) {
		dp->programs_fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, ARRAY_PIN, 4, 4,
						 LB_PROGRAM_SLOTS, NULL);
		if (dp->programs_fd < 0)
			return err_set(err, -errno, "cannot make a BPF map: %s%s", strerror(errno),
				       errno == EPERM ? " (run as root, or with CAP_BPF, "
							"CAP_NET_ADMIN and CAP_SYS_ADMIN)"
						      : "");
		if (dp->dir)
			r = pin_over(dp->dir, ARRAY_PIN, dp->programs_fd, err);
	}
	dp->programs_id = dp_map_id(dp->programs_fd);
	return r;
}

int dataplane_open(const char *dir, struct dataplane **ret_dp, struct err *err)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));
	uint32_t slot = LB_PROGRAM_BALANCER, prog_id;
	int r;

	*ret_dp = NULL;
	if (!dp)
		return err_set(err, -ENOMEM, "out of memory");
	dp_log_install();
	dp->dir_fd = dp->programs_fd = -1;
	dp->n_cpus = balancer_cpus();
	r = dp->n_cpus < 0 ? err_set(err, dp->n_cpus, "cannot count the CPUs") : 0;
	if (!r && dir) {
		dp->dir = strdup(dir);
		r = dp->dir ? open_directory(dp, dir, err) : -ENOMEM;
	}
	if (!r)
		r = open_programs(dp, err);
	if (!r && !bpf_map_lookup_elem(dp->programs_fd, &slot, &prog_id)) {
		r = generation_adopt(prog_id, &dp->live, err);
		/* A predecessor may have been killed between the switch and its pins. */
		if (!r)
			r = pin_generation(dp, dp->live, err);
	}
	if (r) {
		dataplane_close(dp);
		return r;
	}
	*ret_dp = dp;
	return 0;
}

void dataplane_close(struct dataplane *dp)
{
	if (!dp)
		return;
	generation_free(dp->next);
	generation_free(dp->live);
	generation_free(dp->old);
	if (dp->programs_fd >= 0)
		close(dp->programs_fd);
	if (dp->dir_fd >= 0)
		close(dp->dir_fd);
	free(dp->dir);
	free(dp);
}

bool dataplane_adopted(const struct dataplane *dp)
{
	return dp->live;
}

bool dataplane_seed(const struct dataplane *dp, uint64_t *ret_seed)
{
	if (dp->live)
		*ret_seed = dp_control(dp->live)->seed;
	return dp->live;
}

bool dataplane_encap(const struct dataplane *dp, struct lb_encap *ret_encap)
{
	if (dp->live)
		*ret_encap = dp_control(dp->live)->encap;
	return dp->live;
}

uint32_t dataplane_generation(const struct dataplane *dp)
{
	return dp->live ? dp_control(dp->live)->generation : 0;
}

/* Takes a map's file descriptor out of a loaded skeleton. */
static int take_map(struct dp_generation *gen, const struct balancer_bpf *skel, const char *name,
		    int *ret_fd)
{
	int fd = bpf_object__find_map_fd_by_name(skel->obj, name);

	*ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (*ret_fd < 0)
		return -errno;
	/* Maps that no instruction names are tied to the program all the same, so that an adopting
	 * agent finds them; -EEXIST where the program has it already. */
	if (bpf_prog_bind_map(gen->prog_fd, *ret_fd, NULL) && errno != EEXIST)
		return -errno;
	return 0;
}

static int generation_take(struct dp_generation *gen, struct balancer_bpf *skel)
{
	int r = 0;

	gen->prog_fd = fcntl(bpf_program__fd(skel->progs.sluice_balancer), F_DUPFD_CLOEXEC, 3);
	if (gen->prog_fd < 0)
		return -errno;
	for (int i = 0; i < BALANCER_TABLES && !r; i++)
		r = take_map(gen, skel, balancer_table_name(i), &gen->map_fd[i]);
	for (int i = 0; i < BALANCER_MAPS && !r; i++)
		r = take_map(gen, skel, balancer_map_name(i), &gen->other_fd[i]);
	return r ? r : dataplane_copy_code(skel->progs.sluice_balancer, &gen->code);
}

int dataplane_build(struct dataplane *dp, const struct layout_caps *caps, uint64_t seed,
		    const struct lb_encap *encap, struct err *err)
{
	struct balancer_bpf *skel = NULL;
	struct dp_generation *gen = generation_new();
	struct lb_control *control;
	int r;

	dataplane_discard(dp);
	dp_log_clear();
	r = gen ? balancer_open(caps, &skel, err) : err_set(err, -ENOMEM, "out of memory");
	if (r)
		goto out;
	if (dp->live)
		r = bpf_map__reuse_fd(skel->maps.lb_reason_ctr,
				      dp->live->map_fd[BALANCER_REASON_CTR]);
	if (!r && dp->live)
		r = dp_limits_reuse(dp->live, caps, skel);
	if (!r)
		r = balancer_load(skel, caps, seed, encap);
	if (r) {
		err_set(err, r, "the kernel does not take the balancer: %s: %s", strerror(-r),
			dp_log_last());
		goto out;
	}
	r = generation_take(gen, skel);
	if (r) {
		err_set(err, r, "taking over the balancer's maps: %s", strerror(-r));
		goto out;
	}
	r = generation_map(gen, err);
	if (r)
		goto out;
	control = dp_control(gen);
	control->magic = LB_ABI_MAGIC;
	control->abi = LB_ABI_VERSION;
	control->generation = dataplane_generation(dp) + 1;
	control->seed = seed;
	if (dp->live)
		dp_limits_copy(dp->live, gen);
	control->encap = *encap;
	dp->next = gen;
	gen = NULL;
out:
	generation_free(gen);
	balancer_bpf__destroy(skel);
	return r;
}

void dataplane_discard(struct dataplane *dp)
{
	generation_free(dp->next);
	dp->next = NULL;
}

int dataplane_switch(struct dataplane *dp, struct err *err)
{
	uint32_t slot = LB_PROGRAM_BALANCER;

	if (!dp->next) {
		struct lb_control *control = dp_control(dp->live);

		__atomic_store_n(&control->active_mask, ~control->active_mask, __ATOMIC_RELEASE);
		return 0;
	}
	if (bpf_map_update_elem(dp->programs_fd, &slot, &dp->next->prog_fd, BPF_ANY))
		return err_set(err, -errno, "switching to the new program: %s", strerror(errno));
	generation_free(dp->old);
	dp->old = dp->live;
	dp->live = dp->next;
	dp->next = NULL;
	/* Pins are for people; adoption goes by lb_programs. A failure costs no packet, and the
	 * next agent mends it. */
	pin_generation(dp, dp->live, NULL);
	return 0;
}

void dataplane_drop_old(struct dataplane *dp)
{
	generation_free(dp->old);
	dp->old = NULL;
}

int dataplane_program_fd(const struct dataplane *dp)
{
	const struct dp_generation *gen = dp_generation_target(dp);

	return gen ? gen->prog_fd : -1;
}

int dataplane_map_fd(const struct dataplane *dp, const char *name)
{
	const struct dp_generation *gen = dp_generation_target(dp);

	if (!strcmp(name, ARRAY_PIN))
		return dp->programs_fd;
	for (int i = 0; gen && i < BALANCER_TABLES; i++)
		if (!strcmp(name, balancer_table_name(i)))
			return gen->map_fd[i];
	for (int i = 0; gen && i < BALANCER_MAPS; i++)
		if (!strcmp(name, balancer_map_name(i)))
			return gen->other_fd[i];
	return -1;
}

static int remove_pin(const char *dir, const char *name, struct err *err)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (unlink(path) && errno != ENOENT)
		return err_set(err, -errno, "removing %s: %s", path, strerror(errno));
	snprintf(path, sizeof(path), "%s/%s_new", dir, name);
	unlink(path);
	return 0;
}

/* Unlinks what carries our names, then the directory if nothing else is in it. */
static int remove_pins(const char *dir, struct err *err)
{
	int r = remove_pin(dir, PROGRAM_PIN, err);

	if (!r)
		r = remove_pin(dir, ARRAY_PIN, err);
	for (int i = 0; i < BALANCER_TABLES && !r; i++)
		r = remove_pin(dir, balancer_table_name(i), err);
	for (int i = 0; i < BALANCER_MAPS && !r; i++)
		r = remove_pin(dir, balancer_map_name(i), err);
	if (r)
		return r;
	if (rmdir(dir) && errno != ENOTEMPTY && errno != EEXIST)
		return err_set(err, -errno, "removing %s: %s", dir, strerror(errno));
	return 0;
}

int dataplane_teardown(const char *dir, struct err *err)
{
	struct dataplane dp = {.dir_fd = -1, .programs_fd = -1};
	char path[4096];
	int r, detached = 0;

	dp_log_install();
	if (access(dir, F_OK))
		return err_set(err, -errno, "%s: %s", dir, strerror(errno));
	r = open_directory(&dp, dir, err);
	if (r)
		goto out;
	snprintf(path, sizeof(path), "%s/%s", dir, ARRAY_PIN);
	dp.programs_fd = bpf_obj_get(path);
	if (dp.programs_fd >= 0) {
		r = dp_detach_all(dp_map_id(dp.programs_fd), NULL, NULL, err);
		if (r < 0)
			goto out;
		detached = r;
	}
	r = remove_pins(dir, err);
out:
	if (dp.programs_fd >= 0)
		close(dp.programs_fd);
	if (dp.dir_fd >= 0)
		close(dp.dir_fd);
	return r < 0 ? r : detached;
}
