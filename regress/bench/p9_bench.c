/* SPDX-License-Identifier: ISC */
/*
 * Compares privfsd with QEMU's virtfs-proxy-helper: every request of the
 * 9p-proxy protocol, one at a time as QEMU sends them. Both servers live
 * through the whole run, and the rounds alternate between them, so that what
 * else the machine does hits both. Each has its own share with the same
 * content, gets the same number of the same requests, and every answer is
 * checked. Bench code; needs root.
 */
#include <sys/socket.h>

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "p9_client.h"
#include "p9_ops.h"
#include "procs.h"
#include "server.h"
#include "tap.h"

#define MAX_OPS		32
#define MAX_ROUNDS	64
#define MAX_RESULTS	(MAX_OPS * BENCH_STEPS)
#define WARM_UP		50
#define CALIBRATE	400
#define STARTS		20
#define PEERS		2

static const enum server_kind kinds[PEERS] = { SERVER_HELPER,
    SERVER_PRIVFSD };

static struct {
	int		pin, depth, rounds, round_ms;
	const char	*csv;
	const char	*extra[16];
	size_t		extra_count;
} option = { .depth = 1, .rounds = 7, .round_ms = 60 };

static struct peer {
	struct server	srv[2];		/* on tmpfs and on ext4 */
	long		pss_kib;	/* largest seen */
} peers[PEERS];

struct result {
	const char	*label, *unequal;
	double		us[PEERS][MAX_ROUNDS];
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A measurement that is not one: says what the servers have logged. */
static void __attribute__((noreturn))
give_up(const char *what, const char *why)
{
	/* The reason is logged after the connection's end. */
	for (int who = 0; who < PEERS; who++)
		for (int fs = 0; fs < 2; fs++) {
			int status = server_wait(peers[who].srv[fs].pid, 1000);

			tap_diag("status %d (%d: still running)\n%s", status,
			    SERVER_HUNG, server_log_text(
			    peers[who].srv[fs].log_fd));
		}
	tap_bail("%s: %s", what, why);
}

static void
read_fully(int fd, void *out, size_t len)
{
	char *p = out;

	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n <= 0)
			give_up("a server", "does not answer");
		p += n;
		len -= (size_t)n;
	}
}

/* The reply as QEMU takes it: the header, then the rest of it. */
static int
take_reply(int fd)
{
	static uint8_t data[P9_MAX_PAYLOAD];
	uint32_t header[2];
	int32_t status;

	read_fully(fd, header, sizeof(header));
	if (header[1] > sizeof(data))
		give_up("a reply", "is too long");
	read_fully(fd, data, header[1]);
	memcpy(&status, data, sizeof(status));
	return header[0] == P9_ERROR ? status : 0;
}

/* Sends a request, takes its answer; returns 0 or -errno. */
static int
request(int fd, const struct bench_step *s, uint32_t type)
{
	struct p9_client c = { .fd = fd };
	int received, error;

	if (write(fd, s->message, s->len) != (ssize_t)s->len)
		give_up("a server", "does not take requests");
	if (type != P9_OPEN && type != P9_CREATE)
		return take_reply(fd);
	error = p9_receive_fd(&c, &received);
	if (received >= 0)
		close(received);
	return error;
}

static void
check(const struct bench_op *op, const struct bench_step *s, int error)
{
	if (error != s->want && op->unequal == NULL)
		give_up(s->label != NULL ? s->label : "a request",
		    p9_result_name(error));
}

/* Nanoseconds per request of each step, over so many repetitions. */
static void
measure(int fd, const struct bench_op *op, size_t count, double *ns)
{
	uint64_t total[BENCH_STEPS] = { 0 }, start;
	uint32_t type[BENCH_STEPS];
	int error;

	for (size_t k = 0; k < op->steps; k++)
		memcpy(&type[k], op->step[k].message, sizeof(type[k]));
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < op->steps; k++) {
			start = now_ns();
			error = request(fd, &op->step[k], type[k]);
			total[k] += now_ns() - start;
			check(op, &op->step[k], error);
		}
	for (size_t k = 0; k < op->steps; k++)
		ns[k] = (double)total[k] / (double)count;
}

static int
client_fd(const struct peer *p, const struct bench_op *op)
{
	return p->srv[op->ext4].fd;
}

/* How often per round: the same for both, by what the helper needs. */
static size_t
repetitions(const struct peer *helper, const struct bench_op *op)
{
	double ns[BENCH_STEPS], sum = 0, wanted;

	measure(client_fd(helper, op), op, CALIBRATE, ns);
	for (size_t k = 0; k < op->steps; k++)
		sum += ns[k];
	wanted = option.round_ms * 1e6 / sum;
	return wanted < 500 ? 500 : (size_t)wanted;
}

/* Proportional set size of a server with all its processes, proc(5). */
static long
pss_of(const struct server *s)
{
	pid_t pids[PROCS_MAX];
	size_t count = procs_descendants(s->pid, pids, PROCS_MAX - 1);
	char path[64], line[256];
	long total = 0, kib;
	FILE *f;

	pids[count++] = s->pid;
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup",
		    pids[i]);
		f = fopen(path, "re");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL)
			if (sscanf(line, "Pss: %ld kB", &kib) == 1)
				total += kib;
		if (f != NULL)
			fclose(f);
	}
	return total;
}

static void
run_round(const struct bench_op *ops, size_t count, const size_t *repeat,
    int round, struct result *results)
{
	double ns[BENCH_STEPS];
	struct result *r = results;

	for (size_t i = 0; i < count; i++) {
		for (int turn = 0; turn < PEERS; turn++) {
			/* AB, BA, AB, ... */
			int who = (turn + round) % PEERS;
			int fd = client_fd(&peers[who], &ops[i]);

			measure(fd, &ops[i], WARM_UP, ns);
			measure(fd, &ops[i], repeat[i], ns);
			for (size_t k = 0; k < ops[i].steps; k++)
				r[k].us[who][round] = ns[k] / 1000;
		}
		for (size_t k = 0; k < ops[i].steps; k++, r++) {
			r->label = ops[i].step[k].label;
			r->unequal = ops[i].unequal;
		}
	}
	for (int who = 0; who < PEERS; who++) {
		long pss = pss_of(&peers[who].srv[0]);

		if (pss > peers[who].pss_kib)
			peers[who].pss_kib = pss;
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return count % 2 ? values[count / 2] :
	    (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* One label may stand twice (rename there and back): the mean of the two. */
static void
merge(struct result *r, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (r[i].label == NULL || r[i - 1].label == NULL ||
		    strcmp(r[i].label, r[i - 1].label) != 0)
			continue;
		for (int who = 0; who < PEERS; who++)
			for (int k = 0; k < option.rounds; k++)
				r[i - 1].us[who][k] = (r[i].us[who][k] +
				    r[i - 1].us[who][k]) / 2;
		r[i].label = NULL;
	}
}

static void
report_operations(struct result *r, size_t count, FILE *csv)
{
	double logs = 0;
	int compared = 0;

	printf("%-20s %10s %10s %8s\n", "us per request", "helper",
	    "privfsd", "ratio");
	for (size_t i = 0; i < count; i++) {
		double helper, privfsd;

		if (r[i].label == NULL)
			continue;
		helper = median(r[i].us[0], option.rounds);
		privfsd = median(r[i].us[1], option.rounds);
		printf("%-20s %10.2f %10.2f %8.2f%s\n", r[i].label, helper,
		    privfsd, privfsd / helper, r[i].unequal ? " *" : "");
		if (csv != NULL)
			fprintf(csv, "%s,%d,\"%s\",%.3f,%.3f,%.3f\n",
			    option.pin ? "one core" : "free", option.depth,
			    r[i].label, helper, privfsd, privfsd / helper);
		if (r[i].unequal != NULL)
			continue;
		logs += log(privfsd / helper);
		compared++;
	}
	printf("%-20s %10s %10s %8.2f\n", "geometric mean", "", "",
	    exp(logs / compared));
	for (size_t i = 0; i < count; i++)
		if (r[i].label != NULL && r[i].unequal != NULL)
			printf("* %s: %s; not in the mean\n", r[i].label,
			    r[i].unequal);
}

static void
start_server(struct server *s, enum server_kind kind, const char *share)
{
	struct server_options o = { .kind = kind, .share = share,
	    .extra = kind == SERVER_PRIVFSD ? option.extra : NULL };
	struct p9_client c = { .timeout_ms = SERVER_TIMEOUT_MS };
	/* A bound for every wait that costs no system call. */
	const struct timeval limit = { .tv_sec = SERVER_TIMEOUT_MS / 1000 };
	struct p9_stat st;

	if (server_start(s, &o) != 0 || setsockopt(s->fd, SOL_SOCKET,
	    SO_RCVTIMEO, &limit, sizeof(limit)) != 0)
		tap_bail("a server does not start");
	c.fd = s->fd;
	if (p9_lstat(&c, "/", &st) != 0)
		tap_bail("a server does not start: %s",
		    server_log_text(s->log_fd));
}

/* From before fork and exec until the first request is answered. */
static void
report_start(const char *share, FILE *csv)
{
	double ms[PEERS][STARTS];
	struct server s;

	for (int i = 0; i < STARTS; i++)
		for (int who = 0; who < PEERS; who++) {
			uint64_t start = now_ns();

			start_server(&s, kinds[who], share);
			ms[who][i] = (double)(now_ns() - start) / 1e6;
			server_stop(&s);
			server_close_log(&s);
		}
	printf("%-20s %10.2f %10.2f\n", "exec to ready, ms",
	    median(ms[0], STARTS), median(ms[1], STARTS));
	if (csv != NULL)
		fprintf(csv, "%s,%d,\"exec to ready, ms\",%.3f,%.3f,\n",
		    option.pin ? "one core" : "free", option.depth,
		    ms[0][STARTS / 2], ms[1][STARTS / 2]);
}

static void
start_peers(struct fixture *f)
{
	char share[192];

	for (int who = 0; who < PEERS; who++)
		for (int fs = 0; fs < 2; fs++) {
			snprintf(share, sizeof(share), "%s/%d",
			    f->share[fs].dir, who);
			host_mkdir(share, 0755, 0, 0);
			bench_prepare(share, option.depth);
			start_server(&peers[who].srv[fs], kinds[who], share);
		}
}

static void
stop_peers(void)
{
	for (int who = 0; who < PEERS; who++)
		for (int fs = 0; fs < 2; fs++) {
			server_stop(&peers[who].srv[fs]);
			server_close_log(&peers[who].srv[fs]);
		}
}

/* This process, and with it all that it starts. */
static void
pin_to_one_core(void)
{
	cpu_set_t set;
	size_t cpu = 0;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		tap_bail("sched_getaffinity");
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		tap_bail("sched_setaffinity");
}

static void
body(struct fixture *f)
{
	static struct bench_op ops[MAX_OPS];
	static struct result results[MAX_RESULTS];
	size_t repeat[MAX_OPS], count, total = 0;
	FILE *csv = option.csv != NULL ? fopen(option.csv, "ae") : NULL;

	if (f->share[1].missing != NULL)
		tap_bail("ext4: %s", f->share[1].missing);
	if (option.pin)
		pin_to_one_core();
	count = bench_ops(ops, MAX_OPS, option.depth);
	start_peers(f);
	for (size_t i = 0; i < count; i++) {
		repeat[i] = repetitions(&peers[0], &ops[i]);
		total += ops[i].steps;
	}
	for (int round = 0; round < option.rounds; round++)
		run_round(ops, count, repeat, round, results);
	printf("9p-proxy on tmpfs, %s, paths of depth %d, median of %d "
	    "rounds\n", option.pin ? "all processes on one core" :
	    "processes on any core", option.depth, option.rounds);
	merge(results, total);
	report_operations(results, total, csv);
	printf("%-20s %10ld %10ld\n", "memory (PSS), KiB", peers[0].pss_kib,
	    peers[1].pss_kib);
	stop_peers();
	report_start(f->share[0].dir, csv);
	printf("\n");
	if (csv != NULL)
		fclose(csv);
	exit(0);
}

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr, "usage: p9_bench [--pin] [--depth=N] [--rounds=N] "
	    "[--round-ms=N] [--csv=FILE] [--arg=PRIVFSD-OPTION]...\n");
	exit(2);
}

static int
number(const char *text, int least, int most)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end != '\0' || end == text || value < least || value > most)
		usage();
	return (int)value;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pin", no_argument, NULL, 'p' },
		{ "depth", required_argument, NULL, 'd' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "round-ms", required_argument, NULL, 'm' },
		{ "csv", required_argument, NULL, 'c' },
		{ "arg", required_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			option.pin = 1;
		else if (c == 'd')
			option.depth = number(optarg, 1, 16);
		else if (c == 'r')
			option.rounds = number(optarg, 1, MAX_ROUNDS);
		else if (c == 'm')
			option.round_ms = number(optarg, 1, 60000);
		else if (c == 'c')
			option.csv = optarg;
		else if (c == 'a' && option.extra_count < 15)
			option.extra[option.extra_count++] = optarg;
		else
			usage();
	}
	if (optind != argc)
		usage();
	return fixture_main(body, 3600);
}
