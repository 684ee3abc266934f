/* SPDX-License-Identifier: ISC */
/*
 * Compares privfsd with the C and the Rust virtiofsd, through the vhost-user
 * front-end of regress/lib, which sleeps like a guest. All servers live through
 * the whole run on the same shares, one on tmpfs and one on ext4, and take
 * turns in short rounds, so that what else the machine does hits all. Every
 * answer is checked. Bench code; needs root.
 */
#include "virtiofs_bench.h"

#include <sys/resource.h>

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "virtiofs_cost.h"

#define LIMIT_S		7200
#define WARM_UP		8	/* a round's part */

const unsigned int bench_depth[BENCH_DEPTHS] = { 1, LOAD_DEPTH };
const char *const bench_fs[BENCH_FS] = { "tmpfs", "ext4" };

const char *
bench_mode(const struct bench *b)
{
	static const char *const mode[] = { "free", "one core", "two cores" };

	return mode[b->cores];
}

/* As many descriptors as may be had, without asking for more. */
static const char *
bench_rlimit(void)
{
	static char text[32];
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_max > 1000000)
		limit.rlim_max = 1000000;
	snprintf(text, sizeof(text), "--rlimit-nofile=%llu",
	    (unsigned long long)limit.rlim_max);
	return text;
}

struct virtiofs_server_options
bench_server_options(struct bench *b, const struct bench_peer *peer,
    const char *share, char path[BENCH_PATH])
{
	snprintf(path, BENCH_PATH, "%s/socket%u", b->fixture->base,
	    b->sockets++);
	return (struct virtiofs_server_options){ .kind = peer->kind,
	    .share = share, .socket = VIRTIOFS_PATH, .socket_path = path,
	    .extra = peer->extra };
}

/* This process, and with it all that it starts, on one core. */
static void
pin_to(size_t number)
{
	cpu_set_t set, one;
	size_t cpu = 0;

	/* Of the first process: this one may be on one core already. */
	if (sched_getaffinity(getppid(), sizeof(set), &set) != 0)
		tap_bail("sched_getaffinity");
	if ((size_t)CPU_COUNT(&set) <= number)
		tap_bail("there are only %d cores", CPU_COUNT(&set));
	for (; !CPU_ISSET(cpu, &set) || number-- > 0; cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0)
		tap_bail("sched_setaffinity");
}

void
bench_start(struct bench *b, struct bench_server *s,
    const struct bench_peer *peer, const char *share, int look)
{
	struct virtiofs_server_options o;
	char path[BENCH_PATH];
	int error;

	o = bench_server_options(b, peer, share, path);
	if (b->cores == 2)
		pin_to(1);
	error = virtiofs_server_start(&s->srv, &o);
	if (b->cores == 2)
		pin_to(0);
	if (error != 0)
		tap_bail("%s does not start: %s\n%s", peer->name,
		    strerror(-error), server_log_text(s->srv.log_fd));
	load_open(&s->load, peer->name, s->srv.fd, s->srv.log_fd,
	    peer->queues);
	s->srv.fd = -1;
	if (look)
		load_lookup(&s->load);
}

void
bench_stop(struct bench_server *s)
{
	load_close(&s->load);
	server_stop(&s->srv);
	server_close_log(&s->srv);
}

/* One operation, one depth, one round, all servers. */
static void
measure(struct bench *b, struct bench_server server[BENCH_PEERS],
    const struct load_op *op, int d, int round, struct bench_times *times)
{
	uint64_t ns = (uint64_t)b->round_ms * 1000000;
	struct load_result result;

	for (size_t turn = 0; turn < b->peers; turn++) {
		/* ABC, BCA, CAB, ... */
		size_t who = (turn + (size_t)round) % b->peers;

		load_begin(&server[who].load, op, bench_depth[d]);
		load_run(&server[who].load, ns / WARM_UP, &result);
		load_run(&server[who].load, ns, &result);
		load_end(&server[who].load);
		times[who].p50[round] = result.p50_us;
		times[who].us[round] = result.us;
	}
}

static void
run_rounds(struct bench *b, struct bench_results *r)
{
	static struct bench_server server[BENCH_FS][BENCH_PEERS];

	for (int fs = 0; fs < BENCH_FS; fs++)
		for (size_t i = 0; i < b->peers; i++)
			bench_start(b, &server[fs][i], &b->peer[i],
			    b->share[fs], 1);
	for (int round = 0; round < b->rounds; round++)
		for (int fs = 0; fs < BENCH_FS; fs++)
			for (int d = 0; d < BENCH_DEPTHS; d++)
				for (size_t k = 0; k < b->ops; k++)
					measure(b, server[fs], b->op[k], d,
					    round, r->time[fs][d][k]);
	for (int fs = 0; fs < BENCH_FS; fs++)
		for (size_t i = 0; i < b->peers; i++)
			bench_stop(&server[fs][i]);
}

static struct bench *
the_bench(void)
{
	static struct bench b = { .rounds = 7, .round_ms = 60,
	    .servers = "c,rust,privfsd,queues" };

	return &b;
}

/*
 * The fixture's ext4 has no journal. Such a one does not use the number of a
 * removed inode again for some seconds, so that create and remove would mostly
 * measure the search for another number. This one is as users have it.
 */
static void
mount_ext4(const struct fixture *f, const char *dir)
{
	char command[512];

	host_mkdir(dir, 0755, 0, 0);
	snprintf(command, sizeof(command), "truncate -s 512M %s/bench.img && "
	    "mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=0 %s/bench.img && "
	    "mount -o loop %s/bench.img %s", f->base, f->base, f->base, dir);
	if (system(command) != 0)
		tap_bail("ext4 cannot be made or mounted");
}

static void
prepare_shares(struct bench *b)
{
	char dir[96];

	snprintf(dir, sizeof(dir), "%s/trace", b->fixture->base);
	host_mkdir(dir, 0700, 0, 0);
	if (cost_init(dir) != 0)
		printf("no system calls: the kernel does not count them\n");
	snprintf(dir, sizeof(dir), "%s/bench-ext4", b->fixture->base);
	mount_ext4(b->fixture, dir);
	snprintf(b->share[0], sizeof(b->share[0]), "%s",
	    b->fixture->share[0].dir);
	snprintf(b->share[1], sizeof(b->share[1]), "%s/share", dir);
	host_mkdir(b->share[1], 0755, 0, 0);
	for (int fs = 0; fs < BENCH_FS; fs++)
		ops_prepare_share(b->share[fs]);
}

static void
body(struct fixture *f)
{
	static struct bench_results results;
	struct bench *b = the_bench();

	b->fixture = f;
	if (b->cores > 0)
		pin_to(0);
	if (b->tsv_path != NULL && (b->tsv = fopen(b->tsv_path, "ae")) ==
	    NULL)
		tap_bail("%s: %s", b->tsv_path, strerror(errno));
	prepare_shares(b);
	if (b->memory) {
		pass_memory(b);
		pass_start(b);
	} else {
		run_rounds(b, &results);
		report_times(b, &results);
		if (!b->no_costs)
			pass_costs(b);
	}
	if (b->tsv != NULL)
		fclose(b->tsv);
	exit(0);
}

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr, "usage: virtiofs_bench [--cores=0|1|2] [--rounds=N] "
	    "[--round-ms=N]\n    [--only=WORD] [--servers=c,rust,privfsd,"
	    "queues]\n    [--arg=PRIVFSD-OPTION]... [--tsv=FILE] "
	    "[--no-costs | --memory]\n");
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

static void
add_peer(struct bench *b, const char *name, enum virtiofs_kind kind,
    unsigned int queues)
{
	struct bench_peer *p = &b->peer[b->peers];
	size_t n = 0;

	if (b->peers == BENCH_PEERS)
		usage();
	b->peers++;
	*p = (struct bench_peer){ .name = name, .kind = kind,
	    .queues = queues };
	p->extra[n++] = bench_rlimit();
	if (kind == VIRTIOFS_PRIVFSD)
		for (size_t i = 0; i < b->privfsd_args; i++)
			p->extra[n++] = b->privfsd_arg[i];
}

static void
choose(struct bench *b)
{
	static const struct {
		const char		*word, *name;
		enum virtiofs_kind	kind;
		unsigned int		queues;
	} known[] = {
		{ "c", "C", VIRTIOFS_C, 1 },
		{ "rust", "Rust", VIRTIOFS_RUST, 1 },
		{ "privfsd", "privfsd", VIRTIOFS_PRIVFSD, 1 },
		{ "queues", "privfsd/4", VIRTIOFS_PRIVFSD, LOAD_QUEUES },
	};
	char words[64], *word, *rest = words;
	const struct load_op *ops;
	size_t count, k;

	snprintf(words, sizeof(words), "%s", b->servers);
	while ((word = strsep(&rest, ",")) != NULL) {
		for (k = 0; k < 4 && strcmp(word, known[k].word) != 0; k++)
			;
		if (k == 4)
			usage();
		add_peer(b, known[k].name, known[k].kind, known[k].queues);
	}
	ops = ops_table(&count);
	for (size_t i = 0; i < count; i++)
		if (b->only == NULL || strstr(ops[i].label, b->only) != NULL)
			b->op[b->ops++] = &ops[i];
	if (b->ops == 0)
		usage();
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cores", required_argument, NULL, 'c' },
		{ "memory", no_argument, NULL, 'M' },
		{ "no-costs", no_argument, NULL, 'C' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "round-ms", required_argument, NULL, 'm' },
		{ "only", required_argument, NULL, 'o' },
		{ "servers", required_argument, NULL, 's' },
		{ "tsv", required_argument, NULL, 't' },
		{ "arg", required_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 }
	};
	struct bench *b = the_bench();
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c')
			b->cores = number(optarg, 0, 2);
		else if (c == 'M')
			b->memory = 1;
		else if (c == 'C')
			b->no_costs = 1;
		else if (c == 'r')
			b->rounds = number(optarg, 1, BENCH_ROUNDS);
		else if (c == 'm')
			b->round_ms = number(optarg, 1, 10000);
		else if (c == 'o')
			b->only = optarg;
		else if (c == 's')
			b->servers = optarg;
		else if (c == 't')
			b->tsv_path = optarg;
		else if (c == 'a' && b->privfsd_args < 12)
			b->privfsd_arg[b->privfsd_args++] = optarg;
		else
			usage();
	}
	if (optind != argc)
		usage();
	choose(b);
	return fixture_main(body, LIMIT_S);
}
