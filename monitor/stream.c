/*
 * SPDX-License-Identifier: ISC
 *
 * Directory streams.  Runs privileged.  The name of a stream may be any number:
 * the guest chooses it.
 */
#include "config.h"

#include "monitor/stream.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "monitor/attr.h"

#define STREAM_FIRST	16

void
stream_table_init(struct stream_table *table, uint32_t limit)
{
	*table = (struct stream_table){ .limit = limit };
	pthread_mutex_init(&table->lock, NULL);
}

static int
stream_grow(struct stream_table *table)
{
	uint32_t *generations, i, size;
	struct stream **streams;

	size = table->size == 0 ? STREAM_FIRST : table->size * 2;
	streams = reallocarray(table->streams, size, sizeof(struct stream *));
	if (streams == NULL)
		return -ENOMEM;
	table->streams = streams;
	generations = reallocarray(table->generations, size, sizeof(uint32_t));
	if (generations == NULL)
		return -ENOMEM;
	table->generations = generations;
	for (i = table->size; i < size; i++) {
		streams[i] = NULL;
		generations[i] = 0;
	}
	table->size = size;
	return 0;
}

/* Enters a stream at the first free place. */
static int
stream_enter(struct stream_table *table, struct stream *stream,
    uint64_t *id_out)
{
	uint32_t i;

	if (table->used >= table->limit)
		return -ENFILE;
	for (i = 0; i < table->size && table->streams[i] != NULL; i++)
		continue;
	if (i == table->size && stream_grow(table) != 0)
		return -ENOMEM;
	stream->generation = ++table->generations[i];
	table->streams[i] = stream;
	table->used++;
	*id_out = (uint64_t)stream->generation << 32 | i;
	return 0;
}

static void
stream_free(struct stream *stream)
{
	close(stream->fd);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}

int
stream_add(struct stream_table *table, uint64_t handle, int fd,
    uint64_t *id_out)
{
	struct stream *stream;
	int error;

	stream = malloc(sizeof(*stream));
	if (stream == NULL) {
		close(fd);
		return -ENOMEM;
	}
	pthread_mutex_init(&stream->lock, NULL);
	stream->fd = fd;
	stream->handle = handle;
	stream->births_tell = attr_births_tell(fd);
	stream->holds = 0;
	stream->ended = false;
	stream->position = 0;
	stream->at = stream->len = 0;
	pthread_mutex_lock(&table->lock);
	error = stream_enter(table, stream, id_out);
	pthread_mutex_unlock(&table->lock);
	if (error != 0)
		stream_free(stream);
	return error;
}

/* Returns the stream of this name and handle, or NULL. */
static struct stream *
stream_find(const struct stream_table *table, uint64_t id, uint64_t handle)
{
	uint32_t index = (uint32_t)id;
	struct stream *stream;

	if (index >= table->size)
		return NULL;
	stream = table->streams[index];
	if (stream == NULL || stream->generation != (uint32_t)(id >> 32) ||
	    stream->handle != handle)
		return NULL;
	return stream;
}

struct stream *
stream_hold(struct stream_table *table, uint64_t id, uint64_t handle)
{
	struct stream *stream;

	pthread_mutex_lock(&table->lock);
	stream = stream_find(table, id, handle);
	if (stream != NULL)
		stream->holds++;
	pthread_mutex_unlock(&table->lock);
	if (stream != NULL)
		pthread_mutex_lock(&stream->lock);
	return stream;
}

void
stream_release(struct stream_table *table, struct stream *stream)
{
	bool last;

	pthread_mutex_unlock(&stream->lock);
	pthread_mutex_lock(&table->lock);
	last = --stream->holds == 0 && stream->ended;
	pthread_mutex_unlock(&table->lock);
	if (last)
		stream_free(stream);
}

/*
 * Takes a stream out of the table; who holds it goes on.  Returns it if nobody
 * does: it is freed without the lock, as closing may take long.
 */
static struct stream *
stream_end(struct stream_table *table, uint32_t index)
{
	struct stream *stream = table->streams[index];

	table->streams[index] = NULL;
	table->used--;
	stream->ended = true;
	return stream->holds == 0 ? stream : NULL;
}

int
stream_remove(struct stream_table *table, uint64_t id, uint64_t handle)
{
	struct stream *dead = NULL;
	int error = 0;

	pthread_mutex_lock(&table->lock);
	if (stream_find(table, id, handle) == NULL)
		error = -EBADF;
	else
		dead = stream_end(table, (uint32_t)id);
	pthread_mutex_unlock(&table->lock);
	if (dead != NULL)
		stream_free(dead);
	return error;
}

void
stream_remove_all(struct stream_table *table)
{
	struct stream *dead;
	bool more = true;
	uint32_t i;

	for (i = 0; more; i++) {
		dead = NULL;
		pthread_mutex_lock(&table->lock);
		more = i < table->size;
		if (more && table->streams[i] != NULL)
			dead = stream_end(table, i);
		pthread_mutex_unlock(&table->lock);
		if (dead != NULL)
			stream_free(dead);
	}
}

int
stream_seek(struct stream *stream, int64_t offset)
{
	/* A return to 0 is a rewind: what is new since then has to show. */
	if (offset == stream->position && (offset != 0 || stream->len == 0))
		return 0;
	if (lseek(stream->fd, offset, SEEK_SET) == -1)
		return -errno;
	stream->position = offset;
	stream->at = stream->len = 0;
	return 0;
}

int
stream_peek(struct stream *stream, struct stream_entry *entry)
{
	const struct dirent64 *d;
	ssize_t n;

	if (stream->at == stream->len) {
		n = getdents64(stream->fd, stream->buffer,
		    sizeof(stream->buffer));
		if (n <= 0)
			return n == 0 ? 0 : -errno;
		stream->at = 0;
		stream->len = (uint32_t)n;
	}
	/* getdents64(2) aligns its records to 8 bytes. */
	d = (const void *)(stream->buffer + stream->at);
	*entry = (struct stream_entry){ .ino = d->d_ino, .next = d->d_off,
	    .type = d->d_type, .name = d->d_name };
	return 1;
}

void
stream_skip(struct stream *stream, const struct stream_entry *entry)
{
	const struct dirent64 *d;

	d = (const void *)(stream->buffer + stream->at);
	stream->at += d->d_reclen;
	stream->position = entry->next;
}
