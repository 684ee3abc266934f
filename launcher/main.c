/*
 * SPDX-License-Identifier: ISC
 *
 * privfsd: shares a directory with a virtual machine.  This program is the
 * launcher and, forked from it, the monitor; privfsd-worker is another.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

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

/* Else what is opened next is taken for stdin, stdout or stderr. */
static void
main_fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd != -1 && fd <= STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

int
main(int argc, char **argv)
{
	struct options options;
	int status;

	main_fill_standard_fds();
	status = options_parse(&options, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	if (options.print_sandbox != OPTIONS_PRINT_NOT)
		return main_print(&options);
	return launcher_run(&options);
}
