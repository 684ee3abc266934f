/*
 * SPDX-License-Identifier: ISC
 *
 * What a queue keeps between requests: those that wait for a slot of the lane,
 * and the FORGETs that go together.  Runs sandboxed.
 */
#include "config.h"

#include "worker/fuse_request.h"

#include <errno.h>

#include "worker/fuse_ops.h"

/*
 * Descriptors that are not the guest's open files: five for each queue, one for
 * each memory region while it is mapped, and those of the I/O threads.
 */
#define QUEUE_FDS_KEPT	1024
#define QUEUE_FILES_MAX	(1U << 24)

int
fuse_session_init(struct fuse_session *session,
    const struct worker_fuse_config *config)
{
	uint64_t limit = config->nofile;

	limit -= limit > 2 * QUEUE_FDS_KEPT ? QUEUE_FDS_KEPT : limit / 2;
	if (limit > QUEUE_FILES_MAX)
		limit = QUEUE_FILES_MAX;
	session->config = config;
	atomic_init(&session->minor, 0);
	atomic_init(&session->max_write, 0);
	atomic_init(&session->flags, 0);
	atomic_init(&session->initialised, false);
	return file_table_init(&session->files, (uint32_t)limit);
}

void
fuse_session_destroy(struct fuse_session *session)
{
	file_table_destroy(&session->files);
}

/* The scratch stays untouched: most of 65 queues never need its pages. */
void
fuse_queue_init(struct fuse_queue *queue, struct fuse_session *session,
    struct monitor_client *monitor, struct io_port *io,
    void (*complete)(struct fuse_request *, uint32_t))
{
	queue->session = session;
	queue->monitor = monitor;
	queue->io = io;
	queue->complete = complete;
	queue->waiting = NULL;
	queue->waiting_end = &queue->waiting;
	queue->nforgets = 0;
	queue->malformed = (struct log_limit){ .burst = 5,
	    .interval_ms = 10000 };
}

bool
fuse_forget_add(struct fuse_queue *queue, uint64_t handle, uint64_t count)
{
	if (queue->nforgets == FUSE_FORGETS)
		fuse_forget_send(queue);
	if (queue->nforgets == FUSE_FORGETS)
		return false;
	queue->forgets[queue->nforgets++] = (struct monitor_forget){
	    .handle = handle, .count = count };
	return true;
}

void
fuse_forget_send(struct fuse_queue *queue)
{
	if (queue->nforgets > 0 && monitor_forget(queue->monitor,
	    queue->forgets, queue->nforgets) == 0)
		queue->nforgets = 0;
}

void
fuse_again(struct fuse_request *request)
{
	struct fuse_queue *queue = request->queue;

	if (fuse_start(request))
		return;
	request->next = NULL;
	*queue->waiting_end = request;
	queue->waiting_end = &request->next;
}

void
fuse_dispatch(struct fuse_request *request)
{
	request->file = NULL;
	request->file_out = NULL;
	request->progress = 0;
	fuse_again(request);
}

bool
fuse_queue_continue(struct fuse_queue *queue)
{
	struct fuse_request *request;

	fuse_forget_send(queue);
	while ((request = queue->waiting) != NULL) {
		queue->waiting = request->next;
		if (queue->waiting == NULL)
			queue->waiting_end = &queue->waiting;
		if (fuse_start(request))
			continue;
		/* Still none: the first again. */
		request->next = queue->waiting;
		if (queue->waiting == NULL)
			queue->waiting_end = &request->next;
		queue->waiting = request;
		break;
	}
	return queue->waiting != NULL || queue->nforgets > 0;
}

void
fuse_job_start(struct fuse_request *request, void (*run)(struct io_job *),
    void (*done)(struct io_job *))
{
	request->job.run = run;
	request->job.done = done;
	io_port_submit(request->queue->io, &request->job);
}
