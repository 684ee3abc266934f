/*
 * SPDX-License-Identifier: ISC
 *
 * Making loops and events.  Runs sandboxed.
 */
#include "config.h"

#include "worker/event_loop.h"

struct event_base *
event_loop_new(void)
{
	struct event_config *config;
	struct event_base *base = NULL;

	config = event_config_new();
	if (config == NULL)
		return NULL;
	/* One thread; and the environment is the launcher's caller's. */
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
	    EVENT_BASE_FLAG_IGNORE_ENV) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct event *
event_loop_watch(struct event_base *base, int fd, short what,
    event_callback_fn callback, void *arg)
{
	struct event *event;

	event = event_new(base, fd, (short)(what | EV_PERSIST), callback, arg);
	if (event != NULL && event_add(event, NULL) == -1) {
		event_free(event);
		event = NULL;
	}
	return event;
}

void
event_loop_unwatch(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}
