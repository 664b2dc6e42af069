/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the nursery and the workers; see control.h.  One list of fields
 * per message serves both directions: `struct pack` either writes a field or
 * reads it.
 */
#include "common/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct pack {
	unsigned char *out; /* writing, else NULL */
	const unsigned char *in;
	size_t len_bytes;
	size_t cap_bytes;
	bool failed;
};

static void
pack_bytes(struct pack *pack, void *value, size_t len)
{
	if (pack->failed || len > pack->cap_bytes - pack->len_bytes) {
		pack->failed = true;
		return;
	}
	if (pack->out != NULL)
		memcpy(pack->out + pack->len_bytes, value, len);
	else
		memcpy(value, pack->in + pack->len_bytes, len);
	pack->len_bytes += len;
}

static void
pack_u16(struct pack *pack, uint16_t *value)
{
	pack_bytes(pack, value, sizeof(*value));
}

static void
pack_u32(struct pack *pack, uint32_t *value)
{
	pack_bytes(pack, value, sizeof(*value));
}

static void
pack_i32(struct pack *pack, int32_t *value)
{
	pack_bytes(pack, value, sizeof(*value));
}

static void
pack_u64(struct pack *pack, uint64_t *value)
{
	pack_bytes(pack, value, sizeof(*value));
}

static void
pack_bool(struct pack *pack, bool *value)
{
	unsigned char byte = *value ? 1 : 0;

	pack_bytes(pack, &byte, 1);
	if (byte > 1)
		pack->failed = true;
	else
		*value = byte == 1;
}

/* The length with the NUL, then the bytes and the NUL. */
static void
pack_text(struct pack *pack, const char **text)
{
	uint32_t len = 0;

	if (pack->out != NULL) {
		const char *value = *text != NULL ? *text : "";

		len = (uint32_t)strlen(value) + 1;
		pack_u32(pack, &len);
		pack_bytes(pack, (void *)(uintptr_t)value, len);
		return;
	}
	pack_u32(pack, &len);
	if (pack->failed || len == 0 ||
		len > pack->cap_bytes - pack->len_bytes ||
		memchr(pack->in + pack->len_bytes, '\0', len) !=
			pack->in + pack->len_bytes + len - 1) {
		pack->failed = true;
		*text = "";
		return;
	}
	*text = (const char *)pack->in + pack->len_bytes;
	pack->len_bytes += len;
}

static void
pack_nursery(struct pack *pack, struct control_nursery *nursery)
{
	pack_u32(pack, &nursery->log_level);
	pack_i32(pack, &nursery->supervisor_pid);
	pack_u32(pack, &nursery->sandbox);
	pack_bool(pack, &nursery->api_insecure);
	pack_text(pack, &nursery->api_host);
	pack_u16(pack, &nursery->api_port);
	pack_text(pack, &nursery->api_dns);
	pack_text(pack, &nursery->api_direct_url);
	pack_text(pack, &nursery->api_dns_url);
	pack_text(pack, &nursery->http_proxy);
	pack_text(pack, &nursery->https_proxy);
	pack_text(pack, &nursery->no_proxy);
	pack_text(pack, &nursery->token_path);
	pack_text(pack, &nursery->service_ca_path);
	pack_text(pack, &nursery->extra_ca_path);
}

static void
pack_boot(struct pack *pack, struct control_boot *boot)
{
	pack_u32(pack, &boot->worker_type);
	pack_u32(pack, &boot->worker_gen);
	pack_u32(pack, &boot->log_level);
}

static void
pack_target(struct pack *pack, struct control_target *target)
{
	pack_u32(pack, &target->id);
	pack_u32(pack, &target->gen);
	pack_text(pack, &target->label);
	pack_text(pack, &target->url);
	pack_text(pack, &target->method);
	pack_text(pack, &target->origin);
	pack_text(pack, &target->headers);
	pack_text(pack, &target->server_name);
	pack_u32(pack, &target->expect_count);
	if (target->expect_count > CONTROL_MAX_EXPECT) {
		pack->failed = true;
		return;
	}
	for (uint32_t i = 0; i < target->expect_count; i++) {
		pack_u16(pack, &target->expect[i].first);
		pack_u16(pack, &target->expect[i].last);
	}
	pack_u64(pack, &target->interval_ns);
	pack_u64(pack, &target->timeout_ns);
	pack_u64(pack, &target->dial_timeout_ns);
	pack_u64(pack, &target->first_delay_ns);
	pack_u64(pack, &target->started_mono_ns);
	for (size_t i = 0; i < CONTROL_FILE_COUNT; i++) {
		pack_text(pack, &target->files[i].path);
		pack_bool(pack, &target->files[i].is_open);
		pack_u32(pack, &target->files[i].error);
	}
	pack_u32(pack, &target->tls_security_level);
	if (target->tls_security_level > CONTROL_TLS_LEVEL_LAST)
		pack->failed = true;
	pack_bool(pack, &target->insecure);
	pack_bool(pack, &target->follow_redirects);
	pack_bool(pack, &target->reuse_connections);
}

static void
pack_discovery(struct pack *pack, struct control_discovery *discovery)
{
	pack_u32(pack, &discovery->source);
	pack_text(pack, &discovery->namespace_name);
	pack_text(pack, &discovery->selector);
	pack_text(pack, &discovery->service);
	pack_text(pack, &discovery->pod_name);
	pack_text(pack, &discovery->node_name);
	pack_bool(pack, &discovery->watch_pods);
	pack_bool(pack, &discovery->watch_nodes);
	pack_u64(pack, &discovery->interval_ns);
	if (discovery->source >= CONTROL_SOURCE_END)
		pack->failed = true;
}

static void
pack_message(struct pack *pack, struct control_message *message)
{
	uint32_t kind = (uint32_t)message->kind;

	pack_u32(pack, &kind);
	if (kind == 0 || kind >= CONTROL_KIND_END) {
		pack->failed = true;
		return;
	}
	message->kind = (enum control_kind)kind;
	switch (message->kind) {
	case CONTROL_BOOT:
		pack_boot(pack, &message->body.boot);
		break;
	case CONTROL_TARGET:
		pack_target(pack, &message->body.target);
		break;
	case CONTROL_TARGET_GONE:
		pack_u32(pack, &message->body.gone.id);
		pack_u32(pack, &message->body.gone.gen);
		break;
	case CONTROL_BIRTH:
		pack_u32(pack, &message->body.birth.worker_type);
		pack_u32(pack, &message->body.birth.worker_gen);
		pack_bool(pack, &message->body.birth.needs_tls);
		pack_bool(pack, &message->body.birth.needs_unix);
		break;
	case CONTROL_BORN:
		pack_u32(pack, &message->body.born.worker_gen);
		pack_i32(pack, &message->body.born.pid);
		pack_bool(pack, &message->body.born.is_nurserys);
		break;
	case CONTROL_ENDED:
		pack_i32(pack, &message->body.ended.pid);
		pack_i32(pack, &message->body.ended.wait_status);
		pack_u64(pack, &message->body.ended.cpu_ns);
		break;
	case CONTROL_MEMORY:
		pack_u32(pack, &message->body.memory.worker_gen);
		break;
	case CONTROL_DISCOVERY:
		pack_discovery(pack, &message->body.discovery);
		break;
	case CONTROL_NEIGHBOUR:
		pack_text(pack, &message->body.neighbour.name);
		pack_text(pack, &message->body.neighbour.address);
		break;
	case CONTROL_NEIGHBOURS_END:
	case CONTROL_DRAIN:
	case CONTROL_CANCEL:
	case CONTROL_RENEW:
	case CONTROL_READY:
		break;
	case CONTROL_KIND_END:
		break;
	}
}

int
control_encode(const struct control_message *message, unsigned char *buf,
	size_t cap_bytes)
{
	struct control_message copy = *message;
	struct pack pack = { .out = buf, .cap_bytes = cap_bytes };

	pack_message(&pack, &copy);
	return pack.failed ? -EMSGSIZE : (int)pack.len_bytes;
}

int
control_decode(struct control_message *ret_message, const unsigned char *buf,
	size_t len_bytes)
{
	struct control_message message;
	struct pack pack = { .in = buf, .cap_bytes = len_bytes };

	memset(&message, 0, sizeof(message));
	pack_message(&pack, &message);
	if (pack.failed || pack.len_bytes != len_bytes)
		return -EPROTO;
	*ret_message = message;
	return 0;
}

int
control_encode_nursery(const struct control_nursery *nursery,
	unsigned char *buf, size_t cap_bytes)
{
	struct control_nursery copy = *nursery;
	struct pack pack = { .out = buf, .cap_bytes = cap_bytes };

	pack_nursery(&pack, &copy);
	return pack.failed ? -EMSGSIZE : (int)pack.len_bytes;
}

int
control_decode_nursery(struct control_nursery *ret_nursery,
	const unsigned char *buf, size_t len_bytes)
{
	struct control_nursery nursery;
	struct pack pack = { .in = buf, .cap_bytes = len_bytes };

	memset(&nursery, 0, sizeof(nursery));
	pack_nursery(&pack, &nursery);
	if (pack.failed || pack.len_bytes != len_bytes)
		return -EPROTO;
	*ret_nursery = nursery;
	return 0;
}

union fd_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(CONTROL_MAX_FDS * sizeof(int))];
};

int
control_send(int fd, const struct control_message *message)
{
	static unsigned char buf[CONTROL_MAX_BYTES];
	union fd_control control;
	struct iovec iov = { .iov_base = buf };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int len = control_encode(message, buf, sizeof(buf));

	if (len < 0)
		return len;
	iov.iov_len = (size_t)len;
	if (message->fd_count > 0) {
		size_t fds_bytes = message->fd_count * sizeof(int);
		struct cmsghdr *cmsg;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fds_bytes);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fds_bytes);
		memcpy(CMSG_DATA(cmsg), message->fds, fds_bytes);
	}
	if (sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return 0;
}

static void
take_fds(struct msghdr *msg, struct control_message *message)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
		cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t n;

		if (cmsg->cmsg_level != SOL_SOCKET ||
			cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (n > CONTROL_MAX_FDS)
			n = CONTROL_MAX_FDS; /* the buffer holds no more */
		memcpy(message->fds, CMSG_DATA(cmsg), n * sizeof(int));
		message->fd_count = (unsigned)n;
	}
}

int
control_receive(int fd, struct control_message *ret_message, unsigned char *buf,
	size_t cap_bytes)
{
	struct control_message message = { .fd_count = 0 }, rights;
	union fd_control control;
	struct iovec iov = { .iov_base = buf, .iov_len = cap_bytes };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	bool is_cut;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0
		       : errno == ECONNRESET             ? -EPIPE
							 : -errno;
	memset(&rights, 0, sizeof(rights));
	take_fds(&msg, &rights);
	if (n == 0) { /* the end, or a message of no bytes: nobody sends one */
		control_close_fds(&rights);
		return -EPIPE;
	}
	/* cut: more than anybody sends, or our limit does not let them in */
	is_cut = (msg.msg_flags & MSG_CTRUNC) != 0;
	if ((msg.msg_flags & MSG_TRUNC) != 0 ||
		(is_cut && rights.fd_count == CONTROL_MAX_FDS) ||
		control_decode(&message, buf, (size_t)n) < 0) {
		control_close_fds(&rights);
		return -EPROTO;
	}
	if (is_cut)
		control_close_fds(&rights);
	message.fds_are_lost = is_cut;
	memcpy(message.fds, rights.fds, sizeof(message.fds));
	message.fd_count = rights.fd_count;
	*ret_message = message;
	return 1;
}

void
control_close_fds(struct control_message *message)
{
	for (unsigned i = 0; i < message->fd_count; i++)
		close(message->fds[i]);
	message->fd_count = 0;
}
