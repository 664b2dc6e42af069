/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of the program and its libraries, as they lie in their files. */
#ifndef COMMON_IMAGE_H
#define COMMON_IMAGE_H

/*
 * Lets go of all code and constants: what is needed again is mapped again from
 * the page cache, for a minor fault.  For a process that has started up, which
 * takes far more of its libraries (relocation, self tests) than it ever needs
 * later.  Cannot fail; a debugger's breakpoints are lost.
 */
void image_give_back(void);

#endif
