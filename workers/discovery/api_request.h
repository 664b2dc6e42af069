/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the head of a request to the API server, with the token, which is
 * read for each one: the kubelet replaces the file.
 */
#ifndef WORKERS_DISCOVERY_API_REQUEST_H
#define WORKERS_DISCOVERY_API_REQUEST_H

struct api_client;
struct api_client_request;

/*
 * Fills in client->request, which is the caller's to wipe and to free.  0, or a
 * negative errno with client->error and client->text.
 */
int api_request_prepare(
	struct api_client *client, const struct api_client_request *request);

#endif
