/*
 * SPDX-License-Identifier: ISC
 *
 * privfsd: shares a directory with a virtual machine.  This program is the
 * launcher and, forked from it, the monitor; privfsd-worker is another.
 */
#include "config.h"

#include <stdio.h>

#include "monitor/launcher.h"
#include "monitor/options.h"

int
main(int argc, char **argv)
{
	struct options options;
	int status;

	status = options_parse(&options, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	if (options.print_sandbox != OPTIONS_PRINT_NOT)
		return sandbox_print(stdout, &options.sandbox,
		    options.print_sandbox == OPTIONS_PRINT_JSON) == 0 ? 0 : 1;
	return launcher_run(&options);
}
