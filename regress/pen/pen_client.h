/*
 * SPDX-License-Identifier: ISC
 *
 * A thread of the fake worker's that has a lane of its own, and uses handles.
 * Test code.
 */
#ifndef REGRESS_PEN_PEN_CLIENT_H
#define REGRESS_PEN_PEN_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "regress/pen/pen_worker.h"

/* A thread and its lane. */
struct client {
	struct pen_worker	*w;
	struct lane		*lane;
	unsigned int		 number;
	void			(*body)(struct client *);
	struct pen_message	 message;
	struct monitor_reply	 reply;
	int			 fd;		/* of the reply, or -1 */
	uint64_t		 random;
	uint64_t		 dir;		/* "dir", while it is known */
	uint64_t		 stream;
	uint64_t		 began_ms;
	int64_t			 wrong;
	bool			 over;		/* no answer came */
};

/*
 * Says whether to do a round, the first being 0: up to `most`, on a busy
 * machine for ten seconds, and not without answers.
 */
bool	client_goes_on(const struct client *c, int round, int most);

/* A number below `n`. */
uint32_t
	client_draw(struct client *c, uint32_t n);

/* The data of the last reply: shared memory. */
const uint8_t
	*client_data(const struct client *c);

/* Counts what is wrong with the last reply, and says so the first times. */
void	client_wrong(struct client *c, const char *what);

/* Makes the message a good request of the handle; sets its first name. */
void	client_good(struct client *c, uint32_t op, uint64_t handle);
void	client_set_name(struct client *c, const char *name);

/*
 * Sends the message.  Returns the reply's error, with its descriptor in `fd`
 * until the next one; -EPROTO if there is no answer.
 */
int	client_send(struct client *c);

/* The same of a good request without a name: of the handle itself. */
int	client_send_bare(struct client *c, uint32_t op, uint64_t handle);

/* Returns the handle, 0 if it is not there. */
uint64_t
	client_look_up(struct client *c, uint64_t dir, const char *name);
void	client_forget(struct client *c, uint64_t handle, uint64_t count);

/*
 * Uses a handle in all ways that tell, or leave a mark (the owner `uid`), and
 * looks whether it is of that inode.  What fails is no harm: it may be gone, or
 * no regular file.
 */
void	client_use_handle(struct client *c, uint64_t handle, uint64_t ino,
	    uint32_t uid);

#endif /* REGRESS_PEN_PEN_CLIENT_H */
