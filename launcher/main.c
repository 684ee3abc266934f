/*
 * SPDX-License-Identifier: ISC
 *
 * privfsd: shares a directory with a virtual machine.  This program is the
 * launcher and, forked from it, the monitor; privfsd-worker is another.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/daemon.h"
#include "launcher/launcher.h"
#include "launcher/options.h"

static int
main_print(const struct options *options)
{
	struct sandbox_config sandbox = options->sandbox;
	int error = 0;

	/* Without root the ids depend on the user namespace's map. */
	if (!sandbox.user_namespace)
		error = privdrop_find_user(&sandbox.worker_uid,
		    &sandbox.worker_gid);
	if (error == 0)
		error = sandbox_print(stdout, &sandbox,
		    options->print_sandbox == OPTIONS_PRINT_JSON);
	return error == 0 ? 0 : 1;
}

/*
 * Else what is opened next is taken for stdin, stdout or stderr.  Returns 0 or
 * -errno.
 */
static int
main_fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd != -1 && fd <= STDERR_FILENO);
	if (fd == -1)
		return -errno;
	close(fd);
	return 0;
}

/* `error` is that of filling the standard descriptors, or 0. */
static int
main_run(struct options *options, int error)
{
	if (options->print_sandbox != OPTIONS_PRINT_NOT)
		return main_print(options);
	if (error != 0) {
		/* All processes have it in the place of what they close. */
		log_error("/dev/null: %s: a start needs it", strerror(-error));
		return 1;
	}
	return launcher_run(options);
}

int
main(int argc, char **argv)
{
	struct options options;
	int error, status;

	error = main_fill_standard_fds();
	daemon_find_journal();
	status = options_parse(&options, argc, argv);
	if (status == OPTIONS_RUN)
		status = main_run(&options, error);
	options_free(&options);
	return status;
}
