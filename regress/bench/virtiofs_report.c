/* SPDX-License-Identifier: ISC */
/*
 * Prints the tables of the virtio-fs bench: medians, the ratio of privfsd's
 * time to that of the faster peer, and geometric means. Bench code.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "virtiofs_bench.h"

/* What all the tables come to. */
struct summary {
	double		logs;
	unsigned int	compared, slower;
	char		text[8192];
};

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
bench_median(const double *values, size_t count)
{
	double sorted[BENCH_ROUNDS];

	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(*sorted), compare);
	return count % 2 ? sorted[count / 2] :
	    (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static double
time_of(const struct bench *b, const struct bench_times *t, int one)
{
	return bench_median(one ? t->p50 : t->us, (size_t)b->rounds);
}

static int
is_reference(const struct bench_peer *p)
{
	return p->kind == VIRTIOFS_C || p->kind == VIRTIOFS_RUST;
}

/* What, mode, file system, depth, queues, operation, server, then us: median
 * of one repetition, and time by number of all. */
static void
write_tsv(const struct bench *b, const struct bench_times *t,
    const char *fs, unsigned int depth, const char *label,
    const struct bench_peer *p)
{
	if (b->tsv != NULL)
		fprintf(b->tsv, "time\t%s\t%s\t%u\t%u\t%s\t%s\t%.3f\t%.3f\n",
		    bench_mode(b), fs, depth, p->queues, label, p->name,
		    time_of(b, t, 1), time_of(b, t, 0));
}

static void
summarize(struct summary *s, const char *table, const char *label,
    double ratio)
{
	size_t used = strlen(s->text);

	s->logs += log(ratio);
	s->compared++;
	if (ratio <= 1)
		return;
	s->slower++;
	snprintf(s->text + used, sizeof(s->text) - used, "  %s, %s: %.2f\n",
	    label, table, ratio);
}

/* Three digits or more, in ten columns. */
static void
print_value(double value)
{
	printf(" %10.*f", value < 10 ? 3 : value < 100 ? 2 : 1, value);
}

/* One line; returns privfsd's ratio to the faster peer, 0: there is none. */
static double
report_line(const struct bench *b, const struct bench_times *times,
    const struct load_op *op, unsigned int depth)
{
	double best = 0, own = 0;

	printf("%-22s", op->label);
	for (size_t i = 0; i < b->peers; i++) {
		double us;

		if (b->peer[i].queues > 1)
			continue;
		us = time_of(b, &times[i], depth == 1);
		print_value(depth == 1 ? us : 1000 / us);
		if (!is_reference(&b->peer[i]))
			own = us;
		else if (best == 0 || us < best)
			best = us;
	}
	if (own == 0 || best == 0) {
		printf("%s\n", op->apart != NULL ? "          *" : "");
		return 0;
	}
	printf(" %8.2f%s\n", own / best, op->apart != NULL ? " *" : "");
	return op->apart != NULL ? 0 : own / best;
}

static void
report_table(const struct bench *b, const struct bench_results *r, int fs,
    int d, struct summary *s)
{
	unsigned int depth = bench_depth[d], compared = 0;
	const char *name = bench_fs[fs];
	double ratio, logs = 0;
	char table[64];

	printf("virtio-fs on %s, %s, depth %u, median of %d rounds\n%-22s",
	    name, bench_mode(b), depth, b->rounds, depth == 1 ?
	    "us per repetition" : "thousand per second");
	for (size_t i = 0; i < b->peers; i++)
		if (b->peer[i].queues == 1)
			printf(" %10s", b->peer[i].name);
	printf(" %8s\n", "ratio");
	snprintf(table, sizeof(table), "%s, depth %u", name, depth);
	for (size_t k = 0; k < b->ops; k++) {
		const struct bench_times *times = r->time[fs][d][k];

		ratio = report_line(b, times, b->op[k], depth);
		for (size_t i = 0; i < b->peers; i++)
			write_tsv(b, &times[i], name, depth, b->op[k]->label,
			    &b->peer[i]);
		if (ratio == 0)
			continue;
		summarize(s, table, b->op[k]->label, ratio);
		logs += log(ratio);
		compared++;
	}
	if (compared > 0)
		printf("%-22s %41.2f\n", "geometric mean",
		    exp(logs / compared));
	printf("\n");
}

/* More queues against one: all requests of all queues together. */
static void
report_queues(const struct bench *b, const struct bench_results *r,
    size_t one, size_t many)
{
	printf("%s, %u queues with a thread of the guest's each, %s\n",
	    b->peer[many].name, b->peer[many].queues, bench_mode(b));
	for (int fs = 0; fs < BENCH_FS; fs++)
		for (int d = 0; d < BENCH_DEPTHS; d++) {
			double logs = 0;

			printf("%-22s %10s %10s %8s  (%s, depth %u)\n",
			    "thousand per second", "1 queue", "queues",
			    "ratio", bench_fs[fs],
			    bench_depth[d]);
			for (size_t k = 0; k < b->ops; k++) {
				const struct bench_times *t =
				    r->time[fs][d][k];
				double a = time_of(b, &t[one], 0),
				    c = time_of(b, &t[many], 0);

				logs += log(c / a);
				printf("%-22s", b->op[k]->label);
				print_value(1000 / a);
				print_value(1000 / c);
				printf(" %8.2f\n", c / a);
			}
			printf("%-22s %30.2f\n\n", "geometric mean",
			    exp(logs / (double)b->ops));
		}
}

void
report_times(struct bench *b, const struct bench_results *r)
{
	struct summary s = { .compared = 0 };
	size_t one = 0, many = 0;

	for (int fs = 0; fs < BENCH_FS; fs++)
		for (int d = 0; d < BENCH_DEPTHS; d++)
			report_table(b, r, fs, d, &s);
	for (size_t k = 0; k < b->ops; k++)
		if (b->op[k]->apart != NULL)
			printf("* %s: %s; not in the mean\n",
			    b->op[k]->label, b->op[k]->apart);
	printf("ratio: time of privfsd by that of the faster peer\n\n");
	if (s.compared > 0)
		printf("all of these, %s: geometric mean %.2f; %u of %u are "
		    "slower\n%s\n", bench_mode(b), exp(s.logs / s.compared),
		    s.slower, s.compared, s.text);
	for (size_t i = 0; i < b->peers; i++) {
		if (b->peer[i].queues > 1)
			many = i;
		else if (!is_reference(&b->peer[i]))
			one = i;
	}
	if (many > 0 && one != many && !is_reference(&b->peer[one]))
		report_queues(b, r, one, many);
	fflush(stdout);
}
