/*
 * SPDX-License-Identifier: ISC
 *
 * Making and mapping lanes.
 */
#include "config.h"

#include "common/lane.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/lane_shared.h"

/* More than socket(7) counts for a packet. */
#define LANE_PACKET_ROOM	1024

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
    int *worker_sock_out, int *bell_fd_out)
{
	int bell, error, fd = -1, room, sock[2];

	if (!lane_nslots_valid(nslots))
		return -EINVAL;
	bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bell == -1)
		return -errno;
	fd = memfd_create("lane", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		goto fail;
	if (ftruncate(fd, (off_t)lane_size(nslots)) == -1)
		goto fail;
	/* memfd_create(2): a shrunken file would be SIGBUS in the monitor. */
	if (fcntl(fd, F_ADD_SEALS, LANE_SEALS) == -1)
		goto fail;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) == -1)
		goto fail;
	/* The monitor's end only sends; a worker that does gets EPIPE. */
	shutdown(sock[0], SHUT_RD);
	/*
	 * Room for little more than a descriptor for each slot: what a worker
	 * does not receive is in flight at the expense of all processes of
	 * the monitor's user (unix(7), ETOOMANYREFS).
	 */
	room = (int)nslots * LANE_PACKET_ROOM;
	setsockopt(sock[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	*memory_fd_out = fd;
	*monitor_sock_out = sock[0];
	*worker_sock_out = sock[1];
	*bell_fd_out = bell;
	return 0;

fail:
	error = -errno;
	if (fd != -1)
		close(fd);
	close(bell);
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
lane_attach(struct lane *lane, int memory_fd, int sock, int bell_fd,
    uint32_t nslots)
{
	void *map;
	int error;

	*lane = (struct lane){ .sock = sock, .bell = bell_fd,
	    .nslots = nslots };
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
	close(bell_fd);
	lane->sock = -1;
	lane->bell = -1;
	return error;
}

void
lane_detach(struct lane *lane)
{
	if (lane->shared == NULL)
		return;
	munmap(lane->shared, lane->shared_size);
	close(lane->sock);
	close(lane->bell);
	*lane = (struct lane){ .sock = -1, .bell = -1 };
}
