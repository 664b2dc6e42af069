/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 of names; see name_hash.h. */
#include "common/name_hash.h"

#include "common/clock.h"

#include <string.h>
#include <sys/random.h>

/* A namespace and a name as the wire has them (wire.h). */
#define TEXT_BYTES 512

struct state {
	uint64_t a, b, c, d;
};

void
name_hash_key_init(struct name_hash_key *key)
{
	if (getrandom(key, sizeof(*key), GRND_NONBLOCK) ==
		(ssize_t)sizeof(*key))
		return;
	key->halves[0] = (uint64_t)(uintptr_t)key;
	key->halves[1] = clock_mono_ns();
}

static uint64_t
rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static void
mix(struct state *s, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		s->a += s->b;
		s->b = rotate(s->b, 13) ^ s->a;
		s->a = rotate(s->a, 32);
		s->c += s->d;
		s->d = rotate(s->d, 16) ^ s->c;
		s->a += s->d;
		s->d = rotate(s->d, 21) ^ s->a;
		s->c += s->b;
		s->b = rotate(s->b, 17) ^ s->c;
		s->c = rotate(s->c, 32);
	}
}

/* Little-endian, whatever the machine is; up to eight bytes. */
static uint64_t
word_of(const unsigned char *bytes, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	return word;
}

static void
take_word(struct state *s, uint64_t word)
{
	s->d ^= word;
	mix(s, 2);
	s->a ^= word;
}

uint64_t
name_hash_bytes(const struct name_hash_key *key, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	struct state s = {
		.a = key->halves[0] ^ 0x736f6d6570736575ULL,
		.b = key->halves[1] ^ 0x646f72616e646f6dULL,
		.c = key->halves[0] ^ 0x6c7967656e657261ULL,
		.d = key->halves[1] ^ 0x7465646279746573ULL,
	};
	size_t rest = len % 8;

	for (const unsigned char *end = at + len - rest; at < end; at += 8)
		take_word(&s, word_of(at, 8));
	take_word(&s, (uint64_t)len << 56 | word_of(at, rest));
	s.c ^= 0xff;
	mix(&s, 4);
	return s.a ^ s.b ^ s.c ^ s.d;
}

uint64_t
name_hash(const struct name_hash_key *key, const char *namespace_name,
	const char *name)
{
	char text[TEXT_BYTES];
	size_t namespace_len = strnlen(namespace_name, TEXT_BYTES / 2);
	size_t name_len = strnlen(name, TEXT_BYTES / 2 - 1);

	memcpy(text, namespace_name, namespace_len);
	text[namespace_len] = '/';
	memcpy(text + namespace_len + 1, name, name_len);
	return name_hash_bytes(key, text, namespace_len + 1 + name_len);
}
