/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent_process.c - fork, readiness, /proc.
 */
#include "agent_process.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl_client.h"
#include "bench.h"
#include "rig.h"

#define READY_TIMEOUT_MS 120000
#define LOG_PATH	 RIG_DIR "/lb-agent.log"
#define NOTIFY_PATH	 RIG_DIR "/notify"
#define SOCKET_PATH	 RIG_DIR "/lb-agent.sock"
#define STATE_DIR	 RIG_DIR "/state"

struct agent_process {
	pid_t pid;
	int pidfd;
};

static int open_binary(const char *path)
{
	int fd = access(path, X_OK) ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int find_in_path(void)
{
	const char *list = getenv("PATH");
	char *copy = strdup(list ? list : "/usr/sbin:/usr/bin"), *rest = copy, *dir;
	int fd = -ENOENT;

	while (copy && fd < 0 && (dir = strsep(&rest, ":"))) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/lb-agent", dir);
		fd = open_binary(path);
	}
	free(copy);
	return fd;
}

int agent_process_find(const char *path, struct err *err)
{
	static const char *const beside[] = {"lb-agent", "../../lb-agent/lb-agent"};
	char self[PATH_MAX], *dir;
	ssize_t n;
	int fd = -ENOENT;

	if (path) {
		fd = open_binary(path);
		return fd < 0 ? err_set(err, fd, "%s: %s", path, strerror(-fd)) : fd;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		dir = dirname(self);
		for (size_t i = 0; i < 2 && fd < 0; i++) {
			char candidate[PATH_MAX + 32];
			struct stat st;

			snprintf(candidate, sizeof(candidate), "%s/%s", dir, beside[i]);
			if (!stat(candidate, &st) && S_ISREG(st.st_mode))
				fd = open_binary(candidate);
		}
	}
	if (fd < 0)
		fd = find_in_path();
	return fd < 0 ? err_set(err, fd, "there is no lb-agent here; name it with --agent") : fd;
}

static int open_notify(struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = NOTIFY_PATH};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	unlink(NOTIFY_PATH);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	err_set(err, -errno, "%s: %s", NOTIFY_PATH, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -EIO;
}

/* In the child; no return. */
static void exec_agent(int binary, pid_t parent, const char *const argv[])
{
	int log = open(LOG_PATH, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before the line above */
		_exit(126);
	if (log >= 0) {
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
	}
	fcntl(binary, F_SETFD, 0); /* where it is a script, its interpreter opens it again */
	/* exec does not change its arguments; the prototype is older than const. */
	fexecve(binary, (char *const *)argv, environ);
	fprintf(stderr, "cannot be run: %s\n", strerror(errno));
	_exit(127);
}

static int spawn(int binary, const char *const argv[], struct agent_process *ret_agent,
		 struct err *err)
{
	pid_t self = getpid(), pid = fork();

	if (pid < 0)
		return err_set(err, -errno, "fork: %s", strerror(errno));
	if (!pid)
		exec_agent(binary, self, argv);
	ret_agent->pid = pid;
	ret_agent->pidfd = pidfd_open(pid, 0);
	if (ret_agent->pidfd >= 0)
		return 0;
	err_set(err, -errno, "pidfd_open: %s", strerror(errno));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return -EIO;
}

static int reap(struct agent_process *agent)
{
	int status = -1;

	while (waitpid(agent->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(agent->pidfd);
	agent->pid = 0;
	return status;
}

/* The end of the log, on one line. */
static const char *last_words(char *buffer, size_t size)
{
	FILE *file = fopen(LOG_PATH, "re");
	size_t n;

	if (!file)
		return "(it wrote no log)";
	if (!fseek(file, 0, SEEK_END) && ftell(file) > (long)size - 1)
		fseek(file, -(long)size + 1, SEEK_END);
	else
		rewind(file);
	n = fread(buffer, 1, size - 1, file);
	fclose(file);
	while (n && buffer[n - 1] == '\n')
		n--;
	buffer[n] = '\0';
	for (char *c = buffer; *c; c++)
		if (*c == '\n')
			*c = '|';
	return buffer;
}

static bool got_ready(int notify)
{
	char text[4096];
	ssize_t n = recv(notify, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return !strncmp(text, "READY=1", 7) || strstr(text, "\nREADY=1");
}

static int wait_ready(struct agent_process *agent, int notify, double begun, double *ret_ready_ms,
		      struct err *err)
{
	struct pollfd fds[] = {{.fd = notify, .events = POLLIN},
			       {.fd = agent->pidfd, .events = POLLIN}};
	double left;
	char words[300];

	while ((left = begun + READY_TIMEOUT_MS - bench_now_ms()) > 0) {
		if (poll(fds, 2, (int)left + 1) < 0 && errno != EINTR)
			return err_set(err, -errno, "poll: %s", strerror(errno));
		if (fds[0].revents && got_ready(notify)) {
			*ret_ready_ms = bench_now_ms() - begun;
			return 0;
		}
		if (fds[1].revents)
			return err_set(err, -EIO, "lb-agent ended before it was ready: %s",
				       last_words(words, sizeof(words)));
	}
	return err_set(err, -ETIMEDOUT, "lb-agent is not ready after %d s: %s",
		       READY_TIMEOUT_MS / 1000, last_words(words, sizeof(words)));
}

int agent_process_start(int binary, const char *config, struct agent_process **ret_agent,
			double *ret_ready_ms, struct err *err)
{
	const char *const argv[] = {"lb-agent", "--config", config,	   "--socket", SOCKET_PATH,
				    "--bpffs",	RIG_PINS,   "--state-dir", STATE_DIR,  NULL};
	struct agent_process *agent = calloc(1, sizeof(*agent));
	int notify = open_notify(err), r = notify < 0 ? notify : 0;
	double begun;

	if (!agent)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r)
		goto out;
	mkdir(STATE_DIR, 0700);
	setenv("NOTIFY_SOCKET", NOTIFY_PATH, 1);
	begun = bench_now_ms();
	r = spawn(binary, argv, agent, err);
	if (!r)
		r = wait_ready(agent, notify, begun, ret_ready_ms, err);
	if (!r) {
		*ret_agent = agent;
		agent = NULL;
	}
out:
	if (notify >= 0)
		close(notify);
	agent_process_kill(agent);
	return r;
}

void agent_process_kill(struct agent_process *agent)
{
	if (!agent)
		return;
	if (agent->pid) {
		kill(agent->pid, SIGKILL);
		reap(agent);
	}
	free(agent);
}

int agent_process_teardown(int binary, struct err *err)
{
	const char *const argv[] = {"lb-agent", "--teardown", "--bpffs", RIG_PINS, NULL};
	struct agent_process agent = {0};
	char words[300];
	int r = spawn(binary, argv, &agent, err);

	if (r)
		return r;
	return reap(&agent) ? err_set(err, -EIO, "lb-agent --teardown failed: %s",
				      last_words(words, sizeof(words)))
			    : 0;
}

int agent_process_command(struct agent_process *agent, const char *command, json_t *args,
			  json_t **ret_data, double *ret_ms, struct err *err)
{
	return ctl_client_command(SOCKET_PATH, command, args, ret_data, ret_ms, err);
}

static bool take_field(const char *line, const char *key, uint64_t *ret_bytes)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) != 0 || line[n] != ':')
		return false;
	*ret_bytes = strtoull(line + n + 1, NULL, 10) * 1024;
	return true;
}

int agent_process_memory(const struct agent_process *agent, struct agent_memory *ret_memory,
			 struct err *err)
{
	char path[64], line[256];
	int found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)agent->pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		found += take_field(line, "VmRSS", &ret_memory->rss) ||
			 take_field(line, "VmHWM", &ret_memory->peak) ||
			 take_field(line, "RssAnon", &ret_memory->anon) ||
			 take_field(line, "RssFile", &ret_memory->file) ||
			 take_field(line, "RssShmem", &ret_memory->shmem);
	if (file)
		fclose(file);
	return found == 5 ? 0 : err_set(err, -EIO, "%s does not tell the memory", path);
}

int agent_process_cpu_ms(const struct agent_process *agent, double *ret_ms, struct err *err)
{
	struct timespec used;
	clockid_t clock;
	int r = -clock_getcpuclockid(agent->pid, &clock);

	if (!r && clock_gettime(clock, &used))
		r = -errno;
	if (r)
		return err_set(err, r, "the agent's CPU time: %s", strerror(-r));
	*ret_ms = (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
	return 0;
}
