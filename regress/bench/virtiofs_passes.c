/* SPDX-License-Identifier: ISC */
/*
 * The passes of the virtio-fs bench that are not rounds: system calls and
 * processor time of each process, memory with many inodes, and starting.
 * Bench code.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "tap.h"
#include "virtiofs_bench.h"
#include "virtiofs_cost.h"

#define COST_MS		60
#define INODES		100000
#define INODES_DIR	1000
#define STARTS		15
#define SETTLE_US	300000
#define GUEST_MEMORY	"guest-memory"	/* guest_mem.c names its memfds */

/* Of one operation: by repetition. */
struct op_cost {
	size_t	processes;
	char	name[COST_PROCESSES][32];
	double	calls[COST_PROCESSES], cpu_us[COST_PROCESSES];
};

static void
cost_of(struct bench_server *s, const struct load_op *op,
    struct op_cost *out)
{
	uint64_t ns = COST_MS * 1000000ull;
	struct load_result r;
	struct cost c;

	load_begin(&s->load, op, 1);
	load_run(&s->load, ns / 8, &r);
	cost_open(&c, s->srv.pid);
	load_run(&s->load, ns, &r);
	cost_read(&c);
	cost_close(&c);
	load_end(&s->load);
	out->processes = c.processes;
	for (size_t i = 0; i < c.processes; i++) {
		strcpy(out->name[i], c.process[i].name);
		out->calls[i] = (double)c.process[i].calls /
		    (double)r.cycles;
		out->cpu_us[i] = (double)c.process[i].cpu_ns / 1000 /
		    (double)r.cycles;
	}
}

/* "12.0 = 3.0 + 9.0", for processes that have anything to do at all. */
static void
print_cost(const struct op_cost *c, const double *value,
    const int active[COST_PROCESSES])
{
	char text[96] = "";
	double sum = 0;
	int count = 0;

	for (size_t i = 0; i < c->processes; i++) {
		sum += value[i];
		if (active[i])
			snprintf(text + strlen(text),
			    sizeof(text) - strlen(text), "%s%.1f",
			    count++ > 0 ? "+" : "", value[i]);
	}
	if (count > 1)
		printf(" %8.1f %-12s", sum, text);
	else
		printf(" %8.1f", sum);
}

static void
write_costs(const struct bench *b, const struct bench_peer *p,
    const char *label, const struct op_cost *c)
{
	for (size_t i = 0; b->tsv != NULL && i < c->processes; i++)
		fprintf(b->tsv, "cost\t%s\ttmpfs\t1\t%u\t%s\t%s\t%zu:%s\t"
		    "%.2f\t%.2f\n", bench_mode(b), p->queues, label, p->name,
		    i, c->name[i], c->calls[i], c->cpu_us[i]);
}

static void
print_processes(const struct bench_peer *p, const struct op_cost *c,
    const int active[COST_PROCESSES])
{
	const char *plus = "";

	printf("%s: ", p->name);
	for (size_t i = 0; i < c->processes; i++)
		if (active[i]) {
			printf("%s%s", plus, c->name[i]);
			plus = " + ";
		}
	printf("%s\n", *plus == '\0' ? "nothing counted" : "");
}

/* Calls and processor time, for each peer in turn, in its own columns. */
static void
print_costs(const struct bench *b, struct op_cost cost[][OPS_MAX],
    int active[][COST_PROCESSES])
{
	printf("system calls and us of processor time for one repetition, "
	    "tmpfs, depth 1, %s\n%-22s", bench_mode(b), "");
	for (size_t i = 0; i < b->peers; i++)
		if (b->peer[i].queues == 1)
			printf(" %17s", b->peer[i].name);
	printf("\n");
	for (size_t k = 0; k < b->ops; k++) {
		printf("%-22s", b->op[k]->label);
		for (size_t i = 0; i < b->peers; i++) {
			if (b->peer[i].queues > 1)
				continue;
			print_cost(&cost[i][k], cost[i][k].calls, active[i]);
			print_cost(&cost[i][k], cost[i][k].cpu_us, active[i]);
		}
		printf("\n");
	}
	for (size_t i = 0; i < b->peers; i++)
		if (b->peer[i].queues == 1)
			print_processes(&b->peer[i], &cost[i][0], active[i]);
	printf("(of readdirplus: with the FORGETs, whose time is not in its "
	    "time)\n\n");
}

void
pass_costs(struct bench *b)
{
	static struct op_cost cost[BENCH_PEERS][OPS_MAX];
	static int active[BENCH_PEERS][COST_PROCESSES];
	static struct bench_server s;

	for (size_t i = 0; i < b->peers; i++) {
		if (b->peer[i].queues > 1)
			continue;
		bench_start(b, &s, &b->peer[i], b->share[0], 1);
		for (size_t k = 0; k < b->ops; k++) {
			struct op_cost *c = &cost[i][k];

			cost_of(&s, b->op[k], c);
			write_costs(b, &b->peer[i], b->op[k]->label, c);
			for (size_t n = 0; n < c->processes; n++)
				active[i][n] |= c->calls[n] > 0.5 ||
				    c->cpu_us[n] > 0.5;
		}
		bench_stop(&s);
	}
	print_costs(b, cost, active);
}

static void
make_inodes(const char *share)
{
	char path[256];
	int fd;

	for (int i = 0; i < INODES; i++) {
		if (i % INODES_DIR == 0) {
			snprintf(path, sizeof(path), "%s/in%d", share,
			    i / INODES_DIR);
			host_mkdir(path, 0755, 0, 0);
		}
		snprintf(path, sizeof(path), "%s/in%d/%d", share,
		    i / INODES_DIR, i);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0644);
		if (fd < 0)
			tap_bail("%s", path);
		close(fd);
	}
}

/* LOOKUPs until the server refuses; how many there were, *why it refused. */
static int
look_up_all(struct load *l, int *why)
{
	struct fuse_client *c = &l->queue[0].client;
	struct fuse_entry_out entry, dir = { .nodeid = 0 };
	char name[32];

	for (int i = 0; i < INODES; i++) {
		if (i % INODES_DIR == 0) {
			snprintf(name, sizeof(name), "in%d", i / INODES_DIR);
			*why = fuse_lookup(c, FUSE_ROOT_ID, name, &dir);
			if (*why < 0)
				return i;
		}
		snprintf(name, sizeof(name), "%d", i);
		*why = fuse_lookup(c, dir.nodeid, name, &entry);
		if (*why < 0)
			return i;
	}
	return INODES;
}

static void
memory_of(struct bench *b, const struct bench_peer *p, const char *share)
{
	static struct bench_server s;
	long idle, full;
	int why, count;

	bench_start(b, &s, p, share, 0);
	procs_sleep_us(SETTLE_US);
	idle = cost_pss_kib(s.srv.pid, GUEST_MEMORY);
	count = look_up_all(&s.load, &why);
	procs_sleep_us(SETTLE_US);
	full = cost_pss_kib(s.srv.pid, GUEST_MEMORY);
	printf("%-22s %10ld %10ld %10d%s%s\n", p->name, idle, full, count,
	    count < INODES ? ": " : "",
	    count < INODES ? fuse_result_name(why) : "");
	if (b->tsv != NULL)
		fprintf(b->tsv, "memory\t%s\t%u\t%ld\t%ld\t%d\n", p->name,
		    p->queues, idle, full, count);
	bench_stop(&s);
}

void
pass_memory(struct bench *b)
{
	const char *share = b->share[0];
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	make_inodes(share);
	printf("%-22s %10s %10s %10s\n", "memory (PSS), KiB", "idle",
	    "then", "inodes");
	for (size_t i = 0; i < b->peers; i++) {
		struct bench_peer handles = b->peer[i];

		memory_of(b, &b->peer[i], share);
		if (handles.kind != VIRTIOFS_RUST)
			continue;
		/* The way to more inodes than descriptors. */
		handles.name = "Rust, file handles";
		for (size_t n = 0; n < 16; n++)
			if (handles.extra[n] == NULL) {
				handles.extra[n] =
				    "--inode-file-handles=mandatory";
				handles.extra[n + 1] =
				    "--modcaps=+dac_read_search";
				break;
			}
		memory_of(b, &handles, share);
	}
	printf("(all processes, without the guest's memory; the limit is "
	    "%llu descriptors)\n\n", (unsigned long long)limit.rlim_max);
}

/* Like server_connect(), looking more often. */
static int
connect_soon(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	long long end = procs_now_ms() + SERVER_TIMEOUT_MS;
	int fd;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (;;) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, (struct sockaddr *)&address,
		    sizeof(address)) == 0)
			return fd;
		close(fd);
		if (procs_now_ms() > end)
			return -1;
		procs_sleep_us(50);
	}
}

static void
start_once(struct bench *b, const struct bench_peer *p, double *connected,
    double *answered)
{
	struct virtiofs_server_options o;
	static struct vhost_front front;
	struct vhost_options none = { .timeout_ms = SERVER_TIMEOUT_MS };
	struct server srv;
	uint64_t start, features;
	char path[BENCH_PATH];
	int fd;

	o = bench_server_options(b, p, b->share[0], path);
	o.no_connect = 1;
	start = load_now_ns();
	if (virtiofs_server_start(&srv, &o) != 0)
		tap_bail("%s does not start", p->name);
	fd = connect_soon(path);
	*connected = (double)(load_now_ns() - start) / 1e6;
	if (fd < 0)
		tap_bail("%s does not listen: %s", p->name,
		    server_log_text(srv.log_fd));
	vhost_front_init(&front, fd, &none);
	if (vhost_get_u64(&front, VHOST_GET_FEATURES, &features) != 0)
		tap_bail("%s does not answer: %s", p->name,
		    server_log_text(srv.log_fd));
	*answered = (double)(load_now_ns() - start) / 1e6;
	vhost_front_close(&front);
	server_stop(&srv);
	server_close_log(&srv);
}

void
pass_start(struct bench *b)
{
	double connected[BENCH_PEERS][STARTS], answered[BENCH_PEERS][STARTS];

	for (int i = 0; i < STARTS; i++)
		for (size_t who = 0; who < b->peers; who++)
			start_once(b, &b->peer[who], &connected[who][i],
			    &answered[who][i]);
	printf("%-22s %10s %10s\n", "from exec, ms", "accepting", "answering");
	for (size_t who = 0; who < b->peers; who++) {
		double c, a;

		if (b->peer[who].queues > 1)
			continue;
		c = bench_median(connected[who], STARTS);
		a = bench_median(answered[who], STARTS);
		printf("%-22s %10.2f %10.2f\n", b->peer[who].name, c, a);
		if (b->tsv != NULL)
			fprintf(b->tsv, "start\t%s\t%.3f\t%.3f\n",
			    b->peer[who].name, c, a);
	}
	printf("\n");
}
