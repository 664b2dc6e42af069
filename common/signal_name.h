/* SPDX-License-Identifier: Apache-2.0 */
/* One name for a signal, in all that is shown: musl has no sigabbrev_np(3). */
#ifndef COMMON_SIGNAL_NAME_H
#define COMMON_SIGNAL_NAME_H

/* "SIGKILL"; "signal 34" of those that have no name.  Lives for ever, or until
 * the next call. */
const char *signal_name(int number);

#endif
