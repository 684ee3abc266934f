/*
 * SPDX-License-Identifier: ISC
 *
 * Requests as a worker sends them: one good one for every operation, and what
 * can be made wrong with it.  This is written from common/monitor_proto.h,
 * and shares nothing with the monitor's own table.  Test code.
 */
#ifndef REGRESS_PEN_CASES_H
#define REGRESS_PEN_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/monitor_proto.h"

struct pen_message {
	struct monitor_request	request;
	uint8_t			payload[MONITOR_PAYLOAD_MAX];
};

/* The parts of a payload, in their order. */
enum pen_part {
	PEN_PATH0,
	PEN_NAME0,
	PEN_PATH1,
	PEN_NAME1,
	PEN_DATA,
	PEN_PARTS
};

/* How the monitor names things: what a case applies to. */
enum pen_naming {
	PEN_BY_PATH = 1,
	PEN_BY_HANDLE
};

/* A 32 bit field of the arguments, and a bit of it that has no meaning. */
struct pen_field {
	uint16_t	offset;
	uint32_t	bit;
};

struct pen_op {
	const char		*name;
	const char		*names[2];	/* NULL: no such place; "":
						   one without a name */
	bool			 optional;	/* the first name */
	bool			 by_handle;	/* in no other way */
	bool			 by_path;
	bool			 by_stream;	/* a dead handle is EBADF */
	const char		*data;
	uint32_t		 data_max;
	bool			 text;		/* the data: no NUL */
	size_t			 args_size;
	size_t			 nfields;
	struct pen_field	 field[5];
};

extern const struct pen_op pen_ops[MONITOR_OP_MAX];

const char
	*pen_op_name(uint32_t op);

/* Returns whether the operation is permitted there. */
bool	pen_fits(uint32_t op, enum pen_naming naming);

/*
 * Fills in a good request: for the directory "dir" of the share by path, or,
 * by handle, for the directory `handle`.
 */
void	pen_good(struct pen_message *message, uint32_t op,
	    enum pen_naming naming, uint64_t handle);

/* Puts other bytes in the place of a part. */
void	pen_set_part(struct pen_message *message, enum pen_part part,
	    const void *bytes, size_t len);

/* Bytes of payload. */
size_t	pen_payload_len(const struct pen_message *message);

/* How many ways to spoil a request there are; not all fit all operations. */
size_t	pen_spoils(void);

/*
 * Spoils a good request.  Returns what the monitor must say of it, with a name
 * of the case in `*label_out`; NULL if it does not apply.
 */
const char
	*pen_spoil(struct pen_message *message, enum pen_naming naming,
	    size_t number, const char **label_out);

#endif /* REGRESS_PEN_CASES_H */
