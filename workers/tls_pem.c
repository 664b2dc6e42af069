/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a PEM text; see tls_pem.h. */
#include "workers/tls_pem.h"

#include "common/strbuf.h"
#include "workers/anchors.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

/* What became of the certificates of one PEM text. */
struct pem_tally {
	unsigned good, bad;
	bool no_memory;
};

static bool
is_parsable(const unsigned char *der, long len_bytes)
{
	X509 *certificate = d2i_X509(NULL, &der, len_bytes);

	X509_free(certificate);
	return certificate != NULL;
}

static void
add_block(struct anchors *anchors, const unsigned char *der, long len_bytes,
	bool checked, struct pem_tally *tally)
{
	int error = checked && !is_parsable(der, len_bytes)
			    ? -EBADMSG
			    : anchors_add(anchors, der, (size_t)len_bytes);

	if (error == -ENOMEM)
		tally->no_memory = true;
	else if (error < 0)
		tally->bad++;
	else
		tally->good++;
}

/* Other blocks (keys, parameters) are passed over. */
static void
add_blocks(struct anchors *anchors, BIO *pem, bool checked,
	struct pem_tally *tally)
{
	unsigned char *der;
	char *kind, *header;
	unsigned long error;
	long len_bytes;

	for (;;) {
		ERR_clear_error();
		if (PEM_read_bio(pem, &kind, &header, &der, &len_bytes)) {
			if (strcmp(kind, PEM_STRING_X509) == 0 ||
				strcmp(kind, PEM_STRING_X509_OLD) == 0)
				add_block(anchors, der, len_bytes, checked,
					tally);
			OPENSSL_free(kind);
			OPENSSL_free(header);
			OPENSSL_free(der);
			continue;
		}
		error = ERR_peek_last_error();
		if (ERR_GET_LIB(error) == ERR_LIB_PEM &&
			ERR_GET_REASON(error) == PEM_R_NO_START_LINE)
			return;
		tally->bad++; /* the reader is behind its first line: go on */
	}
}

int
tls_pem_add(struct anchors *anchors, const char *source, const char *text,
	size_t len_bytes, bool checked, struct strbuf *problems)
{
	struct pem_tally tally = { 0 };
	BIO *pem = NULL;

	if (len_bytes <= INT_MAX)
		pem = BIO_new_mem_buf(text, (int)len_bytes);
	if (pem != NULL)
		add_blocks(anchors, pem, checked, &tally);
	else
		tally.no_memory = true;
	BIO_free(pem);
	ERR_clear_error();
	if (tally.no_memory) {
		strbuf_printf(problems, "%s: no memory for it\n", source);
		return -ENOMEM;
	}
	if (tally.bad > 0) {
		strbuf_printf(problems,
			"%s: %u of %u certificates cannot be read\n", source,
			tally.bad, tally.bad + tally.good);
		return tally.good > 0 ? -EBADMSG : -ENODATA;
	}
	if (tally.good == 0) {
		strbuf_printf(problems, "%s: no certificate in it\n", source);
		return -ENODATA;
	}
	return 0;
}
