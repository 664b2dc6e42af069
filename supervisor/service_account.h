/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where Kubernetes mounts a pod's service account.  The supervisor looks
 * whether the files are there and never into the token.
 */
#ifndef SUPERVISOR_SERVICE_ACCOUNT_H
#define SUPERVISOR_SERVICE_ACCOUNT_H

#include <stdbool.h>
#include <unistd.h>

#define SERVICE_ACCOUNT_DIR   "/var/run/secrets/kubernetes.io/serviceaccount"
#define SERVICE_ACCOUNT_TOKEN SERVICE_ACCOUNT_DIR "/token"
#define SERVICE_ACCOUNT_CA    SERVICE_ACCOUNT_DIR "/ca.crt"

static inline bool
service_account_has_token(void)
{
	return access(SERVICE_ACCOUNT_TOKEN, F_OK) == 0;
}

static inline bool
service_account_has_ca(void)
{
	return access(SERVICE_ACCOUNT_CA, F_OK) == 0;
}

#endif
