/* SPDX-License-Identifier: Apache-2.0 */
/* Names of signals; see signal_name.h. */
#include "common/signal_name.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>

#define NAME(signal) [signal] = #signal

const char *
signal_name(int number)
{
	static const char *const names[] = {
		NAME(SIGHUP),
		NAME(SIGINT),
		NAME(SIGQUIT),
		NAME(SIGILL),
		NAME(SIGTRAP),
		NAME(SIGABRT),
		NAME(SIGBUS),
		NAME(SIGFPE),
		NAME(SIGKILL),
		NAME(SIGUSR1),
		NAME(SIGSEGV),
		NAME(SIGUSR2),
		NAME(SIGPIPE),
		NAME(SIGALRM),
		NAME(SIGTERM),
		NAME(SIGXCPU),
		NAME(SIGXFSZ),
		NAME(SIGPROF),
		NAME(SIGSYS),
	};
	static char text[32];

	if (number > 0 && (size_t)number < sizeof(names) / sizeof(names[0]) &&
		names[number] != NULL)
		return names[number];
	snprintf(text, sizeof(text), "signal %d", number);
	return text;
}
