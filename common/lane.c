/*
 * SPDX-License-Identifier: ISC
 *
 * Making and mapping lanes.
 */
#include "config.h"

#include "common/lane.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/lane_shared.h"

#define LANE_SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static size_t
lane_size(uint32_t nslots)
{
	return LANE_PAGE + nslots * sizeof(struct lane_slot);
}

static bool
lane_nslots_valid(uint32_t nslots)
{
	return nslots > 0 && nslots <= LANE_SLOTS_MAX &&
	    (nslots & (nslots - 1)) == 0;
}

int
lane_create(uint32_t nslots, int *memory_fd_out, int *monitor_sock_out,
    int *worker_sock_out)
{
	int fd = -1, error, sock[2];

	if (!lane_nslots_valid(nslots))
		return -EINVAL;
	fd = memfd_create("lane", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -errno;
	if (ftruncate(fd, (off_t)lane_size(nslots)) == -1)
		goto fail;
	/* memfd_create(2): a shrunken file would be SIGBUS in the monitor. */
	if (fcntl(fd, F_ADD_SEALS, LANE_SEALS) == -1)
		goto fail;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) == -1)
		goto fail;
	/* The monitor's end only sends; a worker that does gets EPIPE. */
	shutdown(sock[0], SHUT_RD);
	*memory_fd_out = fd;
	*monitor_sock_out = sock[0];
	*worker_sock_out = sock[1];
	return 0;

fail:
	error = -errno;
	close(fd);
	return error;
}

const struct lane_shared *
lane_watch(int memory_fd)
{
	void *map;

	map = mmap(NULL, LANE_PAGE, PROT_READ, MAP_SHARED, memory_fd, 0);
	return map == MAP_FAILED ? NULL : map;
}

enum lane_owed
lane_watch_owed(const struct lane_shared *shared)
{
	uint32_t owed = atomic_load(&shared->owed);

	return owed <= LANE_OWED_PARTIAL ? (enum lane_owed)owed :
	    LANE_OWED_NOTHING;
}

static int
lane_check_memory(int fd, uint32_t nslots)
{
	struct stat st;
	int seals;

	if (!lane_nslots_valid(nslots))
		return -EPROTO;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & LANE_SEALS) != LANE_SEALS)
		return -EPROTO;
	if (fstat(fd, &st) == -1)
		return -errno;
	return st.st_size == (off_t)lane_size(nslots) ? 0 : -EPROTO;
}

int
lane_attach(struct lane *lane, int memory_fd, int sock, uint32_t nslots)
{
	void *map;
	int error;

	*lane = (struct lane){ .sock = sock, .nslots = nslots };
	error = lane_check_memory(memory_fd, nslots);
	if (error != 0)
		goto fail;
	lane->shared_size = lane_size(nslots);
	map = mmap(NULL, lane->shared_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    memory_fd, 0);
	if (map == MAP_FAILED) {
		error = -errno;
		goto fail;
	}
	close(memory_fd);
	lane->shared = map;
	lane->free_slots = UINT64_MAX >> (64 - nslots);
	return 0;

fail:
	close(memory_fd);
	close(sock);
	lane->sock = -1;
	return error;
}

void
lane_detach(struct lane *lane)
{
	if (lane->shared == NULL)
		return;
	munmap(lane->shared, lane->shared_size);
	close(lane->sock);
	*lane = (struct lane){ .sock = -1 };
}
