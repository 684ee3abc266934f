/*
 * SPDX-License-Identifier: ISC
 *
 * The last words to a 9p-proxy front-end.  Runs in the launcher, after the
 * worker's death; reads nothing but one word of the lane.
 *
 * QEMU takes a connection that ends in place of the 4 bytes that answer T_OPEN
 * and T_CREATE for the number of an open descriptor.  So before every end that
 * it has not caused itself it gets 4 bytes of -EIO: the right answer to a
 * T_OPEN or T_CREATE, also to one that it sends at this very moment; and an end
 * of file within the header, which it takes for EIO, to any other
 * request.  Only when a reply with a header is owed for certain does a whole
 * one go before them.
 */
#include "config.h"

#include "launcher/last_words.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define T_ERROR	1	/* the type of an error reply */

void
last_words(int connection, const struct lane_shared *watch, bool unfinished)
{
	const int32_t header_reply[3] = { T_ERROR, sizeof(int32_t), -EIO };
	const int32_t descriptor_reply = -EIO;
	uint8_t words[sizeof(header_reply) + sizeof(descriptor_reply)];
	enum lane_owed owed = lane_watch_owed(watch);
	size_t len = 0;

	if (unfinished && owed == LANE_OWED_HEADER) {
		memcpy(words, header_reply, sizeof(header_reply));
		len = sizeof(header_reply);
	}
	if (unfinished && owed != LANE_OWED_PARTIAL) {
		memcpy(words + len, &descriptor_reply,
		    sizeof(descriptor_reply));
		len += sizeof(descriptor_reply);
	}
	if (len > 0)
		send(connection, words, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(connection);
}
