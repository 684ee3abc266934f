/*
 * SPDX-License-Identifier: ISC
 *
 * Why something was refused.  Runs sandboxed.
 */
#include "config.h"

#include "worker/reason.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void
reason_clear(struct reason *why)
{
	why->text[0] = '\0';
}

int
reason_give(struct reason *why, int error, const char *fmt, ...)
{
	va_list args;

	if (why == NULL)
		return error;
	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return error;
}
